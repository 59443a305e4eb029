"""The inside of the mouth: teeth that keep their size, dark between them, no squeezed teeth where it closes."""

import cv2
import numpy as np
import pytest

from moditalker.atom.rest import close_lips
from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame, aligning_matrix
from moditalker.face.layout import INNER_LIPS, mouth_opening
from moditalker.render.compositor import Composer
from moditalker.render.mouth_interior import MouthInterior, growth, lip_colour
from moditalker.render.warp import MOVING_RADII, FrameWarp, face_centre


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
    retouch = MouthInterior(picture, landmarks, moved, growth(landmarks, moved)).paint if painted else None
    nothing = np.zeros((1, 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32)
    return composer(FrameWarp(frame, frame.motion(moved)), nothing, retouch)[0]


def brightness(picture: np.ndarray, moved: np.ndarray, thick: int = 1) -> float:
    """Mean brightness between the lips."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    points = np.round(moved[0, INNER_LIPS, :2]).astype(np.int32)
    cv2.fillPoly(mask, [points], 1)
    cv2.polylines(mask, [points], True, 1, thick)
    return float(picture[mask > 0].mean())


def test_a_mouth_that_opens_wide_is_dark_between_the_teeth(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    wide = posed(landmarks, 0.25)
    assert mouth_opening(wide)[0] > 2 * mouth_opening(landmarks)
    stretched, painted = (shown(astronaut, landmarks, wide, how) for how in (False, True))
    upper, lower = wide[0, 62, :2], wide[0, 66, :2]

    def at(picture: np.ndarray, depth: float) -> float:
        x, y = np.round(upper + depth * (lower - upper)).astype(int)
        return float(picture[y - 2 : y + 3, x - 4 : x + 5].mean())

    assert at(painted, 0.5) < 0.5 * at(stretched, 0.5)
    assert at(painted, 0.15) > 0.8 * at(stretched, 0.15) > 2 * at(painted, 0.5)
    assert at(painted, 0.8) > 1.5 * at(painted, 0.5), "no tongue"
    y, x = np.mgrid[:512, :512]
    far = np.hypot(x - wide[0, 62, 0], y - wide[0, 62, 1]) > FaceFrame(landmarks).unit
    np.testing.assert_array_equal(painted[far], stretched[far])


def test_teeth_are_not_squeezed_between_closed_lips(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    closed = posed(landmarks, -1)
    squeezed, painted = (shown(astronaut, landmarks, closed, how) for how in (False, True))
    assert brightness(painted, closed) < 0.85 * brightness(squeezed, closed)
    assert brightness(painted, closed) < 0.85 * float(lip_colour(astronaut, landmarks[:, :2]).mean())


@pytest.mark.parametrize("lower", [0.0, 0.02])
def test_what_the_portrait_knows_is_hardly_changed(astronaut: np.ndarray, landmarks: np.ndarray, lower: float) -> None:
    moved = posed(landmarks, lower)
    plain, painted = (shown(astronaut, landmarks, moved, how).astype(float) for how in (False, True))
    mask = np.zeros(plain.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(moved[0, INNER_LIPS, :2]).astype(np.int32)], 1)
    assert np.abs(plain - painted)[mask > 0].mean() < (1 if lower == 0 else 8)


def striped(landmarks: np.ndarray, rows: int) -> np.ndarray:
    """(512, 512, 3): a grey face whose opening has a white row of ``rows`` pixels under the upper lip, on black."""
    picture = np.full((512, 512, 3), 90, np.uint8)
    inner = landmarks[INNER_LIPS, :2]
    mask = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(mask, [np.round(inner).astype(np.int32)], 1)
    upper = np.interp(np.arange(512), inner[:5, 0], inner[:5, 1])
    below = np.arange(512)[:, None] - upper[None]
    picture[mask > 0] = 0
    picture[(mask > 0) & (below < rows)] = 255
    return picture


def test_teeth_keep_their_size_when_the_mouth_opens_wider(landmarks: np.ndarray) -> None:
    portrait = posed(landmarks, 0.06)[0]
    unit, middle = FaceFrame(portrait).unit, round(float(portrait[62, 0]))
    tall = round(0.06 * unit)
    picture, wide = striped(portrait, tall), posed(portrait, 0.12)
    teeth = [
        int((shown(picture, portrait, wide, how)[:, middle, 0][int(wide[0, 62, 1]) : int(wide[0, 66, 1])] > 170).sum())
        for how in (False, True)
    ]
    assert teeth[0] > 1.3 * tall  # the warp stretches them
    assert abs(teeth[1] - tall) <= 0.25 * tall


def test_teeth_are_hidden_when_the_mouth_closes_by_half(landmarks: np.ndarray) -> None:
    portrait = posed(landmarks, 0.16)[0]
    unit, middle = FaceFrame(portrait).unit, round(float(portrait[62, 0]))
    picture = striped(portrait, round(0.12 * unit))
    half = posed(portrait, -1)
    half[0] = (half[0] + portrait) / 2
    frame = shown(picture, portrait, half, True)[:, middle, 0]
    opening = half[0, 66, 1] - half[0, 62, 1]
    assert (frame[int(half[0, 62, 1]) : int(half[0, 66, 1])] > 170).sum() < 0.75 * opening


def test_an_upside_down_face_keeps_its_teeth_at_its_upper_lip(landmarks: np.ndarray) -> None:
    portrait = posed(landmarks, 0.06)[0]
    picture, wide = striped(portrait, round(0.06 * FaceFrame(portrait).unit)), posed(portrait, 0.12)
    upright = shown(picture, portrait, wide, True)
    turned, turned_wide = portrait.copy(), wide.copy()
    for points in (turned, turned_wide):
        points[..., :2] = 511 - points[..., :2]
    interior = MouthInterior(picture[::-1, ::-1].copy(), turned, turned_wide, growth(turned, turned_wide))
    stretched = shown(picture, portrait, wide, False)[::-1, ::-1].copy()
    interior.paint(stretched, 0)
    assert np.abs(stretched[::-1, ::-1].astype(float) - upright).max() < 40
    assert np.abs(stretched[::-1, ::-1].astype(float) - upright).mean() < 0.05


def test_teeth_do_not_bend_along_with_a_lip_that_rounds(landmarks: np.ndarray) -> None:
    portrait = posed(landmarks, 0.06)[0]
    unit, tall = FaceFrame(portrait).unit, round(0.06 * FaceFrame(portrait).unit)
    picture, rounded = striped(portrait, tall), posed(portrait, 0.12)
    middle = rounded[0, INNER_LIPS, 0].mean()
    lips = slice(48, 68)
    rounded[0, lips, 0] = middle + 0.6 * (rounded[0, lips, 0] - middle)
    rounded[0, [61, 62, 63], 1] -= 0.15 * unit  # the lip's middle rises over its corners
    frame = shown(picture, portrait, rounded, True)

    def white(share: float) -> int:
        """Pixels of teeth in the column that lies so far from the middle to a corner."""
        corner, side = rounded[0, 60, :2], rounded[0, 61, :2]
        x = middle + share * (corner[0] - middle)
        top = np.interp(x, [corner[0], side[0]], [corner[1], side[1]])
        return int((frame[int(top) : int(rounded[0, 66, 1]), round(float(x)), 0] > 170).sum())

    assert white(0.0) > 0.6 * tall
    assert white(0.75) < 0.3 * white(0.0)


def test_a_lip_is_round_where_there_are_pixels_for_it(landmarks: np.ndarray) -> None:
    portrait = posed(landmarks, 0.06)[0]

    def painted(eyes: float) -> float:
        """What a wide mouth becomes just below the line from its corner to the next landmark of the lower lip."""
        scale = eyes / FaceFrame(portrait).unit
        points, side = portrait * scale, round(512 * scale)
        picture = cv2.resize(striped(portrait, 0), (side, side), interpolation=cv2.INTER_AREA)
        wide, frame = posed(points, 0.25), np.full((side, side, 3), 200, np.uint8)
        MouthInterior(picture, points, wide, growth(points, wide)).paint(frame, 0)
        x, y = (wide[0, 60, :2] + wide[0, 67, :2]) / 2 + [0, 0.03 * eyes]
        return float(frame[round(float(y)), round(float(x))].mean())

    assert painted(eyes=160) < 100 < 150 < painted(eyes=60)


def test_growth_follows_the_head(landmarks: np.ndarray) -> None:
    nearer = np.stack([landmarks, 1.5 * landmarks]).astype(np.float32)
    np.testing.assert_allclose(growth(landmarks, nearer), [[1, 1], [1.5, 1.5]], rtol=1e-5)
    matrices = aligning_matrix(nearer)
    np.testing.assert_allclose(growth(landmarks, nearer, matrices[0], matrices), 1, rtol=1e-4)


def test_lips_outside_the_picture_have_no_colour_and_paint_nothing(landmarks: np.ndarray) -> None:
    picture = np.full((64, 64, 3), 200, np.uint8)
    np.testing.assert_array_equal(lip_colour(picture, landmarks[:, :2] + 1000), 0)
    before = picture.copy()
    wide = posed(landmarks, 0.25) + np.array([1000, 1000, 0])
    MouthInterior(picture, landmarks, wide, growth(landmarks, wide)).paint(picture, 0)
    np.testing.assert_array_equal(picture, before)
