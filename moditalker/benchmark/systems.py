"""What is measured: the same clip as each system makes it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from moditalker.baselines.frame_writing import warped
from moditalker.benchmark.judge import GROUPS
from moditalker.face.geometry import FaceFrame, aligned_face, aligning_matrix
from moditalker.face.retarget import retarget
from moditalker.face.tracker import FaceTracker
from moditalker.metrics.talking_video import TalkingVideo
from moditalker.mtov.block_sampling import encode_face
from moditalker.options import DEFAULTS
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait

_FAR = 100.0
"""Inter-ocular distances; ``retarget`` takes landmarks that lie on the portrait for its own, and a donor's must not."""


@dataclass(frozen=True)
class Take:
    """One system's video of one clip.

    Attributes:
        video: tracked; its sound is the clip's own, whatever drove it.
        asked: (T, 68, 3) landmarks that were asked for, in the video's pixels.
    """

    video: TalkingVideo
    asked: np.ndarray


@dataclass(frozen=True)
class Sampling:
    """Settings of the pipeline that a sweep may want to change; see ``MoDiTalkerPipeline.motion`` and ``render``."""

    atom_steps: int = DEFAULTS.atom_steps
    mtov_steps: int = DEFAULTS.mtov_steps
    guidance: float = DEFAULTS.guidance


DEFAULT_SAMPLING = Sampling()


class Systems:
    """Makes each row's video of a clip. The portrait is always the clip's first frame.

    Args:
        pipeline: the weights that are judged.
        tracker: what measures the results.
        seed: of every clip.
        sampling: the pipeline's settings.
    """

    def __init__(
        self,
        pipeline: MoDiTalkerPipeline,
        tracker: FaceTracker,
        seed: int = 0,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:
        self.pipeline, self.tracker, self.seed, self.sampling = pipeline, tracker, seed, sampling

    def real(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """The clip itself."""
        return Take(clip, clip.landmarks)

    def ours(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """Audio to video, as a user runs it."""
        return self.spoken(self.pipeline.encode_portrait(clip.frames[0]), clip.audio, len(clip), clip.audio)

    def motion(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """AToM alone: the landmarks that the speech asks for, with the clip's own pictures, which nothing looks at."""
        how, portrait = self.sampling, self.pipeline.encode_portrait(clip.frames[0])
        made = self.pipeline.motion(
            portrait, clip.audio, seed=self.seed, atom_steps=how.atom_steps, guidance=how.guidance
        )
        asked = made.landmarks[: len(clip)]
        return Take(TalkingVideo(clip.frames, asked, clip.audio), asked)

    def other_audio(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """Audio to video with the donor's speech: what chance reaches."""
        foreign = np.resize(donor.audio, len(clip.audio))
        return self.spoken(self.pipeline.encode_portrait(clip.frames[0]), foreign, len(clip), clip.audio)

    def real_landmarks(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """MToV alone, with the landmarks that were tracked in the clip."""
        return self._rendered(self._tracked_portrait(clip), clip.landmarks, clip.audio)

    def retargeted(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """MToV alone, with the landmarks of another person's clip."""
        portrait = self._tracked_portrait(clip)
        frames = min(len(clip), len(donor))
        away = np.array([_FAR * portrait.frame.unit, 0, 0], np.float32)
        asked = retarget(portrait.frame, donor.landmarks[:frames] + away)
        return self._rendered(portrait, asked, donor.part(0, frames).audio)

    def warp(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """The portrait warped to the landmarks that were tracked in the clip, and nothing drawn into it."""
        return self._tracked(warped(self._tracked_portrait(clip), clip.landmarks), clip.landmarks, clip.audio)

    def still(self, clip: TalkingVideo, donor: TalkingVideo) -> Take:
        """The portrait, unmoved."""
        asked = np.repeat(clip.landmarks[:1], len(clip), 0)
        return self._tracked([np.repeat(clip.frames[:1], len(clip), 0)], asked, clip.audio)

    def spoken(self, portrait: Portrait, speech: np.ndarray, frames: int, audio: np.ndarray) -> Take:
        """A portrait saying ``speech``, as a video of so many frames with ``audio`` on it."""
        how = self.sampling
        motion = self.pipeline.motion(
            portrait, speech, seed=self.seed, atom_steps=how.atom_steps, guidance=how.guidance
        )
        return self._rendered(portrait, motion.landmarks[:frames], audio)

    def _rendered(self, portrait: Portrait, asked: np.ndarray, audio: np.ndarray) -> Take:
        steps = self.sampling.mtov_steps
        chunks = self.pipeline.render(portrait, asked, own=True, seed=self.seed, mtov_steps=steps)
        return self._tracked(chunks, asked, audio)

    def _tracked(self, chunks: Iterable[np.ndarray], asked: np.ndarray, audio: np.ndarray) -> Take:
        frames = np.concatenate(list(chunks))
        return Take(TalkingVideo(frames, self.tracker.track(frames), audio), asked)

    def _tracked_portrait(self, clip: TalkingVideo) -> Portrait:
        """The first frame with the landmarks that were tracked in it, so that the tracker's two ways cannot differ."""
        landmarks = clip.landmarks[0]
        face = encode_face(
            self.pipeline.autoencoder, aligned_face(clip.frames[0], aligning_matrix(landmarks)), landmarks
        )
        return Portrait(clip.frames[0], FaceFrame(landmarks), face)


Maker = Callable[[Systems, TalkingVideo, TalkingVideo], Take]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: for people.
        make: who makes its videos.
        measures: groups that it gets.
        donor: whether the maker looks at another person's clip.
    """

    title: str
    make: Maker
    measures: frozenset[str]
    donor: bool = False


_ALL = frozenset(GROUPS)

ROWS: dict[str, Row] = {
    "real": Row("real video", Systems.real, frozenset({"identity", "sharpness", "flicker", "sync"})),
    "ours": Row("ours", Systems.ours, _ALL),
    "motion": Row("AToM alone, not drawn", Systems.motion, frozenset({"mouth"})),
    "real_landmarks": Row("ours, real landmarks (MToV alone)", Systems.real_landmarks, _ALL),
    "retargeted": Row(
        "ours, another person's landmarks",
        Systems.retargeted,
        frozenset({"identity", "sharpness", "asked"}),
        donor=True,
    ),
    "warp": Row("the warp alone", Systems.warp, _ALL),
    "still": Row("the still portrait", Systems.still, _ALL - {"asked", "frechet"}),
    "other_audio": Row("ours, another clip's audio", Systems.other_audio, frozenset({"mouth", "sync"}), donor=True),
}
