"""From finished runs to one pipeline folder, in half precision safetensors."""

import json
from pathlib import Path
from typing import Any

import torch

from moditalker.atom.arousal import ArousalMap
from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_transformer import MotionTransformer
from moditalker.atom.schedulers import atom_scheduler, mtov_scheduler
from moditalker.mtov.autoencoder import TriplaneAutoencoder
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.detail import DetailGains
from moditalker.mtov.flow import FlowRefiner
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.release.saving import strip_name_or_path
from moditalker.release.shipping import run_history
from moditalker.utils.errors import InputError

NETWORKS: dict[str, Any] = {
    "atom": AudioToMotion,
    "head": HeadMotion,
    "autoencoder": TriplaneAutoencoder,
    "denoiser": MotionToVideo,
    "flow": FlowRefiner,
    "detail": DetailGains,
    "blendshapes": BlendshapeMap,
    "lips_part": MotionTransformer,
    "expression_part": MotionTransformer,
    "head_part": MotionTransformer,
    "arousal": ArousalMap,
}
"""The pipeline's parts that are trained."""
OPTIONAL = ("blendshapes", "lips_part", "expression_part", "head_part", "arousal")
"""Those that a preset may lack."""


def run_name(part: str) -> str:
    """Which run trains a part."""
    return "mtov" if part == "denoiser" else part.replace("_", "-")


def assemble(runs: Path, output: Path) -> int:
    """Write a pipeline folder, and ``training.json`` in it: what each run was and how it ended.

    Args:
        runs: folder with the runs ``atom``, ``head``, ``autoencoder``, ``flow``, ``mtov`` and ``detail``, and those of
            ``OPTIONAL`` that the preset is to have (``head-part`` for ``head_part``).
        output: pipeline folder.
    Returns:
        Bytes of weights.
    Raises:
        InputError: a run is missing or was never saved.
    """
    networks, history = {}, {}
    for part, kind in NETWORKS.items():
        run = runs / run_name(part)
        if part in OPTIONAL and not run.exists():
            continue
        if not (run / "model" / "config.json").is_file():
            raise InputError(f"There are no weights in {run}; run 'train {run.name} --output {run}' first.")
        # The decoder goes on learning beside the denoiser, so the run of the latter has the last word.
        joint = runs / "mtov" / part
        networks[part] = kind.from_pretrained(joint if joint.is_dir() else run / "model").to(torch.float16)
        history[part] = run_history(run)
    pipeline = MoDiTalkerPipeline(**networks, atom_scheduler=atom_scheduler(), mtov_scheduler=mtov_scheduler())
    pipeline.save_pretrained(output)
    for part in networks:
        strip_name_or_path(output / part / "config.json")
    (output / "training.json").write_text(json.dumps(history, indent=1))
    return sum(file.stat().st_size for file in output.rglob("*.safetensors"))
