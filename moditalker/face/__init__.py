"""Faces in pictures: the portrait, its landmarks and their alignment; knows no model."""
