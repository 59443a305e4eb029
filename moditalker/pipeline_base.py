"""What the compact and the paper pipeline share: a whole run, the options of a preset, hashes of the weights."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from moditalker.animate import animate
from moditalker.atom.motion import Motion
from moditalker.atom.motion_file import given_motion
from moditalker.atom.spoken_motion import MotionSamplers, MotionTask, spoken_motion
from moditalker.atom.style import StyleSource
from moditalker.audio.load import AudioSource, samples_of
from moditalker.audio.speech_frames import frame_count
from moditalker.audio.voice_activity import listen
from moditalker.constants import FPS, SAMPLES_A_FRAME
from moditalker.conversation.converse import converse
from moditalker.conversation.script import Script
from moditalker.face.driven_pose import driving_video
from moditalker.face.geometry import FaceFrame
from moditalker.face.retarget import retarget
from moditalker.face.tracker import make_tracker
from moditalker.keys import Keys, read_keys
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.options import DEFAULTS, AnimateOptions, MotionControls
from moditalker.outputs import MoDiTalkerOutput, MotionOutput
from moditalker.portrait import Portrait, PortraitSource, find_face, looking
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress, StepEnd
from moditalker.utils.seeds import seed_or_new
from moditalker.utils.stopwatch import Stopwatch
from moditalker.utils.weight_hash import digest


class TalkingPipeline(DiffusionPipeline):
    """A diffusers pipeline from a portrait and speech to video. Its children say how faces move and are drawn."""

    default_options = DEFAULTS
    """Of the preset: what an option is when it is not given."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> Any:
        """As in diffusers.

        Raises:
            InputError: the folder holds the other kind of pipeline.
        """
        source = str(pretrained_model_name_or_path)
        hub = {name: kwargs[name] for name in ("cache_dir", "revision", "token", "local_files_only") if name in kwargs}
        kind = cls.load_config(source, **hub).get("_class_name")
        if kind != cls.__name__:
            raise InputError(f"{source} holds a {kind}, not a {cls.__name__}: load it with moditalker.load_pipeline.")
        return super().from_pretrained(source, **kwargs)

    def encode_portrait(
        self, portrait: PortraitSource | Portrait, crop: str = "full", face: int | None = None
    ) -> Portrait:
        """Find the face in a picture and encode it.

        Args:
            portrait: file, PIL picture, (H, W, 3) uint8, or a ``Portrait``, which is returned as it is.
            crop: ``full`` keeps the picture, ``face`` cuts a square around the head.
            face: which face speaks, counted from the left and from 1; None takes the largest.
        Raises:
            InputError: not a picture, or no usable face in it.
        """
        if isinstance(portrait, Portrait):
            return portrait
        found = find_face(portrait, crop, make_tracker(self.config["tracker"]), face)
        encoded = self.encode_face(found.picture, found.landmarks)
        return Portrait(found.picture, FaceFrame(found.landmarks), encoded, found.warnings)

    def encode_face(self, picture: np.ndarray, landmarks: np.ndarray) -> EncodedFace:
        """Picture (H, W, 3) uint8 and landmarks (68, 3) in it -> what MToV keeps of them."""
        raise NotImplementedError

    def motion(self, portrait: PortraitSource | Portrait, audio: AudioSource, **options: Any) -> MotionOutput:
        """AToM alone: landmarks of the portrait saying what the recording says."""
        raise NotImplementedError

    def _spoken(
        self,
        face: FaceFrame,
        samples: np.ndarray,
        samplers: MotionSamplers,
        options: AnimateOptions,
        head_motion: str | Path,
        keys: Keys,
        seed: int,
        clock: Stopwatch,
        report: Progress,
        gains: np.ndarray | None = None,
        told: Sequence[str] = (),
        smile: float | None = None,
    ) -> MotionOutput:
        """The end of ``motion``: what the samplers make of (N,) samples, see ``spoken_motion``, with its warnings."""
        heard = listen(samples)
        activity, warnings = heard.activity(frame_count(samples), FPS), [*told, *heard.warnings]
        task = MotionTask(
            face,
            activity,
            options,
            head_motion,
            self.config["tracker"],
            tuple(read_keys(keys)),
            getattr(self, "blendshapes", None),
            gains,
            seed if options.gaze_seed is None else options.gaze_seed,
            smile,
        )
        motion = spoken_motion(task, samplers, clock, report, warnings.append)
        return MotionOutput(motion.landmarks(face), seed, clock.seconds, warnings, motion)

    def render(
        self, portrait: PortraitSource | Portrait, landmarks: np.ndarray, **options: Any
    ) -> Iterator[np.ndarray]:
        """MToV alone: (n, H, W, 3) uint8 of the portrait with landmarks (T, 68, 3), a few frames at a time."""
        raise NotImplementedError

    def check_inputs(self, output_type: str = "np", **given: Any) -> AnimateOptions:
        """The preset's options with what was given.

        Raises:
            InputError: names the first value that is out of its range.
        """
        if output_type not in ("np", "pil"):
            raise InputError(f"output_type must be one of np, pil, got {output_type!r}.")
        return self.default_options.but(**given)

    def __call__(
        self,
        portrait: PortraitSource | Portrait,
        audio: AudioSource,
        *,
        atom_steps: int | None = None,
        mtov_steps: int | None = None,
        guidance: float | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        head_motion: str | Path = "natural",
        motion: Motion | str | Path | None = None,
        keys: Keys = None,
        style: StyleSource = None,
        face: int | None = None,
        crop: str = "full",
        output_type: str = "np",
        callback_on_step_end: StepEnd | None = None,
        progress: Progress | None = None,
        **controls: Unpack[MotionControls],
    ) -> MoDiTalkerOutput:
        """Animate a portrait; all frames are held in memory (``animate`` writes a file instead).

        Args:
            portrait: see ``encode_portrait``.
            audio: see ``AudioSource``.
            head_motion: ``natural``, ``still``, or a video whose head is followed.
            motion: this one instead of a new one, or its file; the shorter of it and the recording sets the length.
            keys: what the face does at which moment, see ``moditalker.keys``.
            style: a video of somebody who talks, whose manner the face takes on; see ``atom.style``.
            generator: on the CPU, instead of a seed.
            output_type: ``np`` or ``pil``.
            callback_on_step_end: as in every diffusers pipeline; the tensors it gets are empty.
            progress: see ``Progress``.
            atom_steps, mtov_steps, guidance, seed, face, crop: see ``AnimateOptions``; None is the preset's own.
            **controls: what each part of the motion is told, see ``MotionControls``.
        Raises:
            InputError: input that cannot be used, or a value out of its range.
        """
        # 1. check
        steps = {"atom_steps": atom_steps, "guidance": guidance, "seed": seed}
        self.check_inputs(output_type, mtov_steps=mtov_steps, face=face, crop=crop, **steps, **controls)
        given = given_motion(motion, keys, style=style)
        # 2. encode the portrait and the speech
        clock = Stopwatch()
        with clock("face"):
            encoded = self.encode_portrait(portrait, crop, face)
        samples = samples_of(audio)
        # 3. speech to motion
        if given is None:
            made = self.motion(
                encoded,
                samples,
                **steps,
                **controls,
                generator=generator,
                head_motion=head_motion,
                keys=keys,
                style=style,
                callback_on_step_end=callback_on_step_end,
                progress=progress,
            )
        else:
            given = given[: frame_count(samples)]
            samples = samples[: len(given) * SAMPLES_A_FRAME]
            made = MotionOutput(given.landmarks(encoded.frame), seed_or_new(seed), {}, [], given)
        # 4. motion to video
        with clock("video"):
            chunks = self.render(
                encoded,
                made.landmarks,
                own=True,
                mtov_steps=mtov_steps,
                seed=made.seed,
                generator=generator,
                head_video=driving_video(head_motion),
                progress=progress,
            )
            if made.motion is not None:
                chunks = looking(chunks, encoded, made.landmarks, made.motion.gaze)
            frames: np.ndarray | list[Image.Image] = np.concatenate(list(chunks))
        if output_type == "pil":
            frames = [Image.fromarray(frame) for frame in frames]
        timings = {"face": clock.seconds["face"], **made.timings, "video": clock.seconds["video"]}
        return MoDiTalkerOutput(
            frames=frames,
            landmarks=made.landmarks,
            fps=FPS,
            audio=samples,
            seed=made.seed,
            timings=timings,
            warnings=[*encoded.warnings, *made.warnings],
        )

    def animate(
        self, portrait: PortraitSource | Portrait, audio: AudioSource, output: str | Path, **options: Any
    ) -> dict[str, Any]:
        """Animate a portrait into an MP4 file with a report beside it, see ``moditalker.animate``."""
        return animate(self, portrait, audio, output, **options)

    def converse(
        self, pictures: Sequence[PortraitSource], script: str | Path | Script | None, output: str | Path, **options: Any
    ) -> dict[str, Any]:
        """Let several faces speak with one another in an MP4 file, see ``moditalker.conversation.converse``."""
        return converse(self, pictures, script, output, **options)

    def dub(self, video: str | Path, audio: AudioSource, output: str | Path, **options: Any) -> dict[str, Any]:
        """Let the person in a video say a recording; presets that cannot refuse."""
        raise InputError("This preset cannot dub a video: use compact.")

    def weight_hashes(self) -> dict[str, str]:
        """The first 16 hex digits of a SHA-256 over each network's weights."""
        if not hasattr(self, "_hashes"):
            networks = {name: part for name, part in self.components.items() if isinstance(part, torch.nn.Module)}
            self._hashes = {name: digest(network) for name, network in networks.items()}
        return self._hashes


def target_landmarks(frame: FaceFrame, landmarks: np.ndarray, own: bool) -> np.ndarray:
    """Landmarks to be drawn: as they are when they are the portrait's own, otherwise carried over to it.

    Args:
        frame: of the portrait.
        landmarks: (T, 68, 3) pixels.
        own: whether they were made for this portrait; otherwise it is found out.
    Raises:
        InputError: another shape.
    """
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 3) or len(landmarks) == 0:
        raise InputError(f"landmarks must have the shape (T, 68, 3) with T > 0, got {landmarks.shape}.")
    return landmarks if own else retarget(frame, landmarks)


def stepped(pipeline: Any, stage: str, report: Progress, step_end: StepEnd | None) -> Callable[[int, int], None]:
    """A sampler's callback that tells the progress of a stage, and whoever wants to know of each denoising step."""

    def call(step: int, steps: int) -> None:
        report(stage, step, steps)
        if step_end is not None:
            step_end(pipeline, step - 1, int(pipeline.atom_scheduler.timesteps[step - 1]), {})

    return call
