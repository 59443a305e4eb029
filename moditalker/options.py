"""What a run does when nobody says otherwise: chosen by ``benchmark`` on the validation speakers."""

ATOM_STEPS = 15
"""Of AToM and of the head. Lips are as good with 10, but blinks are rare and a coarse sampler rounds some off: 40 s of
speech, two seeds, 20 a minute with 25 steps and with 15, 16 with 10."""
MTOV_STEPS = 2
"""34 unseen clips cut to three seconds, 1, 2 and 4 steps: mouth PSNR 28.43, 28.46 and 28.47 dB, LPIPS there 0.0429,
0.0426 and 0.0425."""
GUIDANCE = 1.6
"""1 is none and halves the work, but mouths then move less than real ones do. 150 unseen clips, 1.5, 1.6 and 1.8: lips
that are asked for open by 1.09, 1.13 and 1.20 of what real ones do, and grow wide by 0.86, 0.90 and 0.97."""
