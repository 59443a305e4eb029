"""What a link to the page looks like elsewhere: title, text and picture, where Gradio would tell of itself."""

import re
from html import escape
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GRADIO_S = re.compile(r'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>')


class LinkPreview:
    """An ASGI middleware that writes the page's head.

    Args:
        app: what is behind it.
        title, text: in the preview.
        picture: a file that Gradio serves.
    """

    def __init__(self, app: ASGIApp, title: str, text: str, picture: Path) -> None:
        self._app, self._title, self._text, self._picture = app, title, text, picture

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; of the page itself, the answer is changed."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        started: Message | None = None
        body = b""

        async def changed(message: Message) -> None:
            nonlocal started, body
            if message["type"] == "http.response.start":
                started = message
                return
            body += message.get("body", b"")
            if message.get("more_body", False):
                return
            assert started is not None
            headers = MutableHeaders(raw=started["headers"])
            page = self._written(body.decode(), Headers(scope=scope), scope).encode() if _is_page(headers) else body
            headers["content-length"] = str(len(page))
            await send(started)
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, changed)

    def _written(self, page: str, asked: Headers, scope: Scope) -> str:
        """The page with its own preview; addresses in it are whole, as they have to be."""
        scheme = asked.get("x-forwarded-proto", scope["scheme"]).split(",")[0]
        host = asked.get("x-forwarded-host", asked.get("host", ""))
        address = f"{scheme}://{host}{scope.get('root_path', '')}"
        told = {
            "og:title": self._title,
            "og:type": "website",
            "og:description": self._text,
            "og:url": f"{address}/",
            "og:image": f"{address}/gradio_api/file={self._picture}",
            "twitter:card": "summary_large_image",
        }
        tags = "".join(f'<meta property="{name}" content="{escape(value)}" />' for name, value in told.items())
        return _GRADIO_S.sub("", page).replace("</head>", f"{tags}</head>", 1)


def _is_page(headers: MutableHeaders) -> bool:
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
