"""The inside of the mouth: dark where it opens wide, no squeezed teeth where it closes, untouched in between."""

from functools import partial

import cv2
import numpy as np
import pytest

from moditalker.atom.rest import close_lips
from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame, aligning_matrix
from moditalker.face.layout import INNER_LIPS, mouth_opening
from moditalker.mtov.interior import MouthInterior, lip_colour
from moditalker.mtov.warp import MOVING_RADII, WarpField, face_centre
from moditalker.video.compose import Composer


def posed(landmarks: np.ndarray, lower: float) -> np.ndarray:
    """(1, 68, 3): the portrait with its mouth opened by so many eye distances; closed when negative."""
    frame = FaceFrame(landmarks)
    residual = np.zeros((1, 68, 3), np.float32)
    if lower < 0:
        residual[0] = close_lips(frame.shape) - frame.shape
    else:
        residual[0, [*range(5, 12), *range(55, 60), 65, 66, 67], 1] = lower
    return frame.compose(residual, np.zeros((1, 6), np.float32))


def shown(picture: np.ndarray, landmarks: np.ndarray, moved: np.ndarray, painted: bool) -> np.ndarray:
    """(H, W, 3) the frame that the composer draws without MToV."""
    frame = FaceFrame(landmarks)
    composer = Composer(picture, face_centre(frame), (1.2 * MOVING_RADII[0] * frame.unit,) * 2)
    interior, lips = MouthInterior(landmarks, moved), lip_colour(picture, landmarks[:, :2])
    retouch = partial(interior.paint, landmarks=moved, lips=lips) if painted else None
    nothing = np.zeros((1, 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32)
    return composer(WarpField(frame, moved, frame.analyse(moved)[1]), nothing, aligning_matrix(moved), retouch)[0]


def brightness(picture: np.ndarray, moved: np.ndarray, thick: int = 1) -> float:
    """Mean brightness between the lips."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    points = np.round(moved[0, INNER_LIPS, :2]).astype(np.int32)
    cv2.fillPoly(mask, [points], 1)
    cv2.polylines(mask, [points], True, 1, thick)
    return float(picture[mask > 0].mean())


def test_a_mouth_that_opens_wide_is_dark_inside(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    wide = posed(landmarks, 0.25)
    assert mouth_opening(wide)[0] > 2 * mouth_opening(landmarks)
    stretched, painted = (shown(astronaut, landmarks, wide, how) for how in (False, True))
    assert brightness(painted, wide) < 0.5 * brightness(stretched, wide)
    y, x = np.mgrid[:512, :512]
    far = np.hypot(x - wide[0, 62, 0], y - wide[0, 62, 1]) > FaceFrame(landmarks).unit
    np.testing.assert_array_equal(painted[far], stretched[far])


def test_teeth_are_not_squeezed_between_closed_lips(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    closed = posed(landmarks, -1)
    squeezed, painted = (shown(astronaut, landmarks, closed, how) for how in (False, True))
    assert brightness(painted, closed) < 0.85 * brightness(squeezed, closed)
    assert brightness(painted, closed) < 0.85 * float(lip_colour(astronaut, landmarks[:, :2]).mean())


@pytest.mark.parametrize("lower", [0.0, 0.02])
def test_what_the_portrait_knows_is_left_alone(astronaut: np.ndarray, landmarks: np.ndarray, lower: float) -> None:
    moved = posed(landmarks, lower)
    np.testing.assert_array_equal(*(shown(astronaut, landmarks, moved, how) for how in (False, True)))


def test_lips_outside_the_picture_have_no_colour_and_paint_nothing(landmarks: np.ndarray) -> None:
    picture = np.full((64, 64, 3), 200, np.uint8)
    np.testing.assert_array_equal(lip_colour(picture, landmarks[:, :2] + 1000), 0)
    before = picture.copy()
    wide = posed(landmarks, 0.25) + np.array([1000, 1000, 0])
    MouthInterior(landmarks, wide).paint(picture, 0, wide, np.zeros(3))
    np.testing.assert_array_equal(picture, before)
