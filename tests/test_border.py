"""The picture's border: what it shows stays what it is when the head goes away from it."""

import numpy as np
import pytest

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame
from moditalker.face.tracker import MediaPipeTracker
from moditalker.portrait import moving_radii
from moditalker.render.background import find_backdrop
from moditalker.render.border import Border
from moditalker.render.compositor import Composer
from moditalker.render.warp import FrameWarp, face_centre


@pytest.fixture(scope="module")
def striped(astronaut: np.ndarray) -> np.ndarray:
    """(250, 512, 3): the astronaut to the neck, diagonal stripes on the last 45 rows."""
    picture = astronaut[:250].copy()
    y, x = np.mgrid[205:250, :512]
    picture[205:] = np.where((x + y) // 8 % 2, 228, 28)[..., None]
    return picture


@pytest.mark.parametrize("layers", [False, True])
def test_stripes_at_the_border_do_not_become_lines(striped: np.ndarray, *, layers: bool) -> None:
    points, _ = MediaPipeTracker().detect(striped)
    frame = FaceFrame(points)
    radii, centre = moving_radii(frame), face_centre(frame)
    backdrop = find_backdrop(striped, points, centre - radii, centre + radii) if layers else None
    composer = Composer(striped, centre, (float(radii[0]), float(radii[1])), backdrop)
    pose = np.zeros((2, 6), np.float32)
    pose[1, 4] = -0.25  # the head rises by a quarter of the distance of the eyes
    motion = frame.posed(np.zeros((2, 68, 3), np.float32), pose)
    still, risen = composer(FrameWarp(frame, motion), np.zeros((2, 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32))
    np.testing.assert_array_equal(still, striped)
    middle = slice(int(centre[0]) - 20, int(centre[0]) + 20)
    rows = risen[-12:, middle].astype(int)
    assert np.abs(np.diff(rows, axis=0)).mean((1, 2)).min() > 10, "two rows that are the same make lines"
    np.testing.assert_allclose(risen[-1], striped[-1], atol=2)
    face = slice(int(points[30, 1]) - 40, int(points[30, 1]) + 10)
    assert np.abs(risen[face].astype(int) - striped[face]).mean() > 2, "the head did not move"


@pytest.mark.parametrize("long", [-60.0, -8.0, 8.0, 60.0])
def test_pixels_keep_their_order_and_come_from_inside(long: float) -> None:
    size, radii = (200, 160), (150.0, 150.0)
    border = Border(size, np.zeros(2, int), np.array(size), np.array([100.0, 60.0]), radii, None)
    displacement = np.full((160, 200, 2), long, np.float32)
    border(displacement)
    y, x = np.mgrid[:160, :200].astype(np.float32)
    for places, axis in ((x + displacement[..., 0], 1), (y + displacement[..., 1], 0)):
        inside = places[(places > 0.5) & (places < (size[1 - axis] - 1.5))]
        assert len(inside) > 0
        assert np.diff(places, axis=axis).min() > -1e-3
        away = places.min() if long < 0 else places.max() - (size[1 - axis] - 1)
        assert abs(away) < 1e-3


def test_a_border_that_nothing_touches_is_left_alone() -> None:
    """A head in the middle: only the shoulders at the lower border keep what moves from beyond it."""
    person = np.zeros((160, 200), np.uint8)
    person[40:, 60:140] = 255
    border = Border((200, 160), np.zeros(2, int), np.array([200, 160]), np.array([100.0, 60.0]), (120.0, 120.0), person)
    displacement = np.full((160, 200, 2), 20, np.float32)
    border(displacement)
    assert (displacement[..., 0] == 20).all()
    assert (displacement[:80, :, 1] == 20).all()
    assert np.abs(displacement[-1, 60:140, 1]).max() < 1e-3
