"""What the shipped weights make of one second of speech stays as it is, unless somebody means to change it."""

import numpy as np
import pytest

from moditalker.loading import default_weights
from moditalker.pipeline import MoDiTalkerPipeline
from tests.golden_run import EXPECTED, GoldenRun, golden_run


@pytest.fixture(scope="module")
def run() -> GoldenRun:
    return golden_run(MoDiTalkerPipeline.from_pretrained(default_weights()))


def test_landmarks_are_the_golden_ones(run: GoldenRun) -> None:
    with np.load(EXPECTED) as expected:
        assert np.abs(run.landmarks - expected["landmarks"]).max() < 0.02, "pixels"


def test_frames_are_the_golden_ones(run: GoldenRun) -> None:
    with np.load(EXPECTED) as expected:
        apart = np.abs(run.kept.astype(int) - expected["frames"])
    # Another CPU rounds sums otherwise; on one machine the difference is nothing at all.
    assert (apart > 1).mean() < 1e-3
    assert apart.max() <= 12
