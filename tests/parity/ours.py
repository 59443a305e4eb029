"""Our side: networks that ``convert`` makes of a published checkpoint file, and our schedulers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from diffusers import ModelMixin
from paper_states import FILES
from torch import Tensor

from moditalker.paper.convert import KINDS, convert
from moditalker.paper.schedule import paper_atom_scheduler, paper_mtov_scheduler
from parity.side import Conditioning, Denoise, State

GUIDANCE = 2.0


class Ours:
    """See ``Side``.

    Args:
        configs: of the networks, by the names of ``FILES``, where they differ from the published sizes.
    """

    def __init__(self, configs: Mapping[str, Mapping[str, Any]]) -> None:
        self._configs = configs
        self._networks: dict[str, ModelMixin] = {}

    def load(self, kind: str, state: State) -> None:
        conditionings = ("released", "paper") if kind == "atom" else ("",)
        self._networks = {
            f"{kind} {name}".strip(): self._converted(kind, state, {"conditioning": name} if name else {})
            for name in conditionings
        }

    def _converted(self, kind: str, state: State, more: dict[str, str]) -> ModelMixin:
        with TemporaryDirectory() as folder:
            file, output = Path(folder, "published.pt"), Path(folder, "ours")
            torch.save(state, file)
            convert(kind, file, output, {**self._configs.get(FILES[kind], {}), **more})
            return KINDS[kind].network.from_pretrained(output).eval()

    def atom(
        self, x: Tensor, identity: Tensor, audio: Tensor, time: Tensor, dropped: bool, conditioning: Conditioning
    ) -> Tensor:
        keep = torch.full((len(x),), not dropped)
        return self._networks[f"atom {conditioning}"](
            sample=x, timestep=time, identity=identity, speech=audio, keep=keep
        )

    def atom_chain(
        self, identity: Tensor, audio: Tensor, noises: Sequence[Tensor], conditioning: Conditioning
    ) -> list[Tensor]:
        scheduler = paper_atom_scheduler()
        scheduler.set_timesteps(len(noises))
        x, samples = noises[0], []
        for time, noise in zip(scheduler.timesteps, [*noises[1:], None], strict=True):
            given = (x, identity, audio, time.expand(len(x)))
            without = self.atom(*given, dropped=True, conditioning=conditioning)
            predicted = without + GUIDANCE * (self.atom(*given, dropped=False, conditioning=conditioning) - without)
            x = scheduler.step(predicted, time, x, variance_noise=noise).prev_sample
            samples.append(x)
        return samples

    def encode(self, kind: str, video: Tensor) -> Tensor:
        return self._networks[kind].encode(video)

    def decode(self, kind: str, latent: Tensor) -> Tensor:
        return self._networks[kind].decode(latent)

    def denoise(self, z: Tensor, condition: Tensor, identity: Tensor, time: Tensor) -> Tensor:
        landmarks, pose = condition.chunk(2, 1)
        return self._networks["mtov"](z, time, identity, pose, landmarks)

    def noised(self, latent: Tensor, noise: Tensor) -> Tensor:
        return paper_mtov_scheduler().add_noise(latent, noise, torch.tensor([250]))

    def mtov_chain(
        self, denoise: Denoise, condition: Tensor, identity: Tensor, noises: Sequence[Tensor], start: Tensor | None
    ) -> Tensor:
        scheduler = paper_mtov_scheduler()
        scheduler.set_timesteps(len(noises), start=1.0 if start is None else 0.25)
        z = noises[0] if start is None else self.noised(start, noises[0])
        for time, noise in zip(scheduler.timesteps, [*noises[1:], None], strict=True):
            predicted = denoise(z, condition, identity, time.expand(len(z)))
            z = scheduler.step(predicted, time, z, variance_noise=noise).prev_sample
        return z
