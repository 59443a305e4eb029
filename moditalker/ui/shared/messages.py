"""The body of an HTTP request, read before Gradio sees it, and the answer where it is refused."""

import json
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope

from moditalker.utils.errors import InputError


def refusal(sentence: str, status: int) -> JSONResponse:
    """A sentence as the answer."""
    told: dict[str, Any] = {"error": sentence}
    if status == 422:
        # In the form that Gradio's own clients show.
        told["detail"] = [{"__type__": "validate", "is_valid": False, "message": sentence, "parameter_name": "request"}]
    return JSONResponse(told, status)


async def body_of(receive: Receive, most: int) -> bytes | None:
    """All of a request's body, or None when it has more bytes than ``most``; the rest of it is not read."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > most:
            return None
    return body


def parsed(body: bytes) -> Any:
    """What a body of JSON says.

    Raises:
        InputError: it is no JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("The body is not JSON: send a JSON object.") from error


def check_plain(message: Any) -> None:
    """Raise an `InputError` for NaN and infinity, which JSON does not have, and for a text that no file takes."""
    try:
        json.dumps(message, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError("A number in the request is not finite, or a text is not Unicode: correct it.") from error


def with_body(scope: Scope, receive: Receive, message: Any) -> tuple[Scope, Receive]:
    """The same request with another body."""
    kept = json.dumps(message).encode()
    replaced = (b"content-length", b"content-type", b"transfer-encoding")
    headers = [header for header in scope["headers"] if header[0] not in replaced]
    headers += [(b"content-length", str(len(kept)).encode()), (b"content-type", b"application/json")]

    async def again() -> Message:
        nonlocal kept
        if kept:
            first, kept = {"type": "http.request", "body": kept, "more_body": False}, b""
            return first
        return await receive()

    return {**scope, "headers": headers}, again
