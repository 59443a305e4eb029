"""``PaperPipeline``: the published networks behind the interface of ``MoDiTalkerPipeline``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline

from moditalker.atom.head import HeadMotion
from moditalker.atom.motion_sampling import StepCallback, sample_head
from moditalker.atom.schedulers import atom_scheduler as head_scheduler
from moditalker.audio.speech_frames import speech_features
from moditalker.face.geometry import aligned_face
from moditalker.face.tracker import make_tracker
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.outputs import MoDiTalkerOutput, MotionOutput
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.driving_video import DrivingVideo
from moditalker.paper.head_square import Paster, crop_matrix
from moditalker.paper.inputs import Chain, Inputs, check_choice
from moditalker.paper.paper_sampling import BlockChain, sample_motion
from moditalker.paper.schedule import PublishedDDIM
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.callbacks import Progress
from moditalker.utils.errors import InputError
from moditalker.utils.seeds import generators_of

PUBLISHED: dict[str, Any] = {"atom_steps": 50, "mtov_steps": 25, "guidance": 2.0}
"""Steps and guidance of the published system; the defaults here."""


class PaperPipeline(MoDiTalkerPipeline):
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
    _networks = ("atom", "head", "autoencoder", "landmark_autoencoder", "denoiser")

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
        inputs: Inputs = "ours",
        chain: Chain = "last",
    ) -> None:
        check_choice(inputs, chain)
        DiffusionPipeline.__init__(self)
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

    def _encode_face(self, picture: np.ndarray, landmarks: np.ndarray) -> EncodedFace:
        """The square around the head, and its latent as ``identity``."""
        size = self.autoencoder.config["size"]
        matrix = crop_matrix(landmarks[None], picture.shape[0], picture.shape[1], size)
        square = torch.from_numpy(aligned_face(picture, matrix, size)).permute(2, 0, 1).float()
        with torch.inference_mode():
            where = self.autoencoder.device
            identity = self.autoencoder.encode_still(to_unit(square.to(where))[None].to(self.autoencoder.dtype))
        return EncodedFace(square, landmarks, matrix, identity)

    def _sample_residual(self, *arguments: Any, **options: Any) -> np.ndarray:
        return sample_motion(*arguments, **options, inputs=self.config["inputs"])

    def motion(self, *arguments: Any, **options: Any) -> MotionOutput:
        """As in ``MoDiTalkerPipeline``, with the published defaults."""
        return super().motion(*arguments, **{**_of(("atom_steps", "guidance")), **options})

    def render(self, *arguments: Any, **options: Any) -> Iterator[np.ndarray]:
        """As in ``MoDiTalkerPipeline``, with the published defaults."""
        return super().render(*arguments, **{**_of(("mtov_steps",)), **options})

    def __call__(self, *arguments: Any, **options: Any) -> MoDiTalkerOutput:
        """As in ``MoDiTalkerPipeline``, with the published defaults."""
        return super().__call__(*arguments, **{**PUBLISHED, **options})

    def animate(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """As in ``MoDiTalkerPipeline``, with the published defaults."""
        return super().animate(*arguments, **{**PUBLISHED, **options})

    def check_inputs(self, atom_steps: int = 1, mtov_steps: int = 1, *arguments: Any, **options: Any) -> None:
        """As in ``MoDiTalkerPipeline``; MToV needs a step, for its decoder sees nothing but the latent."""
        if mtov_steps < 1:
            raise InputError(f"mtov_steps must be at least 1 with the paper preset, got {mtov_steps!r}.")
        super().check_inputs(atom_steps, mtov_steps, *arguments, **options)

    def _sample_head(
        self, samples: np.ndarray, speech: np.ndarray, steps: int, generator: torch.Generator, callback: StepCallback
    ) -> tuple[np.ndarray, np.ndarray | None]:
        frames = len(speech) // 2
        if self.head is None:
            return np.zeros((frames, 6), np.float32), None
        heard = speech_features(samples, frames)
        return sample_head(self.head, head_scheduler(), heard, steps=steps, generator=generator, callback=callback)

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
        _, generators = generators_of(seed, generator)
        size, frames = self.autoencoder.config["size"], len(landmarks)
        tracker = make_tracker(self.config["tracker"])
        chain = BlockChain(
            self.autoencoder,
            self.landmark_autoencoder,
            self.denoiser,
            self.mtov_scheduler,
            portrait.face,
            steps=steps,
            start=self.config["mtov_start"],
            generator=generators["video"],
            pose=None if head_video is None else DrivingVideo(head_video, tracker, frames, size),
            inputs=self.config["inputs"],
            chain=self.config["chain"],
        )
        paste = Paster(portrait.picture, portrait.face.matrix, size)
        done = 0
        for squares in chain(landmarks):
            yield paste(squares)
            done += len(squares)
            report("video", done, frames)


def _of(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: PUBLISHED[name] for name in names}
