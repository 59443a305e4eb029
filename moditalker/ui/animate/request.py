"""What a visitor asks for, checked before anything starts."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moditalker.atom.motion import Motion, check_scales
from moditalker.audio.load import load_recording
from moditalker.audio.recording import Recording
from moditalker.audio.text_to_speech import synthesize
from moditalker.audio.voices.registry import DEFAULT_VOICE, find_voice
from moditalker.keys import Key
from moditalker.options import DEFAULTS, MAX_SEED, option_names
from moditalker.ui.shared.settings import Settings
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video

NEW_SEED = -1
LARGEST = 0
"""Stands for the largest face where a number is asked for."""


@dataclass(frozen=True)
class Request:
    """One video that somebody asks for.

    Attributes:
        portrait: picture file.
        audio: recording; or
        text: what is to be said, in a language of ``voice``.
        consent: that the face and the voice may be used.
        head_motion: ``natural``, ``still``, or ``video``: that of ``head_video``.
        head_video: video file.
        crop: ``full`` or ``face``.
        atom_steps, mtov_steps, guidance, lip_scale, head_scale, blink_scale: see ``MoDiTalkerPipeline.animate``.
        seed: ``NEW_SEED`` for a new one.
        face: which face of the portrait speaks, counted from the left and from 1; or ``LARGEST``.
        emotion, emotion_scale, gaze_scale: see ``MoDiTalkerPipeline.animate``.
        voice: that speaks the text, see ``audio.voices.registry``.
        style: video file of somebody whose manner is taken on; None for nobody's.
        motion: is drawn in place of a new one; ``keys`` are then those that it was made with.
        keys: what the face does at which moment.
        part_scales: how far parts of the motion go, see ``Motion.scaled``.
    """

    portrait: str | None
    audio: str | None = None
    text: str = ""
    consent: bool = False
    head_motion: str = "natural"
    head_video: str | None = None
    crop: str = "full"
    atom_steps: int = DEFAULTS.atom_steps
    mtov_steps: int = DEFAULTS.mtov_steps
    guidance: float = DEFAULTS.guidance
    lip_scale: float = DEFAULTS.lip_scale
    head_scale: float = DEFAULTS.head_scale
    blink_scale: float = DEFAULTS.blink_scale
    seed: int = NEW_SEED
    face: int = LARGEST
    emotion: str = DEFAULTS.emotion
    emotion_scale: float = DEFAULTS.emotion_scale
    gaze_scale: float = DEFAULTS.gaze_scale
    voice: str = DEFAULT_VOICE
    style: str | None = None
    motion: Motion | None = None
    keys: tuple[Key, ...] = ()
    part_scales: Mapping[str, float] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """Keyword arguments of ``MoDiTalkerPipeline.animate``."""
        return {
            **{name: getattr(self, name) for name in option_names() if hasattr(self, name)},
            "face": int(self.face) or None,
            "head_motion": self.head_video if self.head_motion == "video" else self.head_motion,
            **({"motion": self.motion} if self.motion is not None else {}),
            **({"keys": self.keys} if self.keys and self.motion is None else {}),
            **({"style": self.style} if self.style is not None and self.motion is None else {}),
            **({"part_scales": dict(self.part_scales)} if self.part_scales else {}),
        }


@dataclass(frozen=True)
class Job:
    """A request that passed its checks.

    Attributes:
        request: with a seed of its own.
        recording: decoded, or spoken from the text.
    """

    request: Request
    recording: Recording

    @property
    def seconds(self) -> float:
        """How long the recording lasts."""
        return self.recording.seconds


def check_speech(audio: str | None, text: str, voice: str, settings: Settings) -> None:
    """A recording or a text, and a voice for the text.

    Raises:
        InputError: there is neither or both, the text is too long, or there is no such voice.
    """
    if audio is not None and text.strip():
        raise InputError("There is a recording and a text: keep one of them.")
    if audio is None and not text.strip():
        raise InputError("There is no speech: upload a recording, speak into the microphone, or type a text.")
    if len(text) > settings.max_text:
        raise InputError(f"The text has {len(text)} characters and at most {settings.max_text} are spoken: shorten it.")
    if audio is None:
        find_voice(voice)


def check_before_start(request: Request, settings: Settings) -> None:
    """What can be said in an instant, in the order in which a visitor fills the page in.

    Raises:
        InputError: something is missing, too large or contradictory.
    """
    if request.portrait is None:
        raise InputError("There is no portrait: add a picture of a face seen from the front.")
    check_speech(request.audio, request.text, request.voice, settings)
    if request.head_motion == "video" and request.head_video is None:
        raise InputError("There is no video to take the head motion from: add one, or choose natural or still.")
    check_scales(request.part_scales)
    # "no" and "false" are true to Python.
    if request.consent is not True:
        raise InputError("Tick that you may use this face and this voice (consent: true); nothing is made without it.")


def check_video(purpose: str, video: str | Path, settings: Settings) -> None:
    """A video of a length that is taken.

    Raises:
        InputError: it is longer, or no video.
    """
    if probe_video(video, max_seconds=settings.max_video_seconds).duration > settings.max_video_seconds:
        raise InputError(f"The video for the {purpose} lasts more than {settings.max_video_seconds:.0f} s: cut it.")


def accept(request: Request, settings: Settings) -> Job:
    """Check everything that needs a look into the files, speak the text, and draw the seed.

    Raises:
        InputError: the request cannot be carried out.
    """
    check_before_start(request, settings)
    videos = {"head motion": request.head_video if request.head_motion == "video" else None, "style": request.style}
    for purpose, video in videos.items():
        if video is not None:
            check_video(purpose, video, settings)
    if request.audio is not None:
        recording = load_recording(request.audio, max_seconds=settings.max_audio_seconds)
    else:
        recording = Recording.of_samples(synthesize(request.text, voice=request.voice), "speech.wav")
    # Drawn here: the forked processes of a ZeroGPU Space all start from one state of the random generators.
    seed = secrets.randbelow(MAX_SEED + 1) if request.seed == NEW_SEED else request.seed
    return Job(replace(request, seed=seed), recording)
