"""``train offsets``: by how many frames sound and picture of each clip are apart, measured with the lip-sync expert.

Broadcast and web clips often carry an offset of their own, and a network that learns from them learns to be late. A
long clip is measured alone, and gets none when nothing stands out; AToM then learns from it without its sound. One
second says too little, so short clips are measured together with those of the same speaker.

An expert that starts from clips taken as aligned calls zero what they have in common. ``settle_zero`` puts zero where
lips that part are heard (see ``parting``) and moves all clips by the same amount.
"""

import json
import logging
from pathlib import Path

import numpy as np

from moditalker.sync.crops_and_mel import log_mel, mouth_crops
from moditalker.sync.expert import SyncExpert
from moditalker.sync.offset_scoring import SyncCurve, distance_by_offset, embed_mel, embed_mouths, mean_curve
from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.training.data.lip_partings import lag_of_sound, moments
from moditalker.training.data.recordings import load_sound

logger = logging.getLogger(__name__)

LONG_FRAMES = 50
"""Clips of so many frames are measured alone."""
SHORT_RANGE, SHORT_LEAST = 11, 10
"""Of shorter ones so many frames are searched to either side, and so many must be left."""
MIN_LEAD = 0.02
"""How far the smallest mean distance lies under every other one at least three frames away."""
FURTHEST = 10
"""Frames; footage that far apart is not published, so a smallest distance beyond it is chance."""
POOLED = 24
"""Short clips taken of a speaker."""
_FPS = 25


def curve_of(expert: SyncExpert, clip: PreparedClip, mel: np.ndarray) -> SyncCurve:
    """Distances by offset of one prepared clip; over a narrower range when it is short."""
    picture, sound = embed_mouths(expert, mouth_crops(clip.faces(slice(None)))), embed_mel(expert, mel)
    if len(clip) < LONG_FRAMES:
        return distance_by_offset(picture, sound, SHORT_RANGE, SHORT_LEAST)
    return distance_by_offset(picture, sound)


def find_offset(curve: SyncCurve) -> float | None:
    """By how many frames the sound must be moved later, to a fraction of one; None when no offset stands out."""
    best = curve.score().offset
    far = np.abs(curve.offsets - best) >= 3
    if abs(best) > FURTHEST or not far.any():
        return None
    if curve.distances[far].min() - curve.distances.min() < MIN_LEAD:
        return None
    return -curve.exact_offset()


def exact_offsets(data: Path) -> dict[str, float | None]:
    """What ``measure_offsets`` found, by the clips' names, to a fraction of a frame."""
    entries = json.loads((data / "offsets.json").read_text())["clips"]
    return {name: entry["exact"] for name, entry in entries.items()}


def measure_offsets(data: Path, expert: SyncExpert, settle_zero: bool = False) -> dict[str, float]:
    """Measure every clip and write ``offsets.json`` beside the prepared clips.

    Args:
        data: folder that ``prepare`` wrote, with its recordings (``keep_sound``).
        expert: trained; its own zero is kept unless ``settle_zero``.
        settle_zero: move the offsets of the long and of the short clips so that parting lips are heard when they are
            seen.
    Returns:
        How many long clips were measured and how many have an offset, how many speakers of short clips were and how
        many have one of their own, and for either group its median offset (frames) and how late the sound was by the
        lips before zero was moved (milliseconds); NaN where a number is not known.
    """
    clips = load_clips(data, "train") + load_clips(data, "val")
    mels = {clip.name: log_mel(load_sound(clip.folder)) for clip in clips}
    long = [clip for clip in clips if len(clip) >= LONG_FRAMES]
    pools: dict[str, list[PreparedClip]] = {}
    for clip in clips:
        if len(clip) < LONG_FRAMES:
            pools.setdefault(clip.speaker, []).append(clip)

    alone = {clip.name: find_offset(curve_of(expert, clip, mels[clip.name])) for clip in long}
    spoken = {speaker: _pooled_offset(expert, pool, mels) for speaker, pool in pools.items()}
    known = [offset for offset in spoken.values() if offset is not None]
    usual = float(np.median(known)) if known else 0.0
    pooled = {
        clip.name: usual if (offset := spoken[speaker]) is None else offset
        for speaker, pool in pools.items()
        for clip in pool
    }
    entries = {}
    counts = {
        "long_clips": float(len(long)),
        "long_clear": float(sum(offset is not None for offset in alone.values())),
        "short_speakers": float(len(pools)),
        "short_clear": float(len(known)),
    }
    for group, offsets in (("long", alone), ("short", pooled)):
        heard = [
            moment
            for clip in clips
            if (offset := offsets.get(clip.name)) is not None
            for moment in moments(clip.speaker, clip.landmarks, mels[clip.name], offset)
        ]
        lag = lag_of_sound(heard)
        if settle_zero and lag is None:
            logger.warning("only %d times lips part in %s clips: zero stays where the expert has it", len(heard), group)
        moved = lag * _FPS if settle_zero and lag is not None else 0.0
        settled = {name: None if offset is None else offset - moved for name, offset in offsets.items()}
        for name, offset in settled.items():
            entries[name] = {
                "offset": None if offset is None else round(offset),
                "exact": None if offset is None else round(offset, 2),
            }
        found = [offset for offset in settled.values() if offset is not None]
        counts[f"{group}_median"] = float(np.median(found)) if found else float("nan")
        counts[f"{group}_lag_ms"] = float("nan") if lag is None else 1000 * lag
    (data / "offsets.json").write_text(json.dumps({"clips": entries}, indent=1))
    return {name: round(value, 3) for name, value in counts.items()}


def _pooled_offset(expert: SyncExpert, pool: list[PreparedClip], mels: dict[str, np.ndarray]) -> float | None:
    curves = [curve_of(expert, clip, mels[clip.name]) for clip in pool[:POOLED]]
    whole = [curve for curve in curves if len(curve.offsets) == 2 * SHORT_RANGE + 1]
    return find_offset(mean_curve(whole)) if whole else None
