"""Batches of windows and blocks from shards, in an order that the seed alone decides.

Everything random about a sample (which moment, mirrored or not, its noise, its time) is drawn from its own number in
the run, before the batch is cut among the processes: any number of them computes the same step.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import MIRRORED
from moditalker.paper.head_square import drawn_frames, visible_frames, warped_frames
from moditalker.paper.identity import frontal_face
from moditalker.paper.inputs import Inputs
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.paper_shards import Motion, ShardedClip, Shards

TIMES = 1000
Item = dict[str, torch.Tensor]


class WindowBatches:
    """Batches whose samples are windows of clips; an epoch passes over every clip once for each window it is long.

    Args:
        clips: those shorter than a window are passed over.
        length: frames of a window.
        batch: samples of all processes together.
        make: (clip, first frame, generator) -> sample.
    Raises:
        ValueError: no clip is long enough.
    """

    def __init__(
        self,
        clips: list[ShardedClip],
        length: int,
        batch: int,
        make: Callable[[ShardedClip, int, np.random.Generator], Item],
    ) -> None:
        self.length, self.batch, self.make = length, batch, make
        self.windows = [clip for clip in clips for _ in range(clip.frames // length)]
        if not self.windows:
            raise ValueError(f"no clip has {length} frames")
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def _shuffled(self, seed: int, epoch: int) -> np.ndarray:
        return np.random.default_rng((seed, 0, epoch)).permutation(len(self.windows))

    def part(self, seed: int, index: int, process: int, processes: int) -> Batch:
        """One process's share of batch number ``index`` of a run.

        Raises:
            ValueError: the batch cannot be shared evenly.
        """
        if self.batch % processes:
            raise ValueError(f"a batch of {self.batch} cannot be shared by {processes} processes")
        share = self.batch // processes
        first = index * self.batch + process * share
        return _stacked([self._sample(seed, number) for number in range(first, first + share)])

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch of windows drawn at random, for validation."""
        return _stacked([self._drawn(self.windows[rng.integers(len(self.windows))], rng) for _ in range(self.batch)])

    def _sample(self, seed: int, number: int) -> Item:
        epoch, place = divmod(number, len(self.windows))
        clip = self.windows[self._order(seed, epoch)[place]]
        return self._drawn(clip, np.random.default_rng((seed, 1, number)))

    def _drawn(self, clip: ShardedClip, rng: np.random.Generator) -> Item:
        return self.make(clip, int(rng.integers(clip.frames - self.length + 1)), rng)


def _stacked(items: list[Item]) -> Batch:
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> Item:
    """``noise`` of a shape, and a ``timestep`` to use it at."""
    return {
        "noise": torch.from_numpy(rng.standard_normal(shape, np.float32)),
        "timestep": torch.tensor(int(rng.integers(TIMES))),
    }


class MotionWindows:
    """Samples for AToM.

    Args:
        shards: of one split.
        window: frames.
        motion_scale: see ``PaperAudioToMotion``.
        drop: how often speech and identity are left out, so that guidance has something to push away from.
        inputs: unit and axes of identity and residual, see ``sample_motion``.
    """

    def __init__(self, shards: Shards, window: int, motion_scale: float, drop: float, inputs: Inputs = "ours") -> None:
        self.shards, self.window, self.motion_scale, self.drop = shards, window, motion_scale, drop
        self.inputs = inputs

    def __call__(self, clip: ShardedClip, first: int, rng: np.random.Generator) -> Item:
        """``residual`` and ``noise`` (T, 204), ``identity`` (204,), ``speech`` (2T, D), ``timestep``, ``keep``."""
        motion = self.shards.motion(clip)
        landmarks = motion.landmarks[first : first + self.window]
        frame = FaceFrame(motion.landmarks[rng.integers(clip.frames)])
        residual, _ = frame.analyse(landmarks)
        identity = frame.shape
        if self.inputs == "released":
            frontal = frontal_face(identity)
            residual, identity = frontal.into_model(residual), frontal.identity
        return {
            "residual": torch.from_numpy(self.motion_scale * residual).flatten(1),
            "identity": torch.from_numpy(self.motion_scale * identity).flatten(),
            "speech": torch.from_numpy(motion.features[2 * first : 2 * (first + self.window)].astype(np.float32)),
            "keep": torch.tensor(bool(rng.random() >= self.drop and motion.synchronised)),
            **_noise((self.window, residual[0].size), rng),
        }


class VideoBlocks:
    """Samples for the two autoencoders.

    Args:
        shards: of one split.
        block: frames.
        drawn: whose drawings of the landmarks stand in place of the pictures; None for the pictures.
    """

    def __init__(self, shards: Shards, block: int, drawn: Inputs | None = None) -> None:
        self.shards, self.block, self.drawn = shards, block, drawn

    def __call__(self, clip: ShardedClip, first: int, rng: np.random.Generator) -> Item:
        """``video`` (3, T, S, S) uint8, and ``look``, the frame that the perceptual loss looks at."""
        if self.drawn is not None:
            landmarks = self.shards.motion(clip).landmarks[first : first + self.block]
            video = drawn_frames(landmarks, self.shards.size, self.drawn)
        else:
            video = _video(self.shards.frames(clip, np.arange(first, first + self.block)))
        video = video.flip(-1) if rng.random() < 0.5 else video
        return {"video": video.contiguous(), "look": torch.tensor(int(rng.integers(self.block)))}


class ConditionedBlocks:
    """Samples for MToV.

    Args:
        shards: of one split.
        block: frames.
        latent: (channels, places) of a latent.
        warped: how often pose frames are the warped portrait, as without a driving video, instead of the clip's own.
        following: how often the portrait is the frame just before the block, as in a chain of blocks, instead of any.
            With 0 it is trained for ``chain="first"``.
        inputs: how landmarks are drawn and what of the pose frames is hidden, see ``moditalker.paper.inputs``.
    """

    def __init__(
        self,
        shards: Shards,
        block: int,
        latent: tuple[int, int],
        warped: float = 0.5,
        following: float = 0.5,
        inputs: Inputs = "ours",
    ) -> None:
        self.inputs = inputs
        self.shards, self.block, self.latent = shards, block, latent
        self.warped, self.following = warped, following

    def __call__(self, clip: ShardedClip, first: int, rng: np.random.Generator) -> Item:
        """``video``, ``pose``, ``drawn`` (3, T, S, S), ``portrait`` (3, S, S), uint8; ``visible`` (1, T, S, S) bool;
        ``noise`` (C, places), ``timestep``."""
        size = self.shards.size
        reference = max(0, first - 1) if rng.random() < self.following else int(rng.integers(clip.frames))
        motion: Motion = self.shards.motion(clip)
        landmarks, portrait_landmarks = motion.landmarks[first : first + self.block], motion.landmarks[reference]
        pictures = self.shards.frames(clip, np.array([reference, *range(first, first + self.block)]))
        if rng.random() < 0.5:
            pictures = pictures[:, :, ::-1]
            mirror, shift = np.array([-1, 1, 1], np.float32), np.array([size - 1, 0, 0], np.float32)
            landmarks, portrait_landmarks = (
                points[..., MIRRORED, :] * mirror + shift for points in (landmarks, portrait_landmarks)
            )
        portrait, video = _video(pictures[:1])[:, 0], _video(pictures[1:])
        warped = rng.random() < self.warped
        return {
            "video": video,
            "portrait": portrait,
            "pose": warped_frames(portrait, portrait_landmarks, landmarks) if warped else video,
            "drawn": drawn_frames(landmarks, size, self.inputs).contiguous(),
            "visible": visible_frames(landmarks, size, self.inputs),
            **_noise(self.latent, rng),
        }


def _video(frames: np.ndarray) -> torch.Tensor:
    """(T, S, S, 3) -> (3, T, S, S)."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2).contiguous()
