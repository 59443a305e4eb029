"""What a method is: a portrait or a video, and a recording in; a video and its timings out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from moditalker.options import DEFAULTS
from moditalker.utils.progress import Progress


@dataclass(frozen=True)
class Options:
    """How a video is made; a method takes what it knows.

    Attributes:
        seed: of everything random.
        head_motion: ``natural`` or ``still``, of methods that move the head.
        atom_steps, mtov_steps, guidance: see ``MoDiTalkerPipeline.animate``.
        mark: whether "AI-generated" is written into the picture's corner; the file's metadata says so either way.
    """

    seed: int = 0
    head_motion: str = "natural"
    atom_steps: int = DEFAULTS.atom_steps
    mtov_steps: int = DEFAULTS.mtov_steps
    guidance: float = DEFAULTS.guidance
    mark: bool = False


@dataclass(frozen=True)
class Made:
    """What a method gives back beside the file.

    Attributes:
        seconds: wall clock a stage, without the loading of networks.
        warnings: for the user, one sentence each.
        frames_sha256: see ``VideoWriter``; empty for what was made elsewhere.
    """

    seconds: dict[str, float]
    warnings: list[str] = field(default_factory=list)
    frames_sha256: str = ""


@dataclass(frozen=True)
class Facts:
    """What is told of a method before it is run.

    Attributes:
        name: by which it is chosen, ``[a-z0-9-]+``.
        title: for people.
        what: one sentence on how it works.
        licence: of its code and weights.
        needs: what it needs to run.
        sent_to: the machine that the portrait and the recording are sent to; empty when they stay here.
        dubs: whether it changes the lips in a video, instead of animating a portrait.
    """

    name: str
    title: str
    what: str
    licence: str
    needs: str = "nothing more"
    sent_to: str = ""
    dubs: bool = False


class Method(Protocol):
    """Makes a portrait, or the person in a video, speak."""

    @property
    def facts(self) -> Facts: ...

    def available(self) -> str | None:
        """None when it can run here, or the sentence that says what is missing; quick, and loads nothing."""
        ...

    def make(self, source: Path, audio: Path, output: Path, options: Options, progress: Progress, /) -> Made:
        """Write a video.

        Args:
            source: portrait, PNG, RGB, even sides; for a method that dubs a video, MP4, even sides, 25 frames a second,
                as long as the recording.
            audio: WAV, 16 kHz mono.
            output: ``.mp4``, 25 frames a second, as long as the recording, which is its sound.
            options: see ``Options``.
            progress: see ``Progress``.
        Raises:
            InputError: it cannot be made, in one sentence.
        """
        ...


class DubMethod(Method, Protocol):
    """A method that dubs, and shows its frames before they are compressed."""

    def make(
        self,
        source: Path,
        audio: Path,
        output: Path,
        options: Options,
        progress: Progress,
        /,
        on_frame: Callable[[np.ndarray], None] | None = None,
    ) -> Made:
        """See ``Method.make``; where the lengths differ, the shorter one counts.

        Args:
            on_frame: called with each (H, W, 3) uint8 in order.
        """
        ...
