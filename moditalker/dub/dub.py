"""A video and a recording in, the video with other lips out."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.audio.load import AudioSource, load_recording, recording_of
from moditalker.audio.recording import Recording
from moditalker.dub.blending import blended
from moditalker.dub.lips import at_times, eased, in_frames, resting_face, with_lips
from moditalker.dub.mouths import drawn_mouths
from moditalker.dub.people import ACTIVE, Person, followed_people
from moditalker.dub.references import References
from moditalker.dub.sound import dubbed_sound
from moditalker.dub.timeline import shown, sources
from moditalker.dub.tracks import Tracks, runs
from moditalker.face.geometry import FaceFrame
from moditalker.options import AnimateOptions
from moditalker.portrait import Portrait
from moditalker.utils.errors import InputError
from moditalker.utils.memory import MemoryCurve
from moditalker.utils.progress import Progress, unasked
from moditalker.utils.stopwatch import Stopwatch
from moditalker.utils.targets import check_targets
from moditalker.video.provenance import DUB_TAGS, add_provenance
from moditalker.video.read import MAX_SECONDS, VideoInfo, even_frames, probe_video, read_video
from moditalker.video.watermark import Watermark
from moditalker.video.write import VideoWriter

logger = logging.getLogger(__name__)

OPTIONS = ("atom_steps", "mtov_steps", "guidance", "lip_scale", "seed", "face", "max_seconds", "mark")
"""The fields of ``AnimateOptions`` that a dub has."""


@dataclass(frozen=True)
class Stretch:
    """Frames of a dub whose lips are changed.

    Attributes:
        start, stop: frames of the dub.
        heads: (n, 68, 3) with the new lips, pixels of heads.
        own, target: (n, 68, 3) pixels of the frames.
        matrices: (n, 2, 3) from frames to heads.
        weight: (n,) 0 to 1.
        references: of its shot.
    """

    start: int
    stop: int
    heads: np.ndarray
    own: np.ndarray
    target: np.ndarray
    matrices: np.ndarray
    weight: np.ndarray
    references: References


def dub(
    pipeline: Any,
    video: str | Path,
    audio: AudioSource,
    output: str | Path,
    *,
    when_longer: str = "stop",
    when_shorter: str = "stop",
    original_level: float = 0.0,
    on_frame: Callable[[np.ndarray], None] | None = None,
    progress: Progress | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Let the person in a video say a recording, with a report beside it (the same name, ``.json``).

    Frame rate and size are kept. Pixels outside the mouth's and the jaw's neighbourhood are those of the video.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        video: file; memory does not grow with its length.
        audio: recording, see ``AudioSource``.
        output: ``.mp4``; its folder is made when missing.
        when_longer, when_shorter: what the picture does when the recording is longer or shorter, see ``timeline``.
        original_level: how loud the video's own sound stays under the recording, 0 to 1.
        on_frame: called with each (H, W, 3) uint8 that was written, in order, before it is compressed.
        progress: see ``Progress``; raise in it to cancel. Nothing is left behind then.
        **given: ``OPTIONS``. ``face`` is counted in the first frame that shows any; or it is ``ACTIVE``, and whoever
            speaks by the video's own sound is followed. What is not given is the preset's.
    Returns:
        The report: as of ``animate``, with ``kept``, the stretches whose lips are the video's own, and why, and
        ``followed``, who is dubbed when, and ``memory_mb``, what the process held while frames were written.
    Raises:
        InputError: input that cannot be used.
    """
    # 1. check
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise InputError(f"A dub has no option {unknown[0]}; it has {', '.join(OPTIONS)}.")
    if not 0 <= original_level <= 1:
        raise InputError(f"original_level must be between 0 and 1, got {original_level!r}.")
    active = given.get("face") == ACTIVE
    options: AnimateOptions = pipeline.check_inputs(**{**given, "face": None} if active else given)
    report, clock, output = progress or unasked, Stopwatch(), Path(output)
    memory, cpu = MemoryCurve(), time.process_time()
    targets = {"video": output, "report": output.with_suffix(".json")}
    check_targets(targets, {"video to dub": video, "recording": audio})
    started = time.perf_counter()
    # 2. read the recording, and look through the video
    with clock("audio"):
        recording = recording_of(audio, options.max_seconds)
    info = probe_video(video)
    if info.duration > MAX_SECONDS:
        raise InputError(f"{Path(video).name} lasts more than {MAX_SECONDS:g} s: cut it.")
    warnings: list[str] = []
    with clock("track"):
        people, who = followed_people(video, info, ACTIVE if active else options.face, report)
    tracks = people[0].tracks
    source = sources(len(tracks), info.fps, recording.seconds, when_longer, when_shorter)
    warnings += _told(tracks, len(source) / info.fps, recording, info, when_longer, when_shorter)
    if tracks.faces > 1 and options.face is None and not active:
        warnings.append(f"Up to {tracks.faces} faces were seen at once; the largest is dubbed; choose one (face).")
    # 3. speech to lips
    stretches: list[Stretch] = []
    for person in people:
        frame = FaceFrame(resting_face(person.tracks))
        motion = pipeline.motion(
            _faceless(frame),
            recording,
            atom_steps=options.atom_steps,
            guidance=options.guidance,
            seed=options.seed,
            head_motion="still",
            lip_scale=options.lip_scale,
            progress=progress,
        )
        options = replace(options, seed=motion.seed)
        for stage, spent in motion.timings.items():
            clock.seconds[stage] = clock.seconds.get(stage, 0.0) + spent
        spoken = at_times(frame.analyse(motion.landmarks)[0], len(source), info.fps)
        stretches += _stretches(person, source, frame, spoken, info.fps)
    warnings += motion.warnings
    # 4. lips to video
    stretches.sort(key=lambda one: one.start)
    reasons = np.stack([person.reasons for person in people])[who, np.arange(len(who))][source]
    size = _even_size(info.size)
    watermark = Watermark(size) if options.mark else None
    sound = _sound(video, recording, info, original_level, len(source) / info.fps)
    with (
        clock("video"),
        VideoWriter(output, size, info.fps, sound, recording.original_rate, DUB_TAGS) as writer,
    ):
        pictures = even_frames(shown(source, lambda first: read_video(video, fps=info.fps, first=first)))
        for done, picture in enumerate(
            _dubbed(pipeline, pictures, stretches, options.mtov_steps, motion.seed), start=1
        ):
            final = picture if watermark is None else watermark(picture[None])[0]
            writer.write(final)
            if on_frame is not None:
                on_frame(final)
            memory.note()
            report("video", done, len(source))
    # 5. say how it was made
    spent = time.perf_counter() - started
    add_provenance(output, seed=motion.seed, weights=pipeline.weight_hashes(), composite=True)
    for warning in warnings:
        logger.warning(warning)
    written = {
        "output": str(output),
        "seed": motion.seed,
        "parameters": {
            "video": Path(video).name,
            "audio": recording.name,
            **{name: getattr(options, name) for name in OPTIONS if name not in ("seed", "max_seconds", "face")},
            "face": ACTIVE if active else options.face,
            "when_longer": when_longer,
            "when_shorter": when_shorter,
            "original_level": original_level,
        },
        "weights": pipeline.weight_hashes(),
        "seconds": {stage: round(value, 3) for stage, value in clock.seconds.items()},
        "frames": writer.frames_written,
        "frames_sha256": writer.frames_sha256,
        "fps": round(info.fps, 4),
        "size": list(size),
        "shots": int(tracks.shots.max()) + 1,
        "dubbed_seconds": round(sum(one.stop - one.start for one in stretches) / info.fps, 3),
        "kept": _kept(reasons, info.fps),
        "followed": _pieces(who[source], info.fps, "face", lambda number: int(number) + 1) if active else [],
        "audio_seconds": round(recording.seconds, 3),
        "real_time_factor": round(spent / (len(source) / info.fps), 3),
        "cpu_seconds_a_second": round((time.process_time() - cpu) / (len(source) / info.fps), 3),
        "memory_mb": memory.summary(),
        "warnings": warnings,
    }
    output.with_suffix(".json").write_text(json.dumps(written, indent=1))
    return written


def _stretches(person: Person, source: np.ndarray, frame: FaceFrame, spoken: np.ndarray, fps: float) -> list[Stretch]:
    """Where a person's lips are changed, with the landmarks that they are changed to."""
    tracks = person.tracks
    usable, shots = (person.reasons == "")[source], tracks.shots[source]
    found = []
    for start, stop in runs(usable, shots):
        own = tracks.landmarks[source[start:stop]]
        matrices = tracks.space.matrices(own)
        heads = tracks.space.placed(own, matrices)
        before = start > 0 and shots[start - 1] == shots[start]
        after = stop < len(source) and shots[stop] == shots[start]
        weight = eased(stop - start, before, after, fps)
        moved = with_lips(frame, heads, spoken[start:stop], weight, fps)
        target = in_frames(moved, matrices)
        references = tracks.references_of(int(shots[start]))
        found.append(Stretch(start, stop, moved, own, target, matrices, weight, references))
    return found


def _dubbed(
    pipeline: Any,
    pictures: Iterator[np.ndarray],
    stretches: list[Stretch],
    mtov_steps: int,
    seed: int,
) -> Iterator[np.ndarray]:
    """The video's frames, those of the stretches with their new mouths."""
    index = 0
    for one in stretches:
        while index < one.start:
            yield next(pictures)
            index += 1
        mouths = drawn_mouths(pipeline, one.references, one.heads, mtov_steps=mtov_steps, seed=seed)
        for place, mouth in enumerate(mouths):
            # A decoder that gives fewer frames than it did at the first look ends the dub there.
            picture = next(pictures, None)
            if picture is None:
                return
            own, target, matrix = one.own[place], one.target[place], one.matrices[place]
            yield blended(picture, own, target, mouth, matrix, float(one.weight[place]), seed + index)
            index += 1
    yield from pictures


def _kept(reasons: np.ndarray, fps: float) -> list[dict[str, Any]]:
    """Stretches of the dub whose lips are the video's own, in seconds, with the reason."""
    return [one for one in _pieces(reasons, fps, "reason", str) if one["reason"]]


def _pieces(values: np.ndarray, fps: float, name: str, told: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """Runs of one value among (T,) as seconds, with what is told of the value under a name."""
    _, groups = np.unique(values.astype(str), return_inverse=True)
    return [
        {"from": round(start / fps, 3), "to": round(stop / fps, 3), name: told(values[start])}
        for start, stop in runs(np.ones(len(values), bool), groups)
    ]


def _told(
    tracks: Tracks,
    seconds: float,
    recording: Recording,
    info: VideoInfo,
    when_longer: str,
    when_shorter: str,
) -> list[str]:
    """Sentences for the user about length and size."""
    told = []
    length = len(tracks) / info.fps
    if recording.seconds > length + 1 / info.fps:
        does = {
            "stop": "the recording is cut off where the video ends",
            "loop": "the video goes back and forth",
            "hold": "the last frame stands still",
        }[when_longer]
        told.append(f"The recording lasts {recording.seconds:.1f} s and the video {length:.1f} s: {does}.")
    elif recording.seconds < length - 1 / info.fps:
        does = {"stop": "the video ends with it", "rest": "the lips rest after it"}[when_shorter]
        told.append(f"The recording lasts {recording.seconds:.1f} s and the video {length:.1f} s: {does}.")
    if _even_size(info.size) != info.size:
        told.append("The video's sides are odd; its last row or column is left out, as H.264 needs even ones.")
    return told


def _sound(video: str | Path, recording: Recording, info: VideoInfo, level: float, seconds: float) -> np.ndarray:
    own = load_recording(video, MAX_SECONDS) if level > 0 and info.sound else None
    return dubbed_sound(recording, own, level, seconds)


def _faceless(frame: FaceFrame) -> Portrait:
    """A portrait of which only the landmarks are known, which is all that motion needs."""
    return Portrait(np.zeros((2, 2, 3), np.uint8), frame, None)  # type: ignore[arg-type]


def _even_size(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // 2 * 2, size[1] // 2 * 2
