"""What the page's server lets in: what its page and its endpoints need, and nothing else that Gradio would answer."""

import difflib
import re
from typing import Any

from jsonschema import Draft202012Validator
from starlette.types import ASGIApp, Receive, Scope, Send

from moditalker.ui.shared.messages import body_of, check_plain, parsed, refusal, with_body
from moditalker.ui.shared.uploads import check_files
from moditalker.utils.errors import InputError

MAX_BYTES = 262_144
"""Of a request that is no upload; the longest that the page sends has a few thousand."""

_NAMED = re.compile(r"/gradio_api/(?P<way>call/v2|call|run|api)/(?P<name>[^/]+)/?")
_JOIN = re.compile(r"/gradio_api/queue/join/?")
_AS_IT_IS = re.compile(r"/gradio_api/(upload|cancel|reset)/?|/gradio_api/mcp(/.*)?")
# Gradio would fetch an address and hand on what it gets.
_ELSEWHERE = re.compile(r"/gradio_api/(file|proxy)[=/]\w+:/", re.IGNORECASE)


class _RefusedError(Exception):
    """A request that is not let in: a sentence, and the status of the answer."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class Doors:
    """An ASGI middleware in front of Gradio.

    Every path in a request goes through `uploads.uploaded_file`, whatever it is for. What a request for a named
    endpoint says is held against the schema that the endpoint publishes.

    Args:
        app: what is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._endpoints: dict[str, list[dict[str, Any]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a sentence and a 4xx status."""
        try:
            admitted = await self._admitted(scope, receive) if scope["type"] == "http" else (scope, receive)
        except _RefusedError as error:
            await refusal(str(error), error.status)(scope, receive, send)
        except InputError as error:
            await refusal(str(error), 422)(scope, receive, send)
        else:
            await self._app(*admitted, send)

    async def _admitted(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """A request as it is passed on.

        Raises:
            _RefusedError: it is for nothing that this server has, or too long.
            InputError: what it says cannot be used.
        """
        path = scope["path"]
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            if _ELSEWHERE.match(path):
                raise _RefusedError("This server fetches nothing from elsewhere: upload the file.", 403)
            return scope, receive
        if _AS_IT_IS.fullmatch(path):
            return scope, receive
        named = _NAMED.fullmatch(path)
        if scope["method"] != "POST" or not (named or _JOIN.fullmatch(path)):
            raise _RefusedError("There is nothing at this address: GET /gradio_api/info says what there is.", 404)
        body = await body_of(receive, MAX_BYTES)
        if body is None:
            raise _RefusedError(f"A request has at most {MAX_BYTES} bytes: upload files first.", 413)
        message = parsed(body)
        if not isinstance(message, dict):
            raise InputError("The body must be a JSON object: send {...}.")
        check_plain(message)
        check_files(message)
        blocks = scope["app"].get_blocks()
        # The page's unqueued functions come as "run/predict". Gradio itself refuses queued ones there.
        if named is None or (named["way"] in ("run", "api") and message.get("fn_index") is not None):
            return with_body(scope, receive, self._joined(blocks, message))
        return with_body(scope, receive, self._named(blocks, named, message))

    def _joined(self, blocks: Any, message: dict[str, Any]) -> dict[str, Any]:
        """What is passed on of a request for a function by its number, as the page and Gradio's clients send it."""
        number = message.get("fn_index")
        if not isinstance(number, int) or number not in blocks.fns:
            raise _RefusedError("There is no function with this fn_index: GET /config says which there are.", 404)
        return message

    def _named(self, blocks: Any, named: re.Match[str], message: dict[str, Any]) -> dict[str, Any]:
        """What is passed on of a request for an endpoint by its name."""
        name = named["name"]
        parameters = self._parameters(blocks).get(name)
        if named["way"] == "call/v2":
            if parameters is None:
                raise self._unknown(name)
            given = {key: value for key, value in message.items() if key != "oauth_token"}
            _check_names(name, parameters, given)
            _check_values(parameters, given)
            return given
        if not any(fn.api_name == name and fn.api_visibility != "private" for fn in blocks.fns.values()):
            raise self._unknown(name)
        data = message.get("data")
        if not isinstance(data, list):
            raise InputError('The body must be {"data": [...]}: send that.')
        if parameters is not None:
            if len(data) != len(parameters):
                raise InputError(f"{name} takes {len(parameters)} values and {len(data)} are given: send as many.")
            _check_values(parameters, dict(zip([one["parameter_name"] for one in parameters], data, strict=True)))
        return {"data": data}

    def _parameters(self, blocks: Any) -> dict[str, list[dict[str, Any]]]:
        """Of each public endpoint: name, schema and whether there is a default."""
        if self._endpoints is None:
            told = blocks.get_api_info()["named_endpoints"]
            self._endpoints = {name.lstrip("/"): endpoint["parameters"] for name, endpoint in told.items()}
        return self._endpoints

    def _unknown(self, name: str) -> _RefusedError:
        known = ", ".join(sorted(self._endpoints or {}))
        return _RefusedError(f"There is no endpoint {name[:60]!r}: use one of {known}.", 404)


def _check_names(endpoint: str, parameters: list[dict[str, Any]], given: dict[str, Any]) -> None:
    """Raise an `InputError` for a parameter that does not exist or is missing."""
    names = [parameter["parameter_name"] for parameter in parameters]
    for key in given:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            advice = f"did you mean {near[0]!r}?" if near else f"its parameters are {', '.join(names)}."
            raise InputError(f"{endpoint} has no parameter {key[:60]!r}; {advice}")
    for parameter in parameters:
        if not parameter["parameter_has_default"] and parameter["parameter_name"] not in given:
            raise InputError(f"{endpoint} lacks its parameter {parameter['parameter_name']!r}; add it.")


def _check_values(parameters: list[dict[str, Any]], given: dict[str, Any]) -> None:
    """Raise an `InputError` for a value of another type than its parameter's; null is as if it were left out."""
    for parameter in parameters:
        name = parameter["parameter_name"]
        value = given.get(name)
        if value is None:
            continue
        wrong = next(Draft202012Validator(parameter["type"]).iter_errors(value), None)
        if wrong is not None:
            said = wrong.message if len(wrong.message) <= 200 else f"{wrong.message[:200]}..."
            raise InputError(f"{name!r} cannot be used: {said}; correct it.")
