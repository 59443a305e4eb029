"""Everybody in a video, each followed through all of it, and in each frame the one who speaks."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moditalker.audio.load import load_recording
from moditalker.constants import FPS
from moditalker.dub.following import SAME_PERSON, Follower, Seen, faces_in
from moditalker.dub.speaking import evidence, followed
from moditalker.dub.tracks import Tracks, track
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.face.layout import mouth_opening
from moditalker.face.mediapipe_graphs import face_mesh
from moditalker.face.tracker import MAX_YAW_DEGREES, yaw_degrees
from moditalker.metrics.identity import IdentityEncoder
from moditalker.sync.crops_and_mel import CROP, mouth_crops
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.video.read import MAX_SECONDS, VideoInfo, even_frames, read_video

ACTIVE = "active"
"""In place of a face's number: whoever speaks."""
MOST_PEOPLE = 6
_LOOKS_A_SECOND = 1.0
"""How often the whole frame is looked at for people."""
_SIGHTINGS = 2
"""Looks in which somebody must be seen, where there are so many looks; a passer-by is nobody to follow."""
_KNOWN = 8
"""Embeddings of a person that are kept."""
OTHERS = "somebody else speaks"


@dataclass(frozen=True)
class Person:
    """Somebody in a video.

    Attributes:
        tracks: of T frames.
        reasons: (T,) as of the tracks; where somebody else speaks, that.
    """

    tracks: Tracks
    reasons: np.ndarray


class _Watcher(Follower):
    """A follower that keeps what the mouth looks like: a crop a frame, black where it is not seen from the front."""

    def __init__(self, encoder: IdentityEncoder, known: list[np.ndarray]) -> None:
        super().__init__(None, encoder, known)
        self.mouths: list[np.ndarray] = []

    def __call__(self, frame: np.ndarray, cut: bool) -> Seen:
        seen = super().__call__(frame, cut)
        points = seen.landmarks
        if points is None or abs(yaw_degrees(points)) > MAX_YAW_DEGREES:
            self.mouths.append(np.zeros((CROP, CROP), np.uint8))
        else:
            self.mouths.append(mouth_crops(aligned_face(frame, aligning_matrix(points))[None])[0])
        return seen


def followed_people(
    video: str | Path, info: VideoInfo, face: int | str | None, progress: Progress
) -> tuple[list[Person], np.ndarray]:
    """Look through a video, at its own rate, for who is dubbed in it.

    Args:
        video: file; it is read once for one person, and for ``ACTIVE`` once more than there are people.
        info: what it is.
        face: number of a face, see ``Follower``; or ``ACTIVE``.
        progress: told the stage ``track``.
    Returns:
        The people, and (T,) which of them is followed in each frame.
    Raises:
        InputError: nowhere can lips be changed; there is no face of that number; or nothing to tell who speaks by.
    """
    if face == ACTIVE:
        return _speakers(video, info, progress)
    assert not isinstance(face, str), "numbers are checked before"
    expected = max(1, round(info.duration * info.fps))
    with Follower(face, IdentityEncoder()) as follower:
        frames = even_frames(read_video(video, fps=info.fps))
        tracks = track(frames, follower, info.fps, lambda done: progress("track", done, max(done, expected)))
    return [Person(tracks, tracks.reasons)], np.zeros(len(tracks), np.int64)


def _speakers(video: str | Path, info: VideoInfo, progress: Progress) -> tuple[list[Person], np.ndarray]:
    """Follow everybody in a video, and find who speaks when by its own sound."""
    if not info.sound:
        raise InputError(
            f"{Path(video).name} has no sound, by which to tell who speaks: choose the face by its number."
        )
    sound = load_recording(video, MAX_SECONDS).samples
    encoder = IdentityEncoder()
    known = find_people(read_video(video, fps=_LOOKS_A_SECOND), encoder)
    watched: list[tuple[Tracks, np.ndarray]] = []
    refused = InputError(
        "Nowhere in the video is a face seen: use one that shows a face from the front, in good light."
    )
    for index, person in enumerate(known):
        watcher = _Watcher(encoder, person)
        with watcher:
            try:
                tracks = track(even_frames(read_video(video, fps=info.fps)), watcher, info.fps)
            except InputError as error:
                refused = error
            else:
                watched.append((tracks, np.stack(watcher.mouths)))
        progress("track", index + 1, len(known))
    if not watched:
        raise refused
    told = np.stack([_evidence(tracks, mouths, sound, info.fps) for tracks, mouths in watched])
    who = followed(told, watched[0][0].shots, info.fps)
    people: list[Person] = []
    numbers = np.zeros(len(who), np.int64)
    for index, (tracks, _) in enumerate(watched):
        if (own := who == index).any():
            numbers[own] = len(people)
            people.append(Person(tracks, np.where(own, tracks.reasons, OTHERS)))
    return people, numbers


def find_people(frames: Iterable[np.ndarray], encoder: IdentityEncoder) -> list[list[np.ndarray]]:
    """Embeddings of each person in some frames, (H, W, 3) uint8; first who is seen most, ``MOST_PEOPLE`` at most."""
    people: list[list[np.ndarray]] = []
    looks = 0
    with face_mesh(static_image_mode=True, max_num_faces=10) as still:
        for frame in frames:
            looks += 1
            faces = faces_in(still, frame)
            if not faces:
                continue
            for one in encoder(np.broadcast_to(frame, (len(faces), *frame.shape)), np.stack(faces)):
                apart = [min(float(np.linalg.norm(one - seen)) for seen in person) for person in people]
                if apart and min(apart) <= SAME_PERSON:
                    people[int(np.argmin(apart))].append(one)
                else:
                    people.append([one])
    least = min(_SIGHTINGS, looks)
    often = [person for person in people if len(person) >= least] or people
    often.sort(key=len, reverse=True)
    return [person[:_KNOWN] for person in often[:MOST_PEOPLE]]


def _evidence(tracks: Tracks, mouths: np.ndarray, sound: np.ndarray, fps: float) -> np.ndarray:
    """(T,) of one person at the video's rate; the expert knows 25 frames a second."""
    count = len(tracks)
    there = np.minimum(np.rint(np.arange(max(1, round(count * FPS / fps))) * fps / FPS), count - 1).astype(int)
    back = np.minimum(np.rint(np.arange(count) * FPS / fps), len(there) - 1).astype(int)
    seen = mouths.any((1, 2)) & ~np.isnan(tracks.landmarks[:, 0, 0])
    opening = np.nan_to_num(mouth_opening(tracks.landmarks))
    return evidence(mouths[there], opening[there], seen[there], sound)[back]
