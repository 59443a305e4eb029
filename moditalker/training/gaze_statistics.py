"""How eyes move while people talk: fixations and saccades in the irises of clips. It prints what `atom.saccades` uses.

python -m moditalker.training.gaze_statistics CLIPS.csv --split train
"""

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import median_filter
from tqdm import tqdm

from moditalker.constants import FPS
from moditalker.face.irises import gaze_of
from moditalker.face.layout import MEDIAPIPE_TO_68, eye_opening
from moditalker.face.mediapipe_graphs import face_mesh, found_meshes
from moditalker.training.data.prepare import read_clip_list
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video

logger = logging.getLogger(__name__)

_SECONDS = 2.0
"""Shorter clips say little about fixations."""
_SPEED = np.radians(2.0)
"""An eye that turns by more between two frames makes a saccade; the tracker's tremble is below."""
_LEAST = np.radians(2.0)
"""Smaller saccades cannot be told from that tremble."""
_OPEN = 0.6
"""Share of its median opening below which an eye blinks, and its iris is not believed."""


def saccades_of(gaze: np.ndarray, seen: np.ndarray) -> tuple[list[np.ndarray], list[float]]:
    """Saccades and the fixations between two of them.

    Args:
        gaze: (T, 2) radians.
        seen: (T,) bool; frames whose iris is believed.
    Returns:
        By how much each saccade turns the eyes, (2,) radians; and seconds that the fixations last.
    """
    smooth = median_filter(gaze, (3, 1), mode="nearest")
    fast = np.linalg.norm(np.diff(smooth, axis=0), axis=1) > _SPEED
    fast &= seen[1:] & seen[:-1]
    turns: list[np.ndarray] = []
    fixations: list[float] = []
    last, frame = None, 0
    while frame < len(fast):
        if not fast[frame]:
            frame += 1
            continue
        end = frame
        while end < len(fast) and fast[end]:
            end += 1
        before, after = smooth[max(0, frame - 2) : frame + 1].mean(0), smooth[end : end + 3].mean(0)
        if np.linalg.norm(after - before) >= _LEAST:
            turns.append(after - before)
            if last is not None and seen[last:frame].all():
                fixations.append((frame - last) / FPS)
            last = end
        frame = end
    return turns, fixations


def gaze_statistics(clip_list: Path, split: str, most: int) -> dict[str, float]:
    """Track the clips of a list and describe the saccades in them.

    Args:
        clip_list: CSV, see ``prepare.read_clip_list``.
        split: which clips.
        most: clips of one speaker that are taken.
    Returns:
        Seconds that were seen, saccades a second, quartiles of their amplitude in degrees and of the fixations in
        seconds, the share of turning that is sideways, and the spread of the gaze within a clip in degrees.
    Raises:
        InputError: the list cannot be read, or no saccade is seen.
    """
    taken: dict[str, int] = {}
    turns: list[np.ndarray] = []
    fixations: list[float] = []
    seconds, spreads = 0.0, []
    for clip in tqdm([clip for clip in read_clip_list(clip_list) if clip.split == split], unit="clip"):
        if taken.get(clip.speaker, 0) >= most:
            continue
        meshes = _meshes(clip_list.parent / clip.path)
        if len(meshes) < _SECONDS * FPS:
            continue
        taken[clip.speaker] = taken.get(clip.speaker, 0) + 1
        opening = eye_opening(meshes[:, MEDIAPIPE_TO_68])
        seen = opening > _OPEN * np.median(opening)
        gaze = gaze_of(meshes)
        made, held = saccades_of(gaze, seen)
        turns += made
        fixations += held
        seconds += float(seen.sum()) / FPS
        spreads.append(np.degrees(gaze[seen].std(0)))
    if not turns or not fixations:
        raise InputError(f"No saccade is seen in the clips of the split {split!r}; name a list of longer clips.")
    sizes = np.degrees(np.linalg.norm(turns, axis=1))
    ways = np.abs(turns)
    return {
        "clips": len(spreads),
        "seconds": round(seconds, 1),
        "saccades_a_second": round(len(turns) / seconds, 3),
        **_quartiles("amplitude_degrees", sizes),
        **_quartiles("fixation_seconds", np.array(fixations)),
        "sideways_share": round(float((ways[:, 0] / ways.sum(1)).mean()), 3),
        "spread_left_degrees": round(float(np.median(spreads, 0)[0]), 2),
        "spread_down_degrees": round(float(np.median(spreads, 0)[1]), 2),
    }


def _quartiles(name: str, values: np.ndarray) -> dict[str, float]:
    return {f"{name}_{share}": round(float(np.percentile(values, share)), 3) for share in (25, 50, 75)}


def _meshes(video: Path) -> np.ndarray:
    """(T, 478, 3) of the frames that show a face, pixels; none where the video is too short or cannot be read."""
    meshes: list[np.ndarray] = []
    try:
        if probe_video(video).duration >= _SECONDS:
            with face_mesh(static_image_mode=False, max_num_faces=1) as mesh:
                for frame in read_video(video, fps=FPS):
                    meshes += list(found_meshes(mesh, frame))[:1]
    except InputError as error:
        logger.warning("left out: %s", error)
    return np.stack(meshes) if meshes else np.zeros((0, 478, 3), np.float32)


def main() -> None:
    """Print the statistics as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--most", type=int, default=2, help="clips of one speaker (2)")
    options = parser.parse_args()
    told = gaze_statistics(options.clips, options.split, options.most)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
