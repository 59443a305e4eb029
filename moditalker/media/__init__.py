"""Decoding of files that strangers send, each in a process of its own with limits; knows no model."""
