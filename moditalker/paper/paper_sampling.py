"""The published system at work: speech to motion in windows of 156 frames, motion to video in a chain of blocks."""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from moditalker.atom.motion_sampling import Layout, StepCallback
from moditalker.face.layout import POINTS
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.head_square import drawn_frames, hide, into_crop, visible_frames, warped_frames
from moditalker.paper.identity import frontal_face
from moditalker.paper.inputs import Chain, Inputs, check_choice
from moditalker.paper.schedule import PublishedDDIM
from moditalker.utils.windows import agree, cut_windows, join

PoseFrames = Callable[[slice, np.ndarray], torch.Tensor]
"""Which frames are wanted, and their landmarks (n, 68, 3) in crop space -> pictures (3, n, S, S) uint8 of the head."""


def sample_motion(
    atom: PaperAudioToMotion,
    scheduler: PublishedDDIM,
    speech: np.ndarray,
    identity: np.ndarray,
    *,
    steps: int,
    guidance: float,
    generator: torch.Generator,
    callback: StepCallback | None = None,
    inputs: Inputs = "ours",
    own_identity: np.ndarray | None = None,
) -> np.ndarray:
    """Speech of any length to landmark residuals.

    What is longer than the network's window is cut into windows that overlap, take the same noise there and are made to
    agree after every step; what is shorter is padded with its last sound.

    Args:
        speech: (2T, D) features at 50 Hz.
        identity: (68, 3) the portrait, inter-ocular distances.
        steps: denoising steps; the published number is 50.
        guidance: unconditional + guidance (conditional - unconditional); the published one is 2.
        generator: on the CPU, so that a seed means the same on every machine.
        callback: see ``StepCallback``.
        inputs: what AToM is given of the portrait and in which unit and axes it moves: ``ours``: the portrait as it is,
            in inter-ocular distances; ``released``: its difference from a mean face, frontal, in centimetres, see
            ``moditalker.paper.identity``.
        own_identity: (68, 3) with ``released``, that of the user's own 3DMM in place of the tracker's.
    Returns:
        (T, 68, 3) float32, inter-ocular distances.
    Raises:
        InputError: ``inputs`` is none of the choices.
    """
    check_choice(inputs)
    window, scale = atom.config["window"], atom.config["motion_scale"]
    frontal = frontal_face(identity, own_identity) if inputs == "released" else None
    if frontal is not None:
        identity = frontal.identity
    frames = len(speech) // 2
    layout = Layout.of(max(frames, window), window, atom.config["overlap"])
    padded = np.pad(speech[: 2 * frames], ((0, 2 * (layout.length - frames)), (0, 0)), mode="edge")
    windows = cut_windows(torch.from_numpy(padded), 2 * window, 2 * layout.overlap).to(atom.device, atom.dtype)
    face = torch.from_numpy(scale * identity).to(windows).flatten().expand(len(windows), window, -1)
    kept = torch.ones(len(windows), dtype=torch.bool, device=atom.device)
    heard = atom.encode(face, windows, kept)
    unheard = None if guidance == 1.0 else atom.encode(face, windows, ~kept)

    def fresh() -> torch.Tensor:
        noise = torch.randn(layout.length, 3 * POINTS, generator=generator)
        return cut_windows(noise, window, layout.overlap).to(atom.device)

    sample = fresh()
    scheduler.set_timesteps(steps, device=atom.device)
    for number, timestep in enumerate(scheduler.timesteps, 1):
        given, times = sample.to(atom.dtype), timestep.expand(len(sample))
        clean = atom.denoise(given, times, heard)
        if unheard is not None:
            without = atom.denoise(given, times, unheard)
            clean = without + guidance * (clean - without)
        clean = agree(clean.float(), layout.overlap)
        sample = scheduler.step(clean, timestep, sample, variance_noise=fresh()).prev_sample
        if callback is not None:
            callback(number, steps)
    residual = (join(sample, layout.overlap, frames).unflatten(-1, (POINTS, 3)) / scale).float().cpu().numpy()
    return residual if frontal is None else frontal.into_portrait(residual)


class BlockChain:
    """Draws a portrait's square block after block.

    Args:
        pictures, landmarks: the two autoencoders.
        denoiser, scheduler: MToV's.
        face: the encoded portrait: its square, and the latent of that square held still.
        steps: denoising steps, at least one; the published number is 25 with ``start`` = 0.25, and 100 with 1.
        start: share of the noise schedule from which a block starts, with the noised latent of its identity held still;
            1 starts from noise.
        generator: on the CPU.
        pose: where pose frames come from; the warped portrait by default.
        inputs: how landmarks are drawn and what of the pose frames is hidden, see ``moditalker.paper.inputs``.
        chain: identity and noised start of every block but the first: ``last`` takes the last frame of the block
            before, as the paper describes it; ``first`` the portrait again, as the released sampling script does.
    Raises:
        InputError: ``inputs`` or ``chain`` is none of the choices.
    """

    def __init__(
        self,
        pictures: PaperAutoencoder,
        landmarks: PaperAutoencoder,
        denoiser: PaperMotionToVideo,
        scheduler: PublishedDDIM,
        face: EncodedFace,
        *,
        steps: int,
        start: float,
        generator: torch.Generator,
        pose: PoseFrames | None = None,
        inputs: Inputs = "ours",
        chain: Chain = "last",
    ) -> None:
        check_choice(inputs, chain)
        self.inputs, self.chain = inputs, chain
        self.pictures, self.landmarks, self.denoiser, self.scheduler = pictures, landmarks, denoiser, scheduler
        self.face, self.steps, self.start, self.generator = face, steps, start, generator
        self.size, self.block = pictures.config["size"], pictures.config["frames"]
        self._portrait = face.aligned.round().to(torch.uint8)
        self._portrait_landmarks = into_crop(face.landmarks, face.matrix)
        self.pose = pose or self._warped

    def _warped(self, _: slice, landmarks: np.ndarray) -> torch.Tensor:
        return warped_frames(self._portrait, self._portrait_landmarks, landmarks)

    @torch.no_grad()
    def __call__(self, landmarks: np.ndarray) -> Iterator[np.ndarray]:
        """(T, 68, 3) picture space -> (n, S, S, 3) uint8 of the square, block by block; T frames in all."""
        frames = len(landmarks)
        length = -(-frames // self.block) * self.block
        padded = into_crop(np.concatenate([landmarks, np.repeat(landmarks[-1:], length - frames, 0)]), self.face.matrix)
        identity = self.face.identity.to(self.pictures.device, self.pictures.dtype)
        for first in range(0, frames, self.block):
            span = slice(first, first + self.block)
            video = self.pictures.decode(self._latent(padded[span], span, identity))[0]
            shown = ((video.float() + 1) * 127.5).clamp(0, 255).round().to(torch.uint8)
            yield shown[:, : frames - first].permute(1, 2, 3, 0).cpu().numpy()
            if self.chain == "last" and span.stop < frames:
                identity = self.pictures.encode_still(video[None, :, -1])

    def _latent(self, landmarks: np.ndarray, span: slice, identity: torch.Tensor) -> torch.Tensor:
        """Landmarks (16, 68, 3) in crop space, latent (1, C, S) of the identity -> latent (1, C, S) of the block."""
        device, dtype = self.pictures.device, self.pictures.dtype

        def shown(pictures: torch.Tensor) -> torch.Tensor:
            return to_unit(pictures[None].to(device))

        may_be_seen = visible_frames(landmarks, self.size, self.inputs)[None].to(device)
        seen = hide(shown(self.pose(span, landmarks)), may_be_seen)
        pose = self.pictures.encode(seen.to(dtype))
        drawn = self.landmarks.encode(shown(drawn_frames(landmarks, self.size, self.inputs)).to(dtype))
        scheduler = self.scheduler
        scheduler.set_timesteps(self.steps, device=device, start=self.start)
        sample = torch.randn(identity.shape, generator=self.generator).to(device)
        if self.start < 1:
            noised_to = torch.tensor([round(self.start * scheduler.config["num_train_timesteps"])], device=device)
            sample = scheduler.add_noise(identity.float(), sample, noised_to)
        rows = identity[..., : self.pictures.side**2]
        for timestep in scheduler.timesteps:
            noise = self.denoiser(sample.to(dtype), timestep[None], rows, pose, drawn).float()
            sample = scheduler.step(noise, timestep, sample, generator=self.generator).prev_sample
        return sample.to(dtype)
