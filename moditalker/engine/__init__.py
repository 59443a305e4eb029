"""Many jobs on many workers: one way to hand them out, on this machine's processes or on a Ray cluster."""
