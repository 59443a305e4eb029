"""Frames as the mouth renderer finds them: the warped portrait, the painted inside of the mouth, and MToV's part."""

import cv2
import numpy as np
import torch

from moditalker.face.geometry import FaceFrame, aligned_face, transform_points
from moditalker.mtov.autoencoder import TriplaneAutoencoder, to_unit
from moditalker.mtov.block_sampling import EncodedFace, in_ordinary_light
from moditalker.mtov.conditions import block_conditions, guides
from moditalker.mtov.flow import FlowRefiner
from moditalker.portrait import Portrait, composer_of
from moditalker.render.compositing import FaceLayers, composed


class Drafts:
    """Draws what the mouth renderer finds.

    MToV's planes are left empty: they are the planes of 16 frames that follow one another, and pictures of drawn people
    do not.

    Args:
        autoencoder: its decoder draws.
        refiner: of the warp's flow; None believes the spline.
    """

    def __init__(self, autoencoder: TriplaneAutoencoder, refiner: FlowRefiner | None = None) -> None:
        self.autoencoder, self.refiner = autoencoder.eval(), refiner

    @torch.inference_mode()
    def __call__(self, picture: np.ndarray, own: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Draw the mouth of n frames.

        Args:
            picture: (H, W, 3) uint8, the portrait.
            own: (68, 3) its landmarks, pixels.
            landmarks: (n, 68, 3) those of the frames, pixels of pictures that are aligned alike.
            matrix: (2, 3) such pictures -> aligned face of 128 pixels.
        Returns:
            (n, H, W, 3) uint8, right around the mouth.
        """
        cv2.setNumThreads(1)
        frame = FaceFrame(own)
        motion = frame.motion(landmarks, np.broadcast_to(matrix, (len(landmarks), 2, 3)))
        aligned = aligned_face(picture, matrix)
        portrait, light = in_ordinary_light(aligned, transform_points(matrix, own))
        cut = {key: x[None] for key, x in block_conditions(portrait, frame, matrix, motion, self.refiner).items()}
        warped = to_unit(cut["warped"])
        drawn = self.autoencoder.render(None, warped, guides(cut["landmark_map"], cut["displacement"]), mouth_only=True)
        delta = ((drawn.clamp(-1, 1) - warped) * 127.5).transpose(1, 2)[0]
        delta *= torch.from_numpy(light)[:, None, None]
        layers = FaceLayers(motion, delta.numpy(), cut["shift"][0].transpose(0, 1).numpy())
        face = EncodedFace(portrait, own, matrix, torch.zeros(0), light)
        composer = composer_of(Portrait(picture, frame, face), mouth_only=True)
        return np.concatenate(list(composed(frame, composer, [layers])))
