"""Shards for training at scale: clips as WebDataset tar files, and an index that finds every file in them.

    DIR/index.json           what was made from what, and per clip: shard, frames, speaker, place of each file
    DIR/train-00000.tar      CLIP.motion.npz and CLIP.00000.jpg, CLIP.00001.jpg, ...

The tars are WebDataset's (T. Aizman et al., 2019) and any of its pipelines streams them. Training reads them by place
instead: which window stands where in which epoch then follows from the seed and the step alone, so a run resumes where
it was without a state of its own, and any number of processes sees the same order.
"""

import io
import json
import logging
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import webdataset
from PIL import Image
from tqdm import tqdm

from moditalker.constants import FPS
from moditalker.engine.local import HereEngine
from moditalker.engine.places import fetched, joined
from moditalker.engine.protocol import Engine
from moditalker.engine.schedule import run_jobs
from moditalker.face.geometry import aligned_face
from moditalker.paper.head_square import crop_matrix, into_crop
from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.training.data.index import read_index
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

logger = logging.getLogger(__name__)

_QUALITY = 95
_FORMAT = 1


@dataclass(frozen=True)
class ShardedClip:
    """A clip in a shard.

    Attributes:
        name: of the clip.
        speaker: who is seen.
        shard: file name of the tar.
        frames: how many.
        places: first byte and length of the motion file, then of every frame.
    """

    name: str
    speaker: str
    shard: str
    frames: int
    places: list[tuple[int, int]]


@dataclass(frozen=True)
class Motion:
    """What a clip moves and says.

    Attributes:
        landmarks: (T, 68, 3) crop space.
        features: (2T, D) float16, speech at 50 Hz, the clip's own offset removed.
        synchronised: whether that offset was known; speech of other clips must not be learnt from.
    """

    landmarks: np.ndarray
    features: np.ndarray
    synchronised: bool


def write_shards(
    data: Path,
    output: Path,
    *,
    size: int = 256,
    per_shard: int = 64,
    source: Path | None = None,
    engine: Engine | None = None,
) -> tuple[int, int]:
    """Pack prepared clips into shards; shards that are there already are not made again.

    Args:
        data: folder that ``prepare`` wrote, with the speech features to be trained on.
        output: folder.
        size: side of the frames, pixels.
        per_shard: clips of a tar file.
        source: folder that the clips' listed paths start from; by default what ``prepare`` wrote down.
        engine: where it is done; in this process when None. What is written does not depend on it.
    Returns:
        Numbers of clips and of shards.
    Raises:
        InputError: there are no such clips, one cannot be read any more, or ``output`` holds shards that were made
            otherwise.
    """
    listed = read_index(data)
    root = source or (Path(listed["source"]) if "source" in listed else None)
    if root is None:
        raise InputError(f"{data} does not say where its clips lie; name their folder with --source.")
    made = {"format": _FORMAT, "size": size, "fps": FPS, "encoder": listed["encoder"], "per_shard": per_shard}
    _check_same(output, made)
    paths = {row["name"]: joined(str(root), row["path"]) for row in listed["clips"]}
    jobs = []
    for split in sorted({row["split"] for row in listed["clips"]}):
        clips = load_clips(data, split)
        for number, first in enumerate(range(0, len(clips), per_shard)):
            jobs.append((output / f"{split}-{number:05d}.tar", clips[first : first + per_shard]))
    output.mkdir(parents=True, exist_ok=True)
    (output / "made.json").write_text(json.dumps(made))
    missing = [_Shard(shard, clips, [paths[clip.name] for clip in clips], size) for shard, clips in jobs]
    missing = [job for job in missing if not job.file.is_file()]
    done = run_jobs(engine or HereEngine(), _shard_writer, missing)
    for job, outcome in tqdm(done, total=len(missing), desc="shards", unit="shard"):
        if outcome.failed:
            raise InputError(f"{job.file.name} was not written. {outcome.failed}")
    entries: dict[str, list[dict[str, Any]]] = {}
    for shard, clips in jobs:
        speakers = {_key(clip.name): clip.speaker for clip in clips}
        entries.setdefault(shard.name.rsplit("-", 1)[0], []).extend(map(asdict, _scan(shard, speakers)))
    fresh = output / ".index.json"
    fresh.write_text(json.dumps({**made, "splits": entries}))
    fresh.replace(output / "index.json")
    return sum(map(len, entries.values())), len(jobs)


def _check_same(output: Path, made: dict[str, Any]) -> None:
    before = output / "made.json"
    if before.is_file() and json.loads(before.read_text()) != made:
        raise InputError(f"{output} holds shards that were made otherwise ({before}); name another folder.")


def _key(name: str) -> str:
    """A clip's name without dots, which end a sample's key in WebDataset."""
    return name.replace(".", "_")


@dataclass(frozen=True)
class _Shard:
    """A tar file to be written, of clips with the paths or addresses of their footage."""

    file: Path
    clips: list[PreparedClip]
    places: list[str]
    size: int

    def __str__(self) -> str:
        return self.file.name


def _shard_writer() -> Callable[[_Shard], None]:
    return _write_shard


def _write_shard(job: _Shard) -> None:
    # Unfinished files of workers that were lost do not meet.
    partial_file = job.file.with_name(f".{job.file.name}.{os.getpid()}")
    with webdataset.TarWriter(str(partial_file), mtime=0) as tar:
        for clip, place in zip(job.clips, job.places, strict=True):
            with tempfile.TemporaryDirectory() as scratch:
                sample = _sample(clip, fetched(place, Path(scratch)), job.size)
            tar.write({"__key__": _key(clip.name), **sample})
    partial_file.replace(job.file)


def _sample(clip: PreparedClip, video: Path, size: int) -> dict[str, bytes]:
    frames = read_video(video, fps=FPS)
    first = next(frames)
    matrix = crop_matrix(clip.landmarks, first.shape[0], first.shape[1], size)
    motion = io.BytesIO()
    np.savez(
        motion,
        landmarks=into_crop(clip.landmarks, matrix),
        features=clip.speech(0, len(clip)).astype(np.float16),
        synchronised=clip.offset is not None,
    )
    files = {"motion.npz": motion.getvalue()}
    for index, frame in enumerate(chain([first], frames)):
        if index == len(clip):
            break
        encoded = io.BytesIO()
        Image.fromarray(aligned_face(frame, matrix, size)).save(encoded, "JPEG", quality=_QUALITY)
        files[f"{index:05d}.jpg"] = encoded.getvalue()
    return files


def _scan(shard: Path, speakers: dict[str, str]) -> list[ShardedClip]:
    """Where the files of a shard lie, a clip after another."""
    places: dict[str, dict[str, tuple[int, int]]] = {}
    with tarfile.open(shard) as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            places.setdefault(key, {})[extension] = (member.offset_data, member.size)
    clips = []
    for key, files in places.items():
        motion = files.pop("motion.npz")
        ordered = [files[name] for name in sorted(files)]
        clips.append(ShardedClip(key, speakers[key], shard.name, len(ordered), [motion, *ordered]))
    return clips


class Shards:
    """One split of a folder of shards.

    Args:
        folder: that ``write_shards`` wrote.
        split: ``train`` or ``val``.
    Raises:
        InputError: there are no shards, or none of that split.
    """

    def __init__(self, folder: Path, split: str) -> None:
        index = folder / "index.json"
        content = json.loads(index.read_text()) if index.is_file() else {}
        if "splits" not in content:
            raise InputError(
                f"{folder} holds no shards; run 'python -m moditalker shards --data PREPARED -o {folder}' first."
            )
        self.folder, self.size, self.encoder = folder, int(content["size"]), str(content["encoder"])
        if not content["splits"].get(split):
            raise InputError(f"{folder} holds no clip of the split {split!r}.")
        self.clips = [ShardedClip(**entry) for entry in content["splits"][split]]

    def motion(self, clip: ShardedClip) -> Motion:
        """Landmarks and speech of a clip."""
        with np.load(io.BytesIO(self._bytes(clip, 0))) as stored:
            return Motion(stored["landmarks"], stored["features"], bool(stored["synchronised"]))

    def frames(self, clip: ShardedClip, wanted: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 of a clip."""
        pictures = (Image.open(io.BytesIO(self._bytes(clip, 1 + int(index)))) for index in wanted)
        return np.stack([np.asarray(picture) for picture in pictures])

    def _bytes(self, clip: ShardedClip, number: int) -> bytes:
        offset, length = clip.places[number]
        with (self.folder / clip.shard).open("rb") as file:
            file.seek(offset)
            return file.read(length)
