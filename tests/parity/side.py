"""What is compared: something that computes the published networks."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from torch import Tensor

State = dict[str, Tensor]
Conditioning = Literal["released", "paper"]

Denoise = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(z (B, 4, S), condition (B, 8, S), identity (B, 4, S'), time (B,)) -> the noise (B, 4, S)."""


class Side(Protocol):
    """One of the two that are compared. ``kind`` is one of ``moditalker.paper.convert.KINDS``."""

    def load(self, kind: str, state: State) -> None:
        """Take weights by their published names."""

    def atom(
        self, x: Tensor, identity: Tensor, audio: Tensor, time: Tensor, dropped: bool, conditioning: Conditioning
    ) -> Tensor:
        """x0 (B, F, 204) of x, identity (B, F, 204), audio (B, 2F, 1024), time (B,); conditions are dropped or not."""

    def atom_chain(
        self, identity: Tensor, audio: Tensor, noises: Sequence[Tensor], conditioning: Conditioning
    ) -> list[Tensor]:
        """The sample after every guided step; the first noise is the start, and each step but the last takes one."""

    def encode(self, kind: str, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] -> (B, 4, S)."""

    def decode(self, kind: str, latent: Tensor) -> Tensor:
        """latent (B, 4, S) -> (B, 3, T, H, W) in [-1, 1]."""

    def denoise(self, z: Tensor, condition: Tensor, identity: Tensor, time: Tensor) -> Tensor:
        """As ``Denoise``; the condition is [landmarks, pose]."""

    def noised(self, latent: Tensor, noise: Tensor) -> Tensor:
        """The latent (B, 4, S) with noise of time 250."""

    def mtov_chain(
        self, denoise: Denoise, condition: Tensor, identity: Tensor, noises: Sequence[Tensor], start: Tensor | None
    ) -> Tensor:
        """100 steps from noise, or the last 25 from ``start`` with noise. As many noises as there are steps."""


class Published(Side, Protocol):
    """A side that also knows the published names."""

    def template(self, kind: str) -> State:
        """Names and shapes; constants have their values."""
