"""How AToM should be sampled: ``python -m moditalker.training.sweep --data DIR [--weights FOLDER] [-o FILE.json]``.

For every combination of steps, guidance and temperature: how mouth opening and width of unseen speakers correlate with
the real clip's, with the right recording and with another clip's, how their deviations compare, by how many frames the
lips are late, and what a second of speech costs. Clips' own offsets are removed first.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_sampling import LIP_TEMPERATURE, sample_residual
from moditalker.atom.schedulers import atom_scheduler
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening, mouth_width
from moditalker.face.motion_controls import untangle
from moditalker.loading import default_weights
from moditalker.metrics.curves import correlation, deviation_ratio
from moditalker.metrics.lag import best_lag
from moditalker.options import DEFAULTS
from moditalker.training.data.clips import PreparedClip, load_clips

LONG = 50
"""Frames that a clip needs for its lag to be found."""


def lips_of(
    atom: AudioToMotion,
    scheduler: SchedulerMixin,
    clip: PreparedClip,
    speech: np.ndarray,
    steps: int,
    guidance: float,
    temperature: float,
) -> np.ndarray:
    """(T, 68, 3) face-centric landmarks that AToM makes of a clip's first frame and speech (2T, D)."""
    shape = FaceFrame(clip.landmarks[0]).shape
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        residual = sample_residual(
            atom, scheduler, speech, shape, steps=steps, guidance=guidance, generator=generator, temperature=temperature
        )
    return untangle(residual, shape) + shape


def measure(
    atom: AudioToMotion, clips: list[PreparedClip], steps: int, guidance: float, temperature: float
) -> dict[str, float]:
    """Means over clips for one way to sample; the speakers must be strangers to the network."""
    scheduler = atom_scheduler()
    rows: list[dict[str, float]] = []
    seconds = 0.0
    for index, clip in enumerate(clips):
        frame = FaceFrame(clip.landmarks[0])
        real = frame.analyse(clip.landmarks)[0] + frame.shape
        began = time.process_time()
        own = lips_of(atom, scheduler, clip, clip.speech(0, len(clip)), steps, guidance, temperature)
        seconds += time.process_time() - began
        features = clips[(index + 1) % len(clips)].features.astype(np.float32)
        foreign = np.resize(features, (2 * len(clip), features.shape[1]))
        other = lips_of(atom, scheduler, clip, foreign, steps, guidance, temperature)
        row = {}
        for name, curve in (("opening", mouth_opening), ("width", mouth_width)):
            row[name] = correlation(curve(own), curve(real))
            row[f"{name}_other_audio"] = correlation(curve(other), curve(real))
            row[f"{name}_deviation"] = deviation_ratio(curve(own), curve(real))
        if len(clip) >= LONG:
            row["lag_frames"] = float(best_lag(mouth_opening(own), mouth_opening(real)))
            row["within_one_frame"] = float(abs(row["lag_frames"]) <= 1)
        rows.append(row)
    keys = dict.fromkeys(key for row in rows for key in row)
    means = {key: float(np.mean([row[key] for row in rows if key in row])) for key in keys}
    means["cpu_seconds_a_second"] = seconds / (sum(len(clip) for clip in clips) / 25)
    return {key: round(value, 3) for key, value in means.items()}


def main() -> None:
    """Read the options, measure, print one row a combination, write them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that 'prepare' wrote")
    parser.add_argument("--weights", type=Path, help="pipeline folder, the shipped one by default, or a run's 'model'")
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=1, help="take every n-th of the short clips")
    parser.add_argument("--steps", type=int, nargs="*", default=[DEFAULTS.atom_steps])
    parser.add_argument("--guidance", type=float, nargs="*", default=[DEFAULTS.guidance])
    parser.add_argument("--temperature", type=float, nargs="*", default=[LIP_TEMPERATURE])
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    options = parser.parse_args()
    folder = options.weights or default_weights()
    atom = AudioToMotion.from_pretrained(folder / "atom" if (folder / "atom").is_dir() else folder).float().eval()
    clips = load_clips(options.data, options.split, encoder=atom.config["speech_encoder"])
    clips = [c for c in clips if len(c) >= LONG] + [c for c in clips if len(c) < LONG][:: options.every]
    table = []
    for steps, guidance, temperature in product(options.steps, options.guidance, options.temperature):
        asked = {"steps": steps, "guidance": guidance, "temperature": temperature}
        table.append(asked | measure(atom, clips, steps, guidance, temperature))
        print(json.dumps(table[-1]), flush=True)  # noqa: T201 - this is a command
        if options.output is not None:
            options.output.write_text(json.dumps({"clips": len(clips), "rows": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
