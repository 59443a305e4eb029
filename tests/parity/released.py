"""The other side where the released code is at hand: its modules are imported from a folder that the reader names.

Nothing of that code is here. Three things are done to it while it runs, all from outside: noise is handed to it instead
of drawn, "cuda" means the CPU, and for the paper's conditioning the time vector is no longer shared by two names.
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moditalker.utils.errors import InputError
from parity.side import Conditioning, Denoise, State

_ATOM = {
    "nfeats": 204, "seq_len": 156, "latent_dim": 512, "ff_size": 1024, "num_layers": 8, "num_heads": 8, "dropout": 0.1,
    "cond_feature_dim": 1024, "activation": F.gelu,
}  # fmt: skip
_ATOM_DIFFUSION = {"schedule": "cosine", "n_timestep": 1000, "predict_epsilon": False, "guidance_weight": 2}
_AUTOENCODER = {"channels": 384, "resolution": 256, "timesteps": 16, "splits": 1}
_UNET = {
    "image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 128, "num_res_blocks": 2, "num_heads": 8,
    "attention_resolutions": [4, 2, 1], "channel_mult": [1, 2, 4, 4], "use_scale_shift_norm": True,
    "resblock_updown": True,
}  # fmt: skip


class Released:
    """See ``Published``.

    Args:
        folder: a checkout of the released code, with the folders AToM and MToV.
    Raises:
        InputError: it is none, or a package that it imports is not installed.
    """

    def __init__(self, folder: Path) -> None:
        parts = [folder / "AToM", folder / "MToV"]
        if not all(part.is_dir() for part in parts):
            raise InputError(f"{folder} has no folders AToM and MToV; name a checkout of the released code.")
        sys.path[:0] = [str(part.resolve()) for part in parts]
        self._network: Any = None

    def template(self, kind: str) -> State:
        return self._built(kind).state_dict()

    def load(self, kind: str, state: State) -> None:
        self._network = self._built(kind).eval()
        self._network.load_state_dict(state)

    def _built(self, kind: str) -> nn.Module:
        if kind == "atom":
            return _module("model.model").MotionDecoder(**_ATOM)
        if kind == "mtov":
            unet = _module("models.ddpm.unet")
            return unet.DiffusionWrapper(unet.UNetModel(**_UNET))
        return _module("models.autoencoder.autoencoder_vit").ViTAutoencoder(4, _AUTOENCODER)

    def atom(
        self, x: Tensor, identity: Tensor, audio: Tensor, time: Tensor, dropped: bool, conditioning: Conditioning
    ) -> Tensor:
        with self._conditioned(conditioning):
            return self._network(_no_pose(x), x, identity, audio, time, cond_drop_prob=float(dropped))

    def atom_chain(
        self, identity: Tensor, audio: Tensor, noises: Sequence[Tensor], conditioning: Conditioning
    ) -> list[Tensor]:
        shape = noises[0].shape
        diffusion = _module("model.diffusion").GaussianDiffusion(self._network, shape[1], shape[2], **_ATOM_DIFFUSION)
        samples = []
        guided = self._network.guided_forward

        def recording(pose: Tensor, x: Tensor, *others: Any) -> Tensor:
            samples.append(x.clone())
            return guided(pose, x, *others)

        with (
            mock.patch.object(self._network, "guided_forward", recording),
            self._conditioned(conditioning),
            handed_out(noises),
        ):
            last = diffusion.eval().ddim_sample(shape, identity, _no_pose(noises[0]), audio)
        return [*samples[1:], last]

    @contextmanager
    def _conditioned(self, conditioning: Conditioning) -> Iterator[None]:
        """As released; or as in the paper, where what is added under one name is not seen under the other."""
        if conditioning == "released":
            yield
            return
        hook = self._network.to_time_cond.register_forward_hook(lambda _, __, made: made.as_subclass(_Separate))
        try:
            yield
        finally:
            hook.remove()

    def encode(self, kind: str, video: Tensor) -> Tensor:
        return self._network.extract(video)

    def decode(self, kind: str, latent: Tensor) -> Tensor:
        frames = self._network.decode_from_sample(latent)
        return frames.unflatten(0, (len(latent), -1)).transpose(1, 2)

    def denoise(self, z: Tensor, condition: Tensor, identity: Tensor, time: Tensor) -> Tensor:
        with on_cpu():
            return self._network(z, condition, identity, time)

    def noised(self, latent: Tensor, noise: Tensor) -> Tensor:
        return _mtov_diffusion(self.denoise).q_sample(latent, torch.tensor([250]), noise)

    def mtov_chain(
        self, denoise: Denoise, condition: Tensor, identity: Tensor, noises: Sequence[Tensor], start: Tensor | None
    ) -> Tensor:
        diffusion = _mtov_diffusion(denoise)
        with handed_out(noises), redirect_stdout(sys.stderr):
            return diffusion.sample(len(condition), condition, identity, noised_start=start, ratio_=0.25)


class _Separate(Tensor):
    """A tensor to which nothing can be added in place: ``+=`` makes a new one."""

    def __iadd__(self, other: Tensor) -> Tensor:  # type: ignore[misc, override]
        return self.as_subclass(Tensor) + other


class _Given(nn.Module):
    """A function, where the released sampler wants a network."""

    def __init__(self, denoise: Denoise) -> None:
        super().__init__()
        self._denoise = denoise

    def forward(self, z: Tensor, condition: Tensor, identity: Tensor, time: Tensor, *_: None) -> Tensor:
        return self._denoise(z, condition, identity, time)


def _mtov_diffusion(denoise: Denoise) -> Any:
    with redirect_stdout(sys.stderr):
        return _module("losses.ddpm").DDPM(_Given(denoise), channels=4, sampling_timesteps=100, w=0.0)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"The released code's {name} needs {error.name}, which is not there; see tests/parity/README.md."
        ) from error


def _no_pose(x: Tensor) -> Tensor:
    """A head pose, which the released network takes and does not read."""
    return torch.zeros(*x.shape[:2], 3)


@contextmanager
def handed_out(noises: Sequence[Tensor]) -> Iterator[None]:
    """What ``torch.randn`` and ``torch.randn_like`` give, one after another; all of it must be taken."""
    waiting = list(noises)

    def next_noise(*_: Any, **__: Any) -> Tensor:
        return waiting.pop(0).clone()

    with mock.patch.object(torch, "randn", next_noise), mock.patch.object(torch, "randn_like", next_noise):
        yield
    if waiting:
        raise RuntimeError(f"{len(waiting)} of {len(noises)} noises were not taken.")


@contextmanager
def on_cpu() -> Iterator[None]:
    """``tensor.to("cuda")`` stays on the CPU: the released U-Net asks for it by name."""
    there: Callable[..., Tensor] = Tensor.to

    def here(tensor: Tensor, *arguments: Any, **options: Any) -> Tensor:
        places = ["cpu" if isinstance(wanted, str) and wanted == "cuda" else wanted for wanted in arguments]
        return there(tensor, *places, **options)

    with mock.patch.object(Tensor, "to", here):
        yield
