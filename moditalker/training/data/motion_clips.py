"""What the trainings of motion share: clips with their speech, and the windows a normalisation is measured on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from moditalker.training.data.batch_source import Batch
from moditalker.training.data.clips import PreparedClip, encoder_of, load_clips
from moditalker.training.data.motion_batches import MotionBatches


class MotionClips(NamedTuple):
    """Prepared clips as an encoder hears them.

    Attributes:
        encoder: its name.
        training: with the variants of their speech.
        validation: other speakers, as they are.
    """

    encoder: str
    training: list[PreparedClip]
    validation: list[PreparedClip]


def motion_clips(data: Path, encoder: str | None, *, variants: bool = True) -> MotionClips:
    """Both splits of prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
        encoder: whose speech features are taken; None for those that ``prepare`` made last.
        variants: of the speech of the training clips.
    Raises:
        InputError: there are no such clips or features.
    """
    encoder = encoder or encoder_of(data)
    training = load_clips(data, "train", encoder=encoder, variants=variants)
    return MotionClips(encoder, training, load_clips(data, "val", encoder=encoder))


def sample_batches(source: MotionBatches, count: int) -> list[Batch]:
    """Batches to measure a normalisation on; the same ones in every run."""
    return [source(np.random.default_rng((7, index))) for index in range(count)]
