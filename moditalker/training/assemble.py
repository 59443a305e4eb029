"""From four finished runs to one pipeline folder, in half precision safetensors."""

import json
from pathlib import Path

import torch

from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.schedule import atom_scheduler, mtov_scheduler
from moditalker.errors import InputError
from moditalker.mtov.autoencoder import TriplaneAutoencoder
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.pipeline import MoDiTalkerPipeline

_RUNS = {"atom": AudioToMotion, "head": HeadMotion, "autoencoder": TriplaneAutoencoder, "denoiser": MotionToVideo}


def assemble(runs: Path, output: Path) -> int:
    """Write a pipeline folder, and ``training.json`` in it: what each run was and how it ended.

    Args:
        runs: folder with the runs ``atom``, ``head``, ``autoencoder`` and ``mtov``.
        output: pipeline folder.
    Returns:
        Bytes of weights.
    Raises:
        InputError: a run is missing or was never saved.
    """
    networks, history = {}, {}
    for part, kind in _RUNS.items():
        run = runs / ("mtov" if part == "denoiser" else part)
        if not (run / "model" / "config.json").is_file():
            raise InputError(f"There are no weights in {run}; run 'train {run.name} --output {run}' first.")
        # The decoder goes on learning beside the denoiser, so the run of the latter has the last word.
        joint = runs / "mtov" / part
        networks[part] = kind.from_pretrained(joint if joint.is_dir() else run / "model").to(torch.float16)
        entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        described = json.loads((run / "run.json").read_text())
        described.pop("output")
        # Weights are saved where they are validated; what was logged after that is not in them.
        history[part] = {**described, "last": [entry for entry in entries if "validation" in entry][-1]}
    pipeline = MoDiTalkerPipeline(**networks, atom_scheduler=atom_scheduler(), mtov_scheduler=mtov_scheduler())
    pipeline.save_pretrained(output)
    for part in networks:
        # diffusers writes down where the weights were read from, which is nobody's business.
        path = output / part / "config.json"
        config = {key: value for key, value in json.loads(path.read_text()).items() if key != "_name_or_path"}
        path.write_text(json.dumps(config, indent=2) + "\n")
    (output / "training.json").write_text(json.dumps(history, indent=1))
    return sum(file.stat().st_size for file in output.rglob("*.safetensors"))
