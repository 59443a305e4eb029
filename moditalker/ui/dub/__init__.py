"""The Dub tab: a video keeps its frames, and the lips in it say something else."""
