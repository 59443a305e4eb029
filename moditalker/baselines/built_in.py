"""The methods that run here on the pipeline's own parts, each of them ours with one thing exchanged."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from moditalker.atom.regression import SHIPPED, missing_from, regress_residual, shipped_regression
from moditalker.atom.rest import rest_lips
from moditalker.audio.features import make_speech_encoder
from moditalker.audio.load import load_audio
from moditalker.audio.speech_frames import frame_count, speech_features
from moditalker.audio.voice_activity import speech_activity
from moditalker.baselines.frame_writing import warped, write_frames
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.baselines.rules import rule_residual
from moditalker.constants import FPS
from moditalker.face.motion_controls import untangle
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.progress import Progress
from moditalker.utils.stopwatch import Stopwatch
from moditalker.utils.weight_hash import digest

_LICENCE = "Apache-2.0"


class LocalMethod(ABC):
    """A method that runs on the pipeline's parts.

    Args:
        pipeline: tracker, networks and weights; not changed.
    """

    facts: ClassVar[Facts]

    def __init__(self, pipeline: MoDiTalkerPipeline) -> None:
        self.pipeline = pipeline

    def available(self) -> str | None:
        """Always."""
        return None

    def make(self, portrait: Path | Portrait, audio: Path, output: Path, options: Options, progress: Progress) -> Made:
        """See ``Method.make``; the portrait may be encoded already."""
        self.prepare()
        samples = load_audio(audio)
        clock = Stopwatch()
        with clock("face"):
            progress("face", 0, 1)
            encoded = self.pipeline.encode_portrait(portrait)
        with clock("motion"):
            landmarks = self.motion(encoded, samples, options, progress)
        with clock("video"):
            chunks = self.draw(encoded, landmarks, options)
            drawn = write_frames(output, chunks, samples, len(landmarks), options, progress, self.weights())
        seconds = {stage: round(spent, 3) for stage, spent in clock.seconds.items()}
        return Made(seconds, list(encoded.warnings), drawn)

    def prepare(self) -> None:
        """Load what would otherwise be loaded while the clock runs."""
        make_speech_encoder(self.pipeline.atom.config["speech_encoder"])

    @abstractmethod
    def motion(self, portrait: Portrait, samples: np.ndarray, options: Options, progress: Progress) -> np.ndarray:
        """(T, 68, 3) landmarks in the portrait's pixels for (N,) float32 at 16 kHz."""

    def draw(self, portrait: Portrait, landmarks: np.ndarray, options: Options) -> Iterator[np.ndarray]:
        """Landmarks to (n, H, W, 3) uint8; the warp, where nothing else is said."""
        return warped(portrait, landmarks)

    def weights(self) -> dict[str, str]:
        """Names and hashes of the networks that took part."""
        return {}


class Still(LocalMethod):
    """The portrait, unmoved."""

    facts = Facts("still", "Still portrait", "The picture as it is, with the sound.", _LICENCE)

    def motion(self, portrait: Portrait, samples: np.ndarray, options: Options, progress: Progress) -> np.ndarray:
        """The portrait's own landmarks, again and again."""
        return np.repeat(portrait.frame.landmarks[None].astype(np.float32), frame_count(samples), 0)

    def draw(self, portrait: Portrait, landmarks: np.ndarray, options: Options) -> Iterator[np.ndarray]:
        """The picture, again and again."""
        return (portrait.picture[None] for _ in landmarks)


class RuleBased(LocalMethod):
    """Lips by rules on the sound, see ``baselines.rules``."""

    facts = Facts(
        "rules",
        "Rule-based",
        "Loudness opens the mouth, two bands of the spectrum shape it, murmurs close it; the portrait is warped.",
        _LICENCE,
    )

    def motion(self, portrait: Portrait, samples: np.ndarray, options: Options, progress: Progress) -> np.ndarray:
        """Rules to landmarks; the head is still."""
        residual = rule_residual(samples, portrait.frame.shape, options.seed)
        return portrait.frame.compose(residual, np.zeros((len(residual), 6), np.float32))


class RegressionTalker(LocalMethod):
    """AToM's network without diffusion, drawn as ours is."""

    facts = Facts(
        "regression",
        "Regression",
        "AToM's network trained without diffusion: one look at the speech, one answer; drawn as ours is.",
        _LICENCE,
        "the weights in assets/regression",
    )

    def available(self) -> str | None:
        """Whether its weights are there."""
        return missing_from(SHIPPED)

    def prepare(self) -> None:
        """Its network and its ears."""
        make_speech_encoder(shipped_regression().config["speech_encoder"])

    def motion(self, portrait: Portrait, samples: np.ndarray, options: Options, progress: Progress) -> np.ndarray:
        """One look; the head is still, as the mean of all head motions is none."""
        network, shape, frames = shipped_regression(), portrait.frame.shape, frame_count(samples)
        speech = speech_features(samples, frames, network.config["speech_encoder"])
        residual = regress_residual(network, speech, shape)
        residual = untangle(rest_lips(residual, shape, speech_activity(samples, frames, FPS)), shape)
        return portrait.frame.compose(residual, np.zeros((frames, 6), np.float32))

    def draw(self, portrait: Portrait, landmarks: np.ndarray, options: Options) -> Iterator[np.ndarray]:
        """MToV."""
        return self.pipeline.render(portrait, landmarks, own=True, mtov_steps=options.mtov_steps, seed=options.seed)

    def weights(self) -> dict[str, str]:
        """Its own network and MToV's."""
        hashes = self.pipeline.weight_hashes()
        drawn_by = ("autoencoder", "denoiser", "flow", "detail")
        return {"regression": digest(shipped_regression())} | {key: hashes[key] for key in drawn_by if key in hashes}


class WarpedMotion(LocalMethod):
    """AToM's motion, drawn by the warp alone."""

    facts = Facts(
        "warp", "AToM with the warp alone", "Our motion, and the portrait warped to it: nothing is drawn.", _LICENCE
    )

    def motion(self, portrait: Portrait, samples: np.ndarray, options: Options, progress: Progress) -> np.ndarray:
        """AToM."""
        return self.pipeline.motion(
            portrait,
            samples,
            atom_steps=options.atom_steps,
            guidance=options.guidance,
            seed=options.seed,
            head_motion=options.head_motion,
            progress=progress,
        ).landmarks

    def weights(self) -> dict[str, str]:
        """AToM's and the head's."""
        hashes = self.pipeline.weight_hashes()
        return {key: hashes[key] for key in ("atom", "head")}


class Ours(WarpedMotion):
    """The whole of this project: AToM and MToV."""

    facts = Facts("ours", "AToM and MToV (ours)", "Two diffusion models: speech to motion, motion to video.", _LICENCE)

    def draw(self, portrait: Portrait, landmarks: np.ndarray, options: Options) -> Iterator[np.ndarray]:
        """MToV."""
        return self.pipeline.render(portrait, landmarks, own=True, mtov_steps=options.mtov_steps, seed=options.seed)

    def weights(self) -> dict[str, str]:
        """All."""
        return self.pipeline.weight_hashes()


LOCAL: tuple[type[LocalMethod], ...] = (Still, RuleBased, RegressionTalker, WarpedMotion, Ours)
"""In the order in which they are listed."""
