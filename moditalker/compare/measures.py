"""What is measured of a column: the benchmark's judge, with the portrait where there is no real clip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moditalker.benchmark.columns import COLUMNS, Column
from moditalker.benchmark.judge import Judge, Reference
from moditalker.compare.inputs import Inputs
from moditalker.face.layout import mouth_opening, mouth_width
from moditalker.face.tracker import FaceTracker
from moditalker.metrics.flicker import flicker
from moditalker.metrics.talking_video import TalkingVideo, read_talking_video, steadied
from moditalker.utils.errors import InputError

MIN_FRAMES = 16
"""Of a real clip and a column in common, for the measures that put them side by side."""
_ALONE = {"identity", "sharpness", "sync"}
_BESIDE = {"mouth", "pixels", "flicker"}

_TITLES = {column.key: column for column in COLUMNS}
ALONE = (
    _TITLES["sync_confidence"],
    _TITLES["sync_offset"],
    _TITLES["identity"],
    _TITLES["sharpness"],
    Column("flicker_levels", "flicker, grey levels", 2),
    Column("opening_spread", "mouth opening: deviation, % of eyes", 1),
    Column("width_spread", "mouth width: deviation, % of eyes", 1),
)
"""What needs no real clip."""
BESIDE = tuple(
    _TITLES[key]
    for key in (
        "opening_correlation",
        "width_correlation",
        "opening_deviation",
        "width_deviation",
        "mouth_distance",
        "face_psnr",
        "mouth_psnr",
        "mouth_ssim",
        "mouth_lpips",
        "flicker",
    )
)
"""What is measured against one."""


@dataclass(frozen=True)
class RealClip:
    """The real clip, tracked; its sound begins with its first frame."""

    video: TalkingVideo


class Measurer:
    """Measures the columns of one comparison.

    Args:
        judge: kept over comparisons, as its networks are loaded once.
        tracker: of the faces in the columns.
        inputs: of the comparison; the portrait is what identity is held against.
        real: the clip itself, where there is one.
    """

    def __init__(self, judge: Judge, tracker: FaceTracker, inputs: Inputs, real: RealClip | None = None) -> None:
        self._judge, self._tracker = judge, tracker
        portrait = TalkingVideo(inputs.picture[None], inputs.landmarks[None], np.zeros(0, np.float32))
        self._portrait = Reference(portrait)
        self._real = None if real is None else real.video

    def __call__(self, video: Path) -> dict[str, float]:
        """By the keys of ``ALONE`` and ``BESIDE``; what cannot be measured here is left out.

        Raises:
            InputError: no face is found in the video.
        """
        return self.of(read_talking_video(video, self._tracker))

    def of(self, made: TalkingVideo) -> dict[str, float]:
        """The same of a video that is tracked already."""
        values = self._judge(made, self._portrait, groups=_ALONE).values
        values["flicker_levels"] = flicker(made.aligned_by(steadied(made.landmarks)))
        values["opening_spread"] = 100 * float(mouth_opening(made.landmarks).std())
        values["width_spread"] = 100 * float(mouth_width(made.landmarks).std())
        if self._real is not None:
            frames = min(len(made), len(self._real))
            real = self._real.part(0, frames)
            beside = self._judge(made.part(0, frames), Reference(real), groups=_BESIDE).values
            values |= {key: beside[key] for key in beside if key not in values}
        return {key: round(value, 5) for key, value in values.items()}


def read_real(path: Path, tracker: FaceTracker, frames: int) -> RealClip:
    """A real clip of the recording that is compared.

    Args:
        path: video.
        tracker: finds its faces.
        frames: of the columns.
    Raises:
        InputError: it is no video of a face, or too short.
    """
    video = read_talking_video(path, tracker, sound=False)
    if min(len(video), frames) < MIN_FRAMES:
        raise InputError(
            f"{path.name} has {min(len(video), frames)} frames in common with the recording and {MIN_FRAMES} are "
            "needed: give the clip that the recording was taken from, or none."
        )
    return RealClip(video)
