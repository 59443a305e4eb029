"""The video of a request while it is drawn: a file that grows, and what hands it to a browser while it does.

Gradio's own way, `gr.Video(streaming=True)`, needs the programs ffmpeg and ffprobe, which nothing else here needs. A
fragmented MP4 in a chunked answer is played by browsers as it comes.
"""

import re
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import anyio
import numpy as np
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from moditalker.constants import FPS, SAMPLES_A_FRAME
from moditalker.ui.animate.request import Job
from moditalker.ui.shared.messages import refusal
from moditalker.ui.shared.work import Events
from moditalker.ui.shared.workspace import Workspace
from moditalker.video.fragments import FragmentWriter

LEAST_SECONDS = 2.0
"""A shorter video is there at once."""
_SAFE = 0.9
"""Of the speed that was measured: a machine may get busier."""
_ENDED = ".ended"
_ADDRESS = "/growing/{folder}/{file}"
_FOLDER, _FILE = re.compile(r"request-\w+"), re.compile(r"growing-[\w-]+\.mp4")
_LOOK_SECONDS, _PATIENCE_SECONDS, _READ_BYTES = 0.2, 60.0, 65_536


class GrowingVideo:
    """Writes frames as they are drawn, for `animate`'s ``on_frames``.

    Puts ("growing", (file name, seconds until it can be played to its end without a stop, seconds of video that are
    drawn in a second)) into the events; the file may be played from the first event with 0 seconds on.

    Args:
        job: whose sound goes with the frames.
        folder: the request's.
        events: of its work.
    """

    def __init__(self, job: Job, folder: Path, events: Events) -> None:
        self._sound, self._total, self._events = job.recording.samples, job.seconds, events
        # Whoever knows the name may see it.
        self._path = folder / f"growing-{secrets.token_urlsafe(16)}.mp4"
        self._file: BinaryIO | None = None
        self._writer: FragmentWriter | None = None
        self._started, self._first, self._ready = 0.0, 0, False

    def __call__(self, frames: np.ndarray) -> None:
        """Append (n, H, W, 3) uint8."""
        if self._total < LEAST_SECONDS:
            return
        if self._writer is None:
            height, width = frames.shape[1:3]
            self._file = self._path.open("wb", buffering=0)
            self._writer = FragmentWriter(self._file, (width, height), FPS)
            # The first frames waited for more than their own drawing.
            self._started, self._first = time.perf_counter(), len(frames)
        start = self._writer.frames * SAMPLES_A_FRAME
        self._writer.write(frames, self._sound[start : start + len(frames) * SAMPLES_A_FRAME])
        self._tell(self._writer.frames)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
            self._path.with_suffix(_ENDED).touch()

    def _tell(self, frames: int) -> None:
        if self._ready or frames == self._first:
            return
        speed = (frames - self._first) / FPS / max(time.perf_counter() - self._started, 1e-6)
        left = seconds_to_wait(frames / FPS, self._total, speed)
        self._ready = left == 0
        self._events.put(("growing", (self._path.name, left, speed)))


def seconds_to_wait(made: float, total: float, speed: float) -> float:
    """How long to wait until a video can be played to its end while the rest is drawn.

    Args:
        made: seconds of it that are there.
        total: seconds that it lasts.
        speed: seconds of it that are drawn in a second.
    """
    needed = max(min(1.0, total), total * (1 - _SAFE * speed))
    return max(0.0, needed - made) / speed


def growing_route(workspace: Workspace) -> Route:
    """Where browsers get the growing videos of a workspace."""

    async def growing(request: HttpRequest) -> Response:
        folder, file = request.path_params["folder"], request.path_params["file"]
        path = workspace.root / folder / file
        if not (_FOLDER.fullmatch(folder) and _FILE.fullmatch(file) and path.is_file()):
            return refusal("There is no such video any more: start it again.", 404)
        return StreamingResponse(_followed(path), media_type="video/mp4", headers={"Cache-Control": "no-store"})

    return Route(_ADDRESS, growing)


def address_of(video: Path) -> str:
    """Where a browser gets a growing video, from the page's address."""
    return _ADDRESS.format(folder=video.parent.name, file=video.name).lstrip("/")


async def _followed(path: Path) -> AsyncIterator[bytes]:
    """The content of a file, until its end is written or nothing more comes."""
    silent = 0.0
    with path.open("rb") as file:
        while silent < _PATIENCE_SECONDS:
            ended = path.with_suffix(_ENDED).exists() or not path.exists()
            if data := file.read(_READ_BYTES):
                silent = 0.0
                yield data
            elif ended:
                return
            else:
                silent += _LOOK_SECONDS
                await anyio.sleep(_LOOK_SECONDS)
