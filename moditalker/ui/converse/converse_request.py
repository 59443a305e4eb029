"""What a visitor asks of a conversation, checked before anything starts."""

from dataclasses import dataclass
from pathlib import Path

from moditalker.conversation.lines import script_of_lines
from moditalker.conversation.script import Script, check_script
from moditalker.ui.animate.request import NEW_SEED
from moditalker.ui.shared.settings import Settings
from moditalker.utils.errors import InputError

CONSENT = "I may use these faces and these voices, and I will say that the video is AI-generated wherever I show it."
NAME = Path("The conversation")
"""What a script that was typed is called in messages."""


@dataclass(frozen=True)
class ConverseRequest:
    """One conversation that somebody asks for.

    Attributes:
        portrait: picture file with all faces.
        script: lines, see ``conversation.lines``; or
        tracks: a recording for each face, from the left, or one stereo recording.
        consent: that the faces and the voices may be used.
        seed: ``NEW_SEED`` for a new one.
    """

    portrait: str | None
    script: str = ""
    tracks: tuple[str, ...] = ()
    consent: bool = False
    seed: int = NEW_SEED


def checked_script(request: ConverseRequest, settings: Settings) -> Script | None:
    """The script of a request, None where it has tracks; all that can be said in an instant is checked.

    Raises:
        InputError: something is missing, too large or contradictory.
    """
    if request.portrait is None:
        raise InputError("There is no picture: add one with several faces seen from the front.")
    if request.tracks and request.script.strip():
        raise InputError("There are recordings and lines to be spoken: keep one of them.")
    if len(request.script) > settings.max_text:
        raise InputError(
            f"The conversation has {len(request.script)} characters and at most {settings.max_text} are spoken: "
            "shorten it."
        )
    script = None
    if not request.tracks:
        script = script_of_lines(request.script)
        check_script(script, NAME)
    # "no" and "false" are true to Python.
    if request.consent is not True:
        raise InputError(
            "Tick that you may use these faces and these voices (consent: true); nothing is made without it."
        )
    return script
