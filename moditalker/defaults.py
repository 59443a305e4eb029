"""What a run does when nobody says otherwise: chosen by ``benchmark`` on the validation speakers."""

ATOM_STEPS = 25
"""Of AToM and of the head, whose blinks are rare: a coarse sampler rounds them off."""
MTOV_STEPS = 4
GUIDANCE = 1.5
"""1 is none and halves the work, but mouths then move less than real ones do; above 1.75 they move more."""
