"""AToM, audio to motion: the networks for landmarks, head and blinks, and their samplers."""
