"""From a preset's name, a folder or a hub id to a pipeline on a device."""

from pathlib import Path

import torch
from diffusers.utils.logging import disable_progress_bar

from moditalker.paper.paper_pipeline import PaperPipeline
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.pipeline_base import TalkingPipeline
from moditalker.utils.errors import InputError

PRESETS = ("compact",)
"""Presets whose weights are in this repository."""


def default_weights(preset: str = "compact") -> Path:
    """Folder of a preset's weights in this repository.

    Raises:
        InputError: there is no such preset, or its weights are not there.
    """
    if preset == "paper":
        raise InputError(
            "The paper preset comes without weights; make a folder of them with 'convert' or 'train --preset paper', "
            "then 'assemble --preset paper', and name that."
        )
    folder = Path(__file__).resolve().parent.parent / "assets" / preset
    if not (folder / "model_index.json").is_file():
        raise InputError(
            f"The weights of the preset {preset!r} are missing from {folder}; clone the repository whole, or name a "
            "folder or hub id that holds them."
        )
    return folder


def load_pipeline(source: str | Path = "compact", device: str | None = None) -> TalkingPipeline:
    """Load a pipeline: ``MoDiTalkerPipeline`` or ``PaperPipeline``, as the source says.

    Args:
        source: a preset's name, a folder of weights, or a hub id.
        device: ``cpu`` or ``cuda``; None takes CUDA where there is one. On a ZeroGPU Space that is right too: what is
            put on "cuda" there is moved when a GPU is lent.
    Raises:
        InputError: there are no weights, or they cannot be read.
    """
    named = str(source) in (*PRESETS, "paper")
    place = str(default_weights(str(source)) if named else source)
    disable_progress_bar()
    try:
        kind = MoDiTalkerPipeline.load_config(place).get("_class_name")
        pipeline = (PaperPipeline if kind == "PaperPipeline" else MoDiTalkerPipeline).from_pretrained(place)
    # ValueError is what diffusers raises for a path that does not exist and that cannot be a hub id either.
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"No weights could be loaded from {place!r}; give a preset ({', '.join(PRESETS)}), a folder, or a hub id."
        ) from error
    # What diffusers and torch raise on JSON of another form, and on sizes that no network can have.
    except (AttributeError, KeyError, TypeError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise InputError(f"The weights in {place!r} are damaged ({reason}): get or assemble them again.") from error
    loaded: TalkingPipeline = pipeline.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return loaded
