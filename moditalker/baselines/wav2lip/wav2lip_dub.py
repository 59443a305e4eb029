"""Wav2Lip as its authors use it: the face of each frame of a video is cut out, redrawn from the sound, and put back.

The window is that of the authors' program: the face's box with a margin under the chin, and each box the mean of five.
A landmark tracker stands in for their face detector, so that the person is the one that our own dub follows.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from moditalker.audio.load import load_audio
from moditalker.audio.speech_frames import frame_count
from moditalker.baselines.frame_writing import write_frames
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.baselines.wav2lip.wav2lip_mel import mel_windows
from moditalker.baselines.wav2lip.wav2lip_method import LICENCE, NEEDS, Box, CheckpointMethod, draw, face_box
from moditalker.constants import FPS, SAMPLES_A_FRAME
from moditalker.dub.following import Follower
from moditalker.dub.shots import CutFinder
from moditalker.dub.tracks import runs
from moditalker.metrics.identity import IdentityEncoder
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.utils.stopwatch import Stopwatch
from moditalker.utils.weight_hash import digest
from moditalker.video.read import read_video

_AVERAGED = 5
"""Boxes whose mean is taken: a frame's and the next ones."""
_LEAST_SIDE = 8
"""Pixels of the smallest face that is redrawn."""


class Wav2LipDub(CheckpointMethod):
    """Dubs a video by a checkpoint that the user has."""

    facts = Facts(
        "wav2lip-dub",
        "Wav2Lip (dub)",
        "Draws each frame's face anew at 96 pixels, its lower half from 0.2 s of sound, and puts it back as a box.",
        LICENCE,
        NEEDS,
        dubs=True,
    )

    def make(
        self,
        video: Path,
        audio: Path,
        output: Path,
        options: Options,
        progress: Progress,
        on_frame: Callable[[np.ndarray], None] | None = None,
    ) -> Made:
        """See ``DubMethod.make``; frames in which the person is not seen stay as they are."""
        network = self._network
        samples = load_audio(audio)
        clock = Stopwatch()
        with clock("face"):
            boxes = _boxes_of(video, frame_count(samples), progress)
        with clock("video"):
            pictures = read_video(video, fps=FPS)
            chunks = draw(network, pictures, boxes, mel_windows(samples, len(boxes)))
            drawn = write_frames(
                output,
                _shown(chunks, on_frame),
                samples[: len(boxes) * SAMPLES_A_FRAME],
                len(boxes),
                options,
                progress,
                {"wav2lip": digest(network)},
                dubbed=True,
            )
        return Made({stage: round(spent, 3) for stage, spent in clock.seconds.items()}, [], drawn)


def _boxes_of(video: Path, count: int, progress: Progress) -> list[Box | None]:
    """Of the person's face in each of the first frames, ``count`` at most; None where it is not seen."""
    found: list[Box | None] = []
    shots: list[int] = []
    find_cut = CutFinder()
    with Follower(None, IdentityEncoder()) as follower:
        for frame in islice(read_video(video, fps=FPS), count):
            cut = find_cut(frame)
            landmarks = follower(frame, cut).landmarks
            box = None if landmarks is None else face_box(landmarks, frame.shape[:2])
            wide = box is not None and min(box[2] - box[0], box[3] - box[1]) >= _LEAST_SIDE
            found.append(box if wide else None)
            shots.append((shots[-1] if shots else 0) + cut)
            progress("face", len(found), count)
    known = np.array([box is not None for box in found])
    if not known.any():
        raise InputError("No face was found in the video: use one that shows a face from the front, in good light.")
    for start, stop in runs(known, np.array(shots)):
        own = np.array(found[start:stop])
        for place in range(stop - start):
            first = max(0, min(place, stop - start - _AVERAGED))
            left, top, right, bottom = own[first : first + _AVERAGED].mean(0).astype(int).tolist()
            found[start + place] = left, top, right, bottom
    return found


def _shown(chunks: Iterator[np.ndarray], on_frame: Callable[[np.ndarray], None] | None) -> Iterator[np.ndarray]:
    """The same chunks, each frame of which somebody is told."""
    for chunk in chunks:
        if on_frame is not None:
            for frame in chunk:
                on_frame(frame)
        yield chunk
