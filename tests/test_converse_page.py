"""Conversations on the page: lines, checks before the work, and what a program gets."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from moditalker.conversation.lines import script_of_lines
from moditalker.ui.converse.conversation_panel import ConversationPanel
from moditalker.ui.converse.converse_request import ConverseRequest, checked_script
from moditalker.ui.converse.converse_studio import Conversation, ConverseStudio, Stage
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError

SETTINGS = Settings()


class Talker:
    """Stands for the pipeline: writes an empty video, or works until nobody waits any more."""

    def __init__(self, endless: bool = False) -> None:
        self.asked: dict[str, Any] = {}
        self.endless = endless

    def converse(self, pictures: list[str], script: Any, output: Path, **options: Any) -> dict[str, Any]:
        self.asked = {"pictures": pictures, "script": script, **options}
        options["progress"]("video", 1, 2)
        time.sleep(0.5)  # Of reports that come together the page hears the newest alone.
        while self.endless:
            options["progress"]("video", 1, 2)
            time.sleep(0.01)
        output.write_bytes(b"video")
        seconds = {"face": 0.1, "video": 1.0}
        return {"output": str(output), "seed": options["seed"], "seconds": seconds, "audio_seconds": 2.0, "frames": 50}


def studio(talker: Talker, folder: Path) -> ConverseStudio:
    return ConverseStudio(talker, SETTINGS, Workspace(folder), Line(1, 8))


@pytest.fixture
def picture(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "two.png"
    Image.new("RGB", (64, 64)).save(path)
    return str(path)


def test_lines_say_who_speaks_with_which_voice_and_when() -> None:
    script = script_of_lines("1: Hello: how are you?\n\n 2 (jf_alpha) @ 3.5 : Fine.\n2(heart): And you?")
    assert [(turn.face, turn.voice, turn.start, turn.text) for turn in script.turn] == [
        (1, None, None, "Hello: how are you?"),
        (2, "jf_alpha", 3.5, "Fine."),
        (2, "heart", None, "And you?"),
    ]
    added = ConversationPanel.add_line("1: Hello.\n", 2, "jf_alpha", " How\nare you? ")
    assert added == ("1: Hello.\n2 (jf_alpha): How are you?", "")
    assert script_of_lines(added[0]).turn[1].text == "How are you?"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"portrait": None}, "There is no picture"),
        ({"script": ""}, "Nobody says anything: write a line for each turn, as in 1: Hello."),
        ({"script": "1: Hello.\nHow are you?"}, "Line 2 is 'How are you?': write a face's number from 1 on, a colon"),
        ({"script": "0: Hello."}, "Line 1 is '0: Hello.'"),
        ({"script": "1 (bob): Hello."}, "The conversation, turn 1: There is no voice 'bob'"),
        ({"script": f"1: {'a' * 700}"}, "The conversation has 703 characters and at most 600 are spoken"),
        ({"tracks": ("a.wav",)}, "There are recordings and lines to be spoken: keep one of them."),
        ({"consent": "no"}, "Tick that you may use these faces and these voices"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_at_once(asked: dict[str, Any], said: str) -> None:
    whole: dict[str, Any] = {"portrait": "two.png", "script": "1: Hello.", "consent": True, **asked}
    with pytest.raises(InputError) as refusal:
        checked_script(ConverseRequest(**whole), SETTINGS)
    assert str(refusal.value).startswith(said)


def test_a_conversation_is_made_with_the_mark_and_told_without_folders(picture: str, tmp_path: Path) -> None:
    talker = Talker()
    request = ConverseRequest(picture, "1: Hello.\n2: Hi.", consent=True, seed=7)
    events = list(studio(talker, tmp_path).make(request, keep=True))
    assert Stage("video", 1, 2) in events
    result = events[-1]
    assert isinstance(result, Conversation)
    assert result.video.read_bytes() == b"video"
    assert result.report["output"] == "conversation-7.mp4"
    assert (talker.asked["mark"], talker.asked["seed"], talker.asked["pictures"]) == (True, 7, [picture])
    assert [turn.face for turn in talker.asked["script"].turn] == [1, 2]


def test_a_conversation_that_nobody_waits_for_ends(picture: str, tmp_path: Path) -> None:
    made = studio(Talker(endless=True), tmp_path / "work").make(ConverseRequest(picture, "1: Hello.", consent=True))
    assert isinstance(next(event for event in made if isinstance(event, Stage)), Stage)
    assert len(list((tmp_path / "work").glob("request-*"))) == 1
    made.close()
    until = time.monotonic() + 10
    while list((tmp_path / "work").glob("request-*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list((tmp_path / "work").glob("request-*"))
