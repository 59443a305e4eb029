"""``bench --preset paper``: what 16 frames of the published system cost, network by network."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from moditalker.face.layout import POINTS
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.atom_layers import Encoded
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.paper_pipeline import PUBLISHED

Inputs = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Part:
    """One network call.

    Attributes:
        name: what is called.
        calls: how often for 16 frames; 0 for what is done once a portrait.
        gflop: floating point operations of one call, in thousand millions; a multiplication and an addition are two.
        seconds: that one call took; None when it was not run.
    """

    name: str
    calls: float
    gflop: float
    seconds: float | None


@dataclass(frozen=True)
class _Call:
    name: str
    calls: float
    network: str
    run: Callable[[Any, Inputs], Any]
    shapes: tuple[tuple[int, ...], ...]


def bench_paper(
    *,
    atom_steps: int = PUBLISHED.atom_steps,
    mtov_steps: int = PUBLISHED.mtov_steps,
    device: str | None = "cpu",
    configs: dict[str, dict[str, Any]] | None = None,
    output: Path | None = None,
) -> str:
    """Count and time the networks of the paper preset, with random weights of the published sizes.

    Operations are counted on shapes alone. Guidance calls AToM's denoiser twice a step. Of the portrait two things are
    encoded once: its latent, and its landmarks beside the speech.

    Args:
        atom_steps, mtov_steps: denoising steps.
        device: to time on; None only counts.
        configs: of the networks ``atom``, ``autoencoder``, ``denoiser``, where they differ from the published sizes.
        output: JSON file to write besides.
    Returns:
        A table.
    """
    kinds = {"atom": PaperAudioToMotion, "autoencoder": PaperAutoencoder, "denoiser": PaperMotionToVideo}
    with torch.device("meta"):
        shapes = {name: kind(**(configs or {}).get(name, {})).eval() for name, kind in kinds.items()}
    parts = []
    for name, network in shapes.items():
        ready = _on(network, device)
        for call in _calls(shapes, atom_steps, mtov_steps):
            if call.network == name:
                parts.append(
                    Part(call.name, round(call.calls, 3), _gflop(network, call), _seconds(ready, call, device))
                )
        del ready
    report = _report(parts, device, atom_steps, mtov_steps)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(report, indent=1))
    return _table(parts, report)


def _calls(networks: dict[str, Any], atom_steps: int, mtov_steps: int) -> list[_Call]:
    atom, auto, unet = (networks[name].config for name in ("atom", "autoencoder", "denoiser"))
    length, channels, size = networks["autoencoder"].latent_length, auto["latent_channels"], auto["size"]
    window, block = atom["window"], auto["frames"]
    tokens, width = (1, 2 * window, atom["width"]), atom["width"]
    video, latent = (1, 3, block, size, size), (1, channels, length)
    share = block / window
    told = (tokens, (1, window, width), (1, width), (1, width))
    return [
        _Call(
            "AToM: speech and identity",
            2 * share,
            "atom",
            lambda net, x: net.encode(x[0], x[1], x[2].bool()),
            ((1, window, 3 * POINTS), (1, 2 * window, atom["speech_dim"]), (1,)),
        ),
        _Call(
            "AToM: denoiser",
            2 * atom_steps * share,
            "atom",
            lambda net, x: net.denoise(x[0], x[1], Encoded(*x[2:])),
            ((1, window, 3 * POINTS), (1,), *told),
        ),
        _Call(
            "portrait's latent, once", 0, "autoencoder", lambda net, x: net.encode_still(x[0]), ((1, 3, size, size),)
        ),
        _Call(
            "identity of the next block", 1, "autoencoder", lambda net, x: net.encode_still(x[0]), ((1, 3, size, size),)
        ),
        _Call("encoder: pose and landmarks", 2, "autoencoder", lambda net, x: net.encode(x[0]), (video,)),
        _Call("decoder", 1, "autoencoder", lambda net, x: net.decode(x[0]), (latent,)),
        _Call(
            "MToV: denoiser",
            mtov_steps,
            "denoiser",
            lambda net, x: net(*x),
            (latent, (1,), (1, channels, unet["side"] ** 2), latent, latent),
        ),
    ]


def _on(network: Any, device: str | None) -> nn.Module | None:
    """The network with random weights, or None when nothing is timed."""
    if device is None:
        return None
    ready = type(network)(**{k: v for k, v in network.config.items() if not k.startswith("_")})
    return ready.eval().to(device)


@torch.no_grad()
def _gflop(network: nn.Module, call: _Call) -> float:
    with FlopCounterMode(display=False) as counter:
        call.run(network, tuple(torch.empty(shape, device="meta") for shape in call.shapes))
    return counter.get_total_flops() / 1e9


@torch.inference_mode()
def _seconds(network: nn.Module | None, call: _Call, device: str | None) -> float | None:
    if network is None:
        return None
    inputs = tuple(torch.zeros(shape, device=device) for shape in call.shapes)
    on_gpu = device is not None and device.startswith("cuda")
    if on_gpu:
        call.run(network, inputs)
        torch.cuda.synchronize()
    before = time.perf_counter()
    call.run(network, inputs)
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - before


def _report(parts: list[Part], device: str | None, atom_steps: int, mtov_steps: int) -> dict[str, Any]:
    times = [part.calls * part.seconds for part in parts if part.seconds is not None]
    return {
        "preset": "paper",
        "atom_steps": atom_steps,
        "mtov_steps": mtov_steps,
        "device": device,
        "threads": torch.get_num_threads(),
        "parts": [asdict(part) for part in parts],
        "tflop_per_16_frames": round(sum(part.calls * part.gflop for part in parts) / 1e3, 4),
        "seconds_per_16_frames": round(sum(times), 3) if times else None,
    }


def _table(parts: list[Part], report: dict[str, Any]) -> str:
    lines = [f"{'':30}{'calls':>8}{'GFLOP a call':>14}{'seconds a call':>16}"]
    for part in parts:
        seconds = "-" if part.seconds is None else f"{part.seconds:.3f}"
        lines.append(f"{part.name:30}{part.calls:>8.2f}{part.gflop:>14.2f}{seconds:>16}")
    seconds = report["seconds_per_16_frames"]
    timed = "not timed" if seconds is None else f"{seconds:.1f} s on {report['device']}, {report['threads']} thread(s)"
    lines.append(f"16 frames: {report['tflop_per_16_frames']:.3f} TFLOP, {timed}")
    return "\n".join(lines) + "\n"
