"""Files in, an MP4 and its report out."""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.atom.motion import Motion
from moditalker.atom.motion_file import check_motion_use, given_motion, write_motion
from moditalker.atom.style import StyleSource
from moditalker.audio.load import AudioSource, recording_of
from moditalker.audio.speech_frames import frame_count
from moditalker.constants import FPS
from moditalker.face.driven_pose import driving_video
from moditalker.face.landmark_file import write_landmarks
from moditalker.keys import Keys, read_keys
from moditalker.options import AnimateOptions
from moditalker.portrait import Portrait, PortraitSource, looking
from moditalker.utils.progress import Progress, unasked
from moditalker.utils.seeds import seed_or_new
from moditalker.utils.stopwatch import Stopwatch
from moditalker.utils.targets import check_targets
from moditalker.video.provenance import TAGS, add_provenance
from moditalker.video.watermark import Watermark
from moditalker.video.write import VideoWriter

logger = logging.getLogger(__name__)


def animate(
    pipeline: Any,
    portrait: PortraitSource | Portrait,
    audio: AudioSource,
    output: str | Path,
    *,
    landmarks: np.ndarray | None = None,
    save_landmarks: str | Path | None = None,
    head_motion: str | Path = "natural",
    motion: Motion | str | Path | None = None,
    keys: Keys = None,
    style: StyleSource = None,
    part_scales: Mapping[str, float] | None = None,
    save_motion: str | Path | None = None,
    on_frames: Callable[[np.ndarray], None] | None = None,
    progress: Progress | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Animate a portrait into an MP4 file, with a report beside it (the same name, ``.json``).

    Args:
        pipeline: a ``TalkingPipeline``.
        portrait: see ``encode_portrait``.
        audio: recording, see ``AudioSource``; the video is as long as it is, and carries its sound as it came in.
        output: ``.mp4``; its folder is made when missing.
        landmarks: (T, 68, 3) to be used instead of AToM's; the shorter of them and the recording sets the length.
        save_landmarks: ``.npz`` to write the landmarks to.
        head_motion: ``natural``, ``still``, or a video whose head is followed.
        motion: this one instead of a new one, or its file; its length counts as that of ``landmarks`` does.
        keys: what the face does at which moment, see ``moditalker.keys``.
        style: a video of somebody who talks, whose manner the face takes on; see ``atom.style``.
        part_scales: how far parts of the motion go, see ``Motion.scaled``; of a given motion too.
        save_motion: file to write the motion to, as it was before ``part_scales``; see ``atom.motion_file``.
        on_frames: called with each (n, H, W, 3) uint8 that was written, in order; may raise to cancel.
        progress: see ``Progress``; raise in it to cancel. Nothing is left behind then.
        **given: fields of ``AnimateOptions``; what is not given is the preset's own.
    Returns:
        The report: seed, every parameter, hashes of the weights, seconds a stage, real-time factor, warnings.
    Raises:
        InputError: input that cannot be used.
    """
    # 1. check
    options: AnimateOptions = pipeline.check_inputs(**given)
    report, clock, output = progress or unasked, Stopwatch(), Path(output)
    files = {
        name: given
        for name, given in {"motion": motion, "keys": keys, "style": style}.items()
        if isinstance(given, (str, Path))
    }
    kept = None if save_motion is None else Path(save_motion)
    check_places(output, save_landmarks, portrait=portrait, audio=audio, head_motion=head_motion, kept=kept, **files)
    check_motion_use(landmarks is not None, part_scales, kept)
    shown, asked = given_motion(motion, keys, landmarks, style), read_keys(keys)
    started = time.perf_counter()
    # 2. read the recording and encode the portrait
    with clock("audio"):
        recording = recording_of(audio, options.max_seconds)
    with clock("face"):
        report("face", 0, 1)
        encoded: Portrait = pipeline.encode_portrait(portrait, options.crop, face=options.face)
        report("face", 1, 1)
    warnings = _warned(encoded.warnings)
    own, seed, scales = landmarks is None, options.seed, part_scales or {}
    if shown is not None:
        landmarks = shown.scaled(scales).landmarks(encoded.frame)
    height, width = encoded.picture.shape[:2]
    watermark = Watermark((width, height)) if options.mark else None
    if landmarks is not None:
        frames = min(frame_count(recording.samples), len(landmarks))
        recording, landmarks = recording.part(0, frames / FPS), landmarks[:frames]
        shown = None if shown is None else shown[:frames]
    with VideoWriter(output, (width, height), FPS, recording.original, recording.original_rate, TAGS) as writer:
        # 3. speech to motion
        if landmarks is None:
            made = pipeline.motion(
                encoded,
                recording,
                atom_steps=options.atom_steps,
                guidance=options.guidance,
                seed=seed,
                head_motion=head_motion,
                **({"keys": asked} if asked else {}),
                **({} if style is None else {"style": style}),
                **options.controls,
                progress=progress,
            )
            shown, seed = made.motion, made.seed
            landmarks = shown.scaled(scales).landmarks(encoded.frame) if scales else made.landmarks
            warnings += _warned(made.warnings)
            clock.seconds.update(made.timings)
        else:
            seed = seed_or_new(seed)
        # 4. motion to video
        with clock("video"):
            chunks: Iterator[np.ndarray] = pipeline.render(
                encoded,
                landmarks,
                own=own,
                mtov_steps=options.mtov_steps,
                seed=seed,
                head_video=driving_video(head_motion),
                progress=progress,
            )
            if shown is not None:
                chunks = looking(chunks, encoded, landmarks, shown.scaled(scales).gaze)
            for chunk in chunks:
                marked = chunk if watermark is None else watermark(chunk)
                for frame in marked:
                    writer.write(frame)
                if on_frames is not None:
                    on_frames(marked)
        # Still inside: when this fails, no video without its landmarks and report is left behind.
        if save_landmarks is not None:
            write_landmarks(Path(save_landmarks), landmarks)
        if kept is not None and shown is not None:
            write_motion(kept, shown)
    # 5. say how it was made
    spent = time.perf_counter() - started
    add_provenance(output, seed=seed, weights=pipeline.weight_hashes())
    parameters = {
        "portrait": name_of(portrait),
        "audio": recording.name,
        **{name: value for name, value in asdict(options).items() if name not in ("seed", "max_seconds")},
        "head_motion": Path(head_motion).name,
        "landmarks": not own,
        "motion": motion is not None,
        "part_scales": dict(scales),
        "keys": [asdict(key) for key in asked],
        "style": None if style is None else name_of(style),
    }
    written = {
        "output": str(output),
        "seed": seed,
        "parameters": parameters,
        "preset": Path(str(pipeline.config.get("_name_or_path", ""))).name,
        "weights": pipeline.weight_hashes(),
        "seconds": {stage: round(value, 3) for stage, value in clock.seconds.items()},
        "frames": len(landmarks),
        "frames_sha256": writer.frames_sha256,
        "fps": FPS,
        "audio_seconds": round(recording.seconds, 3),
        "real_time_factor": round(spent / (len(landmarks) / FPS), 3),
        "warnings": warnings,
    }
    output.with_suffix(".json").write_text(json.dumps(written, indent=1))
    return written


def check_places(
    output: Path,
    save_landmarks: str | Path | None,
    *,
    portrait: object,
    audio: object,
    head_motion: str | Path,
    landmarks: str | Path | None = None,
    motion: str | Path | None = None,
    keys: str | Path | None = None,
    style: str | Path | None = None,
    kept: Path | None = None,
) -> None:
    """Make sure that nothing that is read is written over, before any work. Arguments as of `animate`.

    Raises:
        InputError: an output is an input, another output, or a directory.
    """
    targets = {
        "video": output,
        "report": output.with_suffix(".json"),
        "landmark file": None if save_landmarks is None else Path(save_landmarks),
        "kept motion": kept,
    }
    inputs = {
        "portrait": portrait,
        "recording": audio,
        "video for the head motion": driving_video(head_motion),
        "file of landmarks": landmarks,
        "motion file": motion,
        "file of keys": keys,
        "video for the style": style,
    }
    check_targets(targets, inputs)


def _warned(warnings: Iterable[str]) -> list[str]:
    """Say them at once; they are in the report too."""
    told = list(warnings)
    for warning in told:
        logger.warning(warning)
    return told


def name_of(given: object) -> str:
    """A file's name without its folders, which are nobody's business; of what is no file, what it is."""
    return Path(given).name if isinstance(given, (str, Path)) else type(given).__name__
