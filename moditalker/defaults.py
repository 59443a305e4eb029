"""What a run does when nobody says otherwise: chosen by ``training.measure`` on the validation speakers."""

ATOM_STEPS = 25
"""Fewer steps make the lids move less and less: blinks are rare, and a coarse sampler rounds them off."""
MTOV_STEPS = 4
GUIDANCE = 1.0
"""1 is none: it halves the work, and more of it makes the mouth move more than real ones do."""
