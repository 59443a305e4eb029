"""All measures of one video against the real one."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from time import process_time
from typing import Any

import cv2
import numpy as np

from moditalker.benchmark.networks import Toolbox
from moditalker.constants import FPS, SAMPLES_A_FRAME
from moditalker.face.geometry import aligning_matrix, transform_points
from moditalker.face.layout import eye_opening, mouth_opening, mouth_width
from moditalker.metrics.curves import correlation, deviation_ratio
from moditalker.metrics.flicker import flicker
from moditalker.metrics.lag import MIN_FRAMES, best_lag, correlation_by_lag
from moditalker.metrics.landmark_distance import mouth_landmark_distance
from moditalker.metrics.landmark_fidelity import landmark_fidelity
from moditalker.metrics.psnr import psnr
from moditalker.metrics.ssim import ssim, ssim_map
from moditalker.metrics.talking_video import TalkingVideo, spread, steadied
from moditalker.render.landmark_map import lower_face_mask
from moditalker.utils.stopwatch import Stopwatch

SOME, FEW = 16, 4
"""Frames of a clip that the dear measures and the dearest look at, evenly spread."""
CLIP_FRAMES = 32
"""Frames of a clip, from its start, that the clips' Fréchet distance looks at."""
_BLOCK = 64
"""Pixels; CPBD judges whole blocks."""
SHIFTS = tuple(range(-8, 9))
"""Frames by which the lip-sync expert's own worth is tried."""
GROUPS = ("mouth", "pixels", "close-up", "dlib", "identity", "sharpness", "flicker", "sync", "frechet", "asked")


class Reference:
    """The real video, with what is needed of it again and again.

    Args:
        video: tracked.
        aligner: (T, 68, 3) landmarks that its face is cut out with; those tracked on it when None.
    """

    def __init__(self, video: TalkingVideo, aligner: np.ndarray | None = None) -> None:
        self.video = video
        self.aligner = video.landmarks if aligner is None else aligner
        self.identity: np.ndarray | None = None
        """(1, 128) of the portrait, once an encoder has seen it."""
        self.dlib: np.ndarray | None = None
        """(T, 68, 2) as dlib reads them, once it has."""

    @cached_property
    def faces(self) -> np.ndarray:
        """(T, 128, 128, 3) uint8."""
        return self.video.aligned_by(self.aligner)

    @cached_property
    def close_up(self) -> np.ndarray:
        """(n, 128, 128, 3) uint8: the mouth of some frames, at twice the size."""
        return self.video.close_up(self.aligner, spread(len(self.video), SOME))

    @cached_property
    def lower_face(self) -> np.ndarray:
        """(T, 128, 128) bool: from the nose to the jaw."""
        points = transform_points(aligning_matrix(self.aligner), self.aligner)
        return lower_face_mask(points)[:, 0] == 0

    @cached_property
    def flicker(self) -> float:
        """See ``metrics.flicker``."""
        return flicker(self.video.aligned_by(steadied(self.video.landmarks)))


@dataclass
class Verdict:
    """What was measured on one video.

    Attributes:
        values: by column.
        lags: correlation of the mouth's opening at each lag; None for short clips.
        features: ``frames`` (n, D) and ``clips`` (k, D) for the Fréchet distances, where their networks are there.
        seconds: of CPU time, a group of measures.
    """

    values: dict[str, float] = field(default_factory=dict)
    lags: list[float] | None = None
    features: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Judge:
    """Measures videos. What needs a package or weights that are not there is left out, and said once."""

    def __init__(self) -> None:
        self.tools = Toolbox()

    def __call__(
        self,
        generated: TalkingVideo,
        reference: Reference,
        asked: np.ndarray | None = None,
        groups: Collection[str] = GROUPS,
    ) -> Verdict:
        """Measure a video.

        Args:
            generated: as many frames as the reference, except for groups that need no counterpart.
            reference: the real video, whose first frame is the portrait.
            asked: (T, 68, 3) landmarks that the video was made for; None when that is not known. Its face is cut out
                with them, or else with those tracked on it, steadied.
            groups: of ``GROUPS``.
        """
        verdict, clock = Verdict(), Stopwatch(process_time)
        aligner = steadied(generated.landmarks) if asked is None else asked
        faces = generated.aligned_by(aligner)
        with clock("mouth"):
            if "mouth" in groups:
                self._mouth(verdict, generated, reference.video)
            if "asked" in groups and asked is not None:
                fidelity = landmark_fidelity(asked, generated.landmarks)
                if fidelity is not None:
                    verdict.values.update(asked_correlation=fidelity.correlation, asked_slope=fidelity.slope)
        steps: dict[str, Callable[[], None]] = {
            "pixels": lambda: self._pixels(verdict, faces, reference),
            "close-up": lambda: self._close_up(verdict, generated, aligner, reference),
            "dlib": lambda: self._dlib(verdict, generated, reference),
            "identity": lambda: self._identity(verdict, generated, aligner, reference),
            "sharpness": lambda: self._sharpness(verdict, generated, aligner, reference),
            "flicker": lambda: self._flicker(verdict, generated, reference),
            "sync": lambda: self._sync(verdict, generated),
            "frechet": lambda: self.features(verdict, faces),
        }
        for name, step in steps.items():
            if name in groups:
                with clock(name):
                    step()
        verdict.values = {name: float(value) for name, value in verdict.values.items() if math.isfinite(value)}
        verdict.seconds = clock.seconds
        return verdict

    @staticmethod
    def _mouth(verdict: Verdict, generated: TalkingVideo, real: TalkingVideo) -> None:
        opening, wanted = mouth_opening(generated.landmarks), mouth_opening(real.landmarks)
        width, wanted_width = mouth_width(generated.landmarks), mouth_width(real.landmarks)
        verdict.values.update(
            opening_correlation=correlation(opening, wanted),
            width_correlation=correlation(width, wanted_width),
            opening_deviation=deviation_ratio(opening, wanted),
            width_deviation=deviation_ratio(width, wanted_width),
            mouth_distance=mouth_landmark_distance(generated.landmarks, real.landmarks),
            opening_std=float(opening.std()),
        )
        if len(opening) >= MIN_FRAMES:
            verdict.lags = [round(float(value), 4) for value in correlation_by_lag(opening, wanted)]
            verdict.values["lag"] = best_lag(opening, wanted)
            lids = deviation_ratio(eye_opening(generated.landmarks), eye_opening(real.landmarks))
            verdict.values["lid_deviation"] = lids

    def _pixels(self, verdict: Verdict, faces: np.ndarray, reference: Reference) -> None:
        real, mouth = reference.faces, reference.lower_face
        few = spread(len(faces), SOME)
        similarity = ssim_map(faces[few], real[few])
        verdict.values.update(
            face_psnr=psnr(faces, real),
            mouth_psnr=psnr(faces, real, mouth),
            face_ssim=ssim(similarity),
            mouth_ssim=ssim(similarity, mouth[few]),
        )
        lpips = self.tools.get("LPIPS")
        if lpips is not None:
            verdict.values["mouth_lpips"] = lpips.mouth(faces[few], real[few])
            few = spread(len(faces), FEW)
            verdict.values["face_lpips"] = lpips.face(faces[few], real[few])

    def _close_up(self, verdict: Verdict, generated: TalkingVideo, aligner: np.ndarray, reference: Reference) -> None:
        """The mouth at 256 pixels a face."""
        lpips, cpbd = self.tools.get("LPIPS with AlexNet"), self.tools.get("sharpness")
        pictures = generated.close_up(aligner, spread(len(generated), SOME))
        if lpips is not None:
            verdict.values["mouth_lpips_256"] = lpips.mean(pictures, reference.close_up)
        if cpbd is not None:
            values = [
                [cpbd(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)) for one in p] for p in (pictures, reference.close_up)
            ]
            verdict.values["mouth_sharpness"] = float(np.mean(values[0]) / max(float(np.mean(values[1])), 1e-6))

    def _dlib(self, verdict: Verdict, generated: TalkingVideo, real: Reference) -> None:
        """Lips as another landmark detector reads them, against the real ones as it reads those."""
        read = self.tools.get("dlib's landmarks")
        if read is None:
            return
        if real.dlib is None:
            real.dlib = read(real.video.frames, real.video.landmarks)
        found = landmark_fidelity(real.dlib, read(generated.frames, generated.landmarks))
        if found is not None:
            verdict.values.update(dlib_correlation=found.correlation, dlib_slope=found.slope)

    def _identity(self, verdict: Verdict, generated: TalkingVideo, landmarks: np.ndarray, reference: Reference) -> None:
        encoder = self.tools.get("identity")
        if encoder is None:
            return
        from moditalker.metrics.identity import similarity

        if reference.identity is None:
            reference.identity = encoder(reference.video.frames[:1], reference.video.landmarks[:1])
        # The first frame is nearly the portrait itself.
        few = spread(len(generated) - 1, FEW) + 1
        verdict.values["identity"] = similarity(encoder(generated.frames[few], landmarks[few]), reference.identity)

    def _sharpness(
        self, verdict: Verdict, generated: TalkingVideo, landmarks: np.ndarray, reference: Reference
    ) -> None:
        cpbd = self.tools.get("sharpness")
        if cpbd is None:
            return
        alike = generated.frames.shape[1:] == reference.video.frames.shape[1:]
        side = _face_side(reference.video.landmarks[0] if alike else landmarks[0], generated.frames.shape[1:3])
        if side > 0:
            few = spread(len(generated), SOME)
            pictures = [_around(generated.frames[index], landmarks[index], side) for index in few]
            verdict.values["sharpness"] = float(np.mean([cpbd(picture) for picture in pictures]))

    @staticmethod
    def _flicker(verdict: Verdict, generated: TalkingVideo, reference: Reference) -> None:
        own = flicker(generated.aligned_by(steadied(generated.landmarks)))
        verdict.values["flicker"] = own / max(reference.flicker, 1e-6)

    def _sync(self, verdict: Verdict, generated: TalkingVideo) -> None:
        found = self._sync_score(generated.aligned_by(generated.landmarks), generated.audio)
        if found is None:
            return
        verdict.values.update(
            sync_confidence=found.confidence,
            sync_distance=found.distance,
            sync_offset=found.offset,
            sync_within_one=float(abs(found.offset) <= 1),
        )

    def follows_shifts(self, video: TalkingVideo) -> float | None:
        """Share of shifts of the sound, -8 to 8 frames, that the lip-sync expert finds within one frame.

        Args:
            video: real, at least 50 frames with their sound.
        Returns:
            0 to 1; None when there is no expert.
        """
        faces = video.aligned_by(video.landmarks)
        found = []
        for shift in SHIFTS:
            span = slice(max(0, shift), len(video) + min(0, shift))
            score = self._sync_score(faces[span], video.part(span.start, span.stop, late=shift).audio)
            if score is None:
                return None
            found.append(score.offset)
        moved = np.array(found) - found[SHIFTS.index(0)]
        return float((np.abs(moved - np.array(SHIFTS)) <= 1).mean())

    def _sync_score(self, faces: np.ndarray, audio: np.ndarray) -> Any:
        """The expert's score; None where there is less than a second to judge, or no expert."""
        score = self.tools.get("lip-sync")
        if score is None or min(len(faces), len(audio) // SAMPLES_A_FRAME) < FPS:
            return None
        return score(faces, audio)

    def features(self, verdict: Verdict, faces: np.ndarray) -> None:
        """Add what the Fréchet distances are computed from, of (T, 128, 128, 3) uint8."""
        frames = self.tools.get("Fréchet distance of frames")
        if frames is not None:
            verdict.features["frames"] = frames(faces[spread(len(faces), FEW)])
        clip = self.tools.get("Fréchet distance of clips")
        if clip is not None:
            verdict.features["clips"] = clip(faces[:CLIP_FRAMES])


def _face_side(landmarks: np.ndarray, size: tuple[int, ...]) -> int:
    """Side of a square that holds a face, in whole blocks of CPBD; 0 where the picture is smaller than a block."""
    wanted = -(-1.1 * float(np.ptp(landmarks[:, :2], axis=0).max()) // _BLOCK) * _BLOCK
    return min(int(wanted), min(size) // _BLOCK * _BLOCK)


def _around(frame: np.ndarray, landmarks: np.ndarray, side: int) -> np.ndarray:
    """(side, side) uint8, grey: the face at the frame's own resolution, for a still background says nothing."""
    height, width = frame.shape[:2]
    low = np.clip(landmarks[:, :2].mean(0) - side / 2, 0, [width - side, height - side])
    x, y = low.round().astype(int)
    return cv2.cvtColor(np.ascontiguousarray(frame[y : y + side, x : x + side]), cv2.COLOR_RGB2GRAY)
