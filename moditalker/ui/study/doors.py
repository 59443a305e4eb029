"""What a study's server lets in: pages and files are read, and a rater's six requests are made; nothing else."""

import json
from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moditalker.utils.errors import InputError

MAX_BYTES = 16_384
"""Of a request; an answer has fewer than 500."""


class StudyDoors:
    """An ASGI middleware in front of Gradio, which would take files, events and logins from everybody.

    Args:
        app: what is behind it.
        requests: number of arguments of what may be posted, by its path.
    """

    def __init__(self, app: ASGIApp, requests: Mapping[str, int]) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a sentence and a 4xx status."""
        if scope["type"] == "lifespan" or scope.get("method") in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/")
        if scope["type"] != "http" or scope["method"] != "POST" or path not in self._requests:
            await _refuse("This server takes the answers to its study and nothing else.", 404)(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await _refuse(f"A request has at most {MAX_BYTES} bytes: send less.", 413)(scope, receive, send)
            return
        try:
            kept = json.dumps({"data": _arguments(body, self._requests[path])}).encode()
        except InputError as error:
            await _refuse(str(error), 422)(scope, receive, send)
            return
        replaced = (b"content-length", b"content-type")
        headers = [header for header in scope["headers"] if header[0] not in replaced]
        headers += [(b"content-length", str(len(kept)).encode()), (b"content-type", b"application/json")]

        async def again() -> Message:
            nonlocal kept
            if kept:
                message, kept = {"type": "http.request", "body": kept, "more_body": False}, b""
                return message
            return await receive()

        await self._app({**scope, "headers": headers}, again, send)


def _refuse(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)


async def _body(receive: Receive) -> bytes | None:
    """All of a request's body, or None when it is too long; the rest of it is not read."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > MAX_BYTES:
            return None
    return body


def _arguments(body: bytes, count: int) -> list[object]:
    """The arguments in a body, which may have other entries for Gradio; those are not passed on.

    Raises:
        InputError: there are others, or none.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError('The body is not JSON: send {"data": [...]}.') from error
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, list) or len(data) != count:
        raise InputError(f'The body must be {{"data": [...]}} with {count} arguments: send that.')
    return data
