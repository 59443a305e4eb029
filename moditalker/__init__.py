"""MoDiTalker: a portrait and a speech recording in, a video of that person speaking out.

The names below are loaded at their first use. So a command that is refused says so at once, and does not first spend
seconds on torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moditalker.atom.head import HeadMotion
    from moditalker.atom.model import AudioToMotion
    from moditalker.loading import default_weights, load_pipeline
    from moditalker.mtov.autoencoder import TriplaneAutoencoder
    from moditalker.mtov.denoiser import MotionToVideo
    from moditalker.outputs import MoDiTalkerOutput, MotionOutput
    from moditalker.pipeline import MoDiTalkerPipeline
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

_MODULES = {
    "AudioToMotion": "atom.model",
    "HeadMotion": "atom.head",
    "InputError": "utils.errors",
    "MoDiTalkerOutput": "outputs",
    "MoDiTalkerPipeline": "pipeline",
    "MotionOutput": "outputs",
    "MotionToVideo": "mtov.denoiser",
    "Portrait": "portrait",
    "TriplaneAutoencoder": "mtov.autoencoder",
    "default_weights": "loading",
    "load_pipeline": "loading",
}


def __getattr__(name: str) -> object:
    """One of the names above, loaded (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
