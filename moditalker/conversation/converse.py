"""Pictures and a script in, a conversation as MP4 and its report out."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from moditalker.animate import name_of
from moditalker.atom.listening import Listening, floor_holder, gazes, lips_may_move, listening, pauses
from moditalker.constants import FPS
from moditalker.conversation.diarize import turns_of_mixed
from moditalker.conversation.script import Script, Turn, check_faces, read_script, spoken_turns, turns_of_tracks
from moditalker.conversation.shots import in_turn, together
from moditalker.conversation.stage import Seat, Stage, faces_of_one_picture, faces_of_portraits
from moditalker.conversation.timeline import Timeline, timeline
from moditalker.options import CONVERSATION_OPTIONS, MAX_SEED, AnimateOptions
from moditalker.portrait import PortraitSource
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress, unasked
from moditalker.utils.seeds import seed_or_new
from moditalker.utils.stopwatch import Stopwatch
from moditalker.utils.targets import check_targets
from moditalker.video.provenance import TAGS, add_provenance
from moditalker.video.watermark import Watermark
from moditalker.video.write import VideoWriter

logger = logging.getLogger(__name__)

LAYOUTS = ("side", "cut")
OPTIONS = (*CONVERSATION_OPTIONS, "mark")
"""Fields of ``AnimateOptions`` that a conversation takes."""


def converse(
    pipeline: Any,
    pictures: Sequence[PortraitSource],
    script: str | Path | Script | None,
    output: str | Path,
    *,
    tracks: Sequence[str | Path] = (),
    mixed: str | Path | None = None,
    layout: Literal["side", "cut"] | None = None,
    script_name: Path = Path("The conversation"),
    on_frames: Callable[[np.ndarray], None] | None = None,
    on_landmarks: Callable[[list[np.ndarray], np.ndarray], None] | None = None,
    progress: Progress | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Let several faces speak with one another, in an MP4 file with a report beside it (the same name, ``.json``).

    Who is silent listens, see ``atom.listening``. Memory does not grow with the length, but for sound and landmarks.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        pictures: one picture with several faces, or several portraits with one face each.
        script: a TOML file, see ``conversation.script``, or what was read already; or None, and
        tracks: a recording for each face, from the left, or one stereo recording; or
        mixed: a recording of all of them, which is taken apart by their voices, see ``conversation.diarize``.
        output: ``.mp4``; its folder is made when missing.
        script_name: what a script that is no file is called in messages.
        layout: of several portraits: ``side`` by side, or ``cut`` to who speaks. None takes the script's.
        on_frames: called with each (n, H, W, 3) uint8 that was written, in order; may raise to cancel.
        on_landmarks: called once, before anything is drawn, with the (T, 68, 3) of each face, pixels of the video, and
            with (F, T), how far each speaks.
        progress: see ``Progress``; raise in it to cancel. Nothing is left behind then.
        **given: those of ``OPTIONS``.
    Returns:
        The report: turns, seed, parameters, hashes of the weights, seconds a stage, warnings.
    Raises:
        InputError: input that cannot be used.
    """
    # 1. check
    if not hasattr(pipeline, "stream"):
        raise InputError("This preset draws one face only; choose the compact preset for a conversation.")
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise InputError(f"A conversation takes no {', '.join(unknown)}; leave it out.")
    options: AnimateOptions = pipeline.check_inputs(**given)
    output, report, clock = Path(output), progress or unasked, Stopwatch()
    path = Path(script) if isinstance(script, (str, Path)) else script_name
    check_targets(
        {"video": output, "report": output.with_suffix(".json")},
        {
            "script": path if isinstance(script, (str, Path)) else None,
            "mixed recording": mixed,
            **{f"picture {number}": one for number, one in enumerate(pictures, 1)},
            **{f"track {number}": one for number, one in enumerate(tracks, 1)},
        },
    )
    if (script is not None) + bool(tracks) + (mixed is not None) != 1:
        raise InputError("Give a script, tracks, or a mixed recording: one of the three.")
    if layout not in (None, *LAYOUTS):
        raise InputError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}.")
    written = read_script(path) if isinstance(script, (str, Path)) else script
    shown = layout or (written.layout if written is not None else "side")
    started = time.perf_counter()
    # 2. find the faces, and lay the turns out
    with clock("face"):
        report("face", 0, 1)
        stage = _stage(pipeline, pictures, shown)
    with clock("audio"):
        if written is not None:
            check_faces(written, path, len(stage.seats) + len(stage.unusable), stage.unusable)
            turns = spoken_turns(written, path, [seat.number for seat in stage.seats], options.max_seconds)
        elif mixed is not None:
            turns = turns_of_mixed(mixed, len(stage.seats), options.max_seconds)
        else:
            turns = turns_of_tracks(tracks, len(stage.seats), options.max_seconds)
        line = timeline(turns, len(stage.seats))
    seed = seed_or_new(options.seed)
    height, width = stage.picture.shape[:2]
    watermark = Watermark((width, height)) if options.mark else None
    warnings = list(stage.warnings)
    with VideoWriter(output, (width, height), FPS, line.sound, line.rate, TAGS) as writer:
        # 3. speech to motion, and listening
        with clock("motion"):
            activity = line.activity()
            landmarks = _landmarks(pipeline, stage, line, activity, options, seed, report, warnings)
        if on_landmarks is not None:
            places = [np.array([*seat.place, 0], np.float32) for seat in stage.seats]
            on_landmarks([one + place for one, place in zip(landmarks, places, strict=True)], activity)
        # 4. motion to video
        with clock("video"):
            drawing = {"mtov_steps": options.mtov_steps, "seed": seed}
            spoken = lips_may_move(activity)
            if len(pictures) == 1 or shown == "side":
                frames = together(pipeline, stage, landmarks, spoken, **drawing)
            else:
                frames = in_turn(pipeline, stage, landmarks, spoken, floor_holder(activity), **drawing)
            with closing(frames):
                done = 0
                for chunk in frames:
                    marked = chunk if watermark is None else watermark(chunk)
                    for frame in marked:
                        writer.write(frame)
                    done += len(marked)
                    report("video", done, line.frames)
                    if on_frames is not None:
                        on_frames(marked)
    # 5. say how it was made
    spent = time.perf_counter() - started
    add_provenance(output, seed=seed, weights=pipeline.weight_hashes())
    for warning in warnings:
        logger.warning(warning)
    told = {
        "output": str(output),
        "seed": seed,
        "parameters": {
            "pictures": [name_of(one) for one in pictures],
            "layout": "picture" if len(pictures) == 1 else shown,
            **{name: value for name, value in asdict(options).items() if name in OPTIONS and name != "seed"},
        },
        "turns": [_told(turn, stage) for turn in turns],
        "faces": len(stage.seats),
        "preset": Path(str(pipeline.config.get("_name_or_path", ""))).name,
        "weights": pipeline.weight_hashes(),
        "seconds": {name: round(value, 3) for name, value in clock.seconds.items()},
        "frames": line.frames,
        "frames_sha256": writer.frames_sha256,
        "fps": FPS,
        "audio_seconds": round(len(line.sound) / line.rate, 3),
        "real_time_factor": round(spent / (line.frames / FPS), 3),
        "warnings": warnings,
    }
    output.with_suffix(".json").write_text(json.dumps(told, indent=1))
    return told


def _stage(pipeline: Any, pictures: Sequence[PortraitSource], layout: str) -> Stage:
    if not pictures:
        raise InputError("There is no picture: give one with several faces, or several portraits.")
    if len(pictures) == 1:
        return faces_of_one_picture(pipeline, pictures[0])
    return faces_of_portraits(pipeline, pictures, together=layout == "side")


def _landmarks(
    pipeline: Any,
    stage: Stage,
    line: Timeline,
    activity: np.ndarray,
    options: AnimateOptions,
    seed: int,
    report: Progress,
    warnings: list[str],
) -> list[np.ndarray]:
    """(T, 68, 3) of each face in its part, speaking and listening; what is to be told joins ``warnings``."""
    held = floor_holder(activity)
    looks = gazes(_centres(stage), held)
    cues = [pauses(one) for one in activity]
    found = []
    for index, (seat, track) in enumerate(zip(stage.seats, line.tracks, strict=True)):
        own_seed = (seed + index) % (MAX_SEED + 1)
        motion = _motion(pipeline, seat, track, line, options, own_seed, report)
        if track is not None:
            warnings += [f"Face {seat.number}: {said}" for said in motion.warnings]
        others = np.unique(np.concatenate([np.zeros(0, int), *cues[:index], *cues[index + 1 :]]))
        how = Listening(1 - activity[index], looks[index], others, own_seed)
        found.append(listening(seat.portrait.frame, motion.landmarks, how, options.head_scale))
    return found


def _motion(
    pipeline: Any,
    seat: Seat,
    track: np.ndarray | None,
    line: Timeline,
    options: AnimateOptions,
    seed: int,
    report: Progress,
) -> Any:
    samples = np.zeros(line.length, np.float32) if track is None else track
    return pipeline.motion(
        seat.portrait,
        samples,
        atom_steps=options.atom_steps,
        guidance=options.guidance,
        seed=seed,
        **options.controls,
        progress=report,
    )


def _centres(stage: Stage) -> np.ndarray:
    """(F, 2) of the faces; those that are shown one at a time stand in a row."""
    centres = stage.centres
    if len({seat.place for seat in stage.seats}) < len(stage.seats):
        centres = centres + np.arange(len(centres))[:, None] * np.array([stage.picture.shape[1], 0])
    return centres


def _told(turn: Turn, stage: Stage) -> dict[str, Any]:
    """A turn for the report."""
    face = stage.seats[turn.face].number
    return {"face": face, "start": round(turn.start, 3), "end": round(turn.end, 3), "said": turn.said}
