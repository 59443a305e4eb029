"""Which frames of a video lend a new mouth its looks: none near a moment in which something covers the mouth."""

import numpy as np
import pytest

from moditalker.dub.references import OPEN, Candidates, HeadSpace, Reference, References
from moditalker.face.layout import interocular_distance

PATIENCE = 10


def shades_of(chosen: Reference | None) -> int:
    """Grey level of the frame that was taken."""
    assert chosen is not None
    return int(np.median(chosen.picture))


@pytest.fixture
def offered(landmarks: np.ndarray) -> tuple[Candidates, HeadSpace]:
    """Frames are offered, each brighter than the one before."""
    return Candidates(PATIENCE), HeadSpace.fitting(landmarks)


def offer(candidates: Candidates, space: HeadSpace, landmarks: np.ndarray, frames: range) -> None:
    """Each shows a mouth that is nearer to what is looked for than in the frame before."""
    for index in frames:
        opening = OPEN + 0.0025 * (40 - index)
        shown = landmarks.copy()
        shown[[67, 66, 65]] = shown[[61, 62, 63]]
        shown[[67, 66, 65], 1] += opening * interocular_distance(landmarks[:, :2])
        candidates.offer(index, np.full((512, 512, 3), 5 * index, np.uint8), shown, space)


def test_a_frame_just_before_or_after_a_hand_lends_nothing(
    offered: tuple[Candidates, HeadSpace], landmarks: np.ndarray
) -> None:
    candidates, space = offered
    offer(candidates, space, landmarks, range(20))
    best = candidates.chosen()
    assert shades_of(best.open) > 5 * 15
    candidates.covered(20)
    offer(candidates, space, landmarks, range(21, 20 + PATIENCE))
    best = candidates.chosen()
    assert 5 * 5 <= shades_of(best.open) <= 5 * (20 - PATIENCE)
    offer(candidates, space, landmarks, range(20 + PATIENCE, 40))
    best = candidates.chosen()
    assert shades_of(best.open) >= 5 * (20 + PATIENCE)


def test_a_video_that_shows_nothing_else_lends_what_it_has(
    offered: tuple[Candidates, HeadSpace], landmarks: np.ndarray
) -> None:
    candidates, space = offered
    offer(candidates, space, landmarks, range(5))
    candidates.covered(5)
    assert candidates.chosen() == References()
    assert candidates.doubtful != References()
