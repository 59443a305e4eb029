"""What a visitor asks for who dubs a video, checked before anything starts."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

from moditalker.audio.load import load_recording
from moditalker.audio.recording import Recording
from moditalker.audio.text_to_speech import synthesize
from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.dub.people import ACTIVE
from moditalker.options import DEFAULTS, MAX_SEED
from moditalker.ui.animate.request import LARGEST, NEW_SEED, check_speech
from moditalker.ui.shared.settings import Settings
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video

SPEAKING = -1
"""Stands for whoever speaks where a number is asked for."""


@dataclass(frozen=True)
class DubRequest:
    """One dub that somebody asks for.

    Attributes:
        video: file.
        audio: recording; or
        text: what is to be said, in a language of ``voice``.
        consent: that the person in the video and the voice agree.
        when_longer, when_shorter, original_level: see ``moditalker.dub.dub``.
        face: which face, counted from the left and from 1; or ``LARGEST``, or ``SPEAKING``.
        atom_steps, mtov_steps, guidance, lip_scale: see ``AnimateOptions``.
        seed: ``NEW_SEED`` for a new one.
        voice: that speaks the text, see ``audio.voices.registry``.
    """

    video: str | None
    audio: str | None = None
    text: str = ""
    consent: bool = False
    when_longer: str = "stop"
    when_shorter: str = "stop"
    original_level: float = 0.0
    face: int = LARGEST
    atom_steps: int = DEFAULTS.atom_steps
    mtov_steps: int = DEFAULTS.mtov_steps
    guidance: float = DEFAULTS.guidance
    lip_scale: float = DEFAULTS.lip_scale
    seed: int = NEW_SEED
    voice: str = DEFAULT_VOICE

    def options(self) -> dict[str, Any]:
        """Keyword arguments of ``MoDiTalkerPipeline.dub``."""
        names = ("atom_steps", "mtov_steps", "guidance", "lip_scale", "seed")
        own = ("when_longer", "when_shorter", "original_level")
        face = ACTIVE if self.face == SPEAKING else int(self.face) or None
        return {**{name: getattr(self, name) for name in (*names, *own)}, "face": face}


@dataclass(frozen=True)
class DubJob:
    """A request that passed its checks.

    Attributes:
        request: with a seed of its own.
        recording: decoded, or spoken from the text.
        frames: about how many frames the video has.
        fps: of it.
    """

    request: DubRequest
    recording: Recording
    frames: int
    fps: float


def check_dub(request: DubRequest, settings: Settings) -> None:
    """What can be said in an instant, in the order in which a visitor fills the page in.

    Raises:
        InputError: something is missing, too large or contradictory.
    """
    if request.video is None:
        raise InputError("There is no video: add one of a person who is seen from the front.")
    check_speech(request.audio, request.text, request.voice, settings)
    # "no" and "false" are true to Python.
    if request.consent is not True:
        raise InputError(
            "Tick that the person in the video and the voice agree (consent: true); nothing is made without it."
        )


def accept_dub(request: DubRequest, settings: Settings) -> DubJob:
    """Check everything that needs a look into the files, speak the text, and draw the seed.

    Raises:
        InputError: the request cannot be carried out.
    """
    check_dub(request, settings)
    assert request.video is not None
    info = probe_video(request.video, max_seconds=settings.max_video_seconds)
    if info.duration > settings.max_video_seconds:
        raise InputError(f"The video lasts more than {settings.max_video_seconds:.0f} s: cut it.")
    if max(info.size) > settings.max_video_side:
        raise InputError(
            f"The video has {info.size[0]}x{info.size[1]} pixels and at most {settings.max_video_side} a side are "
            "taken here: scale it down, or dub it on your own machine."
        )
    if request.audio is not None:
        recording = load_recording(request.audio, max_seconds=settings.max_audio_seconds)
    else:
        recording = Recording.of_samples(synthesize(request.text, voice=request.voice), "speech.wav")
    # Drawn here: the forked processes of a ZeroGPU Space all start from one state of the random generators.
    seed = secrets.randbelow(MAX_SEED + 1) if request.seed == NEW_SEED else request.seed
    frames = max(1, round(info.duration * info.fps))
    return DubJob(replace(request, seed=seed), recording, frames, info.fps)
