"""Pieces of a video while it is being made, for programs: the `/stream` endpoint."""

import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np
import spaces

from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.live import Piece, pieces
from moditalker.options import DEFAULTS
from moditalker.ui.animate.request import LARGEST, NEW_SEED, Job, Request, accept
from moditalker.ui.animate.studio import gpu_seconds
from moditalker.ui.shared.endpoint import add_endpoint, followed
from moditalker.ui.shared.line import Line, Waiting
from moditalker.ui.shared.operator_metrics import UNCOUNTED, Metrics
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.work import (
    BEAT_SECONDS,
    Events,
    do_work,
    raise_if_cancelled,
    raise_if_it_failed,
)
from moditalker.ui.shared.workspace import Workspace
from moditalker.video.write import VideoWriter

PIECE_FRAMES = FPS
"""A piece has at least so many frames, but for the last: players want a second or more."""

STREAM_CONTROLS = (
    "head_motion",
    "crop",
    "mtov_steps",
    "guidance",
    "lip_scale",
    "head_scale",
    "blink_scale",
    "seed",
)
LATER_CONTROLS = "gaze_scale", "style"
"""Which of the page's controls `/stream` takes: before the face and the voice, and after them, in the order of its
parameters."""


@dataclass(frozen=True)
class PieceEvent:
    """A piece that can be played.

    Attributes:
        video: MP4 with its sound.
        report: number of the piece, its first frame and its frames, seconds since the start, the seed.
    """

    video: Path
    report: dict[str, Any]


class StreamStudio:
    """Carries requests for streams out, in the same line as all others.

    Args:
        pipeline: what streams.
        settings: limits.
        workspace: where the requests' folders are.
        line: where requests wait for their turn.
        metrics: for the operator.
    """

    def __init__(
        self, pipeline: Any, settings: Settings, workspace: Workspace, line: Line, metrics: Metrics = UNCOUNTED
    ) -> None:
        self._pipeline, self._settings, self._workspace = pipeline, settings, workspace
        self._line, self._metrics = line, metrics
        self._engine = ThreadPoolExecutor(settings.running, "stream")
        self._produce = spaces.GPU(duration=gpu_seconds)(self._produce_here)

    def make(self, request: Request) -> Generator[Waiting | PieceEvent | None, None, None]:
        """Carry a request out.

        Yields:
            ``Waiting`` while others come before, ``PieceEvent`` for each piece, None as a sign of life between them.
        Raises:
            InputError: the request cannot be carried out, or too many wait already.
            MachineError: something failed here.
        """
        with self._metrics.request("stream"), self._line.place() as place, self._workspace.folder() as folder:
            job = accept(request, self._settings)
            yield from place.wait(BEAT_SECONDS)
            # Named, so that a visitor who leaves gives the folder up before the iterator ends, see `do_work`.
            produced = self._produce(job, folder)
            for kind, content in produced:
                raise_if_it_failed(kind, content)
                yield PieceEvent(folder / content["file"], content["report"]) if kind == "piece" else None
            self._metrics.made("stream", {}, job.seconds)

    def _produce_here(self, job: Job, folder: Path) -> Generator[tuple[str, Any], None, None]:
        yield from do_work(self._engine, folder, "A stream", lambda events: self._stream(job, folder, events))

    def _stream(self, job: Job, folder: Path, events: Events) -> None:
        request, sound = job.request, job.recording.samples
        made = pieces(
            self._pipeline,
            str(request.portrait),
            _listened(sound, folder),
            mark=self._settings.mark,
            guidance=request.guidance,
            mtov_steps=request.mtov_steps,
            seed=request.seed,
            head_motion=request.head_motion,
            face=int(request.face) or None,
            crop=request.crop,
            lip_scale=request.lip_scale,
            head_scale=request.head_scale,
            blink_scale=request.blink_scale,
            gaze_scale=request.gaze_scale,
            style=request.style,
        )
        started, number, first = time.perf_counter(), 0, 0
        with closing(made):
            for frames in _gathered(made):
                raise_if_cancelled(folder)
                path = folder / f"piece-{number:04d}.mp4"
                own = job.recording.part(first / FPS, (first + len(frames)) / FPS)
                height, width = frames.shape[1:3]
                with VideoWriter(path, (width, height), FPS, own.original, own.original_rate) as writer:
                    for frame in frames:
                        writer.write(frame)
                report = {
                    "piece": number,
                    "first_frame": first,
                    "frames": len(frames),
                    "seconds": round(time.perf_counter() - started, 3),
                    "seed": request.seed,
                }
                events.put(("piece", {"file": path.name, "report": report}))
                number, first = number + 1, first + len(frames)


def _listened(sound: np.ndarray, folder: Path) -> Iterator[np.ndarray]:
    """Second by second, so that a request that was given up ends soon."""
    for start in range(0, len(sound), SAMPLE_RATE):
        raise_if_cancelled(folder)
        yield sound[start : start + SAMPLE_RATE]


def _gathered(made: Iterator[Piece]) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    for piece in made:
        waiting.append(piece.frames)
        if sum(map(len, waiting)) >= PIECE_FRAMES:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)


class StreamEndpoint:
    """The endpoint `/stream`.

    Args:
        studio: what carries requests out.
        settings: limits.
    """

    def __init__(self, studio: StreamStudio, settings: Settings) -> None:
        self._studio, self._settings = studio, settings

    def build(self, inputs: list[Any]) -> None:
        """Add it to the `gr.Blocks` that is open.

        Args:
            inputs: components of the parameters of `stream`, in their order.
        """
        outputs = [gr.Video(label="A piece of the video", visible=False), gr.JSON(label="The piece", visible=False)]
        add_endpoint(self.stream, inputs, outputs, self._settings.running)

    def stream(
        self,
        portrait: str | None,
        audio: str | None = None,
        text: str = "",
        consent: bool = False,
        head_motion: Literal["natural", "still"] = "natural",
        crop: Literal["full", "face"] = "full",
        mtov_steps: int = DEFAULTS.mtov_steps,
        guidance: float = DEFAULTS.guidance,
        lip_scale: float = 1.0,
        head_scale: float = 1.0,
        blink_scale: float = 1.0,
        seed: int = NEW_SEED,
        face: int = LARGEST,
        voice: str = DEFAULT_VOICE,
        gaze_scale: float = 0.0,
        style: str | None = None,
    ) -> Generator[list[Any], None, None]:
        """Like /animate, but hands out the video in pieces of a second and more while it is being made.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).
            audio: speech of up to 60 seconds (WAV, MP3, FLAC, OGG, M4A, or a video, of which the sound track is taken).
            text: text to be spoken by a synthetic voice, in its language, instead of audio.
            consent: true says that you may use this face and this voice; nothing is made without it.
            head_motion: "natural" or "still".
            crop: "full" for the whole picture, "face" for the face alone.
            mtov_steps: denoising steps of the motion-to-video model, 0 to 25.
            guidance: how closely the lips follow the speech, 1 to 4; 1 is none and the fastest.
            lip_scale: how far the lips move, 0 to 2; 1 is as in real speech.
            head_scale: how far the head moves, 0 to 2.
            blink_scale: how far the eyes close in a blink, 0 to 2.
            seed: the same seed gives the same video; -1 draws a new one.
            face: which face of the portrait speaks, counted from the left and from 1; 0 is the largest.
            voice: name of the synthetic voice.
            gaze_scale: how far the eyes wander, 0 to 2; 1 is as in clips of talkers.
            style: a video of somebody who talks, about ten seconds, whose manner brows, lids, head and smile take on.

        Returns:
            The newest piece, an MP4 with its sound.
            What it is: its number, its first frame, its frames, seconds since the start, the seed.
        """
        request = Request(
            portrait,
            audio,
            text or "",
            consent,
            head_motion,
            None,
            crop,
            mtov_steps=mtov_steps,
            guidance=guidance,
            lip_scale=lip_scale,
            head_scale=head_scale,
            blink_scale=blink_scale,
            seed=NEW_SEED if seed is None else int(seed),
            face=int(face or LARGEST),
            voice=voice or DEFAULT_VOICE,
            gaze_scale=gaze_scale,
            style=style,
        )
        with refusals(portrait, audio, style), closing(self._studio.make(request)) as made:
            yield from followed(made, 2, _piece_of)


def _piece_of(event: Any) -> list[Any] | None:
    return [str(event.video), event.report] if isinstance(event, PieceEvent) else None
