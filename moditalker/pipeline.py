"""``MoDiTalkerPipeline``: a portrait and speech in, video out. A diffusers pipeline around AToM and MToV."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from moditalker.animate import name_of, write_report
from moditalker.audio.load import SAMPLE_RATE, load_audio
from moditalker.audio.speech_frames import frame_count
from moditalker.face.driven_pose import driving_video
from moditalker.face.landmark_file import FPS, write_landmarks
from moditalker.options import ATOM_STEPS, GUIDANCE, MTOV_STEPS
from moditalker.outputs import MoDiTalkerOutput
from moditalker.portrait import Portrait, PortraitSource
from moditalker.stages import MoDiTalkerStages
from moditalker.utils.callbacks import Progress, StepEnd, unasked
from moditalker.utils.seeds import seed_or_new
from moditalker.utils.stopwatch import Stopwatch
from moditalker.video.provenance import TAGS, add_provenance
from moditalker.video.watermark import Watermark
from moditalker.video.write import VideoWriter

__all__ = ["MoDiTalkerPipeline", "Progress", "StepEnd", "frame_count"]

logger = logging.getLogger(__name__)


class MoDiTalkerPipeline(MoDiTalkerStages):
    """Animates a portrait with speech: both stages, one after the other.

    Its arguments are those of ``MoDiTalkerStages``, which also has ``encode_portrait``, ``motion`` and ``render``.
    """

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> "MoDiTalkerPipeline":
        """As in diffusers; a folder of the paper's networks gives a ``PaperPipeline``."""
        source = str(pretrained_model_name_or_path)
        hub = {name: kwargs[name] for name in ("cache_dir", "revision", "token", "local_files_only") if name in kwargs}
        if cls is MoDiTalkerPipeline and cls.load_config(source, **hub)["_class_name"] == "PaperPipeline":
            from moditalker.paper.paper_pipeline import PaperPipeline

            return PaperPipeline.from_pretrained(source, **kwargs)
        return super().from_pretrained(source, **kwargs)

    def __call__(
        self,
        portrait: PortraitSource | Portrait,
        audio: str | Path | np.ndarray,
        *,
        atom_steps: int = ATOM_STEPS,
        mtov_steps: int = MTOV_STEPS,
        guidance: float = GUIDANCE,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        lip_scale: float = 1.0,
        head_motion: str | Path = "natural",
        head_scale: float = 1.0,
        blink_scale: float = 1.0,
        crop: str = "full",
        output_type: str = "np",
        callback_on_step_end: StepEnd | None = None,
        progress: Progress | None = None,
    ) -> MoDiTalkerOutput:
        """Animate a portrait; all frames are held in memory (``animate`` writes a file instead).

        Arguments are those of ``encode_portrait``, ``motion`` and ``render``; ``output_type`` is ``np`` or ``pil``.

        Raises:
            InputError: input that cannot be used, or a value out of its range.
        """
        # 1. check, 2. encode the portrait and the speech
        self.check_inputs(atom_steps, mtov_steps, guidance, lip_scale, head_scale, blink_scale, crop, output_type)
        clock = Stopwatch()
        with clock("face"):
            encoded = self.encode_portrait(portrait, crop)
        samples = audio if isinstance(audio, np.ndarray) else load_audio(audio)
        # 3. speech to motion
        motion = self.motion(
            encoded,
            samples,
            atom_steps=atom_steps,
            guidance=guidance,
            seed=seed,
            generator=generator,
            lip_scale=lip_scale,
            head_motion=head_motion,
            head_scale=head_scale,
            blink_scale=blink_scale,
            callback_on_step_end=callback_on_step_end,
            progress=progress,
        )
        # 4. motion to video
        with clock("video"):
            chunks = self.render(
                encoded,
                motion.landmarks,
                own=True,
                mtov_steps=mtov_steps,
                seed=motion.seed,
                generator=generator,
                head_video=driving_video(head_motion),
                progress=progress,
            )
            frames: np.ndarray | list[Image.Image] = np.concatenate(list(chunks))
        if output_type == "pil":
            frames = [Image.fromarray(frame) for frame in frames]
        timings = {"face": clock.seconds["face"], **motion.timings, "video": clock.seconds["video"]}
        return MoDiTalkerOutput(
            frames=frames, landmarks=motion.landmarks, fps=FPS, audio=samples, seed=motion.seed, timings=timings
        )

    def animate(
        self,
        portrait: PortraitSource | Portrait,
        audio: str | Path,
        output: str | Path,
        *,
        landmarks: np.ndarray | None = None,
        save_landmarks: str | Path | None = None,
        atom_steps: int = ATOM_STEPS,
        mtov_steps: int = MTOV_STEPS,
        guidance: float = GUIDANCE,
        seed: int | None = None,
        lip_scale: float = 1.0,
        head_motion: str | Path = "natural",
        head_scale: float = 1.0,
        blink_scale: float = 1.0,
        crop: str = "full",
        max_seconds: float = 600.0,
        mark: bool = False,
        on_frames: Callable[[np.ndarray], None] | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Animate a portrait into an MP4 file, with a report beside it (the same name, ``.json``).

        Args:
            portrait: see ``encode_portrait``.
            audio: recording; the video is as long as it is.
            output: ``.mp4``; its folder is made when missing.
            landmarks: (T, 68, 3) to be used instead of AToM's; the shorter of them and the recording sets the length.
            save_landmarks: ``.npz`` to write the landmarks to.
            max_seconds: longest recording taken.
            mark: write "AI-generated" into a corner of the picture; the file's metadata says so either way.
            on_frames: called with each (n, H, W, 3) uint8 that was written, in order; may raise to cancel.
            progress: see ``Progress``; raise in it to cancel. Nothing is left behind then.
        Returns:
            The report: seed, every parameter, hashes of the weights, seconds a stage, real-time factor, warnings.
        Raises:
            InputError: input that cannot be used.
        """
        self.check_inputs(atom_steps, mtov_steps, guidance, lip_scale, head_scale, blink_scale, crop)
        report = progress or unasked
        clock = Stopwatch()
        output = Path(output)
        parameters = {
            "portrait": name_of(portrait),
            "audio": Path(audio).name,
            "atom_steps": atom_steps,
            "mtov_steps": mtov_steps,
            "guidance": guidance,
            "lip_scale": lip_scale,
            "head_motion": Path(head_motion).name,
            "head_scale": head_scale,
            "blink_scale": blink_scale,
            "crop": crop,
            "landmarks": landmarks is not None,
            "mark": mark,
        }
        started = time.perf_counter()
        with clock("audio"):
            samples = load_audio(audio, max_seconds)
        with clock("face"):
            report("face", 0, 1)
            encoded = self.encode_portrait(portrait, crop)
            report("face", 1, 1)
        for warning in encoded.warnings:
            logger.warning(warning)
        frames = frame_count(samples)
        own = landmarks is None
        if landmarks is not None:
            frames = min(frames, len(landmarks))
            samples = samples[: frames * SAMPLE_RATE // FPS]
            landmarks = landmarks[:frames]
            seed = seed_or_new(seed)
        height, width = encoded.picture.shape[:2]
        watermark = Watermark((width, height)) if mark else None
        with VideoWriter(output, (width, height), FPS, samples, SAMPLE_RATE, TAGS) as writer:
            if landmarks is None:
                motion = self.motion(
                    encoded,
                    samples,
                    atom_steps=atom_steps,
                    guidance=guidance,
                    seed=seed,
                    lip_scale=lip_scale,
                    head_motion=head_motion,
                    head_scale=head_scale,
                    blink_scale=blink_scale,
                    progress=progress,
                )
                landmarks, seed = motion.landmarks, motion.seed
                clock.seconds.update(motion.timings)
            with clock("video"):
                chunks = self.render(
                    encoded,
                    landmarks,
                    own=own,
                    mtov_steps=mtov_steps,
                    seed=seed,
                    head_video=driving_video(head_motion),
                    progress=progress,
                )
                for chunk in chunks:
                    shown = chunk if watermark is None else watermark(chunk)
                    for frame in shown:
                        writer.write(frame)
                    if on_frames is not None:
                        on_frames(shown)
            # Still inside: when this fails, no video without its landmarks and report is left behind.
            if save_landmarks is not None:
                write_landmarks(Path(save_landmarks), landmarks)
        spent = time.perf_counter() - started
        add_provenance(output, seed=seed, weights=self.weight_hashes())
        return write_report(
            output,
            seed=seed,
            parameters=parameters,
            preset=Path(str(self.config.get("_name_or_path", ""))).name,
            weights=self.weight_hashes(),
            seconds=clock.seconds,
            spent=spent,
            frames=frames,
            fps=FPS,
            audio_seconds=len(samples) / SAMPLE_RATE,
            warnings=encoded.warnings,
        )
