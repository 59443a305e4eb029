"""Pictures of one person each, aligned at 256 pixels: what the mouth renderer learns from.

Drawn people give their pictures, clips give frames that are far apart in how the mouth stands:

    DIR/views.json                 one entry a person: name, split, kind, number of pictures
    DIR/NAME.pictures.npy          (n, 320, 320, 3) uint8, the aligned face of 256 pixels with 32 around it
    DIR/NAME.landmarks.npy         (n, 68, 3) float32, pixels of these pictures
"""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from moditalker.constants import FPS
from moditalker.engine.local import HereEngine
from moditalker.engine.places import fetched, joined
from moditalker.engine.protocol import Engine, Outcome
from moditalker.engine.schedule import run_jobs
from moditalker.face.geometry import aligned_face, aligning_matrix, transform_points
from moditalker.face.layout import mouth_opening
from moditalker.face.tracker import make_tracker
from moditalker.mtov.mouth_conditions import MARGIN
from moditalker.mtov.mouth_renderer import SIDE
from moditalker.training.data.prepare import Clip, read_clip_list
from moditalker.training.people.pairs import PeoplePairs
from moditalker.training.people.shards import SPLITS
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

logger = logging.getLogger(__name__)

_FROM_A_CLIP = 32


@dataclass(frozen=True)
class Views:
    """Some pictures of one person.

    Attributes:
        name: of the person or clip, a file name.
        split: ``train``, ``val`` or ``test``.
        speaker: who it is; clips of one speaker are drawn less often each.
        kind: ``people`` or the list of clips they came from.
        count: of pictures.
        folder: where they lie.
    """

    name: str
    split: str
    speaker: str
    kind: str
    count: int
    folder: Path

    def __len__(self) -> int:
        return self.count

    def pictures(self, wanted: list[int]) -> np.ndarray:
        """(n, 320, 320, 3) uint8."""
        return np.asarray(np.load(self.folder / f"{self.name}.pictures.npy", mmap_mode="r")[wanted])

    def landmarks(self, wanted: list[int]) -> np.ndarray:
        """(n, 68, 3) float32, pixels of the pictures."""
        return np.asarray(np.load(self.folder / f"{self.name}.landmarks.npy", mmap_mode="r")[wanted])


def read_views(folder: Path, split: str) -> list[Views]:
    """What ``pack_views`` wrote of a split.

    Raises:
        InputError: there is nothing of that split.
    """
    index = folder / "views.json"
    entries = json.loads(index.read_text()) if index.is_file() else []
    views = [Views(**entry, folder=folder) for entry in entries if entry["split"] == split]
    if not views:
        raise InputError(f"{folder} holds no views of the split {split!r}; run 'python -m moditalker views' first.")
    return views


def pack_views(output: Path, people: Path | None, lists: list[Path], engine: Engine | None = None) -> int:
    """Cut the aligned faces out of drawn people and of clips.

    Args:
        output: folder, made when missing; persons that are there are not cut again.
        people: folder that ``train people`` wrote; None for none.
        lists: CSV files of clips, see ``read_clip_list``.
        engine: where clips are tracked; in this process when None.
    Returns:
        The number of persons and clips.
    Raises:
        InputError: a list cannot be read, or nothing can be used.
    """
    output.mkdir(parents=True, exist_ok=True)
    entries = list(_people(output, people)) if people is not None else []
    for path in lists:
        clips = read_clip_list(path)
        make = ClipCutterFactory(path.parent.resolve(), output.absolute())
        outcomes: dict[str, Outcome] = {}
        done = run_jobs(engine or HereEngine(), make, clips)
        for clip, outcome in tqdm(done, total=len(clips), desc=path.stem, unit="clip"):
            outcomes[clip.name] = outcome
            if outcome.failed:
                logger.warning("left out: %s", outcome.failed)
        for clip in clips:
            count = outcomes[clip.name].result or 0
            if count > 1:
                entries.append(_entry(clip.name, clip.split, clip.speaker, path.stem, count))
    if not entries:
        raise InputError("There is nothing to cut faces from; name a folder of drawn people or a list of clips.")
    fresh = output / ".views.json"
    fresh.write_text(json.dumps(entries, indent=1))
    fresh.replace(output / "views.json")
    return len(entries)


@dataclass(frozen=True)
class ClipCutterFactory:
    """How workers of `pack_views` are set up; pickled to each.

    Attributes:
        root: that clips' paths start from.
        output: see `pack_views`.
    """

    root: Path
    output: Path

    def __call__(self) -> Callable[[Clip], int]:
        """In the worker."""
        return partial(_clip, root=self.root, output=self.output)


def _entry(name: str, split: str, speaker: str, kind: str, count: int) -> dict[str, str | int]:
    return {"name": name, "split": split, "speaker": speaker, "kind": kind, "count": count}


def _people(output: Path, folder: Path) -> Iterator[dict[str, str | int]]:
    for split in SPLITS:
        if not any(folder.glob(f"{split}-*.tar")):
            continue
        pairs = PeoplePairs(folder, split)
        for person in tqdm(pairs.people, desc=f"people, {split}", unit="person"):
            name = f"person-{person.number:06d}"
            if not (output / f"{name}.landmarks.npy").is_file():
                views = pairs.views(person, list(range(len(person.moves))))
                _keep(output, name, [view.picture for view in views], np.stack([view.landmarks for view in views]))
            yield _entry(name, split, name, "people", len(person.moves))


def _clip(clip: Clip, root: Path, output: Path) -> int:
    """Cut a few frames out of a clip.

    Returns:
        How many.
    Raises:
        InputError: it cannot be read, or shows no face.
    """
    cv2.setNumThreads(1)
    known = output / f"{clip.name}.landmarks.npy"
    if known.is_file():
        return len(np.load(known, mmap_mode="r"))
    with tempfile.TemporaryDirectory() as scratch:
        frames = list(read_video(fetched(joined(str(root), clip.path), Path(scratch)), fps=FPS))
    landmarks = make_tracker().track(frames)
    # Evenly over how far the mouth is open, so that few of them show the same.
    order = np.argsort(mouth_opening(landmarks))
    wanted = order[np.unique(np.linspace(0, len(order) - 1, _FROM_A_CLIP).round().astype(int))]
    _keep(output, clip.name, [frames[index] for index in wanted], landmarks[wanted])
    return len(wanted)


def _keep(output: Path, name: str, pictures: list[np.ndarray], landmarks: np.ndarray) -> None:
    """Write a person's pictures and (n, 68, 3) landmarks; the landmarks last, for they say that all is there."""
    matrices = aligning_matrix(landmarks, SIDE)
    matrices[..., 2] += MARGIN
    whole = SIDE + 2 * MARGIN
    cut = np.stack([aligned_face(p, matrix, whole) for p, matrix in zip(pictures, matrices, strict=True)])
    scale = np.sqrt(np.linalg.det(matrices[..., :2]))[:, None, None]
    moved = np.concatenate([transform_points(matrices, landmarks), landmarks[..., 2:] * scale], -1)
    np.save(output / f"{name}.pictures.npy", cut)
    np.save(output / f"{name}.landmarks.npy", moved.astype(np.float32))
