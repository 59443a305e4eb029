"""What lips do when music is louder than the voice, or when a voice whispers or sings; with the shipped weights.

python -m tests.music_run RECORDING [RECORDING ...] [--seconds 6]     # one recording a speaker

Each recording is mixed with music made here. "Opening" is the mouth's, correlated with that of the clean recording;
"moving" is the share of frames in which AToM is followed. "Before" is the detector alone.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student

from moditalker.atom.motion_sampling import sample_residual
from moditalker.atom.rest import rest_lips
from moditalker.audio.load import load_audio
from moditalker.audio.speech_frames import frame_count, speech_features
from moditalker.audio.voice_activity import eased, listen
from moditalker.constants import SAMPLE_RATE
from moditalker.face.layout import mouth_opening
from moditalker.loading import load_pipeline
from moditalker.pipeline import MoDiTalkerPipeline
from tests.made_sounds import guitars, mixed, music, sung, whispered

_PORTRAIT = Path(__file__).resolve().parent.parent / "assets" / "examples" / "2-admiral" / "portrait.jpg"
_LEVELS = (-3, 0, 3, 6)


def variants(speech: np.ndarray, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """The clean recording first, then what is made of it; several of one name are averaged."""
    yield "clean", speech
    for level in _LEVELS:
        for sound in (music, guitars):
            yield f"music {level:+d} dB", mixed(speech, sound(len(speech) / SAMPLE_RATE, seed), level)
    yield "whispered", whispered(speech, seed)
    yield "sung", sung(speech, seed)


def openings(
    pipeline: MoDiTalkerPipeline, shape: np.ndarray, samples: np.ndarray
) -> Iterator[tuple[np.ndarray, float]]:
    """Mouth opening (T,) and share of frames in which AToM is followed: before, and now."""
    frames = frame_count(samples)
    speech = speech_features(samples, frames, pipeline.atom.config["speech_encoder"])
    with torch.inference_mode():
        residual = sample_residual(
            pipeline.atom, pipeline.atom_scheduler, speech, shape, steps=15, guidance=1.6,
            generator=torch.Generator().manual_seed(1),
        )  # fmt: skip
    heard = listen(samples)
    for activity in (eased(heard.detected, frames), heard.activity(frames)):
        yield mouth_opening(rest_lips(residual, shape, activity) + shape), float(activity.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = load_pipeline("compact")
    shape = pipeline.encode_portrait(_PORTRAIT).frame.shape
    table: dict[str, list[list[float]]] = {}
    for seed, path in enumerate(options.recordings):
        clean, rows = None, dict[str, list[list[float]]]()
        for name, samples in variants(load_audio(path)[: round(options.seconds * SAMPLE_RATE)], seed):
            (before, moved), (now, moves) = openings(pipeline, shape, samples)
            clean = before if clean is None else clean
            alike = [float(np.corrcoef(clean, opening[: len(clean)])[0, 1]) for opening in (before, now)]
            rows.setdefault(name, []).append([*alike, moved, moves])
        for name, values in rows.items():
            table.setdefault(name, []).append(np.mean(values, 0).tolist())
        sys.stdout.write(f"{path.name}: {rows}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{'':14} opening before -> now (difference, 95 % over speakers) | moving before -> now (...)\n")
    for name, values in table.items():
        one = np.array(values)
        parts = []
        for before, now in ((0, 1), (2, 3)):
            change = one[:, now] - one[:, before]
            reach = student.ppf(0.975, len(one) - 1) * change.std(ddof=1) / np.sqrt(len(one))
            means = f"{one[:, before].mean():.3f} -> {one[:, now].mean():.3f}"
            parts.append(f"{means} ({change.mean():+.3f} +- {reach:.3f})")
        sys.stdout.write(f"{name:14} {' | '.join(parts)}\n")


if __name__ == "__main__":
    main()
