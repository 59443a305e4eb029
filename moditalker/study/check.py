"""Is a study what its file says, blind, and balanced?"""

import re

from moditalker.study.definition import Study
from moditalker.study.design import Balance, balance
from moditalker.study.media import traces
from moditalker.study.parts import PAIRED, RATING
from moditalker.study.serving import verified
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video

PLACEHOLDER = re.compile(
    r"\(say here[^)]*|\b(?:todo|tbd|fixme|lorem ipsum|placeholder)\b|\byour-\w+|[\w.@-]*\bexample\.(?:com|net|org)\b"
    r"|[\w.@-]+\.(?:example|invalid|test)\b",
    re.IGNORECASE,
)
"""What the shipped recipe has in the place of words of one's own, what people write there, and domains of nobody."""
_DIFFERENCE = 0.1
"""Seconds by which the videos of an item may differ in length without a word."""


def check_study(study: Study) -> list[str]:
    """Look at every file and at the design.

    Returns:
        Sentences: what was found, and what is allowed but should be known (they begin with "Note").

    Raises:
        InputError: a file is missing, changed, or says who made it; or raters would read a placeholder.
    """
    for key, text in (("title", study.title), ("consent", study.consent), ("contact", study.contact)):
        left = PLACEHOLDER.search(text)
        if left:
            raise InputError(f"The {key} still says {left.group()!r}: write your own before anybody is asked.")
    names = tuple(dict.fromkeys(name for method in study.methods for name in (method.id, method.label)))
    for file in study.hashes:
        path = verified(study, file)
        told = traces(path, names)
        if told:
            raise InputError(f"{path} says {told[0]!r} in its bytes: build the study again, with 'encode = true'.")
    found = [
        f"{study.hash[:12]}: {len(study.methods)} methods, {len(study.items)} items, {len(study.stimuli)} videos. "
        "Every file is what it was built as, and none says who made it."
    ]
    found += _lengths(study)
    for kind in (PAIRED, RATING):
        if study.design.trials(kind):
            found.append(_balance(balance(study, study.design.raters, kind), kind, study.design.raters))
    if study.sound_check is None:
        found.append("Note: there is no sound check; raters without sound are not noticed.")
    if not study.checks:
        found.append("Note: there are no attention checks.")
    if study.training is None:
        found.append("Note: there is no training.")
    return found


def _lengths(study: Study) -> list[str]:
    found = []
    for item in study.items:
        videos = [study.video_of(item.id, method.id) for method in study.methods]
        seconds = [video.seconds for video in videos]
        if max(seconds) - min(seconds) > _DIFFERENCE:
            found.append(
                f"Note: the videos of {item.id!r} last from {min(seconds):.2f} to {max(seconds):.2f} s; raters may "
                "tell the methods by that."
            )
        if len({(video.width, video.height) for video in videos}) > 1:
            found.append(f"Note: the videos of {item.id!r} differ in size; raters may tell the methods by that.")
        if len({round(probe_video(study.folder / video.file).fps, 1) for video in videos}) > 1:
            found.append(f"Note: the videos of {item.id!r} differ in frames a second.")
    return found


def _balance(even: Balance, kind: str, raters: int) -> str:
    what = ("pair of methods", "pair of videos") if kind == PAIRED else ("method", "video")

    def times(counts: tuple[int, int]) -> str:
        return f"{counts[0]} to {counts[1]} times" if counts[0] != counts[1] else f"{counts[0]} times"

    sentence = f"Over {raters} raters each {what[0]} is seen {times(even.groups)}, each {what[1]} {times(even.videos)}"
    if kind == PAIRED:
        sentence += f", each video {times(even.stimuli)}; with either method at the left in {even.left[0]:.1%} to "
        sentence += f"{even.left[1]:.1%}"
    return sentence + "."
