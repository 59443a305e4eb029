"""Long sequences by overlapping windows."""

from itertools import pairwise

import pytest
import torch

from moditalker.utils.windows import agree, cut_windows, join, padded_length, window_count

SIZES = [(16, 4), (32, 8), (96, 24), (8, 0), (10, 5)]
LENGTHS = [1, 2, 15, 16, 17, 28, 29, 60, 97, 500]


@pytest.mark.parametrize(("window", "overlap"), SIZES)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_fewest_windows_that_cover_every_frame(length: int, window: int, overlap: int) -> None:
    count = window_count(length, window, overlap)
    assert padded_length(count, window, overlap) >= length
    assert count == 1 or padded_length(count - 1, window, overlap) < length


@pytest.mark.parametrize(("window", "overlap"), SIZES)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_sequence_comes_back_from_its_windows(length: int, window: int, overlap: int) -> None:
    count = window_count(length, window, overlap)
    sequence = torch.randn(padded_length(count, window, overlap), 3, 2)
    windows = cut_windows(sequence, window, overlap)
    assert windows.shape == (count, window, 3, 2)
    assert torch.equal(join(windows, overlap, length), sequence[:length])


@pytest.mark.parametrize(("window", "overlap"), SIZES)
def test_windows_that_agree_are_equal_where_they_overlap(window: int, overlap: int) -> None:
    windows = torch.randn(5, window, 4)
    agreed = agree(windows, overlap)
    for left, right in pairwise(agreed):
        assert torch.equal(left[window - overlap :], right[:overlap])
    inside = slice(overlap, window - overlap)
    assert torch.equal(agreed[:, inside], windows[:, inside])
    assert torch.equal(agreed[0, :overlap], windows[0, :overlap])
    assert torch.equal(agreed[-1, window - overlap :], windows[-1, window - overlap :])


def test_the_overlap_passes_steadily_from_one_window_to_the_next() -> None:
    windows = torch.stack([torch.zeros(16), torch.ones(16)])
    joined = join(agree(windows, 4), 4, 28)
    steps = joined.diff()
    assert joined[0] == 0
    assert joined[-1] == 1
    assert steps.min() >= 0
    assert steps.max() == pytest.approx(0.2)


def test_windows_that_agree_stay_as_they_are() -> None:
    windows = cut_windows(torch.randn(60), 16, 5)
    torch.testing.assert_close(agree(windows, 5), windows)


@pytest.mark.parametrize(("length", "window", "overlap"), [(0, 16, 4), (-3, 16, 4), (10, 16, 9), (10, 16, -1)])
def test_sizes_that_cannot_work_are_named(length: int, window: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"length={length}, window={window}, overlap={overlap}"):
        window_count(length, window, overlap)
