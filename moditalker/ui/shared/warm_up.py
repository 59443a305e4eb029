"""What the first visitor should not have to wait for."""

from contextlib import suppress

import numpy as np

from moditalker.audio.features import make_speech_encoder
from moditalker.constants import SAMPLE_RATE
from moditalker.face.tracker import make_tracker
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.utils.errors import InputError


def warm_up(pipeline: MoDiTalkerPipeline) -> None:
    """Load the speech encoder and the face tracker, which otherwise happens at their first use."""
    make_speech_encoder(pipeline.atom.config["speech_encoder"])(np.zeros(SAMPLE_RATE, np.float32))
    # There is no face in it; the tracker is loaded all the same.
    with suppress(InputError):
        make_tracker(pipeline.config["tracker"]).detect(np.zeros((128, 128, 3), np.uint8))
