"""Every module of both sides, on the same numbers."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from paper_states import FILES, network_sizes, random_state
from torch import Tensor

from parity.ours import Ours
from parity.side import Conditioning, Published

LIMIT = 1e-4
CONDITIONINGS: tuple[Conditioning, ...] = ("released", "paper")
_ATOM_STEPS = 50


@dataclass(frozen=True)
class Row:
    """How far one output is from its counterpart.

    Args:
        network: one of ``FILES``.
        what: which output.
        difference: the largest absolute one.
        largest: the largest absolute number of the published output, to judge it by.
    """

    network: str
    what: str
    difference: float
    largest: float

    @property
    def agrees(self) -> bool:
        return self.difference <= LIMIT


def compare(
    published: Published, configs: Mapping[str, Mapping[str, Any]], kinds: Iterable[str] = tuple(FILES), seed: int = 0
) -> Iterator[Row]:
    """Random weights to both sides, then random inputs; single precision.

    Args:
        published: the other side.
        configs: of the networks, by the values of ``FILES``, where they differ from the published sizes.
        kinds: the networks, keys of ``FILES``.
        seed: of weights and inputs.
    """
    ours = Ours(configs)
    for kind in kinds:
        state = random_state(published.template(kind), seed)
        published.load(kind, state)
        ours.load(kind, state)
        sizes = network_sizes(kind, configs.get(FILES[kind], {}))
        rows = {"atom": _atom, "autoencoder": _autoencoder, "mtov": _mtov}[FILES[kind]]
        generator = torch.Generator().manual_seed(seed + 1)
        with torch.no_grad():
            yield from rows(kind, ours, published, sizes, generator)


def _row(kind: str, what: str, got: Tensor, wanted: Tensor) -> Row:
    if got.shape != wanted.shape:
        raise ValueError(f"{kind}, {what}: {tuple(got.shape)} here, {tuple(wanted.shape)} there")
    return Row(kind, what, float((got - wanted).abs().max()), float(wanted.abs().max()))


def _atom(
    kind: str, ours: Ours, published: Published, sizes: Mapping[str, Any], generator: torch.Generator
) -> Iterator[Row]:
    frames = sizes["window"]
    x = torch.randn(2, frames, 204, generator=generator)
    identity = torch.randn(2, 1, 204, generator=generator).expand(-1, frames, -1)
    audio = torch.randn(2, 2 * frames, sizes["speech_dim"], generator=generator)
    noises = [torch.randn(1, frames, 204, generator=generator) for _ in range(_ATOM_STEPS)]
    time = torch.tensor([999, 441])
    for conditioning in CONDITIONINGS:
        for dropped, name in ((False, "network"), (True, "network, conditions dropped")):
            given = (x, identity, audio, time, dropped, conditioning)
            yield _row(kind, f"{name}, {conditioning}", ours.atom(*given), published.atom(*given))
        chained = (identity[:1], audio[:1], noises, conditioning)
        got, wanted = ours.atom_chain(*chained), published.atom_chain(*chained)
        yield _row(kind, f"one step, {conditioning}", got[0], wanted[0])
        yield _row(kind, f"{len(wanted)} steps, {conditioning}", got[-1], wanted[-1])


def _autoencoder(
    kind: str, ours: Ours, published: Published, sizes: Mapping[str, Any], generator: torch.Generator
) -> Iterator[Row]:
    video = 2 * torch.rand(1, 3, sizes["frames"], sizes["size"], sizes["size"], generator=generator) - 1
    latent = published.encode(kind, video)
    yield _row(kind, "encode", ours.encode(kind, video), latent)
    yield _row(kind, "decode", ours.decode(kind, latent), published.decode(kind, latent))


def _mtov(
    kind: str, ours: Ours, published: Published, sizes: Mapping[str, Any], generator: torch.Generator
) -> Iterator[Row]:
    frames, side = sizes["frames"], sizes["side"]
    length = side * side + 2 * frames * side
    z, start = (torch.randn(1, 4, length, generator=generator) for _ in range(2))
    condition = torch.randn(1, 8, length, generator=generator).tanh()
    identity = torch.randn(1, 4, side * side, generator=generator).tanh()
    noises = [torch.randn(1, 4, length, generator=generator) for _ in range(100)]
    given = (z, condition, identity, torch.tensor([441]))
    yield _row(kind, "U-Net", ours.denoise(*given), published.denoise(*given))
    yield _row(kind, "noised start", ours.noised(start, noises[0]), published.noised(start, noises[0]))
    for taken, from_what, name in (
        (noises, None, "sampler, 100 steps from noise"),
        (noises[:25], start, "sampler, last 25 steps from the noised start"),
    ):
        chained = (_stand_in, condition, identity, taken, from_what)
        yield _row(kind, name, ours.mtov_chain(*chained), published.mtov_chain(*chained))


def _stand_in(z: Tensor, condition: Tensor, identity: Tensor, time: Tensor) -> Tensor:
    """In the U-Net's place where samplers are compared: any function of all that it is given."""
    landmarks, pose = condition.chunk(2, 1)
    place = identity.mean(-1, keepdim=True)
    return torch.sin(z + landmarks - 0.5 * pose + place + math.pi * time[:, None, None] / 1000)
