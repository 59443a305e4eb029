"""Video files in and out, and the composition of frames; knows no model."""
