"""``PaperPipeline``: the published networks behind the interface of ``MoDiTalkerPipeline``."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from moditalker.atom.head import HeadMotion
from moditalker.atom.motion_sampling import StepCallback, sample_head
from moditalker.atom.schedulers import atom_scheduler as head_scheduler
from moditalker.atom.spoken_motion import MotionSamplers
from moditalker.atom.style import StyleSource
from moditalker.audio.load import AudioSource, samples_of
from moditalker.audio.speech_frames import frame_count, speech_features
from moditalker.face.geometry import aligned_face
from moditalker.face.tracker import make_tracker
from moditalker.keys import Keys
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.options import AnimateOptions
from moditalker.outputs import MotionOutput
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.driving_video import DrivingVideo
from moditalker.paper.head_square import Paster, crop_matrix
from moditalker.paper.identity import read_identity
from moditalker.paper.inputs import check_choice
from moditalker.paper.paper_sampling import BlockChain, sample_motion
from moditalker.paper.schedule import PublishedDDIM
from moditalker.pipeline_base import TalkingPipeline, stepped, target_landmarks
from moditalker.portrait import Portrait, PortraitSource
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress, StepEnd, unasked
from moditalker.utils.seeds import generators_of
from moditalker.utils.stopwatch import Stopwatch

PUBLISHED = AnimateOptions(atom_steps=50, mtov_steps=25, guidance=2.0)
"""Steps and guidance of the published system; the defaults here."""


IDENTITY_SUFFIX = ".identity.npz"
"""Of a file beside a portrait's that holds its identity, see ``read_identity``: FACE.identity.npz beside FACE.jpg."""


@dataclass(frozen=True)
class PaperPortrait(Portrait):
    """A portrait with the identity of the user's own 3DMM.

    Attributes:
        identity: (68, 3) float32, 10 x (its frontalised landmarks - the 3DMM's mean); None where the tracker measures.
    """

    identity: np.ndarray | None = None


class PaperPipeline(TalkingPipeline):
    """Animates a portrait with speech, as published.

    What is drawn is a square around the head that is laid back over the portrait. Without a driving video the pose
    frames are the warped portrait; the head then stands still, unless there is a network for it.

    Args:
        atom: speech to landmark residuals.
        autoencoder: pictures to tri-plane latents and back.
        landmark_autoencoder: drawn landmarks to tri-plane latents.
        denoiser: landmarks to latents.
        atom_scheduler, mtov_scheduler: of the two diffusion models.
        head: speech to head pose and blinks, of the compact preset; the published system has none.
        tracker: name of the face tracker.
        mtov_start: where in the noise schedule MToV starts, see ``BlockChain``.
        inputs: what the networks are shown: ``released`` as by the authors' code, or ``ours``; it must be what the
            weights were trained on. See ``moditalker.paper.inputs``.
        chain: what a block starts from: the portrait (``first``) or the block before (``last``), see ``BlockChain``.
    Raises:
        InputError: ``inputs`` or ``chain`` is none of the choices.
    """

    _optional_components = ["head"]  # noqa: RUF012  diffusers declares it so
    default_options = PUBLISHED

    def __init__(
        self,
        atom: PaperAudioToMotion,
        autoencoder: PaperAutoencoder,
        landmark_autoencoder: PaperAutoencoder,
        denoiser: PaperMotionToVideo,
        atom_scheduler: PublishedDDIM,
        mtov_scheduler: PublishedDDIM,
        head: HeadMotion | None = None,
        tracker: str = "mediapipe",
        mtov_start: float = 0.25,
        inputs: str = "ours",
        chain: str = "last",
    ) -> None:
        # Annotated as str: diffusers warns of every annotation that is no class.
        check_choice(inputs, chain)
        super().__init__()
        self.register_modules(
            atom=atom,
            autoencoder=autoencoder,
            landmark_autoencoder=landmark_autoencoder,
            denoiser=denoiser,
            atom_scheduler=atom_scheduler,
            mtov_scheduler=mtov_scheduler,
            head=head,
        )
        self.register_to_config(tracker=tracker, mtov_start=mtov_start, inputs=inputs, chain=chain)

    def encode_portrait(
        self,
        portrait: PortraitSource | Portrait,
        crop: str = "full",
        face: int | None = None,
        identity: str | Path | None = None,
    ) -> Portrait:
        """As of ``TalkingPipeline``.

        Args:
            identity: file with the portrait's frontalised landmarks by the user's own 3DMM, see ``read_identity``; for
                released inputs. By default FACE.identity.npz beside a portrait FACE.jpg, where there is one.
        Raises:
            InputError: not a picture, no usable face in it, a file without an identity, or inputs that need none.
        """
        if identity is not None and self.config["inputs"] != "released":
            raise InputError("An identity belongs to released inputs; this preset was assembled for inputs 'ours'.")
        encoded = super().encode_portrait(portrait, crop, face)
        file = None if identity is None else Path(identity)
        if file is None and isinstance(portrait, str | Path) and self.config["inputs"] == "released":
            beside = Path(portrait).with_suffix(IDENTITY_SUFFIX)
            file = beside if beside.is_file() else None
        if file is None:
            return encoded
        told = f"AToM is given the identity in {file.name}."
        return PaperPortrait(
            encoded.picture, encoded.frame, encoded.face, (*encoded.warnings, told), read_identity(file)
        )

    def encode_face(self, picture: np.ndarray, landmarks: np.ndarray) -> EncodedFace:
        """The square around the head, and its latent as ``identity``."""
        size = self.autoencoder.config["size"]
        matrix = crop_matrix(landmarks[None], picture.shape[0], picture.shape[1], size)
        square = torch.from_numpy(aligned_face(picture, matrix, size)).permute(2, 0, 1).float()
        with torch.inference_mode():
            where = self.autoencoder.device
            identity = self.autoencoder.encode_still(to_unit(square.to(where))[None].to(self.autoencoder.dtype))
        return EncodedFace(square, landmarks, matrix, identity)

    def check_inputs(self, output_type: str = "np", **given: Any) -> AnimateOptions:
        """As of ``TalkingPipeline``; MToV needs a step, for its decoder sees nothing but the latent."""
        options = super().check_inputs(output_type, **given)
        if options.mtov_steps < 1:
            raise InputError(f"mtov_steps must be at least 1 with the paper preset, got {options.mtov_steps!r}.")
        for name in ("expression_seed", "expression_guidance"):
            if getattr(options, name) is not None:
                raise InputError(f"The paper preset takes no {name}: its network draws lips and brows together.")
        return options

    @torch.inference_mode()
    def motion(
        self,
        portrait: PortraitSource | Portrait,
        audio: AudioSource,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        head_motion: str | Path = "natural",
        keys: Keys = None,
        style: StyleSource = None,
        callback_on_step_end: StepEnd | None = None,
        progress: Progress | None = None,
        **given: Any,
    ) -> MotionOutput:
        """AToM alone, see ``MoDiTalkerPipeline.motion``."""
        if style is not None:
            raise InputError("The published networks know no styles; leave the style out, or use the preset compact.")
        options = self.check_inputs(seed=seed, **given)
        report, clock = progress or unasked, Stopwatch()
        encoded = self.encode_portrait(portrait)
        face = encoded.frame
        seed, generators = generators_of(seed, generator, options.own_seeds)
        samples = samples_of(audio)
        frames = frame_count(samples)
        with clock("speech"):
            report("speech", 0, 1)
            encoder = self.atom.config["speech_encoder"]
            speech = speech_features(samples, frames, encoder, lambda done, pieces: report("speech", done, pieces))
        lips = partial(
            sample_motion,
            steps=options.atom_steps,
            guidance=options.guidance,
            generator=generators["lips"],
            inputs=self.config["inputs"],
            own_identity=encoded.identity if isinstance(encoded, PaperPortrait) else None,
        )
        samplers = MotionSamplers(
            lambda call, held: lips(self.atom, self.atom_scheduler, speech, face.shape, callback=call),
            lambda call, held: self._sample_head(samples, frames, options, generators["head"], call),
            lambda stage: stepped(self, stage, report, callback_on_step_end),
            holds=False,
        )
        return self._spoken(face, samples, samplers, options, head_motion, keys, seed, clock, report)

    def _sample_head(
        self,
        samples: np.ndarray,
        frames: int,
        options: AnimateOptions,
        generator: torch.Generator,
        callback: StepCallback,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Pose (T, 6) and closure (T,) of the compact preset's network; where there is none, a head that is still."""
        if self.head is None:
            return np.zeros((frames, 6), np.float32), None
        speech = speech_features(samples, frames)
        return sample_head(
            self.head,
            head_scheduler(),
            speech,
            steps=options.atom_steps,
            generator=generator,
            guidance=options.head_guidance,
            callback=callback,
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
        progress: Progress | None = None,
    ) -> Iterator[np.ndarray]:
        """MToV alone, see ``MoDiTalkerPipeline.render``; ``head_video`` gives the pose frames."""
        steps = self.check_inputs(mtov_steps=mtov_steps, seed=seed).mtov_steps
        encoded = self.encode_portrait(portrait)
        target = target_landmarks(encoded.frame, landmarks, own)
        noise = generators_of(seed, generator)[1]["video"]
        return self._frames(encoded, target, steps, noise, progress or unasked, head_video)

    def _frames(
        self,
        portrait: Portrait,
        target: np.ndarray,
        steps: int,
        noise: torch.Generator,
        report: Progress,
        head_video: Path | None,
    ) -> Iterator[np.ndarray]:
        """``render`` of an encoded portrait to landmarks (T, 68, 3) of its own."""
        size, frames = self.autoencoder.config["size"], len(target)
        tracker = make_tracker(self.config["tracker"])
        chain = BlockChain(
            self.autoencoder,
            self.landmark_autoencoder,
            self.denoiser,
            self.mtov_scheduler,
            portrait.face,
            steps=steps,
            start=self.config["mtov_start"],
            generator=noise,
            pose=None if head_video is None else DrivingVideo(head_video, tracker, frames, size),
            inputs=self.config["inputs"],
            chain=self.config["chain"],
        )
        paste = Paster(portrait.picture, portrait.face.matrix, size)
        done = 0
        for squares in chain(target):
            yield paste(squares)
            done += len(squares)
            report("video", done, frames)
