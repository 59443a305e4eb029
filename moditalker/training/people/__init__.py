"""Photographs of people who do not exist, for training: the same person with other mouths, eyes and head turns."""
