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
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from moditalker.audio.features import make_speech_encoder
from moditalker.audio.load import load_audio
from moditalker.constants import FPS
from moditalker.engine.local import HereEngine
from moditalker.engine.places import fetched, is_url, joined
from moditalker.engine.protocol import Engine, Outcome
from moditalker.engine.schedule import run_jobs
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.face.layout import interocular_distance
from moditalker.face.tracker import make_tracker
from moditalker.training.data.recordings import keep_recording
from moditalker.training.data.speech_files import VARIANTS, keep_speech
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

logger = logging.getLogger(__name__)

MIN_FRAMES = 16
PREPARATION = 1
"""Raised when the arrays change their meaning, so that old ones are made again."""


@dataclass(frozen=True)
class Clip:
    """One row of the list of clips; its path may be an address, see ``engine.places``."""

    path: str
    split: str
    speaker: str

    @property
    def name(self) -> str:
        """A folder name that is readable and unique: parent, stem and a hash of the path as listed."""
        digest = hashlib.sha1(self.path.encode()).hexdigest()[:8]
        shown = PurePosixPath(self.path.partition("::")[0])
        return f"{shown.parent.name.rstrip(':')}-{shown.stem}-{digest}"


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
    # ./a.mp4 is a.mp4
    paths = [row["path"] if is_url(row["path"]) else str(Path(row["path"])) for row in rows]
    return [Clip(path, row["split"], row["speaker"]) for path, row in zip(paths, rows, strict=True)]


def prepare_clip(clip: Clip, source: Path, output: Path, tracker: str) -> int:
    """Track and cut one clip.

    Args:
        clip: as it is listed.
        source: its file on this machine.
        output, tracker: see `prepare`.
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
    frames = list(read_video(source, fps=FPS))
    if len(frames) < MIN_FRAMES:
        raise InputError(f"{clip.path} has {len(frames)} frames and at least {MIN_FRAMES} are needed.")
    load_audio(source)  # a clip whose sound cannot be read is left out before its face is looked for
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


@dataclass(frozen=True)
class ClipPreparerFactory:
    """How workers of `prepare` are set up; pickled to each. Arguments as of `prepare`."""

    root: Path
    output: Path
    encoder: str
    tracker: str
    variants: int

    def __call__(self) -> "ClipPreparer":
        """In the worker.

        Raises:
            InputError: there is no such encoder or tracker.
        """
        make_tracker(self.tracker)
        make_speech_encoder(self.encoder)
        return ClipPreparer(self)


class ClipPreparer:
    """Makes all arrays of one clip after the other."""

    def __init__(self, told: ClipPreparerFactory) -> None:
        self._told = told

    def __call__(self, clip: Clip) -> int:
        """See `prepare_clip`."""
        told = self._told
        with tempfile.TemporaryDirectory() as scratch:
            source = fetched(joined(str(told.root), clip.path), Path(scratch))
            frames = prepare_clip(clip, source, told.output, told.tracker)
            folder = told.output / "clips" / clip.name
            keep_recording(source, folder)
        keep_speech(folder, told.encoder, told.variants)
        return frames


def prepare(
    clip_list: Path,
    output: Path,
    *,
    encoder: str = "moonshine",
    tracker: str = "mediapipe",
    variants: int = VARIANTS,
    engine: Engine | None = None,
) -> tuple[int, int]:
    """Prepare every clip of a list; see the module for what is written.

    Args:
        clip_list: CSV, see ``read_clip_list``.
        output: folder, made when missing; what it already holds is kept. Workers on other machines see it too.
        encoder: of speech; training takes the one that was named last.
        tracker: of faces.
        variants: ways to hear each clip, beside the recording as it is.
        engine: where it is done; in this process when None. What is written does not depend on it.
    Returns:
        How many clips are usable and how many were left out.
    Raises:
        InputError: the list cannot be read, or no clip of it can be used.
    """
    clips = read_clip_list(clip_list)
    source = clip_list.parent.resolve()
    make = ClipPreparerFactory(source, output.absolute(), encoder, tracker, variants)
    outcomes: dict[str, Outcome] = {}
    done = run_jobs(engine or HereEngine(), make, clips)
    for clip, outcome in tqdm(done, total=len(clips), desc="prepare", unit="clip"):
        outcomes[clip.name] = outcome
        if outcome.failed:
            logger.warning("left out: %s", outcome.failed)
    rows = [({**asdict(clip), "name": clip.name}, outcomes[clip.name]) for clip in clips]
    rejected = [{**row, "reason": outcome.failed} for row, outcome in rows if outcome.failed]
    entries = [{**row, "frames": outcome.result} for row, outcome in rows if not outcome.failed]
    output.mkdir(parents=True, exist_ok=True)
    (output / "rejected.json").write_text(json.dumps(rejected, indent=1))
    if not entries:
        raise InputError(f"No clip of {clip_list} could be used; {output}/rejected.json gives the reason for each.")
    entries.sort(key=lambda row: str(row["name"]))
    header = {"preparation": PREPARATION, "encoder": encoder, "tracker": tracker, "fps": FPS, "source": str(source)}
    fresh = output / ".index.json"
    fresh.write_text(json.dumps({**header, "clips": entries}, indent=1))
    fresh.replace(output / "index.json")
    return len(entries), len(rejected)
