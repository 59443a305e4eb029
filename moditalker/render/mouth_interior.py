"""The inside of a mouth where the warp cannot know it: teeth that keep their size instead of stretched or squeezed
ones.

The warp pulls the inside of the portrait's mouth like rubber. Opened wider it shows its few teeth stretched over the
whole mouth, and closed it squeezes them into a bright line, and a decoder that starts from there keeps both. But the
upper teeth hang from the skull and the lower ones stand in the jaw, and neither ever changes its size. So each row
stays as far below or above its lip as in the portrait, the upper one straight behind a lip that rounds; what opens
between them is dark, and what no longer fits between the lips is hidden. A mouth that closes altogether starts with the
line that closed lips have. Where the portrait shows no teeth, plain ones are painted, see ``render.teeth``, and in a
mouth that opens much wider a tongue, see ``render.tongue``. What belongs there besides is drawn by the decoder.
"""

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from moditalker.face.layout import (
    INNER_LIPS,
    LOWER_INNER_LIP,
    OUTER_LIPS,
    UPPER_INNER_LIP,
    interocular_distance,
    mouth_opening,
)
from moditalker.render.landmark_map import SHIFT, fixed
from moditalker.render.teeth import UpperTeeth, cheek_colour, median_colour
from moditalker.render.tongue import tongue

_UPPER_ROW, _LOWER_ROW = 0.09, 0.05
"""How far the rows of teeth reach from their lips, in eye distances, as all lengths below."""
_SHUT, _PARTED = 0.02, 0.04
"""Lips of the portrait that are nearer than the first show nothing but themselves, and from the second on teeth."""
_GAP, _RISE = 0.02, 0.04
"""The middle is darkened once it is so much wider than the portrait's, and wholly by ``_RISE`` more."""
_WIDER = 2.0
"""The portrait's own middle may be stretched by so much before that."""
_CLOSER, _NEARLY, _FALL = 0.6, 0.04, 0.03
"""A mouth gets a line below so much of the portrait's opening, and below ``_NEARLY``; wholly by ``_FALL`` less."""
_DARKNESS, _LINE = 0.4, 0.65
"""Share of the lips' colour."""
_SOFT, _EDGE, _THICK = 0.012, 0.03, 0.03
"""How soft the inside's border is, how soft the teeth's, and how thick the line."""
_UPPER, _LOWER = ([60, *edge, 64] for edge in (UPPER_INNER_LIP, LOWER_INNER_LIP))  # corner to corner
_COARSE, _FINE = 70.0, 100.0
"""A lip's edge is drawn straight from landmark to landmark where the eyes are nearer than that, as in the aligned face,
which the decoder knows so; where they are farther apart than the second, a wide mouth would show the corners, and the
edge is a curve. Pixels."""
_STROKES = 48
"""Straight pieces in which that curve is drawn."""


class MouthInterior:
    """Paints the inside of the mouth into warped frames.

    Args:
        picture: (H, W, 3) uint8, the portrait.
        portrait: (68, 2 or 3) in its pixels.
        landmarks: (T, 68, 2 or 3) in the frames' pixels.
        growth: (T, 2) pixels of the frames to a pixel of the portrait, across and down, see ``growth``.
        lift: (T,) see ``teeth.lip_lift``; none by default, then no teeth are painted that the portrait does not show.
    """

    def __init__(
        self,
        picture: np.ndarray,
        portrait: np.ndarray,
        landmarks: np.ndarray,
        growth: np.ndarray,
        lift: np.ndarray | None = None,
    ) -> None:
        self._picture, self._landmarks, self._growth = picture, landmarks[..., :2], growth
        self._lift = np.zeros(len(landmarks)) if lift is None else lift
        self._unit = float(interocular_distance(portrait))
        self._lips, self._cheeks = lip_colour(picture, portrait[:, :2]), cheek_colour(picture, portrait[:, :2])
        self._row = UpperTeeth(self._cheeks, self._unit)
        self._own = _Opening(portrait[:, :2])
        nearly = min(_CLOSER * float(mouth_opening(portrait)), _NEARLY)
        self.line = np.clip((nearly - mouth_opening(landmarks)) / _FALL, 0, 1)
        """(T,) 0 to 1, how clear the line between closed lips is."""

    def paint(self, frame: np.ndarray, index: int, start: int = 0) -> None:
        """Paint a frame, in place.

        Args:
            frame: (H, W, 3) uint8.
            index, start: which of the T frames it is, counted from ``start``.
        """
        index += start
        points, unit = self._landmarks[index], self._unit * float(self._growth[index, 1])
        inner = points[INNER_LIPS]
        reach, size = 0.1 * unit + 2, frame.shape[1::-1]
        low = np.clip(np.floor(inner.min(0) - reach).astype(int), 0, size)
        high = np.clip(np.ceil(inner.max(0) + reach).astype(int) + 1, 0, size)
        if (high <= low).any():
            return
        part = frame[low[1] : high[1], low[0] : high[0]]
        mouth = _Opening(points)
        upper, lower = (fixed(edge - low) for edge in mouth.edges())
        inside = np.zeros(part.shape[:2], np.float32)
        cv2.fillPoly(inside, [np.concatenate([upper, lower[::-1]])], 1.0, cv2.LINE_AA, SHIFT)
        blur = max(0.5, _SOFT * unit)
        soft = cv2.GaussianBlur(inside, (0, 0), blur)[..., None]
        pixels = np.stack(np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1])), -1)
        painted = part + soft * (self._teeth(mouth, pixels, index) - part)
        line = float(self.line[index])
        if line > 0:
            cv2.polylines(inside, [(upper + lower) // 2], False, 1.0, max(1, round(_THICK * unit)), cv2.LINE_AA, SHIFT)
            soft = line * cv2.GaussianBlur(inside, (0, 0), blur)[..., None]
            painted += soft * (self._lips * _LINE - painted)
        part[:] = painted.round().clip(0, 255).astype(np.uint8)

    def _teeth(self, mouth: "_Opening", pixels: np.ndarray, index: int) -> np.ndarray:
        """What lies behind (h, w, 2) pixels of a frame: (h, w, 3) float32. Lengths are the portrait's pixels."""
        growth = self._growth[index]
        across, down = mouth.place(pixels)
        edge, lower_edge = mouth.lips(across)
        below, above, sag = (each / growth[1] for each in (down - edge, lower_edge - down, edge - mouth.top))
        # Corners that are drawn apart take the teeth along, or there would be none to show; those that come nearer hide
        # some.
        across = across / max(growth[0], mouth.width / max(self._own.width, 1e-6))
        upper_lip, lower_lip = self._own.lips(across)
        # Teeth do not bend along with a lip that comes down at its sides. It hides them there.
        bent = np.clip(sag - (upper_lip - self._own.top), 0, None)
        shown = np.maximum(lower_lip - upper_lip, 1e-3)
        opening = np.maximum(below + above, 1e-3)
        # A portrait that shows less than both rows shows the upper one first: that is what a smile uncovers.
        rows = np.array([_UPPER_ROW, _LOWER_ROW]) * self._unit
        part = np.clip((shown / self._unit - _SHUT) / (_PARTED - _SHUT), 0, 1)
        row, lower = part * np.clip(shown, 0, rows[0]), part * np.clip(shown - rows[0], 0, rows[1])
        hidden = np.minimum(bent, row)
        upper = row - hidden
        # Where the lips leave less room than that, they hide the rest.
        room = np.clip(opening / np.maximum(upper + lower, 1e-6), 0, 1)
        upper_seen, lower_seen = upper * room, lower * room
        middle = np.maximum(opening - upper_seen - lower_seen, 1e-3)
        stretched = upper_lip + row + (below - upper_seen) * (shown - row - lower) / middle
        down = np.where(below <= upper_seen, upper_lip + hidden + below, stretched)
        down = np.where(above <= lower_seen, lower_lip - above, down)
        x, y = cv2.split(self._own.picture_place(across, down).astype(np.float32))
        seen = cv2.remap(self._picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        teeth = float((row + lower).max())
        known = max(self._own.widest - teeth - _SHUT * self._unit, 0)
        widest = mouth.widest / growth[1]
        missing = widest - teeth - _WIDER * known - _GAP * self._unit
        wide = np.clip(missing / (_RISE * self._unit), 0, 1)
        dark = wide * np.clip(np.minimum(below - upper_seen, above - lower_seen) / (_EDGE * self._unit) + 0.5, 0, 1)
        seen += dark[..., None] * (self._hollow(across, below - upper_seen, above, widest) - seen)
        unknown = 1 - float(part.max())
        if unknown > 0:
            colours, share = self._row.row(across, below + bent, widest, float(self._lift[index]))
            seen += unknown * share[..., None] * (colours - seen)
        return np.asarray(seen, np.float32)

    def _hollow(self, across: np.ndarray, below: np.ndarray, above: np.ndarray, widest: float) -> np.ndarray:
        """What lies behind the teeth, (h, w, 3): the dark, and a tongue.

        Args:
            across, below, above: (h, w) how far from the middle, below the upper teeth and above the lower lip each
                pixel lies, pixels of the portrait as the next.
            widest: how far the lips are apart at most.
        """
        dark = _DARKNESS * self._lips
        aside, depth = across / max(self._own.width / 2, 1e-6), below / np.maximum(below + above, 1e-3)
        wider = (widest - self._own.widest) / self._unit
        colours, share = tongue(self._lips, self._cheeks, aside, depth, above / self._unit, wider)
        return np.asarray(dark + share[..., None] * (colours - dark))


class _Opening:
    """The room between the lips, in coordinates of its own: across from the middle of the corners' line, and down.

    Args:
        points: (68, 2) pixels.
    """

    def __init__(self, points: np.ndarray) -> None:
        points = np.asarray(points, np.float64)
        first, last = points[_UPPER[0]], points[_UPPER[-1]]
        self.width = float(np.linalg.norm(last - first))
        right = (last - first) / max(self.width, 1e-6)
        down = np.array([-right[1], right[0]])
        self._centre = (first + last) / 2
        if (points[8] - self._centre) @ down < 0:  # a mirrored face
            down = -down
        self._axes = np.stack([right, down])
        upper, lower = ((points[edge] - self._centre) @ self._axes.T for edge in (_UPPER, _LOWER))
        fine = (float(interocular_distance(points)) - _COARSE) / (_FINE - _COARSE)
        self._upper, self._lower = (_curve(edge, float(np.clip(fine, 0, 1))) for edge in (upper, lower))
        self.widest = float((lower - upper)[:, 1].max())
        """How far apart the lips are where they are farthest apart, pixels."""
        self.top = self.lips(np.zeros(1))[0].item()
        """How far down the upper lip's edge lies in the middle, pixels."""

    def lips(self, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far down the upper and the lower lip's edges lie, each as large as ``across``; pixels."""
        return (
            np.interp(across, self._upper[:, 0], self._upper[:, 1]),
            np.interp(across, self._lower[:, 0], self._lower[:, 1]),
        )

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """The upper and the lower lip's edge, from corner to corner: (n, 2) pixels each."""
        upper, lower = (self.picture_place(edge[:, 0], edge[:, 1]) for edge in (self._upper, self._lower))
        return upper, lower

    def place(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(..., 2) pixels -> how far across and down each lies."""
        across, down = np.moveaxis((pixels - self._centre) @ self._axes.T, -1, 0)
        return across, down

    def picture_place(self, across: np.ndarray, down: np.ndarray) -> np.ndarray:
        """The inverse: (..., 2) pixels."""
        return np.stack([across, down], -1) @ self._axes + self._centre


def _curve(points: np.ndarray, bent: float) -> np.ndarray:
    """A lip's edge through its landmarks.

    Args:
        points: (5, 2) from corner to corner, across and down.
        bent: from 0, straight lines, to 1, a smooth curve that overshoots none of them; MediaPipe's own points between
            them lie on it to within 0.004 eye distances, and up to 0.016 beside the lines.
    Returns:
        (n, 2)

    Source: F. N. Fritsch, J. Butland, "A Method for Constructing Local Monotone Piecewise Cubic Interpolants" (SIAM
    Journal on Scientific and Statistical Computing, 1984).
    """
    # A head in profile shows some of them behind one another.
    across = np.maximum.accumulate(points[:, 0]) + 1e-6 * np.arange(len(points))
    places = np.linspace(across[0], across[-1], _STROKES + 1)
    down = np.interp(places, across, points[:, 1])
    # The curve takes longer than all the rest, and most mouths are too small for it.
    if bent > 0:
        down += bent * (PchipInterpolator(across, points[:, 1])(places) - down)
    return np.stack([places, down], -1)


def growth(
    portrait: np.ndarray,
    landmarks: np.ndarray,
    portrait_matrix: np.ndarray | None = None,
    matrices: np.ndarray | None = None,
) -> np.ndarray:
    """How much larger than in the portrait a face is drawn: across as it is seen, so less in a head that is turned, and
    down as it is.

    Args:
        portrait: (68, 3) pixels.
        landmarks: (T, 68, 3) pixels of the same picture.
        portrait_matrix, matrices: (2, 3) and (T, 2, 3) picture -> aligned, where both are drawn in the aligned face.
    Returns:
        (T, 2)
    """
    seen = interocular_distance(landmarks[..., :2]) / interocular_distance(portrait[:, :2])
    real = interocular_distance(landmarks) / interocular_distance(portrait)
    grown = np.stack([seen, real], -1)
    if portrait_matrix is not None and matrices is not None:
        enlarged = np.sqrt(np.abs(np.linalg.det(matrices[..., :2]) / np.linalg.det(portrait_matrix[:, :2])))
        grown = grown * enlarged[:, None]
    return np.asarray(grown, np.float64)


def lip_colour(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Median colour of the lips.

    Args:
        picture: (H, W, 3) uint8.
        points: (68, 2) in its pixels.
    Returns:
        (3,) float32, 0 to 255; black when no pixel of the lips lies in the picture.
    """
    mask = np.zeros(picture.shape[:2], np.uint8)
    for part, value in ((OUTER_LIPS, 1), (INNER_LIPS, 0)):
        cv2.fillPoly(mask, [np.round(points[part]).astype(np.int32)], value)
    return median_colour(picture, mask, otherwise=0)
