"""What a study's server lets in: pages and files are read, and a rater's six requests are made; nothing else."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from moditalker.ui.shared.messages import body_of, parsed, refusal, with_body
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
            await refusal("This server takes the answers to its study and nothing else.", 404)(scope, receive, send)
            return
        body = await body_of(receive, MAX_BYTES)
        if body is None:
            await refusal(f"A request has at most {MAX_BYTES} bytes: send less.", 413)(scope, receive, send)
            return
        try:
            message = {"data": _arguments(body, self._requests[path])}
        except InputError as error:
            await refusal(str(error), 422)(scope, receive, send)
            return
        await self._app(*with_body(scope, receive, message), send)


def _arguments(body: bytes, count: int) -> list[object]:
    """The arguments in a body, which may have other entries for Gradio; those are not passed on.

    Raises:
        InputError: there are others, or none.
    """
    message = parsed(body)
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, list) or len(data) != count:
        raise InputError(f'The body must be {{"data": [...]}} with {count} arguments: send that.')
    return data
