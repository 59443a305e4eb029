"""AToM and MToV, each by itself: speech to landmarks, and landmarks to pictures of a portrait."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from diffusers import DiffusionPipeline, SchedulerMixin

from moditalker.atom.blinks import close_eyes, settle_closure
from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_sampling import StepCallback, sample_head, sample_residual
from moditalker.atom.rest import rest_head, rest_lips
from moditalker.audio.load import load_audio
from moditalker.audio.speech_frames import frame_count, speech_features
from moditalker.audio.voice_activity import speech_activity
from moditalker.face.driven_pose import driven_pose, driving_video
from moditalker.face.geometry import FaceFrame, aligned_face, aligning_matrix
from moditalker.face.landmark_file import FPS
from moditalker.face.motion_controls import scale_lips, settle_pose, untangle
from moditalker.face.retarget import retarget
from moditalker.face.tracker import make_tracker
from moditalker.loading import digest
from moditalker.mtov.autoencoder import TriplaneAutoencoder
from moditalker.mtov.block_sampling import BlockSampler, EncodedFace, encode_face
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.detail import DetailGains
from moditalker.mtov.flow import FlowRefiner
from moditalker.options import ATOM_STEPS, GUIDANCE, MTOV_STEPS
from moditalker.outputs import MotionOutput
from moditalker.portrait import Portrait, PortraitSource, find_face, head_of
from moditalker.render.compositing import composed
from moditalker.render.lip_correction import calibrated
from moditalker.utils.callbacks import Progress, StepEnd, unasked
from moditalker.utils.errors import InputError
from moditalker.utils.seeds import generators_of
from moditalker.utils.stopwatch import Stopwatch

logger = logging.getLogger(__name__)


class MoDiTalkerStages(DiffusionPipeline):
    """The networks, and what each of the two diffusion models makes of its input.

    Args:
        atom: speech to landmark residuals.
        head: speech to head pose.
        autoencoder: tri-planes to pictures and back.
        denoiser: landmarks to tri-planes.
        atom_scheduler: of ``atom`` and ``head``; any diffusers scheduler that takes x0 predictions.
        mtov_scheduler: of ``denoiser``.
        flow: how hair, neck and clothes go along with the head; None leaves them to the spline of the warp.
        detail: how much detail a drawn mouth lacks; None leaves it as it is drawn.
        tracker: name of the face tracker.
        mtov_start: where in the noise schedule MToV starts, see ``BlockSampler``.
    """

    _networks: ClassVar[tuple[str, ...]] = ("atom", "head", "autoencoder", "denoiser", "flow", "detail")
    """What ``weight_hashes`` tells of; those that are None are left out."""
    _optional_components: ClassVar[list[str]] = ["flow", "detail"]
    _sample_residual: ClassVar[Callable[..., np.ndarray]] = staticmethod(sample_residual)
    """AToM's sampler: speech (2T, D) and the portrait's shape (68, 3) to residuals (T, 68, 3)."""

    def __init__(
        self,
        atom: AudioToMotion,
        head: HeadMotion,
        autoencoder: TriplaneAutoencoder,
        denoiser: MotionToVideo,
        atom_scheduler: SchedulerMixin,
        mtov_scheduler: SchedulerMixin,
        flow: FlowRefiner | None = None,
        detail: DetailGains | None = None,
        tracker: str = "mediapipe",
        mtov_start: float = 0.25,
    ) -> None:
        super().__init__()
        self.register_modules(
            atom=atom,
            head=head,
            autoencoder=autoencoder,
            denoiser=denoiser,
            atom_scheduler=atom_scheduler,
            mtov_scheduler=mtov_scheduler,
            flow=flow,
            detail=detail,
        )
        self.register_to_config(tracker=tracker, mtov_start=mtov_start)

    def encode_portrait(self, portrait: PortraitSource | Portrait, crop: str = "full") -> Portrait:
        """Find the face in a picture and encode it.

        Args:
            portrait: file, PIL picture, (H, W, 3) uint8, or a ``Portrait``, which is returned as it is.
            crop: ``full`` keeps the picture, ``face`` cuts a square around the head.
        Raises:
            InputError: not a picture, or no usable face in it.
        """
        if isinstance(portrait, Portrait):
            return portrait
        picture, landmarks, warnings = find_face(portrait, crop, self.config["tracker"])
        return Portrait(picture, FaceFrame(landmarks), self._encode_face(picture, landmarks), warnings)

    def _encode_face(self, picture: np.ndarray, landmarks: np.ndarray) -> EncodedFace:
        """Picture (H, W, 3) uint8 and landmarks (68, 3) in it -> what MToV keeps of them."""
        return encode_face(self.autoencoder, aligned_face(picture, aligning_matrix(landmarks)), landmarks)

    def check_inputs(
        self,
        atom_steps: int = 1,
        mtov_steps: int = 1,
        guidance: float = 1.0,
        lip_scale: float = 1.0,
        head_scale: float = 1.0,
        blink_scale: float = 1.0,
        crop: str = "full",
        output_type: str = "np",
    ) -> None:
        """Raise an InputError that names the first value out of its range."""
        steps = {"atom_steps": (atom_steps, 1, 1000), "mtov_steps": (mtov_steps, 0, 1000)}
        scales = {
            "guidance": (guidance, 0.0, 10.0),
            "lip_scale": (lip_scale, 0.0, 3.0),
            "head_scale": (head_scale, 0.0, 3.0),
            "blink_scale": (blink_scale, 0.0, 3.0),
        }
        for name, (value, low, high) in {**steps, **scales}.items():
            if not low <= value <= high:
                raise InputError(f"{name} must be between {low:g} and {high:g}, got {value!r}.")
        choices = {"crop": (crop, ("full", "face")), "output_type": (output_type, ("np", "pil"))}
        for name, (choice, allowed) in choices.items():
            if choice not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, got {choice!r}.")

    @torch.inference_mode()
    def motion(
        self,
        portrait: PortraitSource | Portrait,
        audio: str | Path | np.ndarray,
        *,
        atom_steps: int = ATOM_STEPS,
        guidance: float = GUIDANCE,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        lip_scale: float = 1.0,
        head_motion: str | Path = "natural",
        head_scale: float = 1.0,
        blink_scale: float = 1.0,
        callback_on_step_end: StepEnd | None = None,
        progress: Progress | None = None,
    ) -> MotionOutput:
        """AToM alone: landmarks of the portrait saying what the recording says.

        Args:
            portrait: see ``encode_portrait``.
            audio: file, or (N,) float32 at 16 kHz.
            atom_steps: denoising steps of lips, face and head.
            guidance: how far the lips lean towards the speech; 1 is none.
            seed: of everything random; a new one when None.
            generator: on the processor, instead of a seed.
            lip_scale: strength of the mouth's motion.
            head_motion: ``natural``, ``still``, or a video whose head is followed.
            head_scale: strength of head motion.
            blink_scale: strength of blinking.
            callback_on_step_end: as in every diffusers pipeline; the tensors it gets are empty.
            progress: see ``Progress``.
        Raises:
            InputError: input that cannot be used.
        """
        self.check_inputs(atom_steps, 1, guidance, lip_scale=lip_scale, head_scale=head_scale, blink_scale=blink_scale)
        report = progress or unasked
        clock = Stopwatch()
        face = self.encode_portrait(portrait).frame
        seed, generators = generators_of(seed, generator)
        samples = audio if isinstance(audio, np.ndarray) else load_audio(audio)
        frames = frame_count(samples)
        with clock("speech"):
            report("speech", 0, 1)
            encoder = self.atom.config["speech_encoder"]
            speech = speech_features(samples, frames, encoder, lambda done, pieces: report("speech", done, pieces))
            activity = speech_activity(samples, frames, FPS)

        def stepped(stage: str) -> Callable[[int, int], None]:
            def call(step: int, steps: int) -> None:
                report(stage, step, steps)
                if callback_on_step_end is not None:
                    timestep = int(self.atom_scheduler.timesteps[step - 1])
                    callback_on_step_end(self, step - 1, timestep, {})

            return call

        with clock("motion"):
            report("motion", 0, atom_steps)
            residual = self._sample_residual(
                self.atom,
                self.atom_scheduler,
                speech,
                face.shape,
                steps=atom_steps,
                guidance=guidance,
                generator=generators["lips"],
                callback=stepped("motion"),
            )
            residual = scale_lips(rest_lips(residual, face.shape, activity), face.shape, lip_scale)
        with clock("head"):
            report("head", 0, atom_steps)
            # Blinks are drawn whatever moves the head, so that one does not depend on the other.
            pose, closure = self._sample_head(samples, speech, atom_steps, generators["head"], stepped("head"))
            pose = rest_head(pose, activity)
            video = driving_video(head_motion)
            if video is not None:
                pose = driven_pose(video, frames, self.config["tracker"], lambda done: report("head", done, done))
            elif head_motion == "still":
                pose = np.zeros((frames, 6), np.float32)
            if closure is not None:
                residual = close_eyes(residual, face.shape, blink_scale * settle_closure(closure))
            residual = untangle(residual, face.shape)
            landmarks = face.compose(residual, settle_pose(pose, head_scale))
        return MotionOutput(landmarks=landmarks, seed=seed, timings=clock.seconds)

    def _sample_head(
        self, samples: np.ndarray, speech: np.ndarray, steps: int, generator: torch.Generator, callback: StepCallback
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Recording and AToM's features (2T, D) of it -> pose (T, 6), and closure (T,) or None, where AToM blinks."""
        return sample_head(self.head, self.atom_scheduler, speech, steps=steps, generator=generator, callback=callback)

    def render(
        self,
        portrait: PortraitSource | Portrait,
        landmarks: np.ndarray,
        *,
        own: bool = False,
        mtov_steps: int = MTOV_STEPS,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        head_video: Path | None = None,
        progress: Progress | None = None,
    ) -> Iterator[np.ndarray]:
        """MToV alone: pictures of the portrait with these landmarks, a few at a time, so that memory stays bounded.

        Args:
            portrait: see ``encode_portrait``.
            landmarks: (T, 68, 3) in the portrait's pixels, or of another video (then the motion is carried over).
            own: the landmarks are the portrait's own, ``motion`` made them; otherwise it is found out.
            mtov_steps: denoising steps; 0 leaves the planes empty, so only what warp and drawing tell is drawn.
            head_video: the driving video, whose pictures the paper's networks look at; the compact ones do not.
        Yields:
            (n, H, W, 3) uint8, in order; T frames in all.
        Raises:
            InputError: input that cannot be used.
        """
        self.check_inputs(mtov_steps=mtov_steps)
        if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 3) or len(landmarks) == 0:
            raise InputError(f"landmarks must have the shape (T, 68, 3) with T > 0, got {landmarks.shape}.")
        encoded = self.encode_portrait(portrait)
        if not own:
            landmarks = retarget(encoded.frame, landmarks)
        return self._render(encoded, landmarks, mtov_steps, seed, generator, progress or unasked, head_video)

    def _render(
        self,
        portrait: Portrait,
        landmarks: np.ndarray,
        steps: int,
        seed: int | None,
        generator: torch.Generator | None,
        report: Progress,
        head_video: Path | None,
    ) -> Iterator[np.ndarray]:
        """``render`` of an encoded portrait to landmarks of its own."""
        _, generators = generators_of(seed, generator)
        frames = len(landmarks)
        noise = generators["video"]
        asked = self._calibrated(portrait, landmarks, steps, noise, lambda done: report("trial", done, frames))
        drawn = self._sampler(portrait, steps, noise, lambda done: report("video", done, frames))(asked)
        yield from composed(portrait, asked, drawn)

    def _calibrated(
        self,
        portrait: Portrait,
        landmarks: np.ndarray,
        steps: int,
        noise: torch.Generator,
        callback: Callable[[int], None],
    ) -> np.ndarray:
        """Landmarks (T, 68, 3) to ask for, see ``render.lip_correction``; where no tracker can read, as they are.

        What is tried has the noise of what is drawn after it, and takes none of it away.
        """
        tracker = make_tracker(self.config["tracker"])

        def read(asked: np.ndarray) -> np.ndarray:
            head = head_of(portrait)
            there = head.frame.compose(*portrait.frame.analyse(asked))
            sampler = self._sampler(head, steps, noise.clone_state(), callback, mouth_only=True)
            chunks = composed(head, there, sampler(there), still_behind=False)
            seen = tracker.track(frame for chunk in chunks for frame in chunk)
            return portrait.frame.compose(*head.frame.analyse(seen))

        try:
            return calibrated(portrait.frame, landmarks, read)
        except InputError:
            logger.info("no face is found in what was drawn on trial; the lips are not calibrated")
            return landmarks

    def _sampler(
        self,
        portrait: Portrait,
        steps: int,
        generator: torch.Generator,
        callback: Callable[[int], None],
        mouth_only: bool = False,
    ) -> BlockSampler:
        return BlockSampler(
            self.autoencoder,
            self.denoiser,
            self.mtov_scheduler,
            portrait.face,
            steps=steps,
            start=self.config["mtov_start"],
            generator=generator,
            refiner=self.flow,
            detail=self.detail,
            group=4 if self.device.type == "cpu" else 32,
            callback=callback,
            mouth_only=mouth_only,
        )

    def weight_hashes(self) -> dict[str, str]:
        """The first 16 hex digits of a SHA-256 over each network's weights."""
        if not hasattr(self, "_hashes"):
            networks = {name: getattr(self, name) for name in self._networks}
            self._hashes = {name: digest(network) for name, network in networks.items() if network is not None}
        return self._hashes
