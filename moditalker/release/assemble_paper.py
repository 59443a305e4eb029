"""From four converted or trained networks to one folder of the paper preset."""

from pathlib import Path
from typing import Any

from moditalker.atom.head import HeadMotion
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.paper_pipeline import PaperPipeline
from moditalker.paper.schedule import paper_atom_scheduler, paper_mtov_scheduler
from moditalker.release.saving import forget_origin
from moditalker.utils.errors import InputError

_PARTS: dict[str, tuple[str, Any]] = {
    "atom": ("atom", PaperAudioToMotion),
    "autoencoder": ("autoencoder-rgb", PaperAutoencoder),
    "landmark_autoencoder": ("autoencoder-motion", PaperAutoencoder),
    "denoiser": ("mtov", PaperMotionToVideo),
}


def assemble_paper(runs: Path, output: Path) -> int:
    """Write a pipeline folder.

    Args:
        runs: folder with ``atom``, ``autoencoder-rgb``, ``autoencoder-motion`` and ``mtov``: runs of ``train``, or what
            ``convert`` wrote; and with ``head``, a run of the compact preset, where heads shall move by themselves.
        output: pipeline folder.
    Returns:
        Bytes of weights.
    Raises:
        InputError: a network is missing, or two of them do not belong together.
    """
    networks = {part: kind.from_pretrained(_model(runs, name)) for part, (name, kind) in _PARTS.items()}
    pictures, landmarks, denoiser = (networks[part] for part in ("autoencoder", "landmark_autoencoder", "denoiser"))
    sizes = [(one.config["size"], one.latent_length, one.config["latent_channels"]) for one in (pictures, landmarks)]
    asked = denoiser.config["side"] * (denoiser.config["side"] + 2 * denoiser.config["frames"])
    if sizes[0] != sizes[1] or (asked, denoiser.config["latent_channels"]) != sizes[0][1:]:
        raise InputError(f"The networks in {runs} are of different sizes; take them from one training or one release.")
    head = HeadMotion.from_pretrained(runs / "head" / "model") if (runs / "head" / "model").is_dir() else None
    pipeline = PaperPipeline(
        **networks, atom_scheduler=paper_atom_scheduler(), mtov_scheduler=paper_mtov_scheduler(), head=head
    )
    pipeline.save_pretrained(output)
    for config in output.glob("*/config.json"):
        forget_origin(config)
    return sum(file.stat().st_size for file in output.rglob("*.safetensors"))


def _model(runs: Path, name: str) -> Path:
    for folder in (runs / name / "model", runs / name):
        if (folder / "config.json").is_file():
            return folder
    raise InputError(
        f"There are no weights in {runs / name}; run 'convert {name} FILE -o {runs / name}' or "
        f"'train {name} --preset paper --output {runs / name}' first."
    )
