"""What a run does when nobody says otherwise: chosen by ``benchmark`` on the validation speakers."""

ATOM_STEPS = 25
"""Of AToM and of the head, whose blinks are rare: a coarse sampler rounds them off."""
MTOV_STEPS = 4
GUIDANCE = 1.25
"""1 is none and halves the work, but the mouth then moves a little less than real ones do; above 1.5 it moves more."""
