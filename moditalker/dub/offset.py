"""A constant offset between a video's sound and its picture: measured by the lip-sync expert, and mended.

The picture is copied as it is; the sound is moved.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from moditalker.audio.load import load_recording
from moditalker.constants import FPS
from moditalker.dub.following import Follower
from moditalker.dub.shots import CutFinder
from moditalker.dub.tracks import runs
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.face.tracker import MAX_YAW_DEGREES, yaw_degrees
from moditalker.media.container import chosen, open_media, start_seconds
from moditalker.metrics.identity import IdentityEncoder
from moditalker.sync.crops_and_mel import CROP, log_mel, mouth_crops
from moditalker.sync.expert import WINDOW
from moditalker.sync.expert_weights import shipped_expert
from moditalker.sync.offset_scoring import LEAST_FRAMES, MAX_OFFSET, SyncCurve, embed_mel, embed_mouths
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress, unasked
from moditalker.utils.targets import check_targets
from moditalker.video.read import MAX_SECONDS, read_video
from moditalker.video.sound_track import SoundTrack
from moditalker.video.write import check_target

CLEAR = 0.02
"""How far the smallest mean distance lies under every other one at least three frames away."""
_LEAST_SECONDS = 2.0
_SIDE = 960


@dataclass(frozen=True)
class Offset:
    """How sound and picture of a video lie against each other.

    Attributes:
        frames: by which the sound comes late, 25 a second; negative when it comes early.
        confidence: of the expert, see ``SyncScore``.
        clear: whether one offset stands out.
        seconds: of face that were looked at.
    """

    frames: float
    confidence: float
    clear: bool
    seconds: float


def measured_offset(video: str | Path, progress: Progress | None = None, face: int | None = None) -> Offset:
    """How late the sound of a video comes, over all of its shots that show the person.

    Args:
        video: file; a frame is held at a time.
        progress: see ``Progress``.
        face: who, see `moditalker.dub.dub`.
    Raises:
        InputError: no sound, or less than two seconds of face in one piece.
    """
    report, expert = progress or unasked, shipped_expert()
    sound = embed_mel(expert, log_mel(load_recording(video, MAX_SECONDS).samples))
    nothing = np.zeros((CROP, CROP), np.uint8)
    crops: list[np.ndarray] = []
    shots: list[int] = []
    find_cut = CutFinder()
    with Follower(face, IdentityEncoder()) as follower:
        for frame in read_video(video, fps=FPS, max_side=_SIDE):
            cut = find_cut(frame)
            points = follower(frame, cut).landmarks
            shots.append((shots[-1] if shots else 0) + cut)
            if points is None or abs(yaw_degrees(points)) > MAX_YAW_DEGREES:
                crops.append(nothing)
            else:
                crops.append(mouth_crops(aligned_face(frame, aligning_matrix(points))[None])[0])
            report("track", len(crops), len(crops))
    usable = np.array([crop is not nothing for crop in crops])
    pieces = [
        (start, embed_mouths(expert, np.stack(crops[start:stop])))
        for start, stop in runs(usable, np.array(shots))
        if stop - start >= LEAST_FRAMES
    ]
    frames = sum(len(piece) + WINDOW - 1 for _, piece in pieces)
    if frames < _LEAST_SECONDS * FPS:
        raise InputError(
            f"{Path(video).name} shows {frames / FPS:.1f} s of a face from the front in pieces of a second, and "
            f"{_LEAST_SECONDS:g} s are needed to measure an offset."
        )
    return _offset_of(_curve(pieces, sound), frames / FPS)


def _curve(pieces: list[tuple[int, np.ndarray]], sound: np.ndarray) -> SyncCurve:
    """Mean distances by offset over all pieces of picture, (first frame, (n, D)); ``sound`` is (S, D)."""
    offsets, means = [], []
    for offset in range(-MAX_OFFSET, MAX_OFFSET + 1):
        apart = []
        for start, picture in pieces:
            heard = np.arange(start, start + len(picture)) + offset
            there = (heard >= 0) & (heard < len(sound))
            alike = (picture[there] * sound[heard[there]]).sum(-1)
            apart.append(np.sqrt(np.maximum(0, 2 - 2 * alike)))
        distances = np.concatenate(apart)
        if len(distances) >= LEAST_FRAMES:
            offsets.append(offset)
            means.append(float(distances.mean()))
    return SyncCurve(np.array(offsets), np.array(means))


def _offset_of(curve: SyncCurve, seconds: float) -> Offset:
    score = curve.score()
    far = np.abs(curve.offsets - score.offset) >= 3
    clear = bool(far.any() and curve.distances[far].min() - curve.distances.min() >= CLEAR)
    return Offset(round(curve.exact_offset(), 2), round(score.confidence, 4), clear, round(seconds, 2))


def mend_offset(video: str | Path, output: str | Path, late: float) -> None:
    """Copy a video with its sound moved; the picture's packets are copied as they are, the sound is encoded anew.

    Args:
        video: file whose picture's codec MP4 can hold.
        output: ``.mp4``.
        late: frames, 25 a second, by which the sound comes late; it is moved earlier by so much.
    Raises:
        InputError: the output cannot be written, or MP4 cannot hold the picture.
    """
    target = Path(output)
    check_targets({"video": target}, {"video to mend": video})
    check_target(target)
    recording = load_recording(video, MAX_SECONDS)
    moved = round(late / FPS * recording.original_rate)
    sound = recording.original
    sound = sound[moved:] if moved > 0 else np.pad(sound, ((-moved, 0), (0, 0)))
    with tempfile.TemporaryDirectory(prefix=".dub.", dir=target.parent) as scratch:
        made = Path(scratch) / "video.mp4"
        try:
            _remux(Path(video), made, sound, recording.original_rate)
        except av.FFmpegError as error:
            raise InputError(
                f"The picture of {Path(video).name} cannot be copied into an MP4 file ({error}): save it as H.264."
            ) from error
        made.replace(target)


def _remux(video: Path, made: Path, sound: np.ndarray, rate: int) -> None:
    with open_media(video) as source, av.open(f"file:{made}", "w", options={"movflags": "+faststart"}) as target:
        picture = chosen(source.streams.video)
        assert picture is not None
        copied = target.add_stream_from_template(picture)
        track = SoundTrack(target, sound, rate)
        begin = start_seconds(source)
        for packet in source.demux(picture):
            if packet.dts is None:
                continue
            unit = packet.time_base
            shift = round(begin / unit)
            packet.dts -= shift
            packet.pts = None if packet.pts is None else packet.pts - shift
            seconds = float(packet.dts * unit)
            packet.stream = copied
            target.mux(packet)
            target.mux(track.until(max(0.0, seconds)))
        target.mux(track.rest())
