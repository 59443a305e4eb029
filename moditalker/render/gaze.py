"""Eyes that look elsewhere: irises slide inside the opening of the eyes, in frames that are drawn already.

What is not learnt here is a warp alone. Between the corners of an eye the iris moves as it is, and the white on either
side of it is stretched or pressed together; lids and lashes stay. So it is for small turns: what an iris uncovers is
stretched white, and a part that a lid covered stays covered.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from moditalker.face.irises import EYE_WIDTHS_A_RADIUS, Irises, in_eyes
from moditalker.face.layout import LEFT_EYE, RIGHT_EYE

_FARTHEST = 0.6
"""Share of the white between iris and corner that an iris may move by: more would press it to nothing."""
_HIGHEST = 0.25
"""Of an iris' radius, how far it may move up or down: a lid shows no more of it."""
_SOFT = 0.05
"""Widths of the eye over which the movement fades out towards the lids."""
_RADII = 0.1, 0.4
"""An iris' radius, in widths of the eye's opening, outside which what was found is none."""
_MARGIN = 1.15
"""The edge of an iris is soft: so many radii move as one."""


def usable_irises(irises: Irises, landmarks: np.ndarray) -> bool:
    """Whether irises lie in a portrait's eyes as irises do; ``landmarks`` (68, 2 or 3), pixels."""
    places = in_eyes(irises.centres, landmarks)
    widths = np.array([np.linalg.norm(landmarks[eye[3], :2] - landmarks[eye[0], :2]) for eye in (RIGHT_EYE, LEFT_EYE)])
    radii = irises.radii / widths
    return bool((np.abs(places) < 0.3).all() and (radii > _RADII[0]).all() and (radii < _RADII[1]).all())


def with_gaze(
    chunks: Iterable[np.ndarray], irises: Irises, own: np.ndarray, looks: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Turn the eyes in frames of a portrait.

    Args:
        chunks: (n, H, W, 3) uint8, in order; changed in place.
        irises: of the portrait, (2, 2) and (2,), pixels.
        own: (68, 2 or 3) landmarks of the portrait, pixels.
        looks: of each frame its landmarks (68, 2 or 3), pixels, and its gaze (2,), radians from where the portrait
            looks: to the person's own left, and down. Nothing is changed where that is 0. Taken after the frame.
    Yields:
        The same chunks.
    """
    places = in_eyes(irises.centres, own)
    coming = iter(looks)
    for frames in chunks:
        for frame, (points, gaze) in zip(frames, coming, strict=False):
            if gaze.any():
                for eye, lids in enumerate((RIGHT_EYE, LEFT_EYE)):
                    own_width = float(np.linalg.norm(own[lids[3], :2] - own[lids[0], :2]))
                    _turn(frame, points[lids, :2], places[eye], float(irises.radii[eye]) / own_width, gaze)
        yield frames


def _turn(frame: np.ndarray, lids: np.ndarray, place: np.ndarray, radius: float, gaze: np.ndarray) -> None:
    """Turn one eye of a frame (H, W, 3), in place.

    Args:
        lids: (6, 2) its landmarks, pixels.
        place, radius: of the resting iris in the eye, see ``face.irises.in_eyes``, widths of the eye.
        gaze: (2,) radians.
    """
    line = (lids[3] - lids[0]).astype(np.float64)
    width = float(np.linalg.norm(line))
    if width < 4:
        return
    along = line / width
    across = np.array([-along[1], along[0]])
    middle = (lids[0] + lids[3]) / 2
    local = np.stack([(lids - middle) @ along, (lids - middle) @ across], -1) / width
    shift = np.sin(gaze) / EYE_WIDTHS_A_RADIUS
    edge = _MARGIN * radius
    shift[0] = np.clip(shift[0], -_FARTHEST * max(0, place[0] - edge + 0.5), _FARTHEST * max(0, 0.5 - place[0] - edge))
    shift[1] = np.clip(shift[1], -_HIGHEST * radius, _HIGHEST * radius)
    low = np.floor(lids.min(0) - 2).astype(int).clip(0)
    high = (np.ceil(lids.max(0) + 3).astype(int)).clip(0, [frame.shape[1], frame.shape[0]])
    if (high <= low).any():
        return
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    apart = np.stack([x, y], -1) - middle
    u, v = apart @ along / width, apart @ across / width
    moved = shift * (_beside(u, place[0] + shift[0], edge) * _between(local, u, v))[..., None]
    pixels = width * (moved[..., :1] * along + moved[..., 1:] * across)
    maps = (np.stack([x, y], -1) - pixels).astype(np.float32)
    part = cv2.remap(frame, maps[..., 0], maps[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    # Where nothing moves not a bit of it changes.
    still = np.abs(pixels).max(-1) < 1e-3
    part[still] = frame[low[1] : high[1], low[0] : high[0]][still]
    frame[low[1] : high[1], low[0] : high[0]] = part


def _beside(u: np.ndarray, centre: float, edge: float) -> np.ndarray:
    """1 on an iris, and less towards the corners, where it is 0; ``u`` runs from -0.5 to 0.5 along an eye."""
    left, right = max(centre - edge + 0.5, 1e-3), max(0.5 - centre - edge, 1e-3)
    return np.clip(np.minimum((u + 0.5) / left, (0.5 - u) / right), 0, 1)


def _between(lids: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """1 between the lids (6, 2), and 0 on them and beyond; places as in ``lids``."""
    ends, level = [-0.5, 0.5], [0.0, 0.0]
    upper = np.interp(u, [ends[0], *lids[[1, 2], 0], ends[1]], [level[0], *lids[[1, 2], 1], level[1]])
    lower = np.interp(u, [ends[0], *lids[[5, 4], 0], ends[1]], [level[0], *lids[[5, 4], 1], level[1]])
    inside = np.clip(np.minimum(v - upper, lower - v) / _SOFT, 0, 1)
    return inside * inside * (3 - 2 * inside)
