"""Lip-sync by language where there is no real video to compare with.

python -m moditalker.benchmark.recording_table PORTRAIT german=SPEECH.wav french=OTHER.wav ...

Each recording's start is spoken by the portrait, of which only the mouth is drawn. The lip-sync expert judges it with
its own sound, and with the next recording's: what chance reaches. A language may be named more than once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.audio.load import load_audio
from moditalker.constants import SAMPLE_RATE, SAMPLES_A_FRAME
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.loading import load_pipeline
from moditalker.metrics.sync_confidence import SyncScore, sync_score
from moditalker.portrait import PortraitSource
from moditalker.utils.errors import InputError

SECONDS = 6.0


@dataclass(frozen=True)
class Spoken:
    """One recording: its ``language``, and the expert's scores with its ``own`` sound and with ``another``."""

    language: str
    own: SyncScore
    another: SyncScore


def spoken_recordings(
    pipeline: Any, portrait: PortraitSource, recordings: list[tuple[str, np.ndarray]], seed: int = 0
) -> list[Spoken]:
    """Draw a portrait's mouth with each recording and judge it.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        portrait: see ``encode_portrait``.
        recordings: language and (N,) samples; at least two, of a second or more.
        seed: of all.
    Raises:
        InputError: there are fewer than two, or one that cannot be used.
    """
    if len(recordings) < 2:
        raise InputError("Give at least two recordings: each is judged with the next one's sound too.")
    encoded = pipeline.encode_portrait(portrait)
    found = []
    for index, (language, sound) in enumerate(recordings):
        landmarks = pipeline.motion(encoded, sound, seed=seed).landmarks
        frames = np.concatenate(list(pipeline.render(encoded, landmarks, own=True, seed=seed, mouth_only=True)))
        matrices = aligning_matrix(landmarks)
        faces = np.stack([aligned_face(*pair) for pair in zip(frames, matrices, strict=True)])
        foreign = np.resize(recordings[(index + 1) % len(recordings)][1], len(faces) * SAMPLES_A_FRAME)
        found.append(Spoken(language, sync_score(faces, sound), sync_score(faces, foreign)))
    return found


def recording_table(spoken: list[Spoken]) -> str:
    """Markdown, a row for each language in the order in which they come, then one for all: means over recordings."""
    lines = [
        "| language | recordings | sync confidence | with another's sound | sync offset, frames |",
        "|---|---|---|---|---|",
    ]
    for language in (*dict.fromkeys(one.language for one in spoken), "all"):
        rows = [one for one in spoken if language in (one.language, "all")]
        own, another = (np.mean([getattr(one, part).confidence for one in rows]) for part in ("own", "another"))
        offsets = ", ".join(f"{one.own.offset:+d}" for one in rows) if language != "all" else ""
        lines.append(f"| {language} | {len(rows)} | {own:.3f} | {another:.3f} | {offsets} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portrait", type=Path)
    parser.add_argument("recordings", nargs="+", metavar="LANGUAGE=AUDIO")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each (6)")
    parser.add_argument("--weights", default="compact")
    options = parser.parse_args(arguments)
    read = []
    for text in options.recordings:
        language, named, path = text.partition("=")
        if not named:
            raise InputError(f"A recording is given as LANGUAGE=AUDIO, not as {text!r}.")
        read.append((language, load_audio(path)[: round(options.seconds * SAMPLE_RATE)]))
    say(recording_table(spoken_recordings(load_pipeline(options.weights), options.portrait, read)))


if __name__ == "__main__":
    main()
