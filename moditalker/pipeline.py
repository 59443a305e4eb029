"""``MoDiTalkerPipeline``: a portrait and speech in, video out. A diffusers pipeline around AToM and MToV."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.arousal import ArousalMap, voice_gains
from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_transformer import CHANNELS, MotionTransformer
from moditalker.atom.part_sampling import MotionNetworks, part_samplers
from moditalker.atom.spoken_parts import SpokenParts, manner_for
from moditalker.atom.style import StyleSource
from moditalker.audio.load import AudioSource, samples_of
from moditalker.audio.speech_frames import frame_count, speech_features
from moditalker.dub.dub import dub
from moditalker.face.geometry import FaceMotion, aligned_face, aligning_matrix
from moditalker.face.tracker import make_tracker
from moditalker.keys import Keys
from moditalker.mtov.autoencoder import TriplaneAutoencoder
from moditalker.mtov.block_sampling import BlockSampler, EncodedFace, encode_face
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.detail import DetailGains
from moditalker.mtov.flow import FlowRefiner
from moditalker.options import MotionControls
from moditalker.outputs import MoDiTalkerOutput, MotionOutput
from moditalker.pipeline_base import TalkingPipeline, stepped, target_landmarks
from moditalker.portrait import Portrait, PortraitSource, composer_of, head_of
from moditalker.render.compositing import composed
from moditalker.render.lip_correction import corrected_in_stretches, lip_corrected
from moditalker.streaming import StreamOptions, stream
from moditalker.utils.ahead import ahead
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress, StepEnd, unasked
from moditalker.utils.seeds import generators_of
from moditalker.utils.stopwatch import Stopwatch

__all__ = ["MoDiTalkerOutput", "MoDiTalkerPipeline", "MotionOutput", "Progress", "StepEnd", "frame_count"]

logger = logging.getLogger(__name__)


class MoDiTalkerPipeline(TalkingPipeline):
    """Animates a portrait with speech: AToM, then MToV.

    Args:
        atom: speech to landmark residuals.
        head: speech to head pose.
        autoencoder: tri-planes to pictures and back.
        denoiser: landmarks to tri-planes.
        atom_scheduler: of ``atom`` and ``head``; any diffusers scheduler that takes x0 predictions.
        mtov_scheduler: of ``denoiser``.
        flow: how hair, neck and clothes go along with the head; None leaves them to the spline of the warp.
        detail: how much detail a generated mouth lacks; None leaves it as it is.
        blendshapes: between landmarks and ARKit's blendshapes; None leaves export, emotions and a style's smile out.
        lips_part, expression_part, head_part: models of single parts, in place of what ``atom`` and ``head`` say of
            jaw and mouth, of brows, nose and lids, and of the head's pose. They take a style on.
        arousal: how lively a voice is; None leaves the emotion ``auto`` out.
        tracker: name of the face tracker.
        mtov_start: where in the noise schedule MToV starts, see ``BlockSampler``.
        always: which of the models of single parts speak where no style is asked for too, with commas between them.
    """

    _optional_components: ClassVar[list[str]] = [
        *("flow", "detail", "blendshapes", "arousal"),
        *(f"{part}_part" for part in CHANNELS),
    ]

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
        blendshapes: BlendshapeMap | None = None,
        lips_part: MotionTransformer | None = None,
        expression_part: MotionTransformer | None = None,
        head_part: MotionTransformer | None = None,
        arousal: ArousalMap | None = None,
        tracker: str = "mediapipe",
        mtov_start: float = 0.25,
        always: str = "",
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
            blendshapes=blendshapes,
            lips_part=lips_part,
            expression_part=expression_part,
            head_part=head_part,
            arousal=arousal,
        )
        self.register_to_config(tracker=tracker, mtov_start=mtov_start, always=always)

    def encode_face(self, picture: np.ndarray, landmarks: np.ndarray) -> EncodedFace:
        """Picture (H, W, 3) uint8 and landmarks (68, 3) in it -> the aligned face and its planes."""
        return encode_face(self.autoencoder, aligned_face(picture, aligning_matrix(landmarks)), landmarks)

    @torch.inference_mode()
    def motion(  # type: ignore[override]
        self,
        portrait: PortraitSource | Portrait,
        audio: AudioSource,
        *,
        atom_steps: int | None = None,
        guidance: float | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        head_motion: str | Path = "natural",
        keys: Keys = None,
        style: StyleSource = None,
        callback_on_step_end: StepEnd | None = None,
        progress: Progress | None = None,
        **controls: Unpack[MotionControls],
    ) -> MotionOutput:
        """AToM alone: landmarks of the portrait saying what the recording says. Arguments as of ``__call__``.

        Raises:
            InputError: input that cannot be used.
        """
        options = self.check_inputs(atom_steps=atom_steps, guidance=guidance, seed=seed, **controls)
        report, clock = progress or unasked, Stopwatch()
        face = self.encode_portrait(portrait).frame
        told: list[str] = []
        manner = manner_for(self, style, told.append, report)
        seed, generators = generators_of(seed, generator, options.own_seeds)
        samples = samples_of(audio)
        frames = frame_count(samples)
        gains = voice_gains(self.arousal, options, samples, frames)
        with clock("speech"):
            report("speech", 0, 1)
            encoder = self.atom.config["speech_encoder"]
            speech = speech_features(samples, frames, encoder, lambda done, pieces: report("speech", done, pieces))
        parts = SpokenParts.of(self, self.atom_scheduler, speech, samples, face.shape, options, manner)
        samplers = part_samplers(
            MotionNetworks(self.atom, self.head, self.atom_scheduler),
            speech,
            face.shape,
            options,
            generators,
            lambda stage: stepped(self, stage, report, callback_on_step_end),
            parts,
        )
        smile = None if manner is None else manner.smile
        return self._spoken(
            face, samples, samplers, options, head_motion, keys, seed, clock, report, gains, told, smile
        )

    def render(  # type: ignore[override]
        self,
        portrait: PortraitSource | Portrait,
        landmarks: np.ndarray,
        *,
        own: bool = False,
        mtov_steps: int | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        head_video: Path | None = None,
        mouth_only: bool = False,
        correct_lips: bool | np.ndarray = True,
        progress: Progress | None = None,
    ) -> Iterator[np.ndarray]:
        """MToV alone: pictures of the portrait with these landmarks, a few at a time, so that memory stays bounded.

        Args:
            portrait: see ``encode_portrait``.
            landmarks: (T, 68, 3) in the portrait's pixels, or of another video (then the motion is carried over).
            own: the landmarks are the portrait's own, ``motion`` made them; otherwise it is found out.
            mtov_steps: denoising steps; 0 leaves the planes empty, so only what warp and decoder tell is drawn.
            head_video: the driving video, whose pictures the paper's networks look at; these do not.
            mouth_only: draw nothing but the mouth and its neighbourhood, in a quarter of the time.
            correct_lips: draw the mouth once before, see ``render.lip_correction``; (T,) bool says where lips move.
        Yields:
            (n, H, W, 3) uint8, in order; T frames in all.
        Raises:
            InputError: input that cannot be used.
        """
        steps = self.check_inputs(mtov_steps=mtov_steps, seed=seed).mtov_steps
        encoded = self.encode_portrait(portrait)
        target = encoded.frame.motion(target_landmarks(encoded.frame, landmarks, own))
        noise = generators_of(seed, generator)[1]["video"]
        return self._frames(encoded, target, steps, noise, progress or unasked, mouth_only, correct_lips)

    def _frames(
        self,
        portrait: Portrait,
        target: FaceMotion,
        steps: int,
        noise: torch.Generator,
        report: Progress,
        mouth_only: bool,
        correct_lips: bool | np.ndarray,
    ) -> Iterator[np.ndarray]:
        """``render`` of an encoded portrait to a motion of its own."""
        frames, drawn = len(target), 0
        # All trials have the noise of the first frames to be drawn; none of it is taken away.
        trial_noise = noise.clone_state()

        def drawing(done: int) -> None:
            nonlocal drawn
            drawn = done
            report("video", done, frames)

        def correct(piece: FaceMotion, least: float) -> FaceMotion:
            def trying(done: int) -> None:
                # Once there are pictures, the trials between them are part of the drawing.
                stage = ("video", drawn, frames) if drawn else ("lip_correction", done, len(piece))
                report(*stage)

            return self._lip_corrected(portrait, piece, steps, trial_noise.clone_state(), trying, least)

        sampler = self.sampler(portrait, steps, noise, drawing, mouth_only)
        pieces: Iterable[FaceMotion] = [target]
        if correct_lips is not False:
            spoken = np.broadcast_to(np.asarray(correct_lips, bool), frames)
            pieces = corrected_in_stretches(portrait.frame, target, spoken, correct)
        layers = ahead(sampler.stream(pieces))
        yield from composed(portrait.frame, composer_of(portrait, not mouth_only, mouth_only), layers)

    def dub(self, video: str | Path, audio: AudioSource, output: str | Path, **options: Any) -> dict[str, Any]:
        """Let the person in a video say a recording, see ``moditalker.dub.dub``."""
        return dub(self, video, audio, output, **options)

    def stream(
        self,
        portrait: PortraitSource | Portrait,
        sound: AudioSource | Iterable[np.ndarray],
        **options: Unpack[StreamOptions],
    ) -> Iterator[np.ndarray]:
        """Animate a portrait while the sound is still being made, see ``moditalker.streaming.stream``."""
        return stream(self, portrait, sound, **options)

    def _lip_corrected(
        self,
        portrait: Portrait,
        target: FaceMotion,
        steps: int,
        noise: torch.Generator,
        callback: Callable[[int], None],
        least: float,
    ) -> FaceMotion:
        """The motion to draw, see ``render.lip_correction``; where no tracker can read, as it is.

        The first render has the noise of what is drawn after it, and takes none of it away.
        """
        tracker = make_tracker(self.config["tracker"])

        def read(target: FaceMotion) -> np.ndarray:
            head = head_of(portrait)
            there = head.frame.posed(target.residual, target.pose)
            sampler = self.sampler(head, steps, noise.clone_state(), callback, mouth_only=True)
            chunks = composed(head.frame, composer_of(head), sampler(there))
            return head.frame.analyse(tracker.track(frame for chunk in chunks for frame in chunk))[0]

        try:
            return lip_corrected(portrait.frame, target, read, least)
        except InputError:
            logger.info("no face is found in the first render; the lips are not corrected")
            return target

    def sampler(
        self,
        portrait: Portrait,
        steps: int,
        generator: torch.Generator,
        callback: Callable[[int], None],
        mouth_only: bool = False,
        group: int | None = None,
    ) -> BlockSampler:
        """MToV for an encoded portrait, see ``BlockSampler``; ``group`` is chosen for the device where it is None."""
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
            group=group or (4 if self.device.type == "cpu" else 32),
            callback=callback,
            mouth_only=mouth_only,
        )
