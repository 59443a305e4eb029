"""A black-and-white photograph does not get red lips."""

import cv2
import numpy as np
import pytest
from conftest import Talking

from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.render.tone import in_tone, tone_of

BROWN = np.array([1.07, 0.95, 0.78])


def grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)


def test_colours_are_known_from_one_tone(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    assert tone_of(astronaut, landmarks) is None
    direction = tone_of(grey(astronaut), landmarks)
    assert direction is not None
    np.testing.assert_allclose(np.abs(direction), 3**-0.5, atol=1e-5)
    brown = (grey(astronaut) * BROWN * 0.9).round().astype(np.uint8)
    kept, jpeg = cv2.imencode(".jpg", brown[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert kept
    direction = tone_of(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1], landmarks)
    assert direction is not None
    np.testing.assert_allclose(np.abs(direction), BROWN / np.linalg.norm(BROWN), atol=0.02)


def test_a_face_beside_the_picture_has_its_colours(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    assert tone_of(grey(astronaut), landmarks - 1000) is None


def test_what_is_added_keeps_its_brightness_and_loses_its_colour() -> None:
    tone = np.full(3, 3**-0.5, np.float32)
    change = np.zeros((2, 3, 4, 4), np.float32)
    change[0, 0] = 30  # red
    change[1] = -7  # dark
    kept = in_tone(change, tone)
    np.testing.assert_allclose(kept[0], 10, atol=1e-4)
    np.testing.assert_allclose(kept[1], -7, atol=1e-4)
    assert kept.dtype == np.float32


@pytest.mark.slow
def test_a_grey_portrait_speaks_in_grey(
    pipeline: MoDiTalkerPipeline, small_picture: np.ndarray, talking: Talking
) -> None:
    spread = {}
    for name, picture in (("colour", small_picture), ("grey", grey(small_picture))):
        portrait = pipeline.encode_portrait(picture)
        asked = talking(portrait.frame.landmarks, 20)
        frames = np.concatenate(list(pipeline.render(portrait, asked, own=True, seed=0)))
        assert np.abs(frames.astype(int) - frames[0]).max() > 20
        spread[name] = int(np.ptp(frames.astype(int), axis=3).max())
    assert spread["grey"] <= 2 < spread["colour"]
