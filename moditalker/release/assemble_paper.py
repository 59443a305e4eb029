"""From four converted or trained networks to one folder of the paper preset."""

from pathlib import Path
from typing import Any

from moditalker.atom.head import HeadMotion
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.inputs import Chain, Inputs, check_choice
from moditalker.paper.paper_pipeline import PaperPipeline
from moditalker.paper.schedule import paper_atom_scheduler, paper_mtov_scheduler
from moditalker.paper.speech_encoder import speech_encoder_name
from moditalker.release.saving import strip_name_or_path
from moditalker.utils.errors import InputError

_PARTS: dict[str, tuple[str, Any]] = {
    "atom": ("atom", PaperAudioToMotion),
    "autoencoder": ("autoencoder-rgb", PaperAutoencoder),
    "landmark_autoencoder": ("autoencoder-motion", PaperAutoencoder),
    "denoiser": ("mtov", PaperMotionToVideo),
}


_CHAINS: dict[Inputs, Chain] = {"released": "first", "ours": "last"}
"""What blocks start from where nothing is said: as the released sampling script does, and as networks learn it here."""


def assemble_paper(
    runs: Path,
    output: Path,
    inputs: Inputs | None = None,
    chain: Chain | None = None,
    speech_encoder: str | None = None,
) -> int:
    """Write a pipeline folder.

    Args:
        runs: folder with ``atom``, ``autoencoder-rgb``, ``autoencoder-motion`` and ``mtov``: runs of ``train``, or what
            ``convert`` wrote; and with ``head``, a run of the compact preset, where heads shall move by themselves.
        output: pipeline folder.
        inputs: what the networks are shown; by default what they were converted or trained with.
        chain: what blocks start from; by default ``first`` with released inputs and ``last`` with ours.
        speech_encoder: folder or hub id of what AToM hears with; by default the one it was converted or trained with.
    Returns:
        Bytes of weights.
    Raises:
        InputError: a network is missing, two of them do not belong together, or a value is none of the choices.
    """
    check_choice(inputs, chain)
    networks = {part: kind.from_pretrained(_model(runs, name)) for part, (name, kind) in _PARTS.items()}
    pictures, landmarks, denoiser = (networks[part] for part in ("autoencoder", "landmark_autoencoder", "denoiser"))
    sizes = [(one.config["size"], one.latent_length, one.config["latent_channels"]) for one in (pictures, landmarks)]
    asked = denoiser.config["side"] * (denoiser.config["side"] + 2 * denoiser.config["frames"])
    if sizes[0] != sizes[1] or (asked, denoiser.config["latent_channels"]) != sizes[0][1:]:
        raise InputError(f"The networks in {runs} are of different sizes; take them from one training or one release.")
    shown = inputs or _common_inputs(networks)
    for network in networks.values():
        if network.config["inputs"] is not None:
            network.register_to_config(inputs=shown)
    atom = networks["atom"]
    if speech_encoder is not None:
        atom.register_to_config(speech_encoder=speech_encoder_name(speech_encoder, atom.config["speech_dim"]))
    head = HeadMotion.from_pretrained(runs / "head" / "model") if (runs / "head" / "model").is_dir() else None
    pipeline = PaperPipeline(
        **networks,
        atom_scheduler=paper_atom_scheduler(),
        mtov_scheduler=paper_mtov_scheduler(),
        head=head,
        inputs=shown,
        chain=chain or _CHAINS[shown],
    )
    pipeline.save_pretrained(output)
    for config in output.glob("*/config.json"):
        strip_name_or_path(config)
    return sum(file.stat().st_size for file in output.rglob("*.safetensors"))


def _common_inputs(networks: dict[str, Any]) -> Inputs:
    """What all networks that see landmarks were trained on; autoencoders of pictures see none."""
    said = {_PARTS[part][0]: network.config["inputs"] for part, network in networks.items()}
    kinds: dict[Inputs, list[str]] = {}
    for name, kind in said.items():
        if kind is not None:
            kinds.setdefault(kind, []).append(name)
    if len(kinds) > 1:
        told = " and ".join(f"{', '.join(names)} to {kind} inputs" for kind, names in kinds.items())
        raise InputError(f"The networks do not belong together: {told}; name one with --inputs, or convert them alike.")
    return next(iter(kinds))


def _model(runs: Path, name: str) -> Path:
    for folder in (runs / name / "model", runs / name):
        if (folder / "config.json").is_file():
            return folder
    raise InputError(
        f"There are no weights in {runs / name}; run 'convert {name} FILE -o {runs / name}' or "
        f"'train {name} --preset paper --output {runs / name}' first."
    )
