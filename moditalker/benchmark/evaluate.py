"""``evaluate``: one generated video against the real one."""

import json
import logging
from pathlib import Path

from moditalker.benchmark.columns import COLUMNS
from moditalker.benchmark.judge import GROUPS, Judge, Reference
from moditalker.face.tracker import make_tracker
from moditalker.metrics.talking_video import read_talking_video, steadied
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

_MIN_FRAMES = 16
_TOLERATED = 5
"""Frames by which the two may differ in length without a word: encoders pad."""
_OF_MANY = {"frechet"}
"""A Fréchet distance compares many clips with many; of one pair it says nothing."""


def evaluate(generated: Path, reference: Path, report: Path | None = None, tracker: str = "mediapipe") -> str:
    """Measure a pair of videos, frame by frame from their starts; the longer one is cut to the other's length.

    Args:
        generated: a video of somebody talking.
        reference: the real one; its first frame is taken for the portrait.
        report: JSON to write.
    Returns:
        A line a measure.
    Raises:
        InputError: one of them cannot be used, or the two are too short.
    """
    machine = make_tracker(tracker)
    made = read_talking_video(generated, machine, sound=False)
    real = read_talking_video(reference, machine, sound=False)
    frames = min(len(made), len(real))
    if frames < _MIN_FRAMES:
        raise InputError(f"The videos have {frames} frames in common and at least {_MIN_FRAMES} are needed.")
    if abs(len(made) - len(real)) > _TOLERATED:
        logger.warning(
            "%s has %d frames and %s has %d; the first %d are compared.",
            generated.name, len(made), reference.name, len(real), frames,
        )  # fmt: skip
    judge = Judge()
    real = real.part(0, frames)
    original = Reference(real, steadied(real.landmarks))
    groups = set(GROUPS) - _OF_MANY
    verdict = judge(made.part(0, frames), original, groups=groups)
    own = judge(original.video, original, groups={"identity", "sharpness", "sync"})
    content = {
        "generated": generated.name,
        "reference": reference.name,
        "frames": frames,
        "measures": {key: round(value, 5) for key, value in verdict.values.items()},
        "of_the_reference_itself": {key: round(value, 5) for key, value in own.values.items()},
    }
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    lines = []
    for column in COLUMNS:
        if column.key in verdict.values:
            line = f"{column.title}: {verdict.values[column.key]:.{column.digits}f}"
            if column.key in own.values:
                line += f" (the reference itself: {own.values[column.key]:.{column.digits}f})"
            lines.append(line)
    return "\n".join(lines)
