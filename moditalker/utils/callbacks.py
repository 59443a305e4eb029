"""What a run calls while it is under way."""

from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done and how much there is; what it raises ends the run."""
StepEnd = Callable[[Any, int, int, dict[str, Any]], dict[str, Any]]
"""Called after every denoising step of the motion, as in every diffusers pipeline: pipeline, step (from 0), timestep
and tensors, which are none here."""


def unasked(stage: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""
