"""Styles for training: of other windows of the person whose motion is to be made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moditalker.atom.style import STYLE, WINDOW, style_of, window_variances
from moditalker.training.data.clips import PreparedClip

MOST_WINDOWS = 10
"""Of a style: about ten seconds."""


@dataclass(frozen=True)
class _Windows:
    """Of one speaker: (n,) names of clips, (n,) first frames, (n, 26) variances."""

    clips: np.ndarray
    starts: np.ndarray
    variances: np.ndarray


class Styles:
    """What is known of how each speaker of some clips moves.

    Args:
        clips: of one split.
    """

    def __init__(self, clips: Sequence[PreparedClip]) -> None:
        found: dict[str, list[tuple[str, int, np.ndarray]]] = {}
        for clip in clips:
            rows = window_variances(clip.landmarks)
            found.setdefault(clip.speaker, []).extend((clip.name, WINDOW * i, row) for i, row in enumerate(rows))
        self._of = {
            speaker: _Windows(*(np.array(column) for column in zip(*rows, strict=True)))
            for speaker, rows in found.items()
            if rows
        }

    def elsewhere(
        self, clip: PreparedClip, first: float, last: float, rng: np.random.Generator | None = None
    ) -> np.ndarray | None:
        """A style of the clip's speaker that some frames of the clip have no part in.

        Args:
            clip: among those that are known.
            first, last: the frames.
            rng: draws one to ``MOST_WINDOWS`` windows; without it the first ones are taken.
        Returns:
            (26,), or None where the speaker has no other window.
        """
        windows = self._of.get(clip.speaker)
        if windows is None:
            return None
        apart = (windows.starts > last) | (windows.starts + WINDOW <= first) | (windows.clips != clip.name)
        left = np.flatnonzero(apart)
        if len(left) == 0:
            return None
        if rng is not None:
            left = rng.permutation(left)[: rng.integers(1, MOST_WINDOWS + 1)]
        return style_of(windows.variances[left[:MOST_WINDOWS]])

    def item(self, clip: PreparedClip, first: float, last: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """For a batch: ``style`` (26,), and ``styled`` (), whether there is one."""
        style = self.elsewhere(clip, first, last, rng)
        return {
            "style": np.zeros(STYLE, np.float32) if style is None else style,
            "styled": np.array(style is not None),
        }
