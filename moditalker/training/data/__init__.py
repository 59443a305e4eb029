"""From clips to batches: lists, preparation, recordings, augmentation."""
