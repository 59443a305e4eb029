"""Faces in coloured and dark light: what is drawn into them is lit as they are."""

import numpy as np
import pytest
import torch

from moditalker.face.geometry import aligned_face, aligning_matrix, transform_points
from moditalker.mtov.block_sampling import EncodedFace, encode_face
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.render.light import light_on
from moditalker.render.teeth import UpperTeeth, cheek_colour

LIGHTS = {"blue": (0.25, 0.35, 1.15), "red": (1.1, 0.2, 0.25)}


def lit(picture: np.ndarray, name: str) -> np.ndarray:
    """The picture in another light."""
    dark = 60 * (picture / 255) ** 2.2
    return (dark if name == "dark" else picture * LIGHTS[name]).clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def face(astronaut: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The aligned face and its landmarks in it."""
    matrix = aligning_matrix(landmarks)
    return aligned_face(astronaut, matrix), transform_points(matrix, landmarks)


def test_ordinary_light_and_no_colour_at_all_change_nothing(face: tuple[np.ndarray, np.ndarray]) -> None:
    picture, points = face
    np.testing.assert_array_equal(light_on(cheek_colour(picture, points)), 1)
    for grey in (90, 200):
        np.testing.assert_array_equal(light_on(np.full(3, grey, np.float32)), 1)


@pytest.mark.parametrize("name", ["blue", "red", "dark"])
def test_painted_teeth_are_lit_as_the_cheeks_are(face: tuple[np.ndarray, np.ndarray], name: str) -> None:
    picture, points = face
    cheeks = cheek_colour(lit(picture, name), points)
    colour, _ = UpperTeeth(cheeks, 100).row(np.zeros((1, 1)), np.full((1, 1), 4.0), 30, 0.08)
    ordinary, _ = UpperTeeth(cheek_colour(picture, points), 100).row(np.zeros((1, 1)), np.full((1, 1), 4.0), 30, 0.08)
    # White in ordinary light is paler than skin; that is all the difference to the cheeks there may be.
    paler = (ordinary[0, 0] / cheek_colour(picture, points)).max()
    assert (colour[0, 0] <= 1.4 * max(paler, 1) * cheeks + 2).all(), (colour[0, 0], cheeks)


@pytest.mark.parametrize("name", ["blue", "red", "dark"])
def test_networks_see_the_face_in_ordinary_light(
    pipeline: MoDiTalkerPipeline, astronaut: np.ndarray, landmarks: np.ndarray, name: str
) -> None:
    matrix = aligning_matrix(landmarks)

    def encoded(picture: np.ndarray) -> EncodedFace:
        return encode_face(pipeline.autoencoder, aligned_face(picture, matrix), landmarks)

    own, other = encoded(astronaut), encoded(lit(astronaut, name))
    np.testing.assert_array_equal(own.light, 1)
    red, green, blue = other.cheeks
    assert 70 < other.cheeks.mean() < 230
    assert red > green > 0.9 * blue, "not the colours of skin"
    again = other.aligned * torch.from_numpy(other.light)[:, None, None]
    shown = torch.from_numpy(aligned_face(lit(astronaut, name), matrix)).permute(2, 0, 1)
    clipped = other.aligned >= 255
    assert (again - shown).abs()[~clipped].max() < 0.01
