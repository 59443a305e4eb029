"""Portraits as people have them, see docs/inputs.md: every kind works, or gets a sentence."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from moditalker.face.finding import find_face_in
from moditalker.face.geometry import transform_points
from moditalker.face.inspection import face_at
from moditalker.face.layout import LEFT_EYE, RIGHT_EYE, interocular_distance
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import MediaPipeTracker
from moditalker.portrait import find_face
from moditalker.utils.errors import InputError

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
PORTRAITS = ["1-astronaut", "2-admiral"]
GREY = (128, 128, 128)


def example(name: str) -> np.ndarray:
    return load_portrait(EXAMPLES / name / "portrait.jpg")


def turned(picture: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned about its middle on a larger grey square, and the (2, 3) matrix that takes points there."""
    height, width = picture.shape[:2]
    side = int(np.hypot(height, width)) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_AREA, borderValue=GREY), matrix


def head(picture: np.ndarray, size: int) -> np.ndarray:
    """A square of a portrait around its head, of that side in pixels."""
    return np.asarray(Image.fromarray(picture[:230, 120:350]).resize((size, size), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def tracker() -> MediaPipeTracker:
    return MediaPipeTracker()


@pytest.fixture(scope="module")
def group(astronaut: np.ndarray) -> np.ndarray:
    """(360, 900, 3): three heads on white, the second the largest and the third the smallest."""
    picture = np.full((360, 900, 3), 255, np.uint8)
    for left, size in ((20, 240), (300, 330), (680, 200)):
        picture[360 - size :, left : left + size] = head(astronaut, size)
    return picture


@pytest.mark.slow
@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("degrees", [-30, 0, 30, 90, 110, 135, 160, 180, 200, 225, 250, 270])
def test_a_portrait_that_lies_or_stands_on_its_head_is_turned_upright(
    tracker: MediaPipeTracker, name: str, degrees: float
) -> None:
    picture = example(name)
    truth, _ = tracker.detect(picture)
    lying, matrix = turned(picture, degrees)
    found = find_face_in(lying, tracker)
    assert abs((degrees + 90 * found.turns + 180) % 360 - 180) <= 45
    back = cv2.getRotationMatrix2D(((lying.shape[1] - 1) / 2, (lying.shape[0] - 1) / 2), 90 * found.turns, 1)
    expected = transform_points(back, transform_points(matrix, truth))
    apart = np.linalg.norm(found.landmarks[:, :2] - expected, axis=1).mean() / interocular_distance(truth)
    assert apart < 0.1
    said = [warning for warning in found.warnings if "turned upright" in warning]
    assert len(said) == (found.turns > 0)


def test_the_sentence_says_how_it_was_turned(tracker: MediaPipeTracker, astronaut: np.ndarray) -> None:
    (sentence,) = find_face_in(np.rot90(astronaut, 2), tracker).warnings
    assert sentence == "The portrait stands on its head and was turned upright by 180 degrees."


def test_of_a_group_the_chosen_face_speaks(tracker: MediaPipeTracker, group: np.ndarray) -> None:
    largest = find_face_in(group, tracker)
    assert (largest.number, len(largest.boxes)) == (2, 3)
    (sentence,) = largest.warnings
    assert sentence.startswith("3 faces were found")
    assert "number 2 from the left" in sentence
    for number, (left, right) in enumerate([(20, 260), (300, 630), (680, 880)], 1):
        found = find_face_in(group, tracker, number)
        assert left < found.landmarks[:, 0].min() < found.landmarks[:, 0].max() < right
        assert found.boxes == find_face_in(group, tracker, number).boxes
        assert found.number == number
        assert found.warnings == ()
        assert face_at(found.boxes, (left + right) / 2, 200) == number


def test_a_face_that_is_not_there_cannot_be_chosen(
    tracker: MediaPipeTracker, group: np.ndarray, astronaut: np.ndarray
) -> None:
    with pytest.raises(InputError, match="face is 4 and there are 3 faces"):
        find_face_in(group, tracker, 4)
    with pytest.raises(InputError, match="face is 2 and there is only one face"):
        find_face_in(astronaut, tracker, 2)


def with_shut_eyes(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The portrait with lids painted over its eyes in the colour of the cheeks, and lashes under them."""
    painted, unit = picture.copy(), float(interocular_distance(landmarks))
    for eye in (RIGHT_EYE, LEFT_EYE):
        points = landmarks[eye, :2]
        x, y = (points.mean(0) + np.array([0, 0.22 * unit])).round().astype(int)
        skin = picture[y - 3 : y + 4, x - 3 : x + 4].mean((0, 1))
        larger = points.mean(0) + 1.5 * (points - points.mean(0))
        cv2.fillPoly(painted, [larger.round().astype(np.int32)], skin.tolist(), cv2.LINE_AA)
        lashes = points[[0, 5, 4, 3]].round().astype(np.int32)
        cv2.polylines(painted, [lashes], False, (60, 45, 40), max(1, round(0.02 * unit)), cv2.LINE_AA)
    return cv2.GaussianBlur(painted, (0, 0), 0.6)


@pytest.mark.parametrize("name", PORTRAITS)
def test_shut_eyes_are_said(tracker: MediaPipeTracker, name: str) -> None:
    picture = example(name)
    found = find_face_in(picture, tracker)
    assert found.warnings == ()
    (sentence,) = find_face_in(with_shut_eyes(picture, found.landmarks), tracker).warnings
    assert sentence.startswith("The eyes are shut")


@pytest.fixture(scope="module")
def photograph(astronaut: np.ndarray) -> np.ndarray:
    """(3000, 4000, 3): a head of about 770 pixels on grey."""
    picture = np.full((3000, 4000, 3), 150, np.uint8)
    picture[1200:1970, 2100:2870] = head(astronaut, 770)
    return picture


@pytest.mark.slow
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_crop_to_the_face_is_cut_from_the_picture_as_it_came(
    tracker: MediaPipeTracker, photograph: np.ndarray, tmp_path: Path, turns: int
) -> None:
    path = tmp_path / "photograph.png"
    Image.fromarray(np.ascontiguousarray(np.rot90(photograph, turns))).save(path, compress_level=1)
    found = find_face(path, "face", tracker)
    assert found.picture.shape == (768, 768, 3)
    again, _ = tracker.detect(found.picture)
    apart = np.linalg.norm(found.landmarks[:, :2] - again[:, :2], axis=1).mean() / interocular_distance(again)
    assert apart < 0.05
    # As sharp as it came: the detail that 256 pixels cannot hold is there.
    small = cv2.resize(cv2.resize(found.picture, (256, 256), interpolation=cv2.INTER_AREA), (768, 768))
    assert cv2.Laplacian(found.picture, cv2.CV_32F).std() > 1.5 * cv2.Laplacian(small, cv2.CV_32F).std()


def test_a_whole_picture_comes_out_with_1024_pixels(tracker: MediaPipeTracker, photograph: np.ndarray) -> None:
    assert find_face(photograph, "full", tracker).picture.shape == (768, 1024, 3)


def covered(picture: np.ndarray, outline: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """The picture under a polygon of a colour with the noise and the shading of cloth."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [outline.round().astype(np.int32)], 255, cv2.LINE_AA)
    shade = np.linspace(-15, 15, len(picture))[:, None, None] + np.random.default_rng(0).normal(0, 6, picture.shape)
    share = (mask / 255)[..., None]
    return (share * np.clip(colour + shade, 0, 255) + (1 - share) * picture).round().astype(np.uint8)


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("colour", [(70, 110, 190), (25, 25, 28), (240, 240, 240)])
def test_a_mouth_under_a_mask_is_refused(tracker: MediaPipeTracker, name: str, colour: tuple[int, int, int]) -> None:
    picture = example(name)
    points = tracker.detect(picture)[0][:, :2]
    mask = np.concatenate([points[2:15], points[29:30]])
    with pytest.raises(InputError, match="covers the mouth"):
        find_face_in(covered(picture, mask, colour), tracker)


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("slant", [-0.3, 0.0, 0.3])
def test_a_bar_over_a_third_of_the_lips_is_refused(
    tracker: MediaPipeTracker, name: str, place: float, slant: float
) -> None:
    picture = example(name)
    points = tracker.detect(picture)[0][:, :2]
    width, unit = np.linalg.norm(points[54] - points[48]), interocular_distance(points)
    middle, half = points[48] + place * (points[54] - points[48]), width / 6
    downwards, across = unit * np.array([slant, 1]), np.array([half, 0])
    top, bottom = middle - 0.35 * downwards, middle + 0.6 * downwards
    bar = np.stack([top - across, top + across, bottom + across, bottom - across])
    with pytest.raises(InputError, match="covers the mouth"):
        find_face_in(covered(picture, bar, (60, 90, 180)), tracker)
