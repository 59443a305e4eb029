"""A portrait that speaks while the sound is still being made: what ``MoDiTalkerPipeline.stream`` does."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Unpack

import numpy as np

from moditalker.atom.saccades import Saccades
from moditalker.atom.spoken_parts import manner_for
from moditalker.atom.streamed_motion import STEPS, StreamedMotion, StreamSettings
from moditalker.atom.streamed_parts import StreamedParts
from moditalker.atom.style import StyleSource
from moditalker.audio.load import AudioSource, samples_of
from moditalker.face.geometry import FaceMotion
from moditalker.options import Scales
from moditalker.portrait import Portrait, PortraitSource, composer_of
from moditalker.render.compositing import composed
from moditalker.render.gaze import with_gaze
from moditalker.utils.ahead import ahead
from moditalker.utils.errors import InputError
from moditalker.utils.progress import unasked
from moditalker.utils.seeds import generators_of

logger = logging.getLogger(__name__)


class StreamOptions(Scales, total=False):
    """Keyword arguments of ``stream``, see there."""

    guidance: float | None
    mtov_steps: int | None
    motion_steps: int
    seed: int | None
    head_motion: Literal["natural", "still"]
    gaze_scale: float | None
    gaze_seed: int | None
    style: StyleSource
    idle: bool
    face: int | None
    crop: str
    on_landmarks: Callable[[np.ndarray], None] | None


def stream(
    pipeline: Any,
    portrait: PortraitSource | Portrait,
    sound: AudioSource | Iterable[np.ndarray],
    *,
    guidance: float | None = None,
    mtov_steps: int | None = None,
    motion_steps: int = STEPS,
    seed: int | None = None,
    head_motion: Literal["natural", "still"] = "natural",
    gaze_scale: float | None = None,
    gaze_seed: int | None = None,
    style: StyleSource = None,
    idle: bool = False,
    face: int | None = None,
    crop: str = "full",
    on_landmarks: Callable[[np.ndarray], None] | None = None,
    **scales: Unpack[Scales],
) -> Iterator[np.ndarray]:
    """Animate a portrait while the sound is still being made: frames come as soon as they are known.

    Motion looks ``LOOK_AHEAD`` frames ahead. Loudness and pitch are measured against the last seconds. Lips are drawn
    without ``render.lip_correction``, which renders everything twice. Motion, drawing and compositing run side by side.
    Memory stays the same however long the sound lasts. To end it early, close the iterator.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        portrait: see ``encode_portrait``.
        sound: a recording, or pieces of float32 at 16 kHz as they come, from a microphone for example.
        motion_steps: denoising steps of each window of motion.
        idle: let the head breathe between utterances.
        on_landmarks: called with each (n, 68, 3) that becomes known, in the thread that makes them.
        guidance, mtov_steps, seed, head_motion, gaze_scale, gaze_seed, style, face, crop, **scales: as for
            ``__call__``; no driving video.
    Returns:
        Iterator of (n, H, W, 3) uint8, in order; all in all as many frames as the sound's length rounds to.
    Raises:
        InputError: input that cannot be used.
    """
    if head_motion not in ("natural", "still"):
        raise InputError(f"The head of a stream moves 'natural' or is 'still', not {head_motion!r}.")
    given = {"guidance": guidance, "mtov_steps": mtov_steps, "seed": seed, "face": face, "crop": crop}
    options = pipeline.check_inputs(**given, gaze_scale=gaze_scale, gaze_seed=gaze_seed, **scales)
    manner = manner_for(pipeline, style, logger.warning, unasked)
    encoded: Portrait = pipeline.encode_portrait(portrait, crop, face)
    seed, generators = generators_of(seed, None)
    motion = StreamedMotion(
        pipeline.atom,
        pipeline.head,
        pipeline.atom_scheduler,
        encoded.frame,
        generators,
        StreamSettings(options, motion_steps, head_motion == "still", idle, None if manner is None else manner.smile),
        pipeline.blendshapes,
        pipeline.arousal,
        StreamedParts.of(pipeline, encoded.frame.shape, options, motion_steps, generators, manner),
    )
    pieces = [samples_of(sound)] if isinstance(sound, AudioSource) else sound
    irises = encoded.irises if options.gaze_scale > 0 else None
    saccades = Saccades(seed if options.gaze_seed is None else options.gaze_seed)
    looks: deque[tuple[np.ndarray, np.ndarray]] = deque()

    def targets() -> Iterator[FaceMotion]:
        for landmarks in motion(pieces):
            if on_landmarks is not None:
                on_landmarks(landmarks)
            if irises is not None:
                gaze = np.float32(options.gaze_scale) * saccades(len(landmarks))
                looks.extend(zip(landmarks, gaze, strict=True))
            yield encoded.frame.motion(landmarks)

    sampler = pipeline.sampler(encoded, options.mtov_steps, generators["video"], lambda done: None, group=1)
    layers = ahead(sampler.stream(ahead(targets())))
    frames: Iterator[np.ndarray] = composed(encoded.frame, composer_of(encoded, still_behind=True), layers)
    if irises is None:
        return frames
    # A frame is drawn after its landmarks became known, so its look waits there.
    return with_gaze(frames, irises, encoded.frame.landmarks, iter(looks.popleft, None))
