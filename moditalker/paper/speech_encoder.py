"""Naming the speech encoder of a converted AToM: HuBERT by hub id, or from a local folder that needs no network."""

import json
from pathlib import Path

from moditalker.utils.errors import InputError

HUBERT = "facebook/hubert-large-ls960-ft"
"""The published system's, by its hub id; 1024 numbers at 50 Hz."""
_NEEDED = ("config.json", "preprocessor_config.json")


def speech_encoder_name(source: str, speech_dim: int) -> str:
    """What AToM's configuration is to hold, so that ``make_speech_encoder`` finds the encoder.

    Args:
        source: local folder as ``save_pretrained`` of transformers writes it, or hub id.
        speech_dim: how many numbers AToM takes of a moment.
    Raises:
        InputError: the folder is not one of a speech encoder, or its features are of another size.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or source.startswith((".", "~")):
            raise InputError(f"There is no folder {source}; name the one that holds the speech encoder, or a hub id.")
        return f"hub:{source}"
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{source} lacks {' and '.join(missing)}; fetch the whole encoder, for instance with "
            f"'hf download {HUBERT} --local-dir {source}'."
        )
    try:
        size = json.loads((folder / "config.json").read_text()).get("hidden_size")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{folder / 'config.json'} cannot be read as JSON; fetch the encoder again.") from error
    if size != speech_dim:
        raise InputError(
            f"The speech encoder in {source} gives {size} numbers of a moment and AToM takes {speech_dim}; the "
            f"published one is {HUBERT}."
        )
    return f"hub:{folder.resolve()}"
