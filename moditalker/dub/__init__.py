"""Dubbing: a video keeps its frames, and the lips in it say another recording."""
