"""The inside of a mouth that the portrait does not show."""

import numpy as np
import pytest

from moditalker.face.geometry import aligning_matrix, transform_points
from moditalker.face.layout import INNER_LIPS
from moditalker.mtov.interior import COLUMNS, ROWS, mouth_layer, unroll

TEXTURE = np.full((3, ROWS, COLUMNS), 0.4, np.float32)
SKIN = 200.0


@pytest.fixture
def closed(landmarks: np.ndarray) -> np.ndarray:
    """(68, 2) aligned landmarks with the lips together."""
    points = transform_points(aligning_matrix(landmarks), landmarks)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        points[[upper, lower], 1] = points[[upper, lower], 1].mean()
    return points


@pytest.fixture
def opened(closed: np.ndarray) -> np.ndarray:
    points = closed.copy()
    points[[65, 66, 67], 1] += 12
    return points


def test_a_closed_mouth_that_opens_gets_an_inside_between_its_lips_only(
    closed: np.ndarray, opened: np.ndarray
) -> None:
    colour, cover = mouth_layer(TEXTURE, SKIN, closed, np.stack([closed, opened]), 128)
    assert not cover[0].any(), "a closed mouth has nothing to show"
    x, y = opened[[62, 66]].mean(0).round().astype(int)
    assert cover[1, 0, y, x] == pytest.approx(1, abs=0.01)
    assert colour[1, :, y, x] == pytest.approx(0.4 * SKIN, abs=1)
    left, top = opened[INNER_LIPS].min(0) - 4
    right, bottom = opened[INNER_LIPS].max(0) + 4
    outside = cover[1, 0].copy()
    outside[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = 0
    assert not outside.any()


def test_a_portrait_that_shows_its_teeth_keeps_them(opened: np.ndarray) -> None:
    wider = opened.copy()
    wider[[65, 66, 67], 1] += 8
    _, cover = mouth_layer(TEXTURE, SKIN, opened, wider[None], 128)
    assert not cover.any()


def test_unrolling_reads_from_the_upper_lip_to_the_lower(opened: np.ndarray) -> None:
    face = np.repeat(np.repeat(np.arange(128, dtype=np.float32)[:, None, None], 128, 1), 3, 2)
    rows = unroll(face, opened)[:, COLUMNS // 2, 0]
    assert (np.diff(rows) > 0).all()
    assert opened[62, 1] < rows[0] < rows[-1] < opened[66, 1]
