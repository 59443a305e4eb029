"""A head that the picture cuts off is closed with a round top, instead of standing up like a chimney."""

import dataclasses

import numpy as np

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame
from moditalker.portrait import moving_radii
from moditalker.render.background import find_backdrop
from moditalker.render.compositor import Composer
from moditalker.render.crown import crown, hair
from moditalker.render.warp import FrameWarp, face_centre

WALL = np.array([40, 160, 80], np.uint8)


def person(start: int, stop: int, width: int = 200) -> np.ndarray:
    share = np.zeros((100, width), np.uint8)
    share[:, start:stop] = 255
    return share


def test_a_person_below_the_edge_has_nothing_above_it() -> None:
    share = person(50, 150)
    share[:3] = 0
    assert crown(share, 40.0).shape == (0, 200)


def test_a_head_that_is_cut_off_is_closed_round() -> None:
    above = crown(person(60, 140), 60.0)
    tall = (above > 127).sum(0)
    assert tall[:60].max() == tall[140:].max() == 0
    assert tall[100] == tall.max() > 5
    assert (np.diff(tall[60:100].astype(int)) >= 0).all()
    np.testing.assert_array_equal(tall, tall[::-1])
    assert above[-1, 70:130].min() > 127  # it begins where the picture ends


def test_the_lower_a_head_is_cut_the_more_is_added() -> None:
    wide, narrow = (int((crown(person(*span), 60.0) > 127).sum(0).max()) for span in ((50, 150), (80, 120)))
    assert wide > 2 * narrow > 0


def test_a_head_at_the_pictures_side_is_not_closed_there() -> None:
    tall = (crown(person(0, 80), 60.0) > 127).sum(0)
    assert tall[0] == tall.max() > tall[70]


def test_hair_goes_on_where_the_picture_ends() -> None:
    picture = np.arange(100, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(3, 2)
    np.testing.assert_array_equal(hair(picture, 12, 40.0)[:, 0, 0], [2, 1, 0, 1, 2, 3, 4, 5, 4, 3, 2, 1])


def test_a_head_that_goes_down_shows_the_wall_over_its_corners(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    whole = find_backdrop(astronaut, landmarks, np.zeros(2), np.array([512, 512]))
    assert whole is not None
    share = (whole.person / 255)[..., None]
    cut = int(np.flatnonzero((whole.person > 128).any(1))[0]) + 10  # a little of her hair is missing
    picture = (share * astronaut + (1 - share) * WALL).round().astype(np.uint8)[cut:]
    points = landmarks - np.array([0, cut, 0], np.float32)
    frame = FaceFrame(points)
    radii = moving_radii(frame)
    backdrop = find_backdrop(picture, points, np.zeros(2), np.array(picture.shape[1::-1]))
    assert backdrop is not None
    assert len(backdrop.above) > 0
    pose = np.zeros((2, 6), np.float32)
    pose[1, 4] = 0.3
    motion = frame.posed(np.zeros((2, 68, 3), np.float32), pose)
    nothing = np.zeros((2, 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32)
    columns = np.flatnonzero(backdrop.person[0] > 200)
    walls = []
    for layers in (backdrop, dataclasses.replace(backdrop, above=backdrop.above[:0])):
        composer = Composer(picture, face_centre(frame), (float(radii[0]), float(radii[1])), layers)
        still, low = composer(FrameWarp(frame, motion), nothing)
        np.testing.assert_array_equal(still, picture)
        walls.append((np.abs(low[0, columns].astype(int) - WALL).max(-1) < 25).mean())
    assert walls[0] > 0.2
    assert walls[1] < 0.05  # a chimney
