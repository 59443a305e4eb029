"""A Gradio server as a method: sends the portrait and the recording there and waits for a video.

Every way in which another machine fails ends in one sentence within a known time.
"""

import logging
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from itertools import repeat
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import urlparse

import httpx
import httpx2
from gradio_client import Client, handle_file
from gradio_client.client import Job
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError, TooManyRequestsError

from moditalker.audio.load import load_audio
from moditalker.baselines.conform import conform
from moditalker.baselines.frame_writing import write_frames
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.baselines.spaces.space_file import SpaceDescription
from moditalker.face.picture import load_portrait
from moditalker.pipeline import frame_count
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.utils.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
"""Between two looks at whether it is done, and whether anybody still waits."""
PAUSE_SECONDS = 2.0
"""Before the first new attempt; twice as long before each later one."""
LOOK_SECONDS = 3.0
"""For `available`: a list of methods must not wait for a machine that is down."""
_QUIET_SECONDS = 30.0
_STAGE = "waiting for another machine"
T = TypeVar("T")


class _UnreachableError(Exception):
    """Worth another attempt: not reached, or busy."""


class RemoteSpace:
    """Makes videos by a Gradio server.

    Args:
        description: of the server.
    """

    def __init__(self, description: SpaceDescription) -> None:
        self._told = description
        self.facts = Facts(
            description.name,
            description.title,
            description.what,
            description.licence,
            f"the Gradio server {description.server}",
            description.server,
        )

    def available(self) -> str | None:
        """Whether the server answers within three seconds."""
        server = self._told.server
        address = server if urlparse(server).scheme else f"https://huggingface.co/api/spaces/{server}"
        try:
            answer = httpx.get(address, timeout=LOOK_SECONDS, follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL):
            return f"{server} does not answer from here: try later, or name another server for {self._told.title}."
        if answer.is_success:
            return None
        return f"{server} answers with HTTP {answer.status_code}: name another server for {self._told.title}."

    def make(self, portrait: Path, audio: Path, output: Path, options: Options, progress: Progress) -> Made:
        """See ``Method.make``; its seconds have the other machine's queue in them."""
        clock = Stopwatch()
        with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
            with clock("remote"):
                arguments, named = self._filled(portrait, audio, options, Path(scratch))
                video = self._fetched(arguments, named, Path(scratch), progress)
            warnings = conform(video, audio, output, options, progress)
        return Made({"remote": round(clock.seconds["remote"], 3)}, warnings)

    def _filled(self, portrait: Path, audio: Path, options: Options, scratch: Path) -> tuple[list[Any], dict[str, Any]]:
        """What is sent, the request's own in its places."""

        def still_video() -> Any:
            path, samples = scratch / "portrait.mp4", load_audio(audio)
            picture, count = load_portrait(portrait), frame_count(samples)
            write_frames(path, repeat(picture[None], count), samples, count, Options(), lambda *_: None, {})
            return handle_file(str(path))

        places: dict[str, Callable[[], Any]] = {
            "$portrait": lambda: handle_file(str(portrait)),
            "$portrait_video": still_video,
            "$audio": lambda: handle_file(str(audio)),
            "$seed": lambda: options.seed,
        }

        def fill(value: Any) -> Any:
            return places[value]() if isinstance(value, str) and value in places else value

        named = self._told.parameters or {}
        return [fill(value) for value in self._told.arguments], {key: fill(value) for key, value in named.items()}

    def _fetched(self, arguments: list[Any], named: dict[str, Any], scratch: Path, progress: Progress) -> Path:
        """The video file that the server made; attempts again where that can help."""
        told, deadline = self._told, time.monotonic() + self._told.timeout_seconds
        for attempt in range(told.retries + 1):
            try:
                return self._attempt(arguments, named, scratch, deadline, progress)
            except _UnreachableError as error:
                logger.info("%s, attempt %d: %s", told.server, attempt + 1, error)
                pause = PAUSE_SECONDS * 2**attempt
                if attempt == told.retries or time.monotonic() + pause > deadline:
                    raise InputError(
                        f"{told.title} could not be reached at {told.server}: {error}; try later."
                    ) from error
                again = time.monotonic() + pause
                while time.monotonic() < again:
                    progress(_STAGE, attempt + 1, told.retries + 1)
                    time.sleep(min(BEAT_SECONDS, pause))
        raise AssertionError("the last attempt returns or raises")

    def _attempt(
        self, arguments: list[Any], named: dict[str, Any], scratch: Path, deadline: float, progress: Progress
    ) -> Path:
        told = self._told

        def submit() -> Job:
            seconds = told.connect_seconds
            client = Client(
                told.server,
                verbose=False,
                analytics_enabled=False,
                download_files=scratch,
                # A running job's stream says something every 15 seconds.
                httpx_kwargs={"timeout": httpx.Timeout(seconds, read=max(seconds, _QUIET_SECONDS))},
            )
            return client.submit(*arguments, **named, api_name=told.endpoint)

        try:
            # Apart: the client waits for a Space that is being built for as long as that takes.
            job = self._awaited(_started(submit), deadline, progress)
        except (httpx.HTTPError, httpx2.HTTPError, OSError) as error:
            raise _UnreachableError("it does not answer") from error
        # ValueError is what the client raises for a Space that sleeps or failed, and for an endpoint that is not there.
        except ValueError as error:
            _pass_on(error)
            raise InputError(
                f"{told.title} at {told.server} cannot be used ({_first_line(error)}): correct its TOML file, or try "
                "later."
            ) from error
        try:
            outputs = self._awaited(job, deadline, progress)
        except (QueueError, TooManyRequestsError) as error:
            raise _UnreachableError("it is busy") from error
        except (httpx.HTTPError, httpx2.HTTPError, ConnectionError) as error:
            raise _UnreachableError("the connection broke") from error
        except AppError as error:
            raise InputError(f"{told.title} at {told.server} refused or failed: {_first_line(error)}") from error
        except (ValueError, TypeError) as error:
            _pass_on(error)
            raise InputError(
                f"{told.title} at {told.server} does not take what its TOML file sends: {_first_line(error)}"
            ) from error
        finally:
            if not job.done():
                job.cancel()
        return self._video(outputs)

    def _awaited(self, future: "Future[T]", deadline: float, progress: Progress) -> T:
        """A future's result; InputError when the deadline passes first."""
        while True:
            # Before anything else: what the caller raises here ends the request.
            progress(_STAGE, 0, 1)
            if wait([future], BEAT_SECONDS).done:
                return future.result()
            if time.monotonic() > deadline:
                raise InputError(
                    f"{self._told.title} at {self._told.server} was not done within {self._told.timeout_seconds:g} s: "
                    "try later, or raise timeout_seconds in its TOML file."
                )

    def _video(self, outputs: Any) -> Path:
        """Which of the outputs is the video."""
        told, found = self._told, outputs
        first, *steps = str(told.result).split(".")
        if isinstance(found, (list, tuple)):
            found = found[int(first)] if first.isdigit() and int(first) < len(found) else None
        for step in steps:
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, dict):
            found = found.get("video", found.get("path"))
        if not isinstance(found, str) or not Path(found).is_file():
            raise InputError(
                f"{told.title} at {told.server} gave no video as its result {told.result}: correct result in its TOML "
                "file."
            )
        return Path(found)


def _started(call: Callable[[], T]) -> "Future[T]":
    """A call in a thread that does not hold the program back when it never ends."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        # Whatever it is, whoever asks for the result gets it.
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def _pass_on(error: Exception) -> None:
    """Raise an `InputError`, which is a ValueError too, as it is."""
    if isinstance(error, InputError):
        raise error


def _first_line(error: Exception) -> str:
    """What another machine says, short enough for a sentence."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return said if len(said) <= 200 else f"{said[:200]} ..."
