"""Endpoints for programs: how they are added to the page, and how they follow a studio's events."""

import inspect
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

import gradio as gr

from moditalker.ui.animate.events import ProgressEvent
from moditalker.ui.shared.run import CANCEL_SECONDS
from moditalker.ui.shared.status import sentence

Tell = Callable[[Any], None]
"""Is told of each event on the way."""


def add_endpoint(
    call: Callable[..., Any], inputs: list[Any], outputs: list[Any], limit: int, line: str = "animate"
) -> None:
    """Add an endpoint to the `gr.Blocks` that is open.

    Args:
        call: its name is the endpoint's.
        inputs: components of its parameters, in their order.
        outputs: components of what it returns.
        limit: how many calls run at once, with all others of the same line.
        line: name of what the limit is shared by.
    """
    gr.Button(visible=False).click(
        call,
        inputs=inputs,
        outputs=outputs,
        api_name=call.__name__,
        # Whole: Gradio would show the first paragraph and keep what it says of the parameters to itself.
        api_description=inspect.getdoc(call),
        concurrency_limit=limit,
        concurrency_id=line,
    )


def followed(
    events: Iterable[Any], outputs: int, values: Callable[[Any], list[Any] | None], tell: Tell = lambda _: None
) -> Generator[list[Any], None, None]:
    """What an endpoint yields of a studio's events.

    Args:
        events: of the studio.
        outputs: how many values the endpoint has.
        values: of an event that brings some; None for one on the way.
        tell: see ``Tell``.
    """
    # Nothing new, but Gradio can end a cancelled job only at a yield, and only after the first one. Not at each event:
    # a client's status shows the progress until the next of these.
    reported = time.monotonic()
    yield [gr.skip()] * outputs
    for event in events:
        brought = values(event)
        if brought is not None:
            yield brought
            continue
        tell(event)
        if time.monotonic() - reported >= CANCEL_SECONDS:
            reported = time.monotonic()
            yield [gr.skip()] * outputs


def telling(progress: gr.Progress) -> Tell:
    """Shows a client where its request is."""

    def tell(event: Any) -> None:
        if isinstance(event, ProgressEvent):
            progress(event.share, desc=sentence(event))

    return tell
