"""The Animate tab: from a visitor's portrait and speech to a video."""
