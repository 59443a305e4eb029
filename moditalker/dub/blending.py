"""A frame with another mouth: its own skin moves along with the jaw, and the new lips are laid over it.

Nothing is cut out as a box. The frame's own pixels are warped by the little that lips and jaw differ. The warp fades to
nothing around them, and every other pixel stays as it is. The lips come from `dub.mouths`, in the light and with the
grain of the skin around them.
"""

import cv2
import numpy as np

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import OUTER_LIPS
from moditalker.render.grid import Grid
from moditalker.render.warp import FrameWarp

_FACE_EDGE = np.array([*range(3, 14), 33, *OUTER_LIPS])
_REACH = 0.35
"""Around jaw and lips the warp fades over so much, in inter-ocular distances, as all lengths."""
_CORE, _FEATHER = 0.04, 0.1
"""The new lips reach so far beyond their edge, and fade over so much."""
_RING = (0.05, 0.2)
"""Between these distances from the lips' edge the skin tells light and grain."""
_LIGHT_BLUR, _LIGHT_SIDE = 0.2, 96
"""Deviation of the Gaussian over the light, and the longest side in pixels at which it is worked out."""
_GAINS = (0.6, 1.7)
_GRAIN = 5.0
"""The most grain that is added, grey levels."""
_CELL = 8
_STILL = 0.02
"""A pixel that moves less, in pixels, stays as it is."""


def blended(
    frame: np.ndarray,
    own: np.ndarray,
    target: np.ndarray,
    mouth: np.ndarray,
    matrix: np.ndarray,
    weight: float,
    seed: int,
) -> np.ndarray:
    """A copy of a frame with the new mouth.

    Args:
        frame: (H, W, 3) uint8.
        own: (68, 3) its landmarks, pixels.
        target: (68, 3) where they shall be.
        mouth: (S, S, 3) uint8, a head with the new mouth.
        matrix: (2, 3) from the frame to that head.
        weight: 0 to 1, how much of the new lips is shown.
        seed: of the grain.
    Returns:
        (H, W, 3) uint8; outside `region` equal to ``frame``.
    """
    result = frame.copy()
    rows, columns = region(own, target, frame.shape[:2])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return result
    low = np.array([columns.start, rows.start])
    size = columns.stop - columns.start, rows.stop - rows.start
    unit = FaceFrame(own).unit
    skin, moved = _moved_skin(frame, own, target, low, size, unit)
    lips = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(lips, [np.round(target[OUTER_LIPS, :2] - low).astype(np.int32)], 1)
    away = cv2.distanceTransform(1 - lips, cv2.DIST_L2, 5) / unit
    alpha = weight * _smooth(1 - (away - _CORE) / _FEATHER)
    shift = np.array([[1, 0, low[0]], [0, 1, low[1]], [0, 0, 1]], np.float64)
    placed = matrix @ shift
    how = cv2.INTER_CUBIC if np.linalg.det(matrix[:, :2]) < 1 else cv2.INTER_LINEAR
    new = cv2.warpAffine(mouth, placed, size, flags=how | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    ring = ((away > _RING[0]) & (away < _RING[1])).astype(np.float32)
    fitted = _in_its_light(new.astype(np.float32), skin, ring, unit)
    fitted = fitted + _grain(skin, fitted, ring, seed)
    painted = skin + alpha[..., None] * (fitted - skin)
    part = result[rows, columns]
    changed = moved | (alpha > 0)
    part[changed] = np.rint(painted[changed]).clip(0, 255).astype(np.uint8)
    return result


def region(own: np.ndarray, target: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a frame, (height, width), in which anything may change: around both mouths and jaws."""
    points = np.concatenate([own[_FACE_EDGE, :2], target[_FACE_EDGE, :2]])
    reach = _REACH * FaceFrame(own).unit + 2
    x0, y0 = np.clip(np.floor(points.min(0) - reach), 0, shape[1::-1]).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(points.max(0) + reach) + 1, 0, shape[1::-1]).astype(int).tolist()
    return slice(y0, y1), slice(x0, x1)


def _moved_skin(
    frame: np.ndarray, own: np.ndarray, target: np.ndarray, low: np.ndarray, size: tuple[int, int], unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """The frame's own pixels in the region after jaw and lips have moved: (h, w, 3) float32, and (h, w) which moved."""
    points = np.concatenate([own[_FACE_EDGE, :2], target[_FACE_EDGE, :2]]) - low
    inside = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    fade = _smooth(1 - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / (_REACH * unit))
    face = FaceFrame(own)
    place = np.array([[1.0, 0, -low[0]], [0, 1, -low[1]]])
    cells = max(_CELL, unit / 16)
    columns, rows = (max(2, int(np.ceil(side / cells)) + 1) for side in size)
    grid = Grid(*size, np.linspace(0, size[0] - 1, columns), np.linspace(0, size[1] - 1, rows), place[None], place)
    displacement = next(FrameWarp(face, face.motion(target[None])).displacements(grid)) * fade[..., None]
    x, y = cv2.split(grid.pixels + displacement + low.astype(np.float32))
    skin = cv2.remap(frame, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    return skin, np.abs(displacement).max(-1) > _STILL


def _in_its_light(mouth: np.ndarray, skin: np.ndarray, ring: np.ndarray, unit: float) -> np.ndarray:
    """A drawn mouth (h, w, 3) in the light of the skin around it, which is multiplied; ``ring`` (h, w) says where."""
    scale = min(1.0, _LIGHT_SIDE / max(ring.shape))
    size = max(2, round(ring.shape[1] * scale)), max(2, round(ring.shape[0] * scale))

    def spread(picture: np.ndarray) -> np.ndarray:
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(small, (0, 0), max(0.8, _LIGHT_BLUR * unit * scale)))

    masked = ring[..., None]
    gain = (spread(skin * masked) + 1e-3) / (spread(mouth * masked) + 1e-3)
    return np.asarray(mouth * cv2.resize(np.clip(gain, *_GAINS), ring.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _grain(skin: np.ndarray, mouth: np.ndarray, ring: np.ndarray, seed: int) -> np.ndarray:
    """(h, w, 1) what a drawn mouth lacks of the grain of the skin around it."""
    here = ring > 0
    if not here.any():
        return np.zeros((*ring.shape, 1), np.float32)
    fine = [one.mean(-1) for one in (skin, mouth)]
    rough = [float(np.std((one - cv2.GaussianBlur(one, (0, 0), 1.5))[here])) for one in fine]
    lacking = min(_GRAIN, np.sqrt(max(0.0, rough[0] ** 2 - rough[1] ** 2)))
    noise = np.random.default_rng(seed).standard_normal(ring.shape, np.float32)
    return np.asarray(lacking * cv2.GaussianBlur(noise, (0, 0), 0.6)[..., None] * 1.7, np.float32)


def _smooth(share: np.ndarray) -> np.ndarray:
    """0 to 1 with level ends."""
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
