"""Numbers that the whole project agrees on."""

FPS = 25
"""Frames of a video a second."""
SAMPLE_RATE = 16_000
"""Samples of speech a second, as the networks hear it."""
