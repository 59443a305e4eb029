"""The other side where the released code is not at hand: the tests' own formulas, written from a description."""

from collections.abc import Mapping, Sequence
from typing import Any

import paper_reference as networks
import paper_reference_atom as atom
import paper_reference_samplers as samplers
import torch
from paper_states import FILES, network_sizes, published_template
from torch import Tensor

from parity.side import Conditioning, Denoise, State

_PATCH = 8


class Reference:
    """See ``Published``.

    Args:
        configs: of the networks, by the names of ``FILES``, where they differ from the published sizes.
    """

    def __init__(self, configs: Mapping[str, Mapping[str, Any]]) -> None:
        self._configs = configs
        self._states: dict[str, State] = {}
        self._sizes: Mapping[str, Any] = {}

    def template(self, kind: str) -> State:
        return published_template(kind, self._configs.get(FILES[kind], {}))

    def load(self, kind: str, state: State) -> None:
        self._states = {kind: state}
        self._sizes = network_sizes(kind, self._configs.get(FILES[kind], {}))

    def atom(
        self, x: Tensor, identity: Tensor, audio: Tensor, time: Tensor, dropped: bool, conditioning: Conditioning
    ) -> Tensor:
        which = torch.full((len(x),), dropped)
        return atom.forward(self._states["atom"], x, identity, audio, time, which, conditioning, self._sizes["heads"])

    def atom_chain(
        self, identity: Tensor, audio: Tensor, noises: Sequence[Tensor], conditioning: Conditioning
    ) -> list[Tensor]:
        def predict(x: Tensor, time: Tensor) -> Tensor:
            state, heads = self._states["atom"], self._sizes["heads"]
            return atom.guided(state, x, identity, audio, time, conditioning, heads)

        times = samplers.sampling_times(len(noises))
        return samplers.chain(samplers.atom_step, predict, noises[0], noises[1:], times)

    def encode(self, kind: str, video: Tensor) -> Tensor:
        return networks.encode(self._states[kind], video, _PATCH, self._sizes["heads"])

    def decode(self, kind: str, latent: Tensor) -> Tensor:
        side = self._sizes["size"] // _PATCH
        return networks.decode(self._states[kind], latent, self._sizes["frames"], side, _PATCH, self._sizes["heads"])

    def denoise(self, z: Tensor, condition: Tensor, identity: Tensor, time: Tensor) -> Tensor:
        sizes = self._sizes
        return networks.unet(
            self._states["mtov"], z, condition, identity, time, sizes["frames"], sizes["side"], sizes["heads"]
        )

    def noised(self, latent: Tensor, noise: Tensor) -> Tensor:
        return samplers.noised(latent, noise)

    def mtov_chain(
        self, denoise: Denoise, condition: Tensor, identity: Tensor, noises: Sequence[Tensor], start: Tensor | None
    ) -> Tensor:
        def predict(z: Tensor, time: Tensor) -> Tensor:
            return denoise(z, condition, identity, time)

        x = noises[0] if start is None else self.noised(start, noises[0])
        times = samplers.sampling_times(100)[-len(noises) - 1 :]
        return samplers.chain(samplers.mtov_step, predict, x, noises[1:], times)[-1]
