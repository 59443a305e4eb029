"""The published MoDiTalker: its networks at their published sizes, its samplers, and what reads its checkpoints."""
