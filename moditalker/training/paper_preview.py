"""What trained networks of the paper preset make of clips: ``python -m moditalker.training.paper_preview``.

A row a clip, at the widest open mouth of a block: the portrait (the clip's first frame), landmarks, pose frame, MToV by
the real landmarks, the autoencoder alone, the real frame. Numbers: PSNR of the same over all frames of the blocks, and
how AToM's mouth opening follows the real one.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.paper.head_square import drawn_frames, hide, visible_frames, warped_frames
from moditalker.paper.paper_pipeline import PUBLISHED, PaperPipeline
from moditalker.paper.paper_sampling import BlockChain, sample_motion
from moditalker.training.data.paper_shards import ShardedClip, Shards

COLUMNS = ("portrait", "landmarks", "pose", "MToV", "autoencoder", "real")
Measures = dict[str, float]


@torch.no_grad()
def clip_row(pipeline: PaperPipeline, shards: Shards, clip: ShardedClip, steps: int) -> tuple[np.ndarray, Measures]:
    """A row of the sheet (S, 6 S, 3) uint8 and a clip's PSNRs, over its whole blocks, two at most."""
    size, block, inputs = shards.size, pipeline.autoencoder.config["frames"], pipeline.config["inputs"]
    motion = shards.motion(clip)
    count = min(2, clip.frames // block) * block
    landmarks = motion.landmarks[:count]
    real = shards.frames(clip, np.arange(count))
    square = torch.from_numpy(real[0]).permute(2, 0, 1)
    identity = pipeline.autoencoder.encode_still(to_unit(square)[None])
    face = EncodedFace(square.float(), motion.landmarks[0], np.eye(2, 3, dtype=np.float32), identity)
    chain = BlockChain(
        pipeline.autoencoder,
        pipeline.landmark_autoencoder,
        pipeline.denoiser,
        pipeline.mtov_scheduler,
        face,
        steps=steps,
        start=pipeline.config["mtov_start"],
        generator=torch.Generator().manual_seed(0),
        inputs=inputs,
        chain=pipeline.config["chain"],
    )
    generated = np.concatenate(list(chain(landmarks)))
    video = to_unit(torch.from_numpy(real)).permute(3, 0, 1, 2).unflatten(1, (-1, block)).transpose(0, 1)
    again = pipeline.autoencoder.decode(pipeline.autoencoder.encode(video)).transpose(0, 1).flatten(1, 2)
    visible = visible_frames(landmarks, size, inputs)
    pose = hide(to_unit(warped_frames(square, motion.landmarks[0], landmarks)), visible)
    columns = {
        "portrait": np.repeat(real[:1], count, 0),
        "landmarks": drawn_frames(landmarks, size, inputs).permute(1, 2, 3, 0).numpy(),
        "pose": _pictures(pose),
        "MToV": generated,
        "autoencoder": _pictures(again),
        "real": real,
    }
    shown = int(mouth_opening(landmarks).argmax())
    measures = {name: _psnr(columns[name], real) for name in ("portrait", "MToV", "autoencoder")}
    return np.concatenate([columns[name][shown] for name in COLUMNS], 1), measures


def _pictures(video: torch.Tensor) -> np.ndarray:
    """(3, T, S, S) in [-1, 1] -> (T, S, S, 3) uint8."""
    return ((video.float() + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).permute(1, 2, 3, 0).numpy()


def _psnr(made: np.ndarray, real: np.ndarray) -> float:
    """Decibels over all frames."""
    return float(20 * np.log10(255) - 10 * np.log10(np.square(made.astype(np.float64) - real).mean()))


@torch.no_grad()
def lips_correlation(pipeline: PaperPipeline, shards: Shards, clip: ShardedClip, steps: int) -> float:
    """How the mouth opening that AToM hears follows the real one, of one window at least."""
    motion = shards.motion(clip)
    shape = FaceFrame(motion.landmarks[0]).shape
    residual = sample_motion(
        pipeline.atom,
        pipeline.atom_scheduler,
        motion.features.astype(np.float32),
        shape,
        steps=steps,
        guidance=1.0,
        generator=torch.Generator().manual_seed(0),
        inputs=pipeline.config["inputs"],
    )
    frames = min(len(residual), len(motion.landmarks))
    predicted, real = mouth_opening(residual + shape)[:frames], mouth_opening(motion.landmarks)[:frames]
    return float(np.corrcoef(predicted, real)[0, 1])


def main() -> None:
    """Read the options, draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that 'shards' wrote")
    parser.add_argument("--weights", required=True, help="folder that 'assemble --preset paper' wrote")
    parser.add_argument("--split", default="val")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--atom-steps", type=int, default=PUBLISHED.atom_steps)
    parser.add_argument("--mtov-steps", type=int, default=PUBLISHED.mtov_steps)
    parser.add_argument("-o", "--output", type=Path, required=True, help="SHEET.png; SHEET.json beside it")
    options = parser.parse_args()
    pipeline = PaperPipeline.from_pretrained(options.weights)
    shards = Shards(options.data, options.split)
    clips = [clip for clip in shards.clips if clip.frames >= pipeline.autoencoder.config["frames"]][: options.clips]
    rows, measures = zip(*(clip_row(pipeline, shards, clip, options.mtov_steps) for clip in clips), strict=True)
    report = {f"psnr {name}": round(float(np.mean([one[name] for one in measures])), 2) for name in measures[0]}
    lips = [lips_correlation(pipeline, shards, clip, options.atom_steps) for clip in clips]
    report["lips correlation"] = round(float(np.mean(lips)), 3)
    sheet = Image.fromarray(np.concatenate(rows, 0))
    sheet = sheet.resize((sheet.width * max(1, 128 // shards.size), sheet.height * max(1, 128 // shards.size)))
    labelled = Image.new("RGB", (sheet.width, sheet.height + 16), "white")
    labelled.paste(sheet, (0, 16))
    for index, name in enumerate(COLUMNS):
        ImageDraw.Draw(labelled).text((index * sheet.width // len(COLUMNS) + 4, 2), name, fill="black")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    labelled.save(options.output)
    options.output.with_suffix(".json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
