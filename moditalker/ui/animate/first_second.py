"""The first second of a video, while the rest is made."""

from pathlib import Path

import numpy as np

from moditalker.constants import FPS
from moditalker.ui.animate.request import Job
from moditalker.ui.shared.work import Events
from moditalker.video.write import VideoWriter

PREVIEW_SECONDS = 1.0


class FirstSecond:
    """Collects the frames of the first second and writes them as a video, for `animate`'s ``on_frames``.

    Recordings that last hardly longer get none.
    """

    def __init__(self, job: Job, folder: Path, events: Events) -> None:
        self._job, self._folder, self._events = job, folder, events
        self._frames: list[np.ndarray] = []
        self._missing = round(PREVIEW_SECONDS * FPS) if job.seconds >= 2 * PREVIEW_SECONDS else 0

    def __call__(self, frames: np.ndarray) -> None:
        if self._missing == 0:
            return
        taken = frames[: self._missing].copy()
        self._frames.append(taken)
        self._missing -= len(taken)
        if self._missing == 0:
            self._write(np.concatenate(self._frames))
            self._frames.clear()

    def _write(self, frames: np.ndarray) -> None:
        sound = self._job.recording.part(0, PREVIEW_SECONDS)
        path = self._folder / "first-second.mp4"
        height, width = frames.shape[1:3]
        with VideoWriter(path, (width, height), FPS, sound.original, sound.original_rate) as writer:
            for frame in frames:
                writer.write(frame)
        self._events.put(("preview", path.name))
