"""First numbers on people the networks never saw: ``python -m moditalker.training.measure --data DIR -o FILE.json``.

AToM: correlation of mouth opening and width with the real clip's (with the right recording and with another clip's),
ratio of their standard deviations, lag of the best correlation, blinks. MToV, given the real landmarks: PSNR and LPIPS
(the training loss's network) of the lower face against the real frames, beside the warp alone and MToV without planes.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from moditalker.atom.controls import untangle
from moditalker.atom.sampling import sample_residual
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import eye_opening, mouth_opening, mouth_width
from moditalker.mtov.autoencoder import overlay, to_unit
from moditalker.mtov.conditions import block_conditions
from moditalker.mtov.sampling import BLOCK, BlockSampler, encode_face
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.training.data import PreparedClip, load_clips
from moditalker.training.perceptual import PerceptualLoss
from moditalker.training.train_autoencoder import MOUTH_CENTRE, perceptual_crops
from moditalker.weights import default_weights

LONG = 50
MAX_LAG = 5
Measure = Callable[[np.ndarray], np.ndarray]


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's, 0 when one of the two does not move."""
    if first.std() < 1e-6 or second.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def best_lag(generated: np.ndarray, real: np.ndarray) -> int:
    """By how many frames the generated curve is late (positive) or early."""
    inner = slice(MAX_LAG, len(real) - MAX_LAG)

    def at(lag: int) -> float:
        return correlation(generated[MAX_LAG + lag : len(generated) - MAX_LAG + lag], real[inner])

    return max(range(-MAX_LAG, MAX_LAG + 1), key=at)


def motion_of(
    pipeline: MoDiTalkerPipeline, clip: PreparedClip, speech: np.ndarray, steps: int, guidance: float
) -> np.ndarray:
    """(T, 68, 3) face-centric landmarks that AToM makes for a clip's first frame."""
    frame = FaceFrame(clip.landmarks[0])
    with torch.no_grad():
        residual = sample_residual(
            pipeline.atom,
            pipeline.atom_scheduler,
            speech,
            frame.shape,
            steps=steps,
            guidance=guidance,
            generator=torch.Generator().manual_seed(0),
        )
    return untangle(residual, frame.shape) + frame.shape


def measure_motion(
    pipeline: MoDiTalkerPipeline, clips: list[PreparedClip], steps: int, guidance: float
) -> dict[str, float]:
    """Mean over clips of AToM's measures."""
    columns: dict[str, list[float]] = {}
    for index, clip in enumerate(clips):
        frame = FaceFrame(clip.landmarks[0])
        real = frame.analyse(clip.landmarks)[0] + frame.shape
        generated = motion_of(pipeline, clip, clip.speech(0, len(clip)), steps, guidance)
        other = clips[(index + 1) % len(clips)].features.astype(np.float32)
        foreign = motion_of(pipeline, clip, np.resize(other, (2 * len(clip), other.shape[1])), steps, guidance)
        row: dict[str, float] = {}
        measures: dict[str, Measure] = {"opening": mouth_opening, "width": mouth_width}
        for name, measure in measures.items():
            wanted, got = measure(real), measure(generated)
            row[f"{name}_correlation"] = correlation(got, wanted)
            row[f"{name}_correlation_other_audio"] = correlation(measure(foreign), wanted)
            row[f"{name}_deviation_ratio"] = float(got.std() / max(wanted.std(), 1e-6))
        if len(clip) >= LONG:
            row["lag_frames"] = float(best_lag(mouth_opening(generated), mouth_opening(real)))
            eyes, real_eyes = eye_opening(generated), eye_opening(real)
            row["lid_deviation_ratio"] = float(eyes.std() / max(real_eyes.std(), 1e-6))
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return {name: round(float(np.mean(values)), 4) for name, values in columns.items()}


@torch.no_grad()
def measure_pictures(
    pipeline: MoDiTalkerPipeline, clips: list[PreparedClip], settings: list[tuple[int, float]]
) -> dict[str, dict[str, float]]:
    """PSNR (dB) and LPIPS of the mouth for the warp and for each (steps, start) of MToV; mean over clips."""
    perceptual = PerceptualLoss()
    columns: dict[str, dict[str, list[float]]] = {}
    for clip in clips:
        start = min(len(clip) - BLOCK, BLOCK)
        span = slice(start, start + BLOCK)
        face = encode_face(pipeline.autoencoder, clip.faces(slice(0, 1))[0], clip.landmarks[0])
        real = torch.from_numpy(clip.faces(span).copy()).permute(3, 0, 1, 2).float()
        conditions = block_conditions(
            face.aligned, face.landmarks, face.matrix, clip.landmarks[span], clip.matrices[span]
        )
        hidden = 1 - conditions["visible"].float()
        warped = conditions["warped"].float()
        pictures = {"warp": warped}
        for steps, share in settings:
            sampler = BlockSampler(
                pipeline.autoencoder,
                pipeline.denoiser,
                pipeline.mtov_scheduler,
                face,
                steps=steps,
                start=share,
                generator=torch.Generator().manual_seed(0),
            )
            delta = torch.from_numpy(next(iter(sampler(clip.landmarks[span]))).delta).transpose(0, 1)
            pictures[f"{steps} steps from {share:g}" if steps else "no planes"] = (warped + delta).clamp(0, 255)
        planes, warp = pipeline.autoencoder.encode(to_unit(real[None])), to_unit(warped[None])
        colour, mask = pipeline.autoencoder.decode(planes, warp, conditions["drawn"][None].float() / 255)
        pictures["real planes"] = (overlay(colour, mask, warp)[0] + 1).clamp(0, 2) * 127.5
        for name, picture in pictures.items():
            error = ((picture - real).square() * hidden).sum() / (3 * hidden.sum())
            crops = [perceptual_crops(to_unit(x[None]), MOUTH_CENTRE, (0, 0)) for x in (picture, real)]
            column = columns.setdefault(name, {"mouth_psnr_db": [], "mouth_lpips": []})
            column["mouth_psnr_db"].append(float(10 * torch.log10(255**2 / error)))
            column["mouth_lpips"].append(float(perceptual(*crops).mean()))
    return {
        name: {key: round(float(np.mean(values)), 4) for key, values in column.items()}
        for name, column in columns.items()
    }


def main() -> None:
    """Read the options, measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that 'prepare' wrote")
    parser.add_argument("--weights", help="pipeline folder; the shipped one by default")
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=1, help="take every n-th of the short clips")
    parser.add_argument("--atom-steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, nargs="*", default=[1.25])
    parser.add_argument("--mtov", nargs="*", default=["0:1", "4:0.25"], metavar="STEPS:START")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    pipeline = MoDiTalkerPipeline.from_pretrained(options.weights or str(default_weights()))
    clips = load_clips(options.data, options.split)
    chosen = [c for c in clips if len(c) >= LONG] + [c for c in clips if len(c) < LONG][:: options.every]
    result: dict[str, object] = {"clips": len(chosen), "atom_steps": options.atom_steps}
    for guidance in options.guidance:
        result[f"atom, guidance {guidance:g}"] = measure_motion(pipeline, chosen, options.atom_steps, guidance)
    settings = [(int(steps), float(start)) for steps, start in (pair.split(":") for pair in options.mtov)]
    if settings:
        usable = [clip for clip in chosen if len(clip) >= BLOCK]
        result.update({f"mtov, {k}": v for k, v in measure_pictures(pipeline, usable, settings).items()})
    text = json.dumps(result, indent=1)
    options.output.write_text(text + "\n")
    print(text)  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()
