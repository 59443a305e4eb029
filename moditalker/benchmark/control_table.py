"""Each control of the motion turned alone: python -m moditalker.benchmark.control_table PORTRAIT AUDIO

Printed is how far each part of the motion goes from where it was: root mean square, in thousandths of an eye distance
for lips and brows, in degrees for the head, in percent of a whole blink for the lids. 0 means equal to the last bit.

``--styles CLIP ...`` adds a row for the style of each clip, and a table of smiles: of the clip, and of the motion
without its style and with it. The lips' gap must not change with the smile.

``--sync NAME`` draws the motion with that control as well, and without any: the sync expert says whether the lips that
are seen still fit the sound.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.atom.motion import Motion
from moditalker.atom.spoken_parts import manner_for
from moditalker.atom.style import Manner, StyleSource, smile_of
from moditalker.audio.load import load_audio
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.face.layout import lip_gap
from moditalker.loading import load_pipeline
from moditalker.metrics.sync_confidence import sync_score
from moditalker.utils.errors import InputError
from moditalker.utils.progress import unasked

logger = logging.getLogger(__name__)

CONTROLS: dict[str, dict[str, Any]] = {
    "lip_seed": {"lip_seed": 1},
    "lip_scale 1.5": {"lip_scale": 1.5},
    "expression_seed": {"expression_seed": 1},
    "expression_guidance 3": {"expression_guidance": 3.0},
    "expression_scale 2": {"expression_scale": 2.0},
    "head_seed": {"head_seed": 1},
    "head_guidance 2": {"head_guidance": 2.0},
    "head_scale 1.5": {"head_scale": 1.5},
    "blink_scale 0": {"blink_scale": 0.0},
    "emotion happy": {"emotion": "happy"},
    "emotion sad": {"emotion": "sad"},
    "key close-mouth": {"keys": [{"time": 0.5, "do": "close-mouth"}]},
    "key raise-brows": {"keys": [{"time": 0.5, "do": "raise-brows"}]},
    "key nod": {"keys": [{"time": 0.5, "do": "nod"}]},
    "key wink-left": {"keys": [{"time": 0.5, "do": "wink-left"}]},
}
_UNITS = {"lips": 1000.0, "expression": 1000.0, "head": float(np.degrees(1)), "blinks": 100.0}


def moved(one: Motion, other: Motion) -> dict[str, float]:
    """How far each part is from that of another motion, see the module; of the head only its rotation counts."""
    found = {}
    for part, unit in _UNITS.items():
        difference = getattr(one, part) - getattr(other, part)
        if part == "head":
            difference = difference[:, :3]
        axes = (-1,) if part != "blinks" else ()
        found[part] = unit * float(np.sqrt((difference**2).sum(axes).mean()))
    return found


def control_table(
    pipeline: Any, portrait: Any, audio: Any, seed: int = 0, controls: Mapping[str, dict[str, Any]] = CONTROLS
) -> str:
    """Markdown, a row for each of the controls.

    Raises:
        InputError: input that cannot be used.
    """
    encoded = pipeline.encode_portrait(portrait)

    def made(**control: Any) -> Motion:
        motion = pipeline.motion(encoded, audio, seed=seed, **control).motion
        assert isinstance(motion, Motion)
        return motion

    plain = made()
    lines = ["| control | lips, 1/1000 | brows, 1/1000 | head, degrees | lids, % |", "|---|---|---|---|---|"]
    for name, control in controls.items():
        cells = [f"{value:.3g}" for value in moved(made(**control), plain).values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def smile_table(pipeline: Any, portrait: Any, audio: Any, styles: Mapping[str, StyleSource], seed: int = 0) -> str:
    """Markdown: the smile under speech with the style of each clip, and how far the lips' gap is from the plain one.

    Args:
        pipeline: with blendshapes.
        portrait, audio: any sources.
        styles: videos, or what was read of them, by the name of their row.
        seed: of the motion.
    Raises:
        InputError: input that cannot be used.
    """
    encoded = pipeline.encode_portrait(portrait)
    head = "| style | smile of the clip | of the motion without the style | with it | gap of the lips, 1/1000 |"
    lines = [head, "|---|---|---|---|---|"]

    def made(style: Manner | None) -> tuple[float, np.ndarray]:
        motion = pipeline.motion(encoded, audio, seed=seed, style=style).motion
        assert isinstance(motion, Motion)
        face = motion.residual(encoded.frame.shape) + encoded.frame.shape
        return smile_of(face, pipeline.blendshapes), lip_gap(face)

    own, gap = made(None)
    for name, style in styles.items():
        manner = manner_for(pipeline, style, logger.warning, unasked)
        assert manner is not None
        smile, kept = made(manner)
        far = _UNITS["lips"] * float(np.sqrt(((kept - gap) ** 2).mean()))
        lines.append(f"| {name} | {manner.smile:.2f} | {own:.2f} | {smile:.2f} | {far:.2g} |")
    return "\n".join(lines) + "\n"


def sync_table(
    pipeline: Any, portrait: Any, audio: np.ndarray, controls: Mapping[str, dict[str, Any]], seed: int = 0
) -> str:
    """Markdown: the sync confidence of the drawn video without and with each of the controls.

    Args:
        pipeline: draws.
        portrait: any source.
        audio: (N,) float32, 16 kHz, a second or more.
        controls: options of ``pipeline.motion``.
        seed: of motion and picture.
    Raises:
        InputError: input that cannot be used.
    """
    encoded = pipeline.encode_portrait(portrait)
    lines = ["| control | sync confidence | of that without it, % |", "|---|---|---|"]
    plain = 0.0
    drawn: dict[str, dict[str, Any]] = {"none": {}, **controls}
    for name, control in drawn.items():
        landmarks = pipeline.motion(encoded, audio, seed=seed, **control).landmarks
        frames = np.concatenate(list(pipeline.render(encoded, landmarks, own=True, seed=seed)))
        pairs = zip(frames, aligning_matrix(landmarks), strict=True)
        confidence = sync_score(np.stack([aligned_face(*pair) for pair in pairs]), audio).confidence
        plain = plain or confidence
        lines.append(f"| {name} | {confidence:.3f} | {100 * confidence / plain:.0f} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portrait", type=Path)
    parser.add_argument("audio", type=Path)
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--styles", type=Path, nargs="*", default=[], help="videos to take a style from, a row each")
    parser.add_argument("--sync", nargs="+", default=[], metavar="NAME", help="controls that are drawn as well")
    options = parser.parse_args(arguments)
    pipeline = load_pipeline(options.weights)
    controls = dict(CONTROLS)
    if getattr(pipeline, "arousal", None) is not None:
        controls["emotion auto"] = {"emotion": "auto"}
    controls |= {f"style {clip.stem}": {"style": clip} for clip in options.styles}
    unknown = sorted(set(options.sync) - set(controls))
    if unknown:
        raise InputError(f"There is no control {unknown[0]!r}; choose among {', '.join(controls)}.")
    say(control_table(pipeline, options.portrait, options.audio, controls=controls))
    if options.styles and getattr(pipeline, "blendshapes", None) is not None:
        styles = {clip.stem: clip for clip in options.styles}
        say("\n" + smile_table(pipeline, options.portrait, options.audio, styles))
    if options.sync:
        chosen = {name: controls[name] for name in options.sync}
        say("\n" + sync_table(pipeline, options.portrait, load_audio(options.audio), chosen))


if __name__ == "__main__":
    main()
