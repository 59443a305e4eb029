"""What the lip-sync expert is worth: ``python -m moditalker.training.sync_check --data DIR``.

On people it never saw, sound and picture are moved against each other by -8 to 8 frames, by cutting the start of one of
them, and the offset found must move along. Clips of at least two seconds are measured alone, shorter ones also ten at a
time (their curves are averaged). The confidence is compared with that of another clip's sound.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from moditalker.sync.crops_and_mel import log_mel, mouth_crops
from moditalker.sync.expert import SyncExpert
from moditalker.sync.expert_weights import load_expert, shipped_expert
from moditalker.sync.offset_scoring import SyncCurve, distance_by_offset, embed_mel, embed_mouths, mean_curve
from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.training.data.offsets import LONG_FRAMES, SHORT_LEAST, SHORT_RANGE
from moditalker.training.data.recordings import load_sound

SHIFTS = range(-8, 9)
POOL = 10
_FRAME_SAMPLES = 640


class Trial:
    """One clip, ready to be scored at any shift.

    Args:
        sound: (N,) float32, 16 kHz; another clip's, to compare with.
    """

    def __init__(self, expert: SyncExpert, clip: PreparedClip, sound: np.ndarray) -> None:
        self.expert, self.sound = expert, sound
        self.picture = embed_mouths(expert, mouth_crops(np.asarray(clip.faces(slice(None)))))
        self.short = len(clip) < LONG_FRAMES
        # A short clip is averaged with others, so its own offset is taken away first.
        self.own = (clip.offset or 0) if self.short else 0

    def curve(self, shift: int) -> SyncCurve:
        """Distances when the sound comes ``shift`` frames later than it does, or, in a short clip, than it should."""
        shift += self.own
        picture = self.picture[max(0, shift) :]
        embedded = embed_mel(self.expert, log_mel(self.sound[max(0, -shift) * _FRAME_SAMPLES :]))
        if self.short:
            return distance_by_offset(picture, embedded, SHORT_RANGE, SHORT_LEAST)
        return distance_by_offset(picture, embedded)


def share_that_follows(rows: list[dict[int, SyncCurve]]) -> float:
    """The share of shifts k, over all rows, whose offset is that of shift 0 plus k, within one frame."""
    follows = [
        abs(curves[shift].score().offset - curves[0].score().offset - shift) <= 1
        for curves in rows
        for shift in SHIFTS
        if shift != 0
    ]
    return float(np.mean(follows)) if follows else float("nan")


def check_expert(data: Path, expert: SyncExpert, split: str = "val") -> dict[str, float]:
    """Measure the expert on the clips of a split.

    Args:
        data: folder that ``prepare`` wrote, with its recordings (``keep_sound``).
    Returns:
        ``long_clips`` and ``long_follow``: clips of at least two seconds, and the share of shifts that the offset
        follows within one frame; ``pools`` and ``pool_follow``, ``pool_zero``: the same of one-second clips ten at a
        time, their known offsets taken away, and the share of pools that are then found within one frame of zero;
        ``short_zero``: that share of the clips alone;
        ``confidence``, ``confidence_other``: means over long clips, with their own and with another clip's sound;
        ``confidence_order``: how often their own is the greater.
    """
    clips = sorted(load_clips(data, split), key=lambda clip: clip.name)
    long = [clip for clip in clips if len(clip) >= LONG_FRAMES]
    short = [clip for clip in clips if len(clip) < LONG_FRAMES]
    result: dict[str, float] = {"long_clips": float(len(long))}
    rows, own, other = [], [], []
    for index, clip in enumerate(long):
        trial = Trial(expert, clip, load_sound(clip.folder))
        rows.append({shift: trial.curve(shift) for shift in SHIFTS})
        own.append(rows[-1][0].score().confidence)
        foreign = load_sound(long[(index + 1) % len(long)].folder)
        trial.sound = np.resize(foreign, len(clip) * _FRAME_SAMPLES)
        other.append(trial.curve(0).score().confidence)
    if rows:
        result["long_follow"] = share_that_follows(rows)
        result["confidence"], result["confidence_other"] = float(np.mean(own)), float(np.mean(other))
        result["confidence_order"] = float(np.mean(np.array(own) > np.array(other)))
    trials = [Trial(expert, clip, load_sound(clip.folder)) for clip in short]
    curves = [{shift: trial.curve(shift) for shift in SHIFTS} for trial in trials]
    pools = [
        {shift: mean_curve([row[shift] for row in curves[i : i + POOL]]) for shift in SHIFTS}
        for i in range(0, len(curves) - POOL + 1, POOL)
    ]
    result["pools"] = float(len(pools))
    if pools:
        result["pool_follow"] = share_that_follows(pools)
        result["pool_zero"] = float(np.mean([abs(pool[0].score().offset) <= 1 for pool in pools]))
        result["short_zero"] = float(np.mean([abs(row[0].score().offset) <= 1 for row in curves]))
    return {name: round(value, 4) for name, value in result.items()}


def main() -> None:
    """Read the options, check and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that 'train sync' was given")
    parser.add_argument("--weights", type=Path, help="the expert's folder; the shipped one by default")
    parser.add_argument("--split", default="val")
    options = parser.parse_args()
    expert = load_expert(options.weights) if options.weights else shipped_expert()
    print(json.dumps(check_expert(options.data, expert, options.split), indent=1))  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()
