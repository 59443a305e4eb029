"""The WebSocket `/live`: PCM comes in, fragmented MP4 goes out."""

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

import spaces.config
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from moditalker.atom.spoken_parts import manner_for
from moditalker.atom.style import Manner
from moditalker.portrait import Portrait
from moditalker.ui.animate.request import check_video
from moditalker.ui.live.opening import Opening, read_opening
from moditalker.ui.live.session import Session
from moditalker.ui.shared.hosts import POLICY_VIOLATION
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.operator_metrics import UNCOUNTED, Metrics
from moditalker.ui.shared.refusal import FAILED
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import AbandonedError, InputError
from moditalker.utils.progress import unasked

logger = logging.getLogger(__name__)

PATH = "/live"
MAX_IDLE_SECONDS = 10.0
_OPENING_SECONDS, _TAKING_SECONDS = 30.0, 30.0
"""How long a client may take to say what it wants, and to take a part of the video."""
_FAILED = 1011
"""Of RFC 6455: the server cannot go on."""


class LiveSocket:
    """Carries live sessions, in the same line as all other requests.

    Args:
        pipeline: what streams.
        settings: limits.
        workspace: where a portrait lies until it is encoded.
        line: where each turn waits.
        metrics: for the operator.
    """

    def __init__(
        self, pipeline: Any, settings: Settings, workspace: Workspace, line: Line, metrics: Metrics = UNCOUNTED
    ) -> None:
        self._pipeline, self._settings, self._workspace = pipeline, settings, workspace
        self._line, self._metrics = line, metrics
        self._most = settings.running + settings.waiting
        self._sessions = 0
        # Threads that stay, see `Studio`.
        self._engine = ThreadPoolExecutor(self._most, "live")

    @property
    def route(self) -> WebSocketRoute:
        """For the server of the page."""
        return WebSocketRoute(PATH, self.serve)

    async def serve(self, socket: WebSocket) -> None:
        """One client, until it has what it asked for, leaves, or is refused."""
        await socket.accept()
        self._sessions += 1
        try:
            await self._serve(socket)
        except InputError as error:
            logger.info("A live session was refused: %s", error)
            await _close(socket, {"event": "refused", "sentence": str(error)}, POLICY_VIOLATION)
        except (AbandonedError, WebSocketDisconnect):
            logger.info("A live session was given up")
        # Whatever it is, the client must hear of it; the log has the rest.
        except Exception:
            logger.exception("A live session failed")
            await _close(socket, {"event": "failed", "sentence": FAILED}, _FAILED)
        finally:
            self._sessions -= 1

    async def _serve(self, socket: WebSocket) -> None:
        if spaces.config.Config.zero_gpu:
            raise InputError("This server borrows its GPU for one request at a time: use the Animate tab.")
        if not hasattr(self._pipeline, "stream"):
            raise InputError("This preset draws whole recordings only; choose the compact preset to stream.")
        if self._sessions > self._most:
            raise InputError(f"This server is busy: {self._most} visitors are live. Try again in a few minutes.")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_OPENING_SECONDS):
                opening = read_opening(await _text(socket))
                most = self._settings.max_file_megabytes
                picture = await _bytes(socket, most, "second", "portrait")
                clip = await _bytes(socket, most, "third", "video for the style") if opening.style else None
        except TimeoutError as error:
            raise InputError("Nothing was asked for: send the options as JSON, then the portrait.") from error
        portrait = await loop.run_in_executor(self._engine, self._encoded, picture, opening)
        warnings = list(portrait.warnings)
        style = None if clip is None else await loop.run_in_executor(self._engine, self._style, clip, warnings)

        def send(event: dict[str, Any] | bytes) -> None:
            sent = asyncio.run_coroutine_threadsafe(_send(socket, event), loop)
            try:
                sent.result(_TAKING_SECONDS)
            # Gone, or too slow to be waited for.
            except (WebSocketDisconnect, RuntimeError, Late) as error:
                raise AbandonedError from error

        session = Session(self._pipeline, portrait, opening, self._settings, self._line, self._metrics, send, style)
        height, width = portrait.picture.shape[:2]
        ready = {"event": "ready", "width": width, "height": height, "warnings": warnings}
        await _send(socket, ready)
        listening = asyncio.create_task(self._listen(socket, session))
        try:
            await loop.run_in_executor(self._engine, session.run)
        finally:
            session.leave()
            listening.cancel()
        await _close(socket, {"event": "ended"}, 1000)

    def _encoded(self, picture: bytes, opening: Opening) -> Portrait:
        with self._workspace.folder() as folder:
            path = Path(folder) / "portrait"
            path.write_bytes(picture)
            encoded: Portrait = self._pipeline.encode_portrait(path, opening.crop, opening.face)
            # Needed for every frame, and found while the client waits anyway.
            _ = encoded.backdrop
            if opening.gaze_scale > 0:
                _ = encoded.irises
            return encoded

    def _style(self, clip: bytes, warnings: list[str]) -> Manner | None:
        with self._workspace.folder() as folder:
            path = Path(folder) / "style"
            path.write_bytes(clip)
            check_video("style", path, self._settings)
            return manner_for(self._pipeline, path, warnings.append, unasked)

    async def _listen(self, socket: WebSocket, session: Session) -> None:
        """Hand on what the client says, until it leaves."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    session.leave()
                    return
                try:
                    # Elsewhere, as a network looks at the sound.
                    await loop.run_in_executor(None, _hand_on, session, message)
                except InputError as error:
                    await _send(socket, {"event": "refused", "sentence": str(error)})
        except RuntimeError:
            session.leave()


def _hand_on(session: Session, message: Any) -> None:
    """Tell the session what the client says.

    Raises:
        InputError: it cannot be used.
    """
    if (data := message.get("bytes")) is not None:
        session.hear(data)
        return
    try:
        asked = json.loads(message["text"])
    except ValueError as error:
        raise InputError("The message is not JSON: send {...}, or PCM as bytes.") from error
    match asked:
        case {"end": True}:
            session.end()
        case {"say": str(text)}:
            session.say(text)
        case {"idle": int(seconds) | float(seconds)} if 0 < seconds <= MAX_IDLE_SECONDS:
            session.idle(seconds)
        case _:
            raise InputError(
                f'The message says nothing known: send {{"say": TEXT}}, {{"idle": SECONDS}} up to '
                f'{MAX_IDLE_SECONDS:.0f}, or {{"end": true}}.'
            )


async def _text(socket: WebSocket) -> str:
    text = (await _received(socket)).get("text")
    if text is None:
        raise InputError("The first message must be the options as JSON, in a text message: send that.")
    return str(text)


async def _bytes(socket: WebSocket, megabytes: int, which: str, what: str) -> bytes:
    data = (await _received(socket)).get("bytes")
    if not data:
        raise InputError(f"The {which} message must be the {what}'s file, in a binary message: send that.")
    if len(data) > megabytes * 1_000_000:
        raise InputError(f"The {what} has more than {megabytes} MB: send a smaller file.")
    return bytes(data)


async def _received(socket: WebSocket) -> Any:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise AbandonedError
    return message


async def _send(socket: WebSocket, event: dict[str, Any] | bytes) -> None:
    if isinstance(event, bytes):
        await socket.send_bytes(event)
    else:
        await socket.send_text(json.dumps(event))


async def _close(socket: WebSocket, last: dict[str, Any], code: int) -> None:
    """Say a last word and close, where there still is somebody."""
    if socket.client_state == socket.application_state == WebSocketState.CONNECTED:
        try:
            await _send(socket, last)
            await socket.close(code)
        except (RuntimeError, WebSocketDisconnect):
            logger.info("A client of /live left before its last word")
