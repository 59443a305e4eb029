"""What a dub is worth on real clips: ``bench --dub``.

Each clip is dubbed twice: with its own sound, held against the clip, and with another speaker's, for the sync alone.
Beside it stands the other sound's own video: no dub can be expected to fit a sound better than the mouth that made it.
Frames are looked at before they are compressed, so that a pixel that stays the same is the same.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import soundfile

from moditalker.baselines.protocol import DubMethod, Options
from moditalker.benchmark.clip_offsets import settle_offsets
from moditalker.benchmark.columns import Column
from moditalker.benchmark.footage import Footage, donor_of, find_footage
from moditalker.benchmark.judge import Judge, Reference
from moditalker.benchmark.one_picture import OnePicture
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.face.tracker import FaceTracker
from moditalker.metrics.talking_video import MAX_SIDE, TalkingVideo
from moditalker.utils.errors import InputError
from moditalker.utils.progress import unasked
from moditalker.video.read import read_video
from moditalker.video.write import VideoWriter

STILL = "still-mouth"
"""The method whose lips ignore the sound, and which is therefore not given another's."""
DUB_COLUMNS = (
    Column("mouth_lpips", "LPIPS mouth", 4),
    Column("mouth_psnr", "PSNR mouth, dB", 2),
    Column("sync_confidence", "sync confidence, own sound", 3),
    Column("sync_offset", "sync offset, frames", 1),
    Column("other_confidence", "sync confidence, other sound", 3),
    Column("other_offset", "sync offset, other sound", 1),
    Column("unchanged", "pixels unchanged", 3),
    Column("border_flicker", "flicker at the border / real", 2),
    Column("cpu", "CPU seconds a second", 1),
)
_GROUPS, _SYNC = ("pixels", "sync"), ("sync",)
_DRAWS = 2000
"""Samples of speakers that an interval is made of."""
_BORDER = 0.02
"""Width of the border of what changed that is looked at, in parts of the picture's width."""


def bench_dub(
    methods: Sequence[DubMethod],
    data: Path,
    tracker: FaceTracker,
    *,
    split: str = "val",
    every: int = 1,
    clips: int = 10,
    seconds: float = 30.0,
    seed: int = 0,
) -> tuple[str, list[dict[str, Any]]]:
    """Dub the clips of a split, and measure.

    Args:
        methods: see ``find_dubs``.
        data, split, every: see ``find_footage``; each clip's own offset is taken away.
        tracker: finds the faces in what came out.
        clips: at most so many, the longest ones.
        seconds: at most so much of each.
        seed: of every dub.
    Returns:
        A table of means with `shares` below it, and a row for each clip and method.
    Raises:
        InputError: the data cannot be used.
    """
    footage = sorted(find_footage(data, split, every), key=lambda clip: -clip.seconds)[:clips]
    judge, rows = Judge(), []
    with tempfile.TemporaryDirectory() as folder:
        footage = settle_offsets(footage, tracker, Path(folder) / "offsets.json")
        for index, clip in enumerate(footage):
            try:
                rows += _rows_of(methods, clip, donor_of(footage, index), judge, tracker, seconds, seed, Path(folder))
            except InputError as error:
                rows += [{**_named(method), "clip": clip.name, "failed": str(error)} for method in methods]
    return _table(rows, ["real", *(method.facts.name for method in methods)]) + shares(rows), rows


def _rows_of(
    methods: Sequence[DubMethod],
    clip: Footage,
    donor: Footage,
    judge: Judge,
    tracker: FaceTracker,
    seconds: float,
    seed: int,
    folder: Path,
) -> list[dict[str, Any]]:
    length = round(seconds * FPS)
    real, spoken = (one.read(tracker).part(0, length) for one in (clip, donor))
    own, other = (folder / name for name in ("own.wav", "other.wav"))
    for sound, heard in ((own, real), (other, spoken)):
        soundfile.write(sound, heard.audio, SAMPLE_RATE, subtype="FLOAT")
    path = folder / "clip.mp4"
    height, width = (side // 2 * 2 for side in real.frames.shape[1:3])
    with VideoWriter(path, (width, height), FPS, None) as writer:
        for frame in real.frames:
            writer.write(np.ascontiguousarray(frame[:height, :width]))
    reference = Reference(real)
    values = judge(real, reference, groups=_SYNC).values
    theirs = _of_other(judge(spoken, Reference(spoken), groups=_SYNC).values)
    shared = {"clip": clip.name, "speaker": clip.speaker}
    rows: list[dict[str, Any]] = [
        {**shared, "method": "real", "title": "Real clip", **_chosen(values), **theirs},
    ]
    for method in methods:
        row: dict[str, Any] = {**shared, **_named(method)}
        sounds = (("own", own, real), ("other", other, spoken))
        for which, sound, heard in sounds[:1] if method.facts.name == STILL else sounds:
            started = process_time()
            frames, source = _dubbed(method, path, sound, folder, seed)
            if which == "own":
                row["cpu"] = (process_time() - started) / (len(frames) / FPS)
                row |= places(frames, source) if method.facts.name != OnePicture.facts.name else {}
            count = min(len(frames), len(real)) if which == "own" else len(frames)
            made = TalkingVideo(frames[:count], tracker.track(frames[:count]), heard.audio)
            if which == "own":
                cut = Reference(real.part(0, count))
                row |= _chosen(judge(made, cut, asked=cut.aligner, groups=_GROUPS).values)
            else:
                row |= _of_other(judge(made, reference, groups=_SYNC).values)
        rows.append(row)
    return rows


def _named(method: DubMethod) -> dict[str, Any]:
    return {"method": method.facts.name, "title": method.facts.title}


def _dubbed(method: DubMethod, video: Path, sound: Path, folder: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a dub before they are compressed, and the video's own as they are read; (T, H, W, 3) uint8 each."""
    frames: list[np.ndarray] = []
    method.make(video, sound, folder / "dub.mp4", Options(seed), unasked, on_frame=frames.append)
    source = [frame for frame, _ in zip(read_video(video, fps=FPS, max_side=MAX_SIDE), frames, strict=False)]
    return np.stack(frames[: len(source)]), np.stack(source)


def places(frames: np.ndarray, source: np.ndarray) -> dict[str, float]:
    """Share of pixels that stay the same, and flicker where what changed meets what did not, beside the video's own."""
    changed = (frames != source).any(-1)
    width = max(1, round(_BORDER * frames.shape[2]))
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    inside = changed.any(0).astype(np.uint8)
    border = (cv2.dilate(inside, kernel) - cv2.erode(inside, kernel)).astype(bool)
    if len(frames) < 3 or not border.any():
        return {"unchanged": float(1 - changed.mean())}
    seconds = [np.diff(one[:, border].astype(np.int16), 2, axis=0) for one in (frames, source)]
    own, real = (float(np.abs(one).mean()) for one in seconds)
    return {"unchanged": float(1 - changed.mean()), "border_flicker": own / max(real, 1e-6)}


def _chosen(values: dict[str, float]) -> dict[str, float]:
    """The measures that have a column."""
    return {column.key: values[column.key] for column in DUB_COLUMNS if column.key in values}


def _of_other(values: dict[str, float]) -> dict[str, float | None]:
    """Sync with another's sound."""
    return {"other_confidence": values.get("sync_confidence"), "other_offset": values.get("sync_offset")}


def shares(rows: list[dict[str, Any]], seed: int = 0) -> str:
    """How much of three other confidences our dub's with another's sound is, each with its interval over speakers.

    Speakers are drawn with replacement; a share is one mean over another.

    Args:
        rows: of ``bench_dub``; clips without a confidence are left out.
        seed: of the draws.
    Returns:
        Lines of text, none where nothing can be said.
    """
    by_clip: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_clip.setdefault(row["clip"], {})[row["method"]] = row
    against = {
        "the clip with its own sound": ("real", "sync_confidence"),
        "the sound's own video": ("real", "other_confidence"),
        "one picture with that sound": ("one-picture", "other_confidence"),
    }
    lines = []
    for title, (method, key) in against.items():
        known = [
            (of["ours-dub"]["speaker"], of["ours-dub"]["other_confidence"], of[method][key])
            for of in by_clip.values()
            if {"ours-dub", method} <= set(of)
            and of["ours-dub"].get("other_confidence") is not None
            and of[method].get(key) is not None
        ]
        if not known:
            continue
        speakers = sorted({speaker for speaker, *_ in known})
        sums = np.array([np.sum([pair for who, *pair in known if who == one], 0) for one in speakers])
        drawn = np.random.default_rng(seed).integers(0, len(speakers), (_DRAWS, len(speakers)))
        totals = sums[drawn].sum(1)
        low, high = np.quantile(totals[:, 0] / np.maximum(totals[:, 1], 1e-6), (0.025, 0.975))
        share = sums[:, 0].sum() / max(sums[:, 1].sum(), 1e-6)
        lines.append(
            f"sync confidence with another's sound: {share:.0%} of {title}, {low:.0%} to {high:.0%} "
            f"(95 %, {len(speakers)} speakers, {len(known)} clips)"
        )
    return "".join(f"{line}\n" for line in ["", *lines]) if lines else ""


def _table(rows: list[dict[str, Any]], names: Sequence[str]) -> str:
    """Means by method, as Markdown."""
    lines = [
        "| method | clips | " + " | ".join(column.title for column in DUB_COLUMNS) + " |",
        "|---" * (len(DUB_COLUMNS) + 2) + "|",
    ]
    titles = {row["method"]: row["title"] for row in rows}
    for name in names:
        own = [row for row in rows if row["method"] == name and "failed" not in row]
        cells = []
        for column in DUB_COLUMNS:
            found = [row[column.key] for row in own if row.get(column.key) is not None]
            cells.append(f"{np.mean(found):.{column.digits}f}" if found else "")
        lines.append(f"| {titles.get(name, name)} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
