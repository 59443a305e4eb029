"""Files as they arrive broken."""

import numpy as np


def broken(content: bytes, rng: np.random.Generator) -> bytes:
    """The file, cut short or with some bytes changed."""
    if rng.random() < 0.4:
        return content[: rng.integers(0, len(content))]
    changed = bytearray(content)
    # Half of the places lie where formats say what they are.
    reach = len(content) if rng.random() < 0.5 else min(len(content), 400)
    for place in rng.integers(0, reach, rng.choice([1, 4, 40])):
        changed[place] = rng.integers(0, 256)
    return bytes(changed)
