"""Emotions as two readers see them: python -m moditalker.benchmark.emotion_table AUDIO PORTRAIT PORTRAIT ...

Each portrait says the start of the recording with each emotion, and is drawn whole. Two networks read the pictures.

- MediaPipe's Face Landmarker reads blendshapes. A unit is asked for where the portrait without emotion lacks it, or
  shows it though the emotion is without it. Counted is how many moved as asked. This network also taught ours.
- ``metrics.expression_reader`` names the emotion. It took no part in any training. *Named* is the emotion that it holds
  most likely. *Rose most* is the one whose log probability rose most above that portrait's without emotion.

``--still`` draws one picture with shut lips, by the warp alone, in a twentieth of the time. ``--sheet FILE.png`` keeps
the faces that were read.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from moditalker.atom.emotion import PROTOTYPES, UNITS, express, expressions, mixed
from moditalker.atom.head import POSE
from moditalker.audio.load import AudioSource, load_audio
from moditalker.baselines.frame_writing import warped
from moditalker.constants import SAMPLE_RATE
from moditalker.emotions import EMOTIONS, NEUTRAL
from moditalker.face.blendshapes import INDEX
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.face.layout import MEDIAPIPE_TO_68
from moditalker.face.tracker import MediaPipeTracker
from moditalker.loading import load_pipeline
from moditalker.metrics.expression_reader import NAMED, ExpressionReader
from moditalker.portrait import PortraitSource
from moditalker.training.blendshape_teacher import BlendshapeReader

INTENSITIES = (0.5, 1.0)
SECONDS = 0.64
"""Of speech: one block of frames."""
_LOW = 0.1
"""Units that are to be under this are to go away."""
_MOVED = 0.01
"""Change of a score from which a unit counts as moved."""
_TILE = 256


@dataclass(frozen=True)
class Shown:
    """One portrait with one emotion.

    Attributes:
        emotion: of ``NEUTRAL`` and ``EMOTIONS``.
        intensity: 0 for neutral.
        scores: (52,) blendshapes, mean over the frames.
        named: (7,) log probabilities in the order of ``NAMED``, mean over the frames.
        face: (256, 256, 3) uint8, of the frame in the middle.
    """

    emotion: str
    intensity: float
    scores: np.ndarray
    named: np.ndarray
    face: np.ndarray


class Readers:
    """Both networks, and the tracker before them.

    Raises:
        InputError: a package is not installed.
    """

    def __init__(self) -> None:
        self._tracker, self._blendshapes, self._emotion = MediaPipeTracker(), BlendshapeReader(), ExpressionReader()

    def __call__(self, frames: np.ndarray, emotion: str, intensity: float) -> Shown:
        """Read (T, H, W, 3) uint8."""
        meshes = np.stack([self._tracker.detect_mesh(frame)[0] for frame in frames])
        landmarks = meshes[:, MEDIAPIPE_TO_68]
        named = np.log(np.maximum(self._emotion(frames, landmarks), 1e-6)).mean(0)
        middle = len(frames) // 2
        face = aligned_face(frames[middle], aligning_matrix(landmarks[middle], _TILE), _TILE)
        return Shown(emotion, intensity, self._blendshapes(meshes).mean(0), named, face)


def shown_emotions(
    pipeline: Any,
    readers: Readers,
    portrait: PortraitSource,
    audio: AudioSource,
    intensities: Sequence[float] = INTENSITIES,
    seed: int = 0,
) -> list[Shown]:
    """A portrait without emotion first, then with each at each intensity; the speech is the same in all.

    Raises:
        InputError: input that cannot be used.
    """
    encoded = pipeline.encode_portrait(portrait)

    def drawn(emotion: str, intensity: float) -> Shown:
        options = {"emotion": emotion, "emotion_scale": intensity} if emotion != NEUTRAL else {}
        landmarks = pipeline.motion(encoded, audio, seed=seed, **options).landmarks
        frames = np.concatenate(list(pipeline.render(encoded, landmarks, own=True, seed=seed)))
        return readers(frames, emotion, intensity)

    return [drawn(NEUTRAL, 0.0), *(drawn(emotion, size) for size in intensities for emotion in EMOTIONS)]


def still_emotions(
    pipeline: Any, readers: Readers, portrait: PortraitSource, intensities: Sequence[float] = INTENSITIES
) -> list[Shown]:
    """As `shown_emotions`, of a face that says nothing: one picture each, and no network draws.

    Raises:
        InputError: input that cannot be used.
    """
    encoded = pipeline.encode_portrait(portrait)
    face, silence = encoded.frame, np.zeros((1, *encoded.frame.shape.shape), np.float32)
    each = expressions(pipeline.blendshapes, face.shape)

    def drawn(emotion: str, intensity: float) -> Shown:
        residual = silence
        if emotion != NEUTRAL:
            curves = {emotion: np.full(1, intensity, np.float32)}
            residual = express(silence, face.shape, mixed(each, curves))
        landmarks = face.compose(residual, np.zeros((1, POSE), np.float32))
        return readers(np.concatenate(list(warped(encoded, landmarks))), emotion, intensity)

    return [drawn(NEUTRAL, 0.0), *(drawn(emotion, size) for size in intensities for emotion in EMOTIONS)]


def units_moved(plain: Shown, shown: Shown) -> dict[int, bool]:
    """Which units of an emotion were asked for, and whether each moved as asked."""
    found = {}
    for unit, score in PROTOTYPES[shown.emotion].items():
        places = [INDEX[name] for name in UNITS[unit]]
        before, after = (float(one.scores[places].mean()) for one in (plain, shown))
        if score < _LOW and before > _LOW:
            found[unit] = after < before - _MOVED
        elif score >= _LOW and before < shown.intensity * score:
            found[unit] = after > before + _MOVED
    return found


def emotion_table(portraits: list[list[Shown]]) -> str:
    """Markdown: a row for each emotion and intensity.

    Args:
        portraits: of each, what ``shown_emotions`` gives.
    """
    lines = ["| asked | units moved as asked | not moved | named | rose most | named as |", "|---|---|---|---|---|---|"]
    sizes = sorted({shown.intensity for shown in portraits[0]})
    totals = {size: np.zeros(5, int) for size in sizes}
    for size in sizes:
        for emotion in EMOTIONS if size else (NEUTRAL,):
            pairs = [(faces[0], one) for faces in portraits for one in faces]
            pairs = [(plain, one) for plain, one in pairs if (one.emotion, one.intensity) == (emotion, size)]
            units = [item for plain, one in pairs if size for item in units_moved(plain, one).items()]
            missed = sorted({unit for unit, moved in units if not moved})
            names = [NAMED[int(one.named.argmax())] for _, one in pairs]
            rose = [NAMED[int((one.named - plain.named).argmax())] for plain, one in pairs] if size else []
            counts = (sum(moved for _, moved in units), len(units), names.count(emotion), rose.count(emotion))
            totals[size] += [*counts, len(pairs)]
            heard = ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names), key=names.count)[::-1])
            lines.append(_row(f"{emotion} {size:g}" if size else emotion, (*counts, len(pairs)), missed, heard))
    for size in sizes[1:]:
        lines.append(_row(f"**all {size:g}**", tuple(totals[size].tolist()), [], ""))
    return "\n".join(lines) + "\n"


def _row(what: str, counts: tuple[int, ...], missed: list[int], heard: str) -> str:
    moved, asked, named, rose, faces = counts
    units = f"{moved} of {asked}" if asked else ""
    risen = f"{rose} of {faces}" if asked else ""
    return f"| {what} | {units} | {', '.join(map(str, missed))} | {named} of {faces} | {risen} | {heard} |"


def sheet(portraits: list[list[Shown]]) -> np.ndarray:
    """(H, W, 3) uint8: a row for each portrait and intensity, neutral first, every face under its emotion's name."""
    head = np.full((28, _TILE * (1 + len(EMOTIONS)), 3), 255, np.uint8)
    for column, name in enumerate((NEUTRAL, *EMOTIONS)):
        cv2.putText(head, name, (column * _TILE + 8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    rows = [head]
    for faces in portraits:
        for size in sorted({one.intensity for one in faces} - {0.0}):
            rows.append(np.concatenate([faces[0].face, *(one.face for one in faces if one.intensity == size)], 1))
    return np.concatenate(rows)


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path)
    parser.add_argument("portraits", type=Path, nargs="+")
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--intensities", type=float, nargs="+", default=INTENSITIES, help="0.5 and 1")
    parser.add_argument("--still", action="store_true", help="no speech, and the warp alone")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png")
    options = parser.parse_args(arguments)
    pipeline, readers = load_pipeline(options.weights), Readers()
    speech = load_audio(options.audio)[: round(SECONDS * SAMPLE_RATE)]
    if options.still:
        found = [still_emotions(pipeline, readers, one, options.intensities) for one in options.portraits]
    else:
        found = [shown_emotions(pipeline, readers, one, speech, options.intensities) for one in options.portraits]
    if options.sheet is not None:
        Image.fromarray(sheet(found)).save(options.sheet)
    say(emotion_table(found))


if __name__ == "__main__":
    main()
