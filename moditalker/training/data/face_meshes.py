"""Face meshes for the blendshape fit: of the clips of a list, every few frames."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from moditalker.face.mediapipe_graphs import face_mesh, found_meshes
from moditalker.training.data.prepare import Clip, read_clip_list
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

logger = logging.getLogger(__name__)

RATE = 6.25
"""Frames a second that are taken of a clip: every fourth."""
CLIPS_A_SPEAKER = 8
"""Clips that are taken of one speaker, spread over the list; what more of them would add is little."""
FEWEST = 3
"""Faces that a person must have in one clip, for differences between them to be seen."""


@dataclass(frozen=True)
class FaceMeshes:
    """Meshes of many people.

    Attributes:
        meshes: (N, 478, 3) float32, MediaPipe's, pixels.
        groups: (N,) int, which clip each belongs to; one person a clip.
        weights: (N,) float, so that every speaker counts the same.
    """

    meshes: np.ndarray
    groups: np.ndarray
    weights: np.ndarray


def meshes_of_clips(clip_list: Path, split: str, kept: Path) -> FaceMeshes:
    """Track the faces in the clips of a list.

    Args:
        clip_list: CSV, see ``prepare.read_clip_list``.
        split: which clips.
        kept: folder in which each clip's meshes are kept, so that a second run does only what is missing.
    Raises:
        InputError: the list cannot be read, or there is no usable clip of that split.
    """
    clips = _spread([clip for clip in read_clip_list(clip_list) if clip.split == split])
    kept.mkdir(parents=True, exist_ok=True)
    found: list[tuple[str, np.ndarray]] = []
    for clip in tqdm(clips, desc=f"meshes, {split}", unit="clip"):
        file = kept / f"{clip.name}.npy"
        if not file.is_file():
            np.save(file, _track(clip_list.parent / clip.path))
        meshes = np.load(file)
        if len(meshes) >= FEWEST:
            found.append((clip.speaker, meshes))
    if not found:
        raise InputError(f"No clip of the split {split!r} in {clip_list} shows a face; name another list with --data.")
    return _joined(found)


def _spread(clips: list[Clip]) -> list[Clip]:
    """At most ``CLIPS_A_SPEAKER`` of each speaker."""
    speakers: dict[str, list[Clip]] = {}
    for clip in clips:
        speakers.setdefault(clip.speaker, []).append(clip)
    # The more different ones first.
    chosen = [own[:: -(-len(own) // CLIPS_A_SPEAKER)] for own in speakers.values()]
    return [clip for own in sorted(chosen, key=len) for clip in own]


def _track(video: Path) -> np.ndarray:
    """(T, 478, 3) float32 of the frames that show a face; none where the video cannot be read."""
    meshes: list[np.ndarray] = []
    try:
        with face_mesh(static_image_mode=False, max_num_faces=1) as mesh:
            for frame in read_video(video, fps=RATE):
                meshes += list(found_meshes(mesh, frame))[:1]
    except InputError as error:
        logger.warning("left out: %s", error)
    return np.stack(meshes) if meshes else np.zeros((0, 478, 3), np.float32)


def _joined(found: list[tuple[str, np.ndarray]]) -> FaceMeshes:
    """Of (speaker, meshes): a speaker counts by the square root of how much there is of him or her."""
    total: dict[str, int] = {}
    for speaker, meshes in found:
        total[speaker] = total.get(speaker, 0) + len(meshes)
    counts = [len(meshes) for _, meshes in found]
    weights = np.concatenate([np.full(len(meshes), total[speaker] ** -0.5) for speaker, meshes in found])
    return FaceMeshes(
        np.concatenate([meshes for _, meshes in found]), np.repeat(np.arange(len(found)), counts), weights
    )
