"""Speech encoders against each other: python -m moditalker.training.encoder_check --data DIR [--whisper FOLDER]

A linear probe instead of a training: ridge regression from the features around a frame to the opening and the width of
the mouth, both less the mean of their clip. Every encoder gets the same clips, and picks its ridge on speakers that are
left out of training. Printed is the correlation on ``val`` with 95 % intervals: over draws of speakers for all, of
clips within one language. *Less first* is the difference to the first encoder on the same draws.

``--whisper`` is a folder of a multilingual Whisper in CTranslate2's form, as ``faster-whisper`` reads it. Its encoder's
features are joined by the same log-mel bands as Moonshine's.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.audio.features import (
    CHUNK_SECONDS,
    CONTEXT_SECONDS,
    MEL_BANDS,
    SpeechEncoder,
    encode_in_pieces,
    feature_frames,
    log_mel,
    make_speech_encoder,
    normalise_loudness,
)
from moditalker.constants import SAMPLE_RATE
from moditalker.face.geometry import FaceFrame
from moditalker.metrics.curves import correlation
from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.training.data.index import read_index
from moditalker.training.data.recordings import keep_sound, load_sound
from moditalker.training.part_check import mouth_curves
from moditalker.utils.errors import InputError

CURVES = ("opening", "width")
_TAPS = (-6, -3, -1, 0, 1, 3, 6)
"""Frames around the one that is told."""
_RIDGES = (0.003, 0.03, 0.3, 3.0)
"""Of the mean variance of the features."""
_LEFT_OUT = 5
"""Every so many speakers of training choose the ridge."""
_DRAWS = 1000


class WhisperEncoder:
    """Whisper's encoder (A. Radford et al., 2022; 99 languages) beside Moonshine's log-mel bands.

    Pieces are those of Moonshine, so both hear equally far.

    Args:
        folder: of CTranslate2's form.
    Raises:
        InputError: the package or the model is missing.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import ctranslate2
        except ImportError as error:
            raise InputError("--whisper needs a package; run 'pip install ctranslate2==4.8.5'.") from error
        from transformers import WhisperFeatureExtractor

        if not (folder / "model.bin").is_file():
            raise InputError(f"{folder} holds no model.bin; give a Whisper of CTranslate2, as faster-whisper reads it.")
        self._ctranslate2: Any = ctranslate2
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="float32", intra_threads=1)
        self._mel = WhisperFeatureExtractor(feature_size=self._model.n_mels)
        self.name, self.dim = f"whisper {folder.name}", len(self._features(np.zeros(SAMPLE_RATE, np.float32))[0])
        self.dim += MEL_BANDS

    def __call__(self, audio: np.ndarray, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        audio = normalise_loudness(audio)
        encoded = encode_in_pieces(audio, self._features, CHUNK_SECONDS, CONTEXT_SECONDS, progress)
        return np.concatenate([encoded, log_mel(audio)], -1).astype(np.float32)

    def _features(self, piece: np.ndarray) -> np.ndarray:
        # Two more features than are needed: the mel bands of a piece may end early.
        padded = np.pad(piece, (0, 2 * SAMPLE_RATE // 50))
        mel = self._mel(padded, sampling_rate=SAMPLE_RATE, padding=False, return_tensors="np")["input_features"]
        view = self._ctranslate2.StorageView.from_array(np.ascontiguousarray(mel, dtype=np.float32))
        encoded = np.array(self._model.encode(view, to_cpu=True))[0]
        return np.asarray(encoded[: feature_frames(len(piece))], np.float32)


@dataclass(frozen=True)
class Heard:
    """One clip: (T, 2) opening and width less their means; (T, taps * D) what is heard around each frame."""

    speaker: str
    language: str
    curves: np.ndarray
    features: np.ndarray


def heard(clip: PreparedClip, sound: np.ndarray, encoder: SpeechEncoder, language: str = "") -> Heard:
    """What an encoder makes of a clip.

    Args:
        clip: prepared.
        sound: (N,) float32, 16 kHz, its recording.
        encoder: any.
        language: of its speech.
    """
    spoken = encoder(sound)
    frames = len(clip)
    wanted = np.clip(np.arange(2 * frames) - 2 * (clip.offset or 0), 0, len(spoken) - 1)
    paired = spoken[wanted].reshape(frames, 2, -1).mean(1)
    around = np.clip(np.arange(frames)[:, None] + _TAPS, 0, frames - 1)
    shape = FaceFrame(clip.landmarks[frames // 3])
    curves = mouth_curves(shape.analyse(clip.landmarks)[0], shape.shape)
    return Heard(clip.speaker, language, curves - curves.mean(0), paired[around].reshape(frames, -1))


def probe(training: Sequence[Heard], validation: Sequence[Heard]) -> list[np.ndarray]:
    """Fit on some clips, tell the curves of others.

    Returns:
        (T, 2) for each clip of ``validation``.
    """
    speakers = sorted({one.speaker for one in training})
    chosen = set(speakers[::_LEFT_OUT])
    fitted, judged = ([one for one in training if (one.speaker in chosen) == out] for out in (False, True))
    mean, scale = _moments(fitted)
    given = _sums(fitted, mean, scale)
    errors = []
    for ridge in _RIDGES:
        told = [_told(one, mean, scale, _solved(given, ridge)) for one in judged]
        errors.append(sum(float(((mine - one.curves) ** 2).sum()) for mine, one in zip(told, judged, strict=True)))
    both = [mine + other for mine, other in zip(given, _sums(judged, mean, scale), strict=True)]
    weights = _solved(both, _RIDGES[int(np.argmin(errors))])
    return [_told(one, mean, scale, weights) for one in validation]


def _moments(clips: Sequence[Heard]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each feature, float32."""
    count = sum(len(one.features) for one in clips)
    sums = np.stack([one.features.sum(0, dtype=np.float64) for one in clips])
    mean = sums.sum(0) / count
    squares = np.stack([np.square(one.features - mean).sum(0) for one in clips])
    return mean.astype(np.float32), (np.sqrt(squares.sum(0) / count) + 1e-4).astype(np.float32)


def _sums(clips: Sequence[Heard], mean: np.ndarray, scale: np.ndarray) -> list[np.ndarray]:
    """Products of features with themselves, and with curves; a speaker at a time, for memory's sake."""
    sums = [np.zeros((len(mean), wide), np.float32) for wide in (len(mean), len(CURVES))]
    for speaker in sorted({one.speaker for one in clips}):
        mine = [one for one in clips if one.speaker == speaker]
        features = np.concatenate([(one.features - mean) / scale for one in mine])
        sums[0] += features.T @ features
        sums[1] += features.T @ np.concatenate([one.curves for one in mine])
    return sums


def _solved(sums: Sequence[np.ndarray], ridge: float) -> np.ndarray:
    covariance = sums[0] + ridge * np.trace(sums[0]) / len(sums[0]) * np.eye(len(sums[0]), dtype=np.float32)
    return np.linalg.solve(covariance, sums[1])


def _told(one: Heard, mean: np.ndarray, scale: np.ndarray, weights: np.ndarray) -> np.ndarray:
    told = ((one.features - mean) / scale) @ weights
    return np.asarray(told - told.mean(0), np.float32)


def encoder_table(found: dict[str, list[np.ndarray]], clips: Sequence[Heard]) -> str:
    """Markdown: a row for each encoder and language.

    Args:
        found: of each encoder, a clip's correlations (2,), in the order of the clips.
        clips: their speakers and languages.
    """
    names = list(found)
    heads = " | ".join(f"{curve} | less first" for curve in CURVES)
    lines = [f"| speech | clips | encoder | {heads} |", "|---|---|---|---|---|---|---|"]
    rng = np.random.default_rng(0)
    speakers = np.array([one.speaker for one in clips])
    for language in ("all", *sorted({one.language for one in clips})):
        there = np.array([i for i, one in enumerate(clips) if language in ("all", one.language)])
        groups = [there[speakers[there] == who] for who in sorted(set(speakers[there]))]
        units = groups if language == "all" else [np.array([i]) for i in there]
        draws = [np.concatenate([units[i] for i in rng.integers(0, len(units), len(units))]) for _ in range(_DRAWS)]
        for name in names:
            cells = []
            for number in range(len(CURVES)):
                mine = np.array([one[number] for one in found[name]])
                first = np.array([one[number] for one in found[names[0]]])
                cells.append(_interval(mine, there, draws))
                cells.append("" if name == names[0] else _interval(mine - first, there, draws, sign="+"))
            lines.append(f"| {language} | {len(there)} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _interval(values: np.ndarray, there: np.ndarray, draws: Sequence[np.ndarray], sign: str = "") -> str:
    low, high = np.quantile([values[draw].mean() for draw in draws], [0.025, 0.975])
    return f"{values[there].mean():{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _languages(data: Path, clip_list: Path | None, split: str) -> dict[str, str]:
    """Language of each prepared clip, by its name."""
    if clip_list is None:
        return {}
    with clip_list.open(newline="", encoding="utf-8") as file:
        by_path = {Path(row["path"]).as_posix(): row["language"] for row in csv.DictReader(file)}
    entries = [entry for entry in read_index(data)["clips"] if entry["split"] == split]
    return {
        entry["name"]: language
        for entry in entries
        for path, language in by_path.items()
        if Path(entry["path"]).as_posix().endswith(path)
    }


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that 'prepare' wrote")
    parser.add_argument("--encoders", nargs="+", default=["moonshine", "mel"], help="moonshine mel")
    parser.add_argument("--whisper", type=Path, metavar="FOLDER")
    parser.add_argument("--list", type=Path, metavar="CLIPS.csv", help="has the language of each clip")
    options = parser.parse_args(arguments)
    keep_sound(options.data)
    clips = {split: load_clips(options.data, split) for split in ("train", "val")}
    languages = _languages(options.data, options.list, "val")
    encoders = [make_speech_encoder(name) for name in options.encoders]
    encoders += [WhisperEncoder(options.whisper)] if options.whisper is not None else []
    found, validation = {}, []
    for encoder in encoders:
        training, validation = (
            [heard(one, load_sound(one.folder), encoder, languages.get(one.name, "not said")) for one in clips[split]]
            for split in ("train", "val")
        )
        told = probe(training, validation)
        found[encoder.name] = [
            np.array([correlation(mine[:, i], one.curves[:, i]) for i in range(len(CURVES))])
            for mine, one in zip(told, validation, strict=True)
        ]
    say(encoder_table(found, validation))


if __name__ == "__main__":
    main()
