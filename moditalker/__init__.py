"""MoDiTalker: a portrait and a speech recording in, a video of that person speaking out."""

from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.loading import default_weights, load_pipeline
from moditalker.mtov.autoencoder import TriplaneAutoencoder
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.pipeline_base import MoDiTalkerOutput, MotionOutput
from moditalker.portrait import Portrait
from moditalker.utils.errors import InputError

__all__ = [
    "AudioToMotion",
    "HeadMotion",
    "InputError",
    "MoDiTalkerOutput",
    "MoDiTalkerPipeline",
    "MotionOutput",
    "MotionToVideo",
    "Portrait",
    "TriplaneAutoencoder",
    "default_weights",
    "load_pipeline",
]
