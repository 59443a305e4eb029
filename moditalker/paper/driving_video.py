"""Pose frames from a driving video, as the published system has them: the head of the video, laid on the landmarks."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from moditalker.constants import FPS
from moditalker.face.driver_check import LOOKS_A_SECOND, turned, turns_of
from moditalker.face.geometry import aligned_face, umeyama
from moditalker.face.layout import STABLE
from moditalker.face.motion_controls import fit_length
from moditalker.face.tracker import FaceTracker
from moditalker.paper.head_square import crop_matrix, into_crop
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

_MAX_SIDE = 512


class DrivingVideo:
    """The head of a video, square by square; plays forwards and backwards until all frames have one.

    Args:
        video: file.
        tracker: finds the face in it.
        frames: how many are wanted.
        size: side of the squares, pixels.
    Raises:
        InputError: it cannot be read, shows no face, or more than one.
    """

    def __init__(self, video: Path, tracker: FaceTracker, frames: int, size: int) -> None:
        if not video.is_file():
            raise InputError(f"There is no driving video at {video}.")
        turns = turns_of(read_video(video, fps=LOOKS_A_SECOND, max_side=_MAX_SIDE), tracker)

        def frames_of_it() -> Iterator[np.ndarray]:
            return turned(read_video(video, fps=FPS, max_side=_MAX_SIDE), turns)

        landmarks = tracker.track(frames_of_it())
        first = next(frames_of_it())
        matrix = crop_matrix(landmarks, first.shape[0], first.shape[1], size)
        self._landmarks = into_crop(landmarks, matrix)
        used = range(min(frames, len(landmarks)))
        pictures = zip(used, frames_of_it(), strict=False)
        self._pictures = [aligned_face(picture, matrix, size) for _, picture in pictures]
        order = np.arange(len(landmarks), dtype=np.float32)[:, None]
        self._order = fit_length(order, frames)[:, 0].astype(int)

    def __call__(self, span: slice, landmarks: np.ndarray) -> torch.Tensor:
        """Frames of a span, each moved so that its face lies where the landmarks have it; see ``PoseFrames``."""
        size = self._pictures[0].shape[0]
        placed = []
        for index, points in zip(range(span.start, span.stop), landmarks, strict=True):
            # The last block reaches beyond the last frame.
            source = int(self._order[min(index, len(self._order) - 1)])
            scale, rotation, shift = umeyama(self._landmarks[source, STABLE, :2], points[STABLE, :2])
            matrix = np.concatenate([scale * rotation, shift[:, None]], -1).astype(np.float32)
            picture = self._pictures[source]
            placed.append(cv2.warpAffine(picture, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE))
        return torch.from_numpy(np.stack(placed)).permute(3, 0, 1, 2)
