"""``Motion`` on disk: ``FILE.npz``, or ``FILE.motion.json`` for whoever wants to read and change it by hand.

Both hold the parts that ``Motion`` names, in its shapes, and ``fps``, which is 25. The JSON has ``format`` and
``version`` beside them, and ``points``: which of the 68 landmarks the rows of ``lips`` and ``expression`` are. Numbers
are written with as many digits as a float32 needs, so reading gives the same bits.
"""

import json
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.atom.motion import SHAPES, Motion, check_scales
from moditalker.constants import FPS
from moditalker.face.landmark_file import MAX_FRAMES
from moditalker.face.layout import LIP_BRANCH, OTHER_BRANCH
from moditalker.keys import Keys
from moditalker.media.source import existing_file
from moditalker.utils.array_archive import DAMAGE, unpacked
from moditalker.utils.errors import InputError

SUFFIXES = (".npz", ".motion.json")
_FORMAT, _VERSION = "moditalker-motion", 1
_LARGEST = {"lips": 2.0, "expression": 2.0, "blinks": 2.0, "head": 3.0, "gaze": 1.5}
"""What a part's numbers may reach, on either side of 0; beyond that no face is left."""
_MOST_BYTES = 2**30
"""Of a JSON file."""


def is_motion_file(path: Path) -> bool:
    """Whether a file's name says that it holds a ``Motion``."""
    return path.name.lower().endswith(SUFFIXES)


def write_motion(path: Path, motion: Motion) -> None:
    """Write a motion; the name says the kind, see ``SUFFIXES``. The folder is made when missing.

    Raises:
        InputError: another suffix, or the place cannot be written to.
    """
    check_motion_use(False, None, path)
    parts = {name: getattr(motion, name) for name in SHAPES}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".npz":
            with path.open("wb") as file:
                np.savez(file, allow_pickle=False, fps=np.float32(FPS), **parts)
            return
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "fps": FPS,
            "points": {"lips": LIP_BRANCH.tolist(), "expression": OTHER_BRANCH.tolist()},
            # As text numpy gives the shortest number that is the same float32.
            **{name: part.astype(str).astype(np.float64).tolist() for name, part in parts.items()},
        }
        path.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another place.") from error


def read_motion(path: Path) -> Motion:
    """Read a motion.

    Raises:
        InputError: no such file, no motion in it, or numbers that no face can have.
    """
    path = existing_file(path, "motion file")
    try:
        parts = _from_archive(path) if path.suffix.lower() == ".npz" else _from_json(path)
    except (*DAMAGE, TypeError, RecursionError, OverflowError) as error:
        raise InputError(
            f"{path} is not a motion of up to {MAX_FRAMES} frames; make one with "
            "'python -m moditalker motion PORTRAIT AUDIO -o FILE.npz' (or FILE.motion.json)."
        ) from error
    frames = len(parts["lips"])
    for name, part in parts.items():
        if len(part) != frames:
            raise InputError(f"{path} has {frames} frames of lips and {len(part)} of {name}: make them equal.")
        # Written so that NaN fails too.
        if not (np.abs(part) <= _LARGEST[name]).all():
            far = _LARGEST[name]
            raise InputError(f"{path} has a number in {name} that is not between -{far:g} and {far:g}: correct it.")
    return Motion(**parts)


def given_motion(
    motion: Motion | str | Path | None, keys: Keys = None, landmarks: object = None, style: object = None
) -> Motion | None:
    """A motion that is to be rendered as it is, read where it is a file; None where a new one is to be made.

    Raises:
        InputError: no motion is in the file, or it comes with what only a new motion can have.
    """
    if style is not None and landmarks is not None:
        raise InputError("A style is for a motion that is made: leave the landmarks out, or leave it out.")
    if motion is None:
        return None
    if style is not None:
        raise InputError("A motion is drawn as it is: leave the style out, or leave the motion out.")
    if keys is not None or landmarks is not None:
        raise InputError("A motion is drawn as it is: leave the keys and the landmarks out, or leave it out.")
    return motion if isinstance(motion, Motion) else read_motion(Path(motion))


def check_motion_use(has_landmarks: bool, part_scales: Mapping[str, float] | None, kept: Path | None) -> None:
    """Make sure that what is asked of a motion can be done, before any work.

    Args:
        has_landmarks: whether landmarks take the motion's place.
        part_scales: see ``Motion.scaled``.
        kept: file that the motion is to be written to.
    Raises:
        InputError: it cannot.
    """
    if has_landmarks and (part_scales or kept is not None):
        raise InputError("Landmarks have no parts: leave part_scales and save_motion out, or give a motion.")
    check_scales(part_scales or {})
    if kept is not None and not is_motion_file(kept):
        raise InputError(f"A motion is written as {' or '.join(SUFFIXES)}, got {kept.name}.")


def _from_archive(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        _check_rate(unpacked(archive, "fps", lambda shape: shape in ((), (1,))).item())
        return {
            name: unpacked(archive, name, partial(_fits, wanted=shape)).astype(np.float32)
            for name, shape in SHAPES.items()
        }


def _from_json(path: Path) -> dict[str, np.ndarray]:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("the file is too large")
    content: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("format") != _FORMAT or content.get("version") != _VERSION:
        raise ValueError("another format")
    _check_rate(content["fps"])
    parts = {name: np.array(content[name], np.float32) for name in SHAPES}
    for name, part in parts.items():
        if not _fits(part.shape, SHAPES[name]):
            raise ValueError(f"{name} has the shape {part.shape}")
    return parts


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) > 0 and 0 < shape[0] <= MAX_FRAMES and shape[1:] == wanted


def _check_rate(fps: float) -> None:
    if abs(fps - FPS) > 0.01:
        raise ValueError(f"{fps} frames a second")
