"""Sixteen-frame blocks of video with their conditions, for the networks that turn motion into video."""

import cv2
import numpy as np
import torch

from moditalker.face.geometry import FaceFrame, transform_points
from moditalker.mtov.conditions import block_conditions
from moditalker.mtov.flow import FlowRefiner
from moditalker.training.data.augmentation import (
    bending,
    bent,
    bent_points,
    followed,
    recolouring,
    relighting,
    reshaped,
    reshaping,
    resharpening,
)
from moditalker.training.data.clips import PreparedClip, speaker_weights

BLOCK = 16


class BlockBatches:
    """Sixteen-frame blocks with a portrait from another moment of the same clip, for the autoencoder and MToV.

    Args:
        clips: of one split; those shorter than a block are passed over.
        blocks: of a batch.
        frames: how many frames of each block get a warp and a drawing (the decoder works frame by frame); 16 for all.
        vary: change most blocks as ``augmentation`` does: faces to come are not the few dozen here.
        refiner: of the warp's flow, see ``block_conditions``.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        blocks: int = 4,
        frames: int = BLOCK,
        vary: bool = False,
        refiner: FlowRefiner | None = None,
    ) -> None:
        self.clips = [clip for clip in clips if len(clip) >= BLOCK]
        self.blocks, self.frames, self.vary, self.refiner = blocks, frames, vary, refiner
        self._weights = speaker_weights(self.clips)

    def __call__(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """A batch, n = ``frames``.

        Returns:
            ``video`` (B, 3, 16, 128, 128), ``portrait`` (B, 3, 128, 128), ``warped`` (B, 3, n, 128, 128),
            ``landmark_map`` (B, 3, n, 128, 128), uint8; ``visible`` (B, 1, n, 128, 128) uint8, 0 over the lower face;
            ``displacement`` (B, 2, n, 128, 128) int8, ``loose`` and ``shift``, see ``block_conditions``; ``frames``
            (B, n) int64, which frames of the block these are.
        """
        chosen = rng.choice(len(self.clips), self.blocks, p=self._weights)
        items = [self._item(self.clips[i], rng) for i in chosen]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}

    def _item(self, clip: PreparedClip, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        start = int(rng.integers(len(clip) - BLOCK + 1))
        reference = int(rng.integers(len(clip)))
        faces = np.concatenate([clip.faces(slice(start, start + BLOCK)), clip.faces(slice(reference, reference + 1))])
        matrices = clip.matrices[[*range(start, start + BLOCK), reference]]
        landmarks = clip.landmarks[[*range(start, start + BLOCK), reference]]
        if self.vary:
            faces, matrices, landmarks = varied(faces, matrices, landmarks, rng)
        stacked = torch.from_numpy(faces).permute(0, 3, 1, 2)
        video, portrait = stacked[:BLOCK].transpose(0, 1), stacked[BLOCK]
        wanted = np.sort(rng.permutation(BLOCK)[: self.frames])
        frame = FaceFrame(landmarks[BLOCK])
        motion = frame.motion(landmarks[wanted], matrices[wanted])
        conditions = block_conditions(portrait.float(), frame, matrices[BLOCK], motion, self.refiner)
        pictures = {"video": video, "portrait": portrait, **conditions}
        if rng.random() < 0.5:
            pictures = {key: value.flip(-1) for key, value in pictures.items()}
            pictures["displacement"][0].neg_()
            pictures["shift"][0].neg_()
        return {**pictures, "frames": torch.from_numpy(wanted)}


def varied(
    faces: np.ndarray, matrices: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, often: float = 0.75
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces (n, H, W, 3) uint8, their (n, 2, 3) matrices and (n, 68, 3) landmarks, each kind of change ``often``."""
    size = faces.shape[2]
    if rng.random() < often:
        changed = reshaping(rng, size)
        faces, matrices = reshaped(faces, changed), followed(matrices, changed)
    if rng.random() < often:
        offsets = bending(rng, size)
        faces = bent(faces, offsets)
        seen = bent_points(transform_points(matrices, landmarks), offsets)
        placed = transform_points(np.stack([cv2.invertAffineTransform(matrix) for matrix in matrices]), seen)
        landmarks = np.concatenate([placed, landmarks[..., 2:]], -1).astype(np.float32)
    for change in (resharpening(rng), relighting(rng, size), recolouring(rng)):
        if rng.random() < often:
            faces = change(faces)
    return faces, matrices, landmarks
