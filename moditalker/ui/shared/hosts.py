"""By which names a server may be called, and from which pages.

A page elsewhere can have its own name point at 127.0.0.1 and then read what a server there answers (DNS rebinding), or
send requests to it from a visitor's browser. So both the name of the host and the origin of the page are looked at.
"""

import os
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from moditalker.ui.shared.messages import refusal
from moditalker.utils.errors import InputError

HOSTS = "MODITALKER_HOSTS"
"""Environment variable: names separated by commas, such as ``talk.example.org`` or ``*.example.org``; ``*`` for any."""
POLICY_VIOLATION = 1008
"""Of RFC 6455: why a socket is closed."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def server_name() -> str:
    """The address that the server listens at, as Gradio reads it."""
    return os.environ.get("GRADIO_SERVER_NAME") or LOOPBACK[0]


def host_checks(address: str) -> list[Middleware]:
    """What looks at the host and the origin of each request.

    Without `HOSTS`, a server that listens on this machine alone answers to this machine's own names. One that others
    reach answers to any name, as nobody but its operator knows them: a Space does.

    Args:
        address: that the server listens at.

    Raises:
        InputError: `HOSTS` cannot be used.
    """
    given = [name.strip().lower() for name in os.environ.get(HOSTS, "").split(",") if name.strip()]
    for name in given:
        if name != "*" and ("*" in name.removeprefix("*.") or "/" in name or ":" in name):
            raise InputError(f"{HOSTS} has {name!r}: give names such as talk.example.org or *.example.org, no ports.")
    if not given and (address not in (*LOOPBACK, "::1") or os.environ.get("SPACE_ID")):
        given = ["*"]
    if "*" in given:
        return []
    # The server asks itself too, by the address that it listens at.
    hosts = [*LOOPBACK, address, *given]
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(SameOrigin, others=given),
    ]


class SameOrigin:
    """An ASGI middleware that refuses what another site's page sends.

    Args:
        app: what is behind it.
        others: hosts whose pages may.
    """

    def __init__(self, app: ASGIApp, others: list[str]) -> None:
        self._app, self._others = app, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403; a socket too, as browsers open one to any site."""
        headers = dict(scope.get("headers", []))
        origin = headers.get(b"origin", b"").decode("latin-1")
        asks = scope["type"] in ("http", "websocket")
        if not asks or not origin or self._may(origin, headers.get(b"host", b"").decode("latin-1")):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        sentence = f"Pages of {origin[:60]} may not use this server: its operator can name them in {HOSTS}."
        await refusal(sentence, 403)(scope, receive, send)

    def _may(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        name = parts.hostname or ""
        listed = any(name == one or (one.startswith("*.") and name.endswith(one[1:])) for one in self._others)
        return listed or (parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower())
