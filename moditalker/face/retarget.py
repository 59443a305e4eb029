"""Landmarks from elsewhere on a portrait: the motion is taken over, the face is not."""

import numpy as np

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import eye_opening, mouth_opening

SAME_FACE = 0.02
"""Landmarks this near to the portrait's own (mean distance, inter-ocular distances) are of its own picture. A frame
tracked twice comes out within 0.001; two people at the same place in their pictures were 0.044 apart at the nearest."""


def retarget(portrait: FaceFrame, landmarks: np.ndarray) -> np.ndarray:
    """Bring landmarks of any video to a portrait.

    When one of the frames lies on the portrait itself (the portrait is a frame of that video), nothing is changed.
    Otherwise expression and head pose are measured against the frame whose mouth and eyes are most like the portrait's,
    and laid on the portrait in units of its own size.

    Args:
        portrait: face-centric frame of the portrait.
        landmarks: (T, 68, 3) picture space of the video.
    Returns:
        (T, 68, 3) picture space of the portrait.
    """
    apart = np.linalg.norm(landmarks[..., :2] - portrait.landmarks[:, :2], axis=-1).mean(-1) / portrait.unit
    if apart.min() < SAME_FACE:
        return landmarks.astype(np.float32)
    unlike = np.abs(mouth_opening(landmarks) - mouth_opening(portrait.landmarks))
    unlike = unlike + np.abs(eye_opening(landmarks) - eye_opening(portrait.landmarks))
    residual, pose = FaceFrame(landmarks[int(unlike.argmin())]).analyse(landmarks)
    return portrait.compose(residual, pose)


def relative_pose(landmarks: np.ndarray) -> np.ndarray:
    """Head pose of a video (T, 6) against its own middle frame's, for driving another head."""
    _, pose = FaceFrame(landmarks[len(landmarks) // 2]).analyse(landmarks)
    return pose
