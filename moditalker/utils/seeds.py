"""Seeds, and what draws from them."""

import secrets

import torch

_PARTS = ("lips", "head", "video")


def seed_or_new(seed: int | None) -> int:
    """The seed, or a new one of 0 to 2**31 - 1 where there is none."""
    return secrets.randbelow(2**31) if seed is None else int(seed)


def generators_of(seed: int | None, generator: torch.Generator | None) -> tuple[int, dict[str, torch.Generator]]:
    """One generator a part, so that one part's number of steps does not change another's noise.

    Args:
        seed: of them all; a new one when None.
        generator: on the CPU; taken for every part, instead of a seed.
    Returns:
        The seed, and a generator for each of ``lips``, ``head`` and ``video``.
    """
    if generator is not None:
        return generator.initial_seed(), dict.fromkeys(_PARTS, generator)
    seed = seed_or_new(seed)
    return seed, {part: torch.Generator().manual_seed(seed * len(_PARTS) + i) for i, part in enumerate(_PARTS)}
