"""Contact sheets of people the networks never saw: ``python -m moditalker.training.preview --data DIR -o SHEET.png``.

Two rows a clip: the widest open mouth and the most closed one. Columns: the portrait (first frame of the clip),
landmarks, warp with its flow refined, MToV without planes, MToV, the autoencoder given the real video's planes, the
real frame.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening
from moditalker.loading import load_pipeline
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.block_sampling import BLOCK, BlockSampler, encode_face
from moditalker.mtov.conditions import block_conditions, guides
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.training.data.clips import PreparedClip, load_clips

COLUMNS = ("portrait", "landmarks", "warp", "no planes", "output", "real planes", "real")


@torch.no_grad()
def clip_rows(pipeline: MoDiTalkerPipeline, clip: PreparedClip, steps: int) -> list[np.ndarray]:
    """Two rows of a sheet, (128, 7 * 128, 3) uint8 each: the block around the widest open mouth and its extremes."""
    opening = mouth_opening(clip.landmarks)
    reference = int(opening.argmin()) if opening.argmax() == 0 else 0
    start = int(np.clip(opening.argmax() - BLOCK // 2, 0, len(clip) - BLOCK))
    span = slice(start, start + BLOCK)
    portrait = clip.faces(slice(reference, reference + 1))[0]
    landmarks, real = clip.landmarks[span], clip.faces(span)
    face = encode_face(pipeline.autoencoder, portrait, clip.landmarks[reference])
    frame = FaceFrame(face.landmarks)
    motion = frame.motion(landmarks, clip.matrices[span])
    conditions = block_conditions(face.aligned, frame, face.matrix, motion, pipeline.flow)
    warped = conditions["warped"].permute(1, 2, 3, 0).numpy()

    def rendered(count: int) -> np.ndarray:
        sampler = BlockSampler(
            pipeline.autoencoder,
            pipeline.denoiser,
            pipeline.mtov_scheduler,
            face,
            steps=count,
            start=pipeline.config["mtov_start"],
            generator=torch.Generator().manual_seed(0),
            refiner=pipeline.flow,
            detail=pipeline.detail,
        )
        delta = next(iter(sampler(frame.motion(landmarks)))).delta.transpose(0, 2, 3, 1)
        return np.clip(warped + delta, 0, 255).round().astype(np.uint8)

    video = torch.from_numpy(real.copy()).permute(3, 0, 1, 2)[None]
    warp = to_unit(conditions["warped"][None])
    planes = pipeline.autoencoder.encode(to_unit(video))
    conditioning = guides(conditions["landmark_map"], conditions["displacement"])[None]
    best = pipeline.autoencoder.render(planes, warp, conditioning)[0].permute(1, 2, 3, 0)
    best_pictures = ((best + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).numpy()
    empty, output = rendered(0), rendered(steps)
    landmark_map = conditions["landmark_map"].permute(1, 2, 3, 0).numpy()
    rows = []
    for index in (int(opening[span].argmax()), int(opening[span].argmin())):
        columns = (landmark_map, warped, empty, output, best_pictures, real)
        rows.append(np.concatenate([portrait, *(column[index] for column in columns)], 1))
    return rows


def main() -> None:
    """Read the options, draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that 'prepare' wrote")
    parser.add_argument("--weights", help="pipeline folder; the shipped one by default")
    parser.add_argument("--split", default="val")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--mtov-steps", type=int, default=4)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    pipeline = load_pipeline(options.weights or "compact")
    by_speaker: dict[str, PreparedClip] = {}
    for clip in load_clips(options.data, options.split):
        if len(clip) >= BLOCK and clip.speaker not in by_speaker:
            by_speaker[clip.speaker] = clip
    clips = sorted(by_speaker.values(), key=len, reverse=True)[: options.people]
    rows = [row for clip in clips for row in clip_rows(pipeline, clip, options.mtov_steps)]
    sheet = Image.fromarray(np.concatenate(rows, 0))
    labelled = Image.new("RGB", (sheet.width, sheet.height + 16), "white")
    labelled.paste(sheet, (0, 16))
    for index, name in enumerate(COLUMNS):
        ImageDraw.Draw(labelled).text((index * 128 + 4, 2), name, fill="black")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    labelled.save(options.output)


if __name__ == "__main__":
    main()
