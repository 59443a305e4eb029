"""MToV at work: motion to colour and mask in the aligned face, block after block.

Blocks of 16 frames overlap by four. Within a group of blocks the time rows of the yt and xt planes are made to agree at
every step; the first block of a group takes over those of the last one, so groups join like blocks. The noise of the xy
plane is the same for all blocks, and the decoded frames of an overlap are blended. A group is denoised together and
decoded block by block, so that nothing that is done in one go takes longer than a block.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from diffusers import SchedulerMixin
from torch.nn import functional as F

from moditalker.face.geometry import FaceFrame, FaceMotion, aligning_matrix, transform_points
from moditalker.face.layout import NOSE_TIP
from moditalker.mtov.autoencoder import MOUTH_WINDOW, TriplaneAutoencoder, to_unit
from moditalker.mtov.colours import without_green
from moditalker.mtov.conditions import block_conditions, guides
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.detail import DetailGains
from moditalker.mtov.flow import FlowRefiner
from moditalker.mtov.planes import XT, XY, YT
from moditalker.render.compositing import FaceLayers
from moditalker.render.light import light_on
from moditalker.render.teeth import cheek_colour
from moditalker.render.tongue import held_back
from moditalker.utils.precision import fast_autocast
from moditalker.utils.windows import agree, padded_length, window_count

BLOCK, OVERLAP = 16, 4
TEMPERATURE = 0.25
"""Share of the noise that is put on the warped portrait's planes. What a sample adds of its own to a face that is known
is no nearer to the truth: all of the noise costs 0.02 dB at the mouth (16 unseen clips), none gains nothing more."""

TURNED = (3.0, 6.0)
"""Of a head that turned so far from how the portrait holds it that its nose went by so many pixels (eyes keep their
place in the aligned face), nothing but the mouth is drawn any more: less and less of it from the first on, none from
the second on. The decoder saw few such heads, and smears dark patches beside the far cheek and into the far eye."""


@dataclass(frozen=True)
class EncodedFace:
    """What MToV keeps of a portrait.

    Attributes:
        aligned: (3, 128, 128) float32, 0 to 255, in ordinary light.
        landmarks: (68, 3) picture space.
        matrix: (2, 3) picture -> aligned.
        identity: (1, C, 3, 16, 16) planes of the portrait held still.
        light: (3,) float32, the portrait's own light, by which what is drawn is multiplied, see ``render.light``.
    """

    aligned: torch.Tensor
    landmarks: np.ndarray
    matrix: np.ndarray
    identity: torch.Tensor
    light: np.ndarray = field(default_factory=lambda: np.ones(3, np.float32))

    @cached_property
    def cheeks(self) -> np.ndarray:
        """(3,) float32, their colour, 0 to 255."""
        picture = self.aligned.permute(1, 2, 0).byte().numpy()
        return cheek_colour(picture, transform_points(self.matrix, self.landmarks))


def in_ordinary_light(aligned: np.ndarray, points: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Take a portrait's own light from it, as MToV knows ordinary light best.

    Args:
        aligned: (128, 128, 3) uint8 aligned face.
        points: (68, 3) landmarks in its pixels.
    Returns:
        (3, 128, 128) float32, 0 to 255, and (3,) float32, the light.
    """
    light = light_on(cheek_colour(aligned, points))
    return torch.from_numpy((aligned / light).clip(0, 255)).permute(2, 0, 1).float(), light


def encode_face(autoencoder: TriplaneAutoencoder, aligned: np.ndarray, landmarks: np.ndarray) -> EncodedFace:
    """Encode a portrait once.

    Args:
        aligned: (128, 128, 3) uint8 aligned face.
        landmarks: (68, 3) picture space.
    """
    matrix = aligning_matrix(landmarks)
    picture, light = in_ordinary_light(aligned, transform_points(matrix, landmarks))
    with torch.inference_mode(), fast_autocast(autoencoder.device):
        identity = autoencoder.encode_still(to_unit(picture.to(autoencoder.device))[None])
    return EncodedFace(picture, landmarks, matrix, identity, light)


class BlockSampler:
    """Denoises and decodes motion block by block.

    Args:
        autoencoder, denoiser, scheduler: MToV's parts.
        refiner: of the warp's flow; None believes the spline.
        detail: how much detail a generated mouth lacks; None leaves it as the decoder made it.
        face: the encoded portrait.
        steps: denoising steps; 0 decodes against the warp alone, with empty planes.
        start: from which share of the noise schedule to start, with the noised planes of the warped portrait
            (the published system: 0.25), see ``TEMPERATURE``; 1 starts from noise.
        generator: on the CPU.
        group: blocks that are denoised together.
        callback: called with the frames done so far before every step of the work: conditions, encoding, each
            denoising step, each block's decoding. What it raises ends the run.
        mouth_only: only what the mouth's window shows is drawn, in a quarter of the decoder's time.
    """

    def __init__(
        self,
        autoencoder: TriplaneAutoencoder,
        denoiser: MotionToVideo,
        scheduler: SchedulerMixin,
        face: EncodedFace,
        *,
        steps: int,
        start: float,
        generator: torch.Generator,
        refiner: FlowRefiner | None = None,
        detail: DetailGains | None = None,
        group: int = 4,
        callback: Callable[[int], None] | None = None,
        mouth_only: bool = False,
    ) -> None:
        self.autoencoder, self.denoiser, self.scheduler = autoencoder, denoiser, scheduler
        self.face, self.steps, self.start, self.group, self.callback = face, steps, start, group, callback
        self.generator, self.refiner, self.detail, self.mouth_only = generator, refiner, detail, mouth_only
        self._frame = FaceFrame(face.landmarks)
        channels, size = autoencoder.config["latent_channels"], autoencoder.config["frames"]
        self._plane = (channels, size, size)
        self._done = 0
        self._still_noise = torch.randn(self._plane, generator=generator)
        self._carried_noise: torch.Tensor | None = None
        self._carried_rows: torch.Tensor | None = None

    def __call__(self, motion: FaceMotion) -> Iterator[FaceLayers]:
        """Draw the T frames of a motion in the portrait's picture space.

        Returns:
            Layers that cover all frames in order, each once; one block's at a time.
        """
        return self.stream([motion])

    def stream(self, pieces: Iterable[FaceMotion]) -> Iterator[FaceLayers]:
        """The same of a motion that comes in pieces; a group is drawn as soon as its frames and one more are there."""
        stride, length = BLOCK - OVERLAP, padded_length(self.group, BLOCK, OVERLAP)
        ramp = torch.linspace(0, 1, OVERLAP + 2)[1:-1].reshape(-1, 1, 1, 1)
        carried: torch.Tensor | None = None
        source = iter(pieces)
        waiting = next(source, None)
        ended = waiting is None
        while waiting is not None and not ended:
            while len(waiting) <= length and not ended:
                piece = next(source, None)
                ended = piece is None
                waiting = waiting if piece is None else waiting.then(piece)
            ended = ended and len(waiting) <= length
            frames = len(waiting)
            blocks = window_count(frames, BLOCK, OVERLAP) if ended else self.group
            span = np.arange(padded_length(blocks, BLOCK, OVERLAP)).clip(max=frames - 1)
            for number, (delta, shift) in enumerate(self._group(waiting[span], blocks)):
                if carried is not None:
                    delta[:OVERLAP] = delta[:OVERLAP] * ramp + carried * (1 - ramp)
                carried = delta[stride:].clone()
                start = number * stride
                keep = min(frames - start, BLOCK) if ended and number + 1 == blocks else stride
                yield FaceLayers(waiting[start : start + keep], delta[:keep].numpy(), shift[:keep].numpy())
                self._done += keep
            waiting = waiting[blocks * stride :]
        self._report()

    def _report(self) -> None:
        if self.callback is not None:
            self.callback(self._done)

    @torch.no_grad()
    def _group(self, motion: FaceMotion, blocks: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Frames of one group -> for each of its blocks (16, 3, 128, 128), what to add to the warp, and its shift."""
        device = self.autoencoder.device
        stride = BLOCK - OVERLAP
        pieces = []
        for start in range(0, len(motion), stride):
            self._report()
            piece = motion[start : start + stride]
            pieces.append(block_conditions(self.face.aligned, self._frame, self.face.matrix, piece, self.refiner))
        cut = {
            key: torch.cat([piece[key] for piece in pieces], 1)
            .unfold(1, BLOCK, stride)
            .permute(1, 0, 4, 2, 3)
            .to(device)
            for key in pieces[0]
        }
        warped, landmark_map = to_unit(cut["warped"]), cut["landmark_map"].float() / 255
        with fast_autocast(device):
            planes = self._denoise(warped, landmark_map, cut["visible"], blocks)
        for block in range(blocks):
            self._report()
            one = slice(block, block + 1)
            conditioning = guides(cut["landmark_map"][one], cut["displacement"][one])
            with fast_autocast(device):
                ours = None if planes is None else planes[one]
                picture = self.autoencoder.render(ours, warped[one], conditioning, self.mouth_only)
            # Both ends are pictures, so the sum is one too.
            delta = ((picture.clamp(-1, 1) - warped[one]) * 127.5).float().cpu().transpose(1, 2)[0]
            target = motion[block * stride : block * stride + BLOCK]
            beside = cut["loose"][block].transpose(0, 1).cpu() * self._turned(target)
            delta *= 1 - F.interpolate(beside, delta.shape[-1], mode="bilinear", align_corners=False)
            known = held_back(self.face.landmarks, target.landmarks, target.matrices, delta.shape[-1])
            delta *= 1 - torch.from_numpy(known)
            warp = cut["warped"][block].float().cpu().transpose(0, 1)
            delta = without_green(delta, warp, self.face.cheeks, target.landmarks, target.matrices)
            if self.detail is not None:
                delta = self._with_detail(self.detail, delta, warp, landmark_map[block].transpose(0, 1))
                # Its bands are colours too, and a tint that was faint can be made green.
                delta = without_green(delta, warp, self.face.cheeks, target.landmarks, target.matrices)
            delta *= torch.from_numpy(self.face.light)[:, None, None]
            yield delta, cut["shift"][block].transpose(0, 1).cpu()

    def _with_detail(
        self, gains: DetailGains, delta: torch.Tensor, warp: torch.Tensor, landmark_map: torch.Tensor
    ) -> torch.Tensor:
        """(n, 3, 128, 128) three times: what is added to the warp, the warp, and the landmark map from 0 to 1."""
        seen = (warp + delta).clamp(0, 255), warp, landmark_map, self.face.aligned.expand_as(warp)
        added = gains(*(MOUTH_WINDOW.cut(each).to(gains.device) for each in seen)).cpu()
        return MOUTH_WINDOW.placed(MOUTH_WINDOW.cut(delta) + added, delta)

    def _turned(self, motion: FaceMotion) -> torch.Tensor:
        """Of n frames: (n, 1, 1, 1) from 0 to 1, see ``TURNED``."""
        tip = slice(NOSE_TIP, NOSE_TIP + 1)
        place = transform_points(self.face.matrix, self.face.landmarks[tip])
        away = np.linalg.norm(transform_points(motion.matrices, motion.landmarks[:, tip]) - place, axis=-1)
        low, high = TURNED
        return torch.from_numpy(((away - low) / (high - low)).clip(0, 1)).float()[..., None, None]

    def _denoise(
        self, warped: torch.Tensor, landmark_map: torch.Tensor, visible: torch.Tensor, blocks: int
    ) -> torch.Tensor | None:
        """Conditions of one group -> (blocks, C, 3, 16, 16) planes, None for empty ones."""
        if self.steps == 0:
            return None
        self._report()
        pose = self.autoencoder.encode(torch.where(visible.bool(), warped, torch.zeros_like(warped)))
        marks = self.denoiser.encode_landmarks(landmark_map)
        identity = self.face.identity.to(warped.device).expand(blocks, -1, -1, -1, -1)
        scheduler = self.scheduler
        scheduler.set_timesteps(self.steps, device=warped.device)
        timesteps = scheduler.timesteps
        noise = self._noise(blocks).to(warped.device)
        sample = noise
        if self.start < 1:
            first = int(self.start * scheduler.config["num_train_timesteps"]) - 1
            timesteps = torch.linspace(first, first / self.steps, self.steps, device=warped.device).round().long()
            scheduler.timesteps = timesteps
            scheduler.num_inference_steps = round(scheduler.config["num_train_timesteps"] / max(1, first / self.steps))
            self._report()
            sample = scheduler.add_noise(self.autoencoder.encode(warped), TEMPERATURE * noise, timesteps[:1])
        clean = sample
        for timestep in timesteps:
            self._report()
            clean = self.denoiser(sample, timestep.expand(blocks), identity, pose, marks)
            clean = self._agree(clean)
            sample = scheduler.step(clean, timestep, sample).prev_sample
        self._carried_rows = self._rows(clean)[-1, -OVERLAP:].clone()
        return clean

    @staticmethod
    def _rows(planes: torch.Tensor) -> torch.Tensor:
        """(B, C, 3, 16, 16) -> (B, 16, 2, C, 16): the time rows of yt and xt."""
        return torch.stack([planes[:, :, YT], planes[:, :, XT]], 1).permute(0, 3, 1, 2, 4)

    def _agree(self, clean: torch.Tensor) -> torch.Tensor:
        rows = self._rows(clean).clone()
        if self._carried_rows is not None:
            rows[0, :OVERLAP] = self._carried_rows
        rows = agree(rows, OVERLAP).permute(0, 2, 3, 1, 4)
        return torch.stack([clean[:, :, XY], rows[:, 0], rows[:, 1]], 2)

    def _noise(self, blocks: int) -> torch.Tensor:
        """Noise of one group: xy the same for every block, the time rows one stretch that goes on over groups."""
        length = padded_length(blocks, BLOCK, OVERLAP)
        fresh = torch.randn(length, 2, self._plane[0], self._plane[2], generator=self.generator)
        if self._carried_noise is not None:
            fresh[:OVERLAP] = self._carried_noise
        self._carried_noise = fresh[-OVERLAP:].clone()
        stride = BLOCK - OVERLAP
        rows = torch.stack([fresh[i * stride : i * stride + BLOCK] for i in range(blocks)]).permute(0, 2, 3, 1, 4)
        still = self._still_noise.expand(blocks, -1, -1, -1)
        return torch.stack([still, rows[:, 0], rows[:, 1]], 2)
