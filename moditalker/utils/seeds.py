"""Seeds, and what draws from them."""

import secrets
from collections.abc import Mapping

import torch

_PARTS = ("lips", "head", "video")


def seed_or_new(seed: int | None) -> int:
    """The seed, or a new one of 0 to 2**31 - 1 where there is none."""
    return secrets.randbelow(2**31) if seed is None else int(seed)


def generators_of(
    seed: int | None, generator: torch.Generator | None, own: Mapping[str, int | None] | None = None
) -> tuple[int, dict[str, torch.Generator]]:
    """One generator a part, so that one part's number of steps does not change another's noise.

    Args:
        seed: of them all; a new one when None.
        generator: on the CPU; taken for every part, instead of a seed.
        own: seeds of ``lips``, ``expression`` and ``head``, where they have their own.
    Returns:
        The seed, and a generator for each of ``lips``, ``expression``, ``head`` and ``video``. Lips and expression with
        the same seed have one generator: they are drawn together.
    """
    if generator is not None:
        seed, made = generator.initial_seed(), dict.fromkeys(_PARTS, generator)
    else:
        seed = seed_or_new(seed)
        made = {part: _generator(seed, part) for part in _PARTS}
    seeds = {part: one for part, one in (own or {}).items() if one is not None}
    made["expression"] = made["lips"]
    made |= {part: _generator(one, part) for part, one in seeds.items()}
    if "lips" in seeds and seeds.get("lips") == seeds.get("expression"):
        made["expression"] = made["lips"]
    return seed, made


def _generator(seed: int, part: str) -> torch.Generator:
    number = _PARTS.index("lips" if part == "expression" else part)
    return torch.Generator().manual_seed(seed * len(_PARTS) + number)
