"""Wav2Lip as a method: the face is cut out, its lower half drawn anew from the sound, and put back."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, repeat
from pathlib import Path

import cv2
import numpy as np
import torch

from moditalker.audio.load import load_audio
from moditalker.baselines.frame_writing import write_frames
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.baselines.wav2lip.wav2lip_checkpoint import load_wav2lip
from moditalker.baselines.wav2lip.wav2lip_mel import mel_windows
from moditalker.baselines.wav2lip.wav2lip_network import FACE_SIDE, Wav2Lip
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import make_tracker
from moditalker.pipeline import frame_count
from moditalker.utils.progress import Progress
from moditalker.utils.stopwatch import Stopwatch
from moditalker.utils.weight_hash import digest

_AT_ONCE = 16
_FOREHEAD, _CHIN = 0.25, 0.06
"""What the box reaches beyond brows and chin, in parts of the distance between them: the authors' face detector sees
the forehead too, and they add a margin below the chin."""


Box = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels."""
LICENCE = "its weights are for research and other non-commercial use only"
NEEDS = "its checkpoint file, named with --wav2lip or MODITALKER_WAV2LIP"


class CheckpointMethod:
    """What Wav2Lip's methods share: a checkpoint that the user has.

    Args:
        checkpoint: file; None when none was named.
    """

    def __init__(self, checkpoint: Path | None) -> None:
        self._checkpoint = checkpoint

    def available(self) -> str | None:
        """Whether a checkpoint was named and is there."""
        if self._checkpoint is None:
            return "Wav2Lip needs its checkpoint file: name it with --wav2lip, or with MODITALKER_WAV2LIP for the app."
        if not self._checkpoint.is_file():
            return f"There is no Wav2Lip checkpoint at {self._checkpoint}: name one that is there."
        return None

    @cached_property
    def _network(self) -> Wav2Lip:
        assert self._checkpoint is not None, "see available"
        return load_wav2lip(self._checkpoint).to("cuda" if torch.cuda.is_available() else "cpu")


class Wav2LipMethod(CheckpointMethod):
    """Makes a portrait speak.

    Args:
        checkpoint: see ``CheckpointMethod``.
        tracker: name of the face tracker.
    """

    facts = Facts(
        "wav2lip",
        "Wav2Lip",
        "Draws the lower half of a 96-pixel face from 0.2 s of sound (ACM Multimedia 2020); the rest stands still.",
        LICENCE,
        NEEDS,
    )

    def __init__(self, checkpoint: Path | None, tracker: str = "mediapipe") -> None:
        super().__init__(checkpoint)
        self._tracker = tracker

    def make(self, portrait: Path, audio: Path, output: Path, options: Options, progress: Progress) -> Made:
        """See ``Method.make``."""
        network = self._network
        samples = load_audio(audio)
        clock = Stopwatch()
        with clock("face"):
            picture = load_portrait(portrait)
            landmarks, warnings = make_tracker(self._tracker).detect(picture)
            box = face_box(landmarks, picture.shape[:2])
        with clock("video"):
            frames = frame_count(samples)
            mels = mel_windows(samples, frames)
            chunks = draw(network, repeat(picture), [box] * frames, mels)
            drawn = write_frames(output, chunks, samples, frames, options, progress, {"wav2lip": digest(network)})
        return Made({stage: round(spent, 3) for stage, spent in clock.seconds.items()}, warnings, drawn)


def face_box(landmarks: np.ndarray, size: tuple[int, ...]) -> Box:
    """Left, top, right and bottom of the face in pixels, from (68, 3) landmarks, within (height, width)."""
    points = landmarks[:, :2]
    low, high = points.min(0), points.max(0)
    tall = high[1] - low[1]
    left, top = np.maximum(np.floor([low[0], low[1] - _FOREHEAD * tall]), 0).astype(int)
    right, bottom = np.minimum(np.ceil([high[0], high[1] + _CHIN * tall]), [size[1], size[0]]).astype(int)
    return int(left), int(top), int(right), int(bottom)


@torch.inference_mode()
def draw(
    network: Wav2Lip, pictures: Iterable[np.ndarray], boxes: Sequence[Box | None], mels: np.ndarray
) -> Iterator[np.ndarray]:
    """Pictures with the faces in them drawn anew, each for its window of sound.

    Args:
        network: the generator.
        pictures: (H, W, 3) uint8, RGB, at least T; not changed.
        boxes: T, of the faces; a picture without one stays as it is.
        mels: (T, 1, 80, 16), see ``wav2lip_mel.mel_windows``.
    Yields:
        (n, H, W, 3) uint8, RGB, T in all.
    """
    device, shown = next(network.parameters()).device, iter(pictures)
    for start in range(0, len(boxes), _AT_ONCE):
        here = boxes[start : start + _AT_ONCE]
        frames = np.stack(list(islice(shown, len(here))))
        there = [(place, box) for place, box in enumerate(here[: len(frames)]) if box is not None]
        if there:
            seen = torch.stack([_seen(frames[place], box) for place, box in there]).to(device)
            heard = torch.from_numpy(mels[[start + place for place, _ in there]]).to(device)
            faces = (network(heard, seen).permute(0, 2, 3, 1).flip(-1) * 255).round().byte().cpu().numpy()
            for (place, (left, top, right, bottom)), small in zip(there, faces, strict=True):
                frames[place, top:bottom, left:right] = cv2.resize(small, (right - left, bottom - top))
        yield frames


def _seen(picture: np.ndarray, box: Box) -> torch.Tensor:
    """(6, 96, 96) in [0, 1], blue green red: the face with its lower half black, and whole."""
    left, top, right, bottom = box
    face = cv2.resize(picture[top:bottom, left:right], (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA)
    whole = torch.from_numpy(face[..., ::-1].copy()).permute(2, 0, 1).float() / 255
    masked = whole.clone()
    masked[:, FACE_SIDE // 2 :] = 0
    return torch.cat([masked, whole])
