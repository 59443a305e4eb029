"""Each clip's own offset between sound and picture, which is the footage's doing and not the generator's.

Broadcast clips carry offsets of several frames, all of a programme the same one, and what is generated in step with the
sound would be judged late or early by them. Where no ``offsets.json`` tells, the lip-sync expert does: long clips one
by one, short ones together with those of the same speaker.
"""

import json
import logging
from dataclasses import replace
from pathlib import Path

from moditalker.benchmark.footage import Footage
from moditalker.face.tracker import FaceTracker
from moditalker.sync.crops_and_mel import log_mel, mouth_crops
from moditalker.sync.expert_weights import shipped_expert
from moditalker.sync.offset_scoring import (
    SyncCurve,
    distance_by_offset,
    embed_mel,
    embed_mouths,
    mean_curve,
    sync_curve,
)
from moditalker.training.data.offsets import SHORT_LEAST, SHORT_RANGE, find_offset
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

POOLED = 12
"""Short clips taken of a speaker."""


def settle_offsets(footage: list[Footage], tracker: FaceTracker, kept: Path) -> list[Footage]:
    """The same clips with every offset known; 0 where nothing stands out.

    Args:
        footage: offsets of None are measured.
        tracker: finds the faces.
        kept: JSON file that remembers what was measured, for a run that is taken up again.
    """
    known: dict[str, int] = json.loads(kept.read_text()) if kept.is_file() else {}
    missing = [clip for clip in footage if clip.offset is None and clip.name not in known]
    if missing:
        known |= _measured(missing, tracker)
        kept.write_text(json.dumps(known, indent=1))
    return [clip if clip.offset is not None else replace(clip, offset=known[clip.name]) for clip in footage]


def _measured(clips: list[Footage], tracker: FaceTracker) -> dict[str, int]:
    try:
        shipped_expert()
    except InputError as error:
        logger.warning("clips are taken as aligned in sound and picture: %s", error)
        return {clip.name: 0 for clip in clips}
    offsets = {clip.name: _offset([_curve(clip, tracker)]) for clip in clips if not clip.short}
    speakers: dict[str, list[Footage]] = {}
    for clip in clips:
        if clip.short:
            speakers.setdefault(clip.speaker, []).append(clip)
    for pool in speakers.values():
        shared = _offset([_curve(clip, tracker) for clip in pool[:POOLED]])
        offsets |= {clip.name: shared for clip in pool}
    return offsets


def _offset(curves: list[SyncCurve | None]) -> int:
    usable = [curve for curve in curves if curve is not None]
    found = find_offset(mean_curve(usable)) if usable else None
    return 0 if found is None else round(found)


def _curve(clip: Footage, tracker: FaceTracker) -> SyncCurve | None:
    try:
        video = replace(clip, offset=0).read(tracker)
        faces = video.aligned_by(video.landmarks)
        if not clip.short:
            return sync_curve(shipped_expert(), faces, video.audio)
        picture = embed_mouths(shipped_expert(), mouth_crops(faces))
        return distance_by_offset(picture, embed_mel(shipped_expert(), log_mel(video.audio)), SHORT_RANGE, SHORT_LEAST)
    except InputError as error:
        logger.info("%s says nothing about its offset: %s", clip.path.name, error)
        return None
