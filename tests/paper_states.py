"""State dictionaries under the published names, of the published sizes or of tiny ones, with random weights."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from moditalker.paper.convert import KINDS
from moditalker.paper.names import NOT_WEIGHTS, our_name

State = dict[str, torch.Tensor]

KEYS: dict[str, dict[str, list[int]]] = json.loads((Path(__file__).with_name("paper_keys.json")).read_text())
"""Names and shapes of the published state dictionaries."""
FILES = {"atom": "atom", "autoencoder-rgb": "autoencoder", "autoencoder-motion": "autoencoder", "mtov": "mtov"}

TINY: dict[str, dict[str, Any]] = {
    "atom": {"speech_dim": 24, "width": 32, "num_layers": 2, "heads": 4, "inner": 48, "window": 9, "overlap": 3},
    "autoencoder": {"size": 32, "width": 32, "depth": 2, "heads": 2, "head_dim": 16, "pooling_inner": 24},
    "mtov": {"width": 32, "multipliers": (1, 2, 2), "heads": 4, "attention_levels": (0, 1), "side": 8},
}
HEADS = {"atom": 4, "autoencoder": 2, "mtov": 4}

_CONSTANTS = ("freqs", "scales", *NOT_WEIGHTS)
_LAST = ("final_layer.", "pre_xy.", "pre_yt.", "pre_xt.", "to_pixel.")


def published_template(kind: str, config: Mapping[str, Any]) -> State:
    """Published names of a network of ours, with tensors of its shapes; constants have their values."""
    chosen, file = KINDS[kind], FILES[kind]
    ours = chosen.network(**config).state_dict()
    template = {name: ours[our] for name in KEYS[file] if (our := our_name(name, chosen.rules)) in ours}
    return template | {name: torch.linspace(-1, 1, 16)[:, None] for name in KEYS[file] if name in NOT_WEIGHTS}


def network_sizes(kind: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The whole configuration of a network of ours, defaults included."""
    with torch.device("meta"):
        return KINDS[kind].network(**config).config


def random_state(template: State, seed: int = 0) -> State:
    """Weights drawn for every tensor of a template but its constants.

    Nothing is left at zero, and the last layers are quiet: what is limited afterwards would hide differences.
    """
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, value in template.items():
        if name.endswith(_CONSTANTS):
            state[name] = value.clone()
            continue
        drawn = torch.randn(value.shape, generator=generator)
        if value.dim() == 1:
            state[name] = 0.1 * drawn + (1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("weight"):
            loudness = 0.3 if name.startswith(_LAST) else 1.0
            state[name] = loudness * drawn / math.sqrt(value.shape[1:].numel())
        else:
            state[name] = drawn  # tokens and their places
    return state


def published_state(kind: str, seed: int = 0) -> State:
    """Random weights under the published names, of the tiny sizes."""
    return random_state(published_template(kind, TINY[FILES[kind]]), seed)
