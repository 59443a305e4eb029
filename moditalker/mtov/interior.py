"""The inside of a mouth that the portrait never showed.

A warp can only stretch what is there, so a closed mouth that opens would show stretched lips. Where a frame's mouth is
open further than the portrait's, the mean inside of the training speakers' open mouths is laid between the lips, as
bright against the portrait's skin as theirs was. It is a first guess that knows no person.
"""

import cv2
import numpy as np

from moditalker.face.layout import mouth_opening

ROWS, COLUMNS = 12, 32
"""Size of the texture: from the upper to the lower lip, and from corner to corner."""
_UPPER, _LOWER = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]
_FULL = 0.05
"""The texture is laid on fully when the mouth is open this much further than the portrait's, inter-ocular distances."""
_SHOWN = (0.03, 0.06)
"""A portrait whose own mouth is open further than this shows an inside, and keeps it: fully, from the second on."""


def skin_brightness(face: np.ndarray, landmarks: np.ndarray) -> float:
    """Mean grey of both cheeks, 0 to 255; (S, S, 3) aligned face and (68, 2) aligned landmarks."""
    cheeks = [(landmarks[31] + landmarks[2]) / 2, (landmarks[35] + landmarks[14]) / 2]
    patches = []
    for x, y in cheeks:
        column, row = (int(np.clip(round(float(v)), 4, face.shape[0] - 5)) for v in (x, y))
        patches.append(face[row - 4 : row + 5, column - 4 : column + 5])
    return float(np.mean(patches))


def _edges(landmarks: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height of the upper and of the lower inner lip at each x."""
    upper, lower = landmarks[_UPPER], landmarks[_LOWER]
    return np.interp(x, upper[:, 0], upper[:, 1]), np.interp(x, lower[:, 0], lower[:, 1])


def unroll(face: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The opening of a mouth as a rectangle; (S, S, 3) and (68, 2) aligned -> (ROWS, COLUMNS, 3) float32."""
    x = np.linspace(landmarks[60, 0], landmarks[64, 0], COLUMNS + 2)[1:-1]
    top, bottom = _edges(landmarks, x)
    share = (np.arange(ROWS)[:, None] + 0.5) / ROWS
    y = top + (bottom - top) * share
    columns = np.broadcast_to(x, y.shape)
    return cv2.remap(face.astype(np.float32), columns.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)


def mouth_layer(
    texture: np.ndarray, skin: float, portrait: np.ndarray, landmarks: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The inside of the mouth for each frame.

    Args:
        texture: (3, ROWS, COLUMNS) in shares of the skin's brightness.
        skin: brightness of the portrait's, 0 to 255.
        portrait: (68, 2) the portrait's landmarks, aligned space.
        landmarks: (T, 68, 2) of the frames, aligned space.
        size: side of the aligned face.
    Returns:
        colour (T, 3, size, size) as of 0 to 255, and how much of it to lay on (T, 1, size, size), 0 to 1.
    """
    picture = (texture.transpose(1, 2, 0) * skin).clip(0, 255).astype(np.float32)
    shown = mouth_opening(portrait)
    amount = np.clip((mouth_opening(landmarks) - shown) / _FULL, 0, 1) * np.clip(
        (_SHOWN[1] - shown) / np.ptp(_SHOWN), 0, 1
    )
    colour = np.zeros((len(landmarks), 3, size, size), np.float32)
    cover = np.zeros((len(landmarks), 1, size, size), np.float32)
    x, y = np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32)[:, None]
    for index in np.flatnonzero(amount > 0):
        points = landmarks[index]
        left, right = points[60, 0], points[64, 0]
        top, bottom = _edges(points, x)
        height = np.maximum(bottom - top, 1e-3)
        along = np.clip((x - left) / max(right - left, 1e-3), 0, 1) * COLUMNS - 0.5
        down = (y - top) / height * ROWS - 0.5
        across = np.broadcast_to(along, down.shape).astype(np.float32)
        drawn = cv2.remap(picture, across, down.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = np.clip(np.minimum(y - top, bottom - y) + 0.5, 0, 1) * ((x > left) & (x < right))
        colour[index] = drawn.transpose(2, 0, 1)
        cover[index, 0] = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.7) * amount[index]
    return colour, cover
