"""What a visitor of the Compare tab asks for, checked before anything starts."""

from dataclasses import dataclass
from pathlib import Path

from moditalker.baselines.conform import DroppedVideo
from moditalker.baselines.protocol import Method
from moditalker.baselines.registry import choose
from moditalker.ui.animate.request import Request, check_before_start
from moditalker.ui.shared.settings import Settings
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video

FEWEST, MOST = 2, 4
"""Columns of a comparison."""


@dataclass(frozen=True)
class CompareRequest:
    """One comparison that somebody asks for.

    Attributes:
        spoken: portrait, speech, consent, crop and seed, as for one video.
        methods: names.
        video: a file made elsewhere, as a column of its own.
        video_title: what that column is called.
        real: the real clip that the recording was taken from; methods that dub are given it.
        share: that portrait and recording may be sent to the machines that the chosen methods name.
        blind: names are hidden and the columns come in an order of chance.
    """

    spoken: Request
    methods: tuple[str, ...]
    video: str | None = None
    video_title: str = ""
    real: str | None = None
    share: bool = False
    blind: bool = False


def dropped(request: CompareRequest) -> DroppedVideo:
    """The column of a request's video that was made elsewhere."""
    assert request.video is not None
    return DroppedVideo(Path(request.video), request.video_title or "A video made elsewhere")


def columns_of(request: CompareRequest, methods: dict[str, Method], settings: Settings) -> list[Method]:
    """The columns of a request, in the order in which they were asked for.

    Raises:
        InputError: something is missing, too much, too long or not allowed.
    """
    check_before_start(request.spoken, settings)
    chosen = choose(methods, request.methods)
    if request.video is not None:
        chosen.append(dropped(request))
    if not FEWEST <= len(chosen) <= MOST:
        raise InputError(
            f"A comparison has {FEWEST} to {MOST} columns, and {len(chosen)} are chosen: add or remove some."
        )
    if len(request.video_title) > settings.max_title:
        raise InputError(f"The video's name has at most {settings.max_title} characters: shorten it.")
    machines = sorted({method.facts.sent_to for method in chosen if method.facts.sent_to})
    if machines and request.share is not True:
        raise InputError(
            f"The portrait and the recording would be sent to {', '.join(machines)}: tick that they may be, or choose "
            "other methods."
        )
    dubs = [method.facts.title for method in chosen if method.facts.dubs]
    if dubs and request.real is None:
        raise InputError(f"{dubs[0]} changes the lips in a video: add the real clip, or choose other methods.")
    for path, what in ((request.video, "The video made elsewhere"), (request.real, "The real clip")):
        limit = settings.max_video_seconds
        if path is not None and probe_video(path, max_seconds=limit).duration > limit:
            raise InputError(f"{what} is longer than {limit:.0f} seconds: cut it.")
    return chosen
