"""Training: clips to arrays, and the four networks from arrays to weights."""
