"""Upper teeth where the portrait shows none: there when the upper lip is lifted, hidden otherwise."""

import cv2
import numpy as np
import pytest

from moditalker.atom.rest import close_lips
from moditalker.face.geometry import FaceFrame, aligned_face, aligning_matrix
from moditalker.face.layout import INNER_LIPS, interocular_distance
from moditalker.render.mouth_interior import MouthInterior, growth
from moditalker.render.teeth import cheek_colour, lip_lift

SKIN = np.array([200, 150, 120], np.uint8)
UPPER, LOWER = [49, 50, 51, 52, 53, 61, 62, 63], [*range(5, 12), *range(55, 60), 65, 66, 67]


def shut(landmarks: np.ndarray) -> np.ndarray:
    """(68, 3) the astronaut with her lips together."""
    frame = FaceFrame(landmarks)
    residual = (close_lips(frame.shape) - frame.shape)[None]
    return frame.compose(residual, np.zeros((1, 6), np.float32))[0]


def parted(portrait: np.ndarray, lifted: float, dropped: float, turned: float = 0.0) -> np.ndarray:
    """(1, 68, 3) the upper lip higher and the lower one lower, eye distances; the head turned, radians."""
    residual, pose = np.zeros((1, 68, 3), np.float32), np.zeros((1, 6), np.float32)
    residual[0, UPPER, 1], residual[0, LOWER, 1] = -lifted, dropped
    pose[0, 1] = turned
    return FaceFrame(portrait).compose(residual, pose)


def painted(picture: np.ndarray, portrait: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(H, W, 3) a picture with the inside of its mouth painted."""
    residual, _ = FaceFrame(portrait).analyse(frame)
    drawn = picture.copy()
    MouthInterior(picture, portrait, frame, growth(portrait, frame), lip_lift(residual)).paint(drawn, 0)
    return drawn


def under_the_lip(drawn: np.ndarray, frame: np.ndarray) -> float:
    """Mean of what is seen a little below the middle of the upper lip."""
    x, y = frame[0, 62, :2] + [0, 0.02 * float(interocular_distance(frame[0]))]
    return float(drawn[round(y) - 1 : round(y) + 2, round(x) - 5 : round(x) + 6].mean())


def flat(colour: np.ndarray = SKIN) -> np.ndarray:
    return np.full((512, 512, 3), colour, np.uint8)


@pytest.mark.parametrize("turned", [0.0, 0.4])
def test_a_lifted_lip_shows_teeth_and_one_that_stays_down_hides_them(landmarks: np.ndarray, turned: float) -> None:
    portrait = shut(landmarks)
    lifted, down = parted(portrait, 0.06, 0.08, turned), parted(portrait, 0.0, 0.14, turned)
    bright = under_the_lip(painted(flat(), portrait, lifted), lifted)
    dark = under_the_lip(painted(flat(), portrait, down), down)
    assert bright > 1.5 * dark
    assert bright > 0.6 * SKIN.mean()


def test_below_the_teeth_it_is_dark(landmarks: np.ndarray) -> None:
    portrait = shut(landmarks)
    frame = parted(portrait, 0.05, 0.15)
    drawn = painted(flat(), portrait, frame)
    x, y = np.round(0.6 * frame[0, 62, :2] + 0.4 * frame[0, 66, :2]).astype(int)
    assert drawn[y, x - 3 : x + 4].mean() < 0.6 * under_the_lip(drawn, frame)


def test_lips_that_are_lifted_together_stay_lips(landmarks: np.ndarray) -> None:
    portrait = shut(landmarks)
    frame = parted(portrait, 0.06, -0.06)
    mask = np.zeros((512, 512), np.uint8)
    cv2.polylines(mask, [np.round(frame[0, INNER_LIPS, :2]).astype(np.int32)], True, 1, 3)
    assert painted(flat(), portrait, frame)[mask > 0].max() <= SKIN.max()
    still = MouthInterior(flat(), portrait, frame, growth(portrait, frame))
    without = flat()
    still.paint(without, 0)
    np.testing.assert_array_equal(painted(flat(), portrait, frame), without)


def test_teeth_of_a_dark_picture_are_dark_and_those_of_a_grey_one_grey(landmarks: np.ndarray) -> None:
    portrait = shut(landmarks)
    frame = parted(portrait, 0.06, 0.08)
    full, half = (under_the_lip(painted(flat(colour), portrait, frame), frame) for colour in (SKIN, SKIN // 2))
    assert half == pytest.approx(full / 2, rel=0.1)
    grey = painted(flat(np.full(3, 150, np.uint8)), portrait, frame).astype(int)
    assert np.ptp(grey, -1).max() <= 1


def test_a_portrait_that_shows_its_teeth_keeps_them(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    frame = parted(landmarks, 0.04, 0.02)
    plain = astronaut.copy()
    MouthInterior(astronaut, landmarks, frame, growth(landmarks, frame)).paint(plain, 0)
    np.testing.assert_array_equal(painted(astronaut, landmarks, frame), plain)


def test_the_lift_is_measured_on_the_skull(landmarks: np.ndarray) -> None:
    frame = FaceFrame(landmarks)
    residual = np.zeros((2, 68, 3), np.float32)
    residual[1, UPPER, 1] = -0.05
    pose = np.array([[0.2, -0.4, 0.1, 0.3, 0.2, 0.1]] * 2, np.float32)
    np.testing.assert_allclose(lip_lift(frame.analyse(frame.compose(residual, pose))[0]), [0, 0.05], atol=1e-3)


def test_cheeks_outside_the_picture_are_taken_as_grey(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    np.testing.assert_array_equal(cheek_colour(astronaut, landmarks[:, :2] + 2000), 128)
    face = aligned_face(astronaut, aligning_matrix(landmarks[None])[0])
    assert cheek_colour(astronaut, landmarks[:, :2]).mean() == pytest.approx(face[60:90, 30:98].mean(), rel=0.25)
