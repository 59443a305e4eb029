"""From a list of clips to training arrays: tracked landmarks, aligned faces, speech features.

Every clip becomes a folder of its own, written whole or not at all, so a second run does only what is missing:

    DIR/index.json                  one entry a usable clip: name, split, speaker, frames
    DIR/rejected.json               what was left out and why
    DIR/clips/NAME/frames.npy       (T, 128, 128, 3) uint8, aligned faces
    DIR/clips/NAME/motion.npz       landmarks (T, 68, 3) float32, picture space; matrices (T, 2, 3) to the aligned face
    DIR/clips/NAME/sound.npy        its recording, see ``training.data.recordings``
    DIR/clips/NAME/speech-*.npz     speech features, a file for each encoder, see ``training.data.speech_files``
"""

import csv
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from moditalker.audio.load import load_audio
from moditalker.constants import FPS
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.face.layout import interocular_distance
from moditalker.face.tracker import make_tracker
from moditalker.training.data.recordings import keep_sound
from moditalker.training.data.speech_files import VARIANTS, keep_speech
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

logger = logging.getLogger(__name__)

MIN_FRAMES = 16
PREPARATION = 1
"""Raised when the arrays change their meaning, so that old ones are made again."""


@dataclass(frozen=True)
class Clip:
    """One row of the list of clips."""

    path: Path
    split: str
    speaker: str

    @property
    def name(self) -> str:
        """A folder name that is readable and unique: parent, stem and a hash of the path as listed."""
        digest = hashlib.sha1(str(self.path).encode()).hexdigest()[:8]
        return f"{self.path.parent.name}-{self.path.stem}-{digest}"


def read_clip_list(path: Path) -> list[Clip]:
    """Read a CSV with the columns ``path``, ``split`` and ``speaker``; paths are relative to the CSV's own folder.

    Raises:
        InputError: no such file, a column is missing, or it lists nothing.
    """
    if not path.is_file():
        raise InputError(f"There is no list of clips at {path}; give a CSV file with the columns path, split, speaker.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = {"path", "split", "speaker"} - set(rows[0] if rows else ())
    if missing:
        raise InputError(f"{path} lacks the column(s) {', '.join(sorted(missing))}; it needs path, split and speaker.")
    return [Clip(Path(row["path"]), row["split"], row["speaker"]) for row in rows]


def prepare_clip(clip: Clip, root: Path, output: Path, tracker: str) -> int:
    """Track and cut one clip.

    Returns:
        The number of frames.
    Raises:
        InputError: the clip cannot be used (no face, no sound, too short, jumps).
    """
    folder = output / "clips" / clip.name
    done = folder / "motion.npz"
    if done.is_file():
        with np.load(done) as stored:
            if int(stored["preparation"]) == PREPARATION:
                return len(stored["landmarks"])
    frames = list(read_video(root / clip.path, fps=FPS))
    if len(frames) < MIN_FRAMES:
        raise InputError(f"{clip.path} has {len(frames)} frames and at least {MIN_FRAMES} are needed.")
    load_audio(root / clip.path)  # a clip whose sound cannot be read is left out before its face is looked for
    landmarks = make_tracker(tracker).track(frames)
    step = np.linalg.norm(np.diff(landmarks[..., :2].mean(1), axis=0), axis=-1) / interocular_distance(landmarks[1:])
    if step.max(initial=0.0) > 0.5:
        raise InputError(f"The face in {clip.path} jumps (a cut, or two people); split the clip there.")
    matrices = aligning_matrix(landmarks)
    faces = np.stack([aligned_face(frame, matrix) for frame, matrix in zip(frames, matrices, strict=True)])

    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True, exist_ok=True)
    np.save(partial / "frames.npy", faces)
    np.savez(partial / "motion.npz", landmarks=landmarks, matrices=matrices, preparation=PREPARATION)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return len(frames)


def _run(clips: list[Clip], root: Path, output: Path, tracker: str, workers: int) -> Iterator[tuple[Clip, int | str]]:
    if workers <= 1:
        for clip in clips:
            yield clip, _attempt(clip, root, output, tracker)
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(_attempt, clip, root, output, tracker): clip for clip in clips}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _attempt(clip: Clip, root: Path, output: Path, tracker: str) -> int | str:
    try:
        return prepare_clip(clip, root, output, tracker)
    except InputError as error:
        return str(error)


def prepare(
    clip_list: Path,
    output: Path,
    *,
    encoder: str = "moonshine",
    tracker: str = "mediapipe",
    variants: int = VARIANTS,
    workers: int = 1,
) -> tuple[int, int]:
    """Prepare every clip of a list; see the module for what is written.

    Args:
        clip_list: CSV, see ``read_clip_list``.
        output: folder, made when missing; what it already holds is kept.
        encoder: of speech; training takes the one that was named last.
        tracker: of faces.
        variants: ways to hear each clip, beside the recording as it is.
        workers: processes.
    Returns:
        How many clips are usable and how many were left out.
    Raises:
        InputError: the list cannot be read, or no clip of it can be used.
    """
    clips = read_clip_list(clip_list)
    entries, rejected = [], []
    done = _run(clips, clip_list.parent, output, tracker, workers)
    for clip, outcome in tqdm(done, total=len(clips), desc="prepare", unit="clip"):
        row = {**asdict(clip), "path": str(clip.path), "name": clip.name}
        if isinstance(outcome, int):
            entries.append({**row, "frames": outcome})
        else:
            logger.warning("left out: %s", outcome)
            rejected.append({**row, "reason": outcome})
    output.mkdir(parents=True, exist_ok=True)
    (output / "rejected.json").write_text(json.dumps(rejected, indent=1))
    if not entries:
        raise InputError(f"No clip of {clip_list} could be used; {output}/rejected.json gives the reason for each.")
    entries.sort(key=lambda row: str(row["name"]))
    source = str(clip_list.parent.resolve())
    header = {"preparation": PREPARATION, "encoder": encoder, "tracker": tracker, "fps": FPS, "source": source}
    fresh = output / ".index.json"
    fresh.write_text(json.dumps({**header, "clips": entries}, indent=1))
    fresh.replace(output / "index.json")
    keep_sound(output, workers)
    keep_speech(output, [str(row["name"]) for row in entries], encoder, variants, workers)
    return len(entries), len(rejected)
