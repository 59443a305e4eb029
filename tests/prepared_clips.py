"""Two speakers' clips, drawn and prepared, for the tests of training."""

from pathlib import Path

import numpy as np

from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.video.write import VideoWriter

LENGTHS = {"ada-long": 60, "ada-short": 30, "ben": 40}


def write_clip(path: Path, frames: np.ndarray, audio: np.ndarray) -> None:
    with VideoWriter(path, (frames.shape[2], frames.shape[1]), 25.0, audio) as writer:
        for frame in frames:
            writer.write(frame)


def clip_named(prepared: Path, name: str) -> PreparedClip:
    everything = load_clips(prepared, "train") + load_clips(prepared, "val")
    (found,) = [clip for clip in everything if f"-{name}-" in clip.name]
    return found
