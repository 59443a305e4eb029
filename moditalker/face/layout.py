"""The 68-point face layout (iBUG 300-W) and where its points lie in MediaPipe's 478-point mesh."""

import numpy as np

POINTS = 68
JAW = np.arange(0, 17)
BROWS = np.arange(17, 27)
NOSE = np.arange(27, 36)
NOSE_TIP = 30
RIGHT_EYE = np.arange(36, 42)
LEFT_EYE = np.arange(42, 48)
OUTER_LIPS = np.arange(48, 60)
INNER_LIPS = np.arange(60, 68)
UPPER_INNER_LIP, LOWER_INNER_LIP = np.array([61, 62, 63]), np.array([67, 66, 65])
"""The lips' inner edges between the corners; each point of the lower one lies under one of the upper one."""
UPPER_OUTER_LIP, LOWER_OUTER_LIP = np.array([50, 51, 52]), np.array([58, 57, 56])
"""The middle of the lips' outer edges, in the same order."""
UPPER_LIP_SIDES, LOWER_LIP_SIDES = np.array([49, 53]), np.array([59, 55])
"""The outer edges beside the corners."""
MOUTH_CORNERS = np.array([48, 54, 60, 64])
MIRRORED = np.array(
    [
        *range(16, -1, -1),  # jaw
        *range(26, 16, -1),  # brows
        *[27, 28, 29, 30, 35, 34, 33, 32, 31],  # nose
        *[45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],  # eyes
        *[54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55],  # outer lips
        *[64, 63, 62, 61, 60, 67, 66, 65],  # inner lips
    ]
)
"""Which point each of the 68 becomes when left and right are exchanged."""

LIP_BRANCH = np.concatenate([JAW, np.arange(48, 68)])
"""The 37 points of AToM's lip branch (MoDiTalker, section 3.2): jaw and mouth."""
OTHER_BRANCH = np.arange(17, 48)
"""The 31 points of AToM's other branch: brows, nose, eyes."""

STABLE = np.array([0, 1, 15, 16, 27, 28, 29, 30, 36, 39, 42, 45])
"""Points that speech does not move: temples, nose bridge, eye corners. Head pose is measured on them."""
EYE_LINE = np.array([36, 39, 42, 45, 27])
"""Points that hold the aligned face: eye corners and the top of the nose bridge."""

# Upper lids with the lower-lid points under them.
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))

MEDIAPIPE_TO_68 = np.array(
    [
        *[162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389],  # jaw
        *[71, 63, 105, 66, 107, 336, 296, 334, 293, 301],  # brows
        *[168, 197, 5, 4, 75, 97, 2, 326, 305],  # nose
        *[33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380],  # eyes
        *[61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181],  # outer lips
        *[78, 82, 13, 312, 308, 317, 14, 87],  # inner lips
    ]
)
"""Index of each of the 68 points in MediaPipe's face mesh (478 points with irises)."""


def interocular_distance(landmarks: np.ndarray) -> np.ndarray:
    """Distance between the outer eye corners.

    Args:
        landmarks: (..., 68, 2 or 3), any unit.
    Returns:
        (...) in the same unit.
    """
    return np.linalg.norm(landmarks[..., 36, :] - landmarks[..., 45, :], axis=-1)


def mouth_opening(landmarks: np.ndarray) -> np.ndarray:
    """Mean distance of the three inner-lip pairs, in inter-ocular distances; (..., 68, D) -> (...)."""
    return lip_gap(landmarks) / interocular_distance(landmarks)


def lip_gap(landmarks: np.ndarray) -> np.ndarray:
    """``mouth_opening`` in the landmarks' own unit: nothing but lips counts; (..., 68, D) -> (...)."""
    pairs = np.linalg.norm(landmarks[..., UPPER_INNER_LIP, :] - landmarks[..., LOWER_INNER_LIP, :], axis=-1)
    return np.asarray(pairs.mean(-1))


def mouth_width(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the mouth corners, in inter-ocular distances; (..., 68, D) -> (...)."""
    return np.linalg.norm(landmarks[..., 48, :] - landmarks[..., 54, :], axis=-1) / interocular_distance(landmarks)


def eye_opening(landmarks: np.ndarray) -> np.ndarray:
    """Mean distance of upper and lower lids over both eyes, in inter-ocular distances; (..., 68, D) -> (...)."""
    upper, lower = np.array(LIDS).T
    gaps = np.linalg.norm(landmarks[..., upper, :] - landmarks[..., lower, :], axis=-1)
    return gaps.mean(-1) / interocular_distance(landmarks)
