"""From a portrait and a recording to a file of its motion."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.atom.motion import Motion
from moditalker.atom.motion_file import given_motion
from moditalker.atom.style import StyleSource
from moditalker.audio.load import AudioSource, recording_of
from moditalker.export.face_animation import FaceAnimation, animation_of
from moditalker.export.models import FaceModel, face_model, write_glb, write_usda
from moditalker.export.tables import animation_json, live_link_csv
from moditalker.face.tracker import MediaPipeTracker
from moditalker.keys import Keys
from moditalker.options import AnimateOptions
from moditalker.portrait import Portrait, PortraitSource
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress, unasked
from moditalker.utils.seeds import seed_or_new

_TABLES: dict[str, Callable[[FaceAnimation], str]] = {".csv": live_link_csv, ".json": animation_json}
_MODELS: dict[str, Callable[[Path, FaceModel, FaceAnimation], None]] = {".glb": write_glb, ".usda": write_usda}
SUFFIXES = (*_TABLES, *_MODELS)


def check_suffix(output: Path) -> None:
    """Make sure that a file's name says which kind it is to be.

    Raises:
        InputError: it ends otherwise.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"The output must end with {', '.join(SUFFIXES)}, got {output.name}.")


def write_animation(
    pipeline: Any,
    portrait: PortraitSource | Portrait,
    audio: AudioSource,
    output: Path,
    *,
    fps: int = 60,
    motion: Motion | str | Path | None = None,
    **given: Any,
) -> tuple[FaceAnimation, int]:
    """Write what a portrait's face does while it speaks; no picture is drawn.

    Args:
        pipeline: a ``MoDiTalkerPipeline`` with blendshapes.
        portrait: see ``encode_portrait``.
        audio: see ``AudioSource``.
        output: its suffix says the kind: one of ``SUFFIXES``. Its folder is made when missing.
        fps: frames a second.
        motion: this one instead of a new one, or its file; all of it is written.
        **given: as of ``made_motion``.
    Returns:
        What was written, and the seed.
    Raises:
        InputError: input that cannot be used, another suffix, weights without blendshapes, or a package is missing.
    """
    check_suffix(output)
    network = getattr(pipeline, "blendshapes", None)
    if network is None:
        raise InputError("These weights have no blendshapes; use the preset compact, or 'train blendshapes'.")
    shown = given_motion(motion, given.get("keys"), style=given.get("style"))
    if shown is None:
        encoded, shown, seed = made_motion(pipeline, portrait, audio, **given)
    else:
        encoded = pipeline.encode_portrait(portrait, "full", face=given.get("face"))
        seed = seed_or_new(given.get("seed"))
    animation = animation_of(encoded.frame, shown.landmarks(encoded.frame), network, fps, shown.gaze)
    output.parent.mkdir(parents=True, exist_ok=True)
    suffix = output.suffix.lower()
    if suffix in _TABLES:
        output.write_text(_TABLES[suffix](animation), encoding="utf-8")
    else:
        _MODELS[suffix](output, face_model(encoded.picture, _mesh(encoded), network), animation)
    return animation, seed


def made_motion(
    pipeline: Any,
    portrait: PortraitSource | Portrait,
    audio: AudioSource,
    *,
    head_motion: str | Path = "natural",
    keys: Keys = None,
    style: StyleSource = None,
    progress: Progress | None = None,
    **given: Any,
) -> tuple[Portrait, Motion, int]:
    """Make a motion and draw nothing.

    Args:
        pipeline, portrait, audio: as of ``write_animation``.
        head_motion, keys, style, progress: as of ``animate``.
        **given: fields of ``AnimateOptions`` that are about motion.
    Returns:
        The encoded portrait, its motion, and the seed.
    Raises:
        InputError: input that cannot be used.
    """
    options: AnimateOptions = pipeline.check_inputs(**given)
    report = progress or unasked
    recording = recording_of(audio, options.max_seconds)
    report("face", 0, 1)
    encoded: Portrait = pipeline.encode_portrait(portrait, "full", face=options.face)
    report("face", 1, 1)
    made = pipeline.motion(
        encoded,
        recording,
        atom_steps=options.atom_steps,
        guidance=options.guidance,
        seed=options.seed,
        head_motion=head_motion,
        keys=keys,
        style=style,
        **options.controls,
        progress=progress,
    )
    return encoded, made.motion, made.seed


def _mesh(portrait: Portrait) -> np.ndarray:
    """(478, 3) MediaPipe's mesh of a portrait, pixels.

    Raises:
        InputError: it is not found where the landmarks are.
    """
    mesh = MediaPipeTracker().settled_mesh(portrait.picture, portrait.frame.landmarks)
    if mesh is None:
        raise InputError("No face mesh is found in the portrait; write .csv or .json, or use another picture.")
    return mesh
