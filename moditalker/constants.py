"""Numbers that the whole project agrees on."""

FPS = 25
"""Frames of a video a second."""
SAMPLE_RATE = 16_000
"""Samples of speech a second, as the networks hear it."""
SAMPLES_A_FRAME = SAMPLE_RATE // FPS
"""What is heard during one frame."""
