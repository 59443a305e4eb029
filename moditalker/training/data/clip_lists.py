"""Lists of clips, as ``prepare`` takes them, from folders that are laid out like the public data sets.

hdtf   FOLDER/**/NAME_12.mp4: the speaker is the name without the trailing numbers (H. Zhang et al., CVPR 2021)
lrs3   FOLDER/{pretrain,trainval,test}/SPEAKER/00001.mp4 (T. Afouras et al., 2018); test becomes val
"""

import csv
import hashlib
import re
from collections import Counter
from pathlib import Path

from moditalker.utils.errors import InputError

LAYOUTS = ("hdtf", "lrs3")
_VIDEOS = {".mp4", ".mkv", ".mov", ".webm", ".avi"}
_HELD_OUT = 20  # one speaker in so many


def write_clip_list(layout: str, folder: Path, output: Path) -> dict[str, int]:
    """Write a list of the clips under a folder; no speaker is in both splits.

    Args:
        layout: one of ``LAYOUTS``.
        folder: of the data set.
        output: CSV with the columns path, split, speaker; paths relative to its own folder.
    Returns:
        Clips of each split.
    Raises:
        InputError: nothing there is laid out so, or one split would be empty.
    """
    videos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _VIDEOS)
    rows = [row for path in videos if (row := _row(layout, path.relative_to(folder))) is not None]
    if not rows:
        raise InputError(f"{folder} holds no videos laid out like {layout}; see 'python -m moditalker clips --help'.")
    if layout == "hdtf":
        speakers = sorted({speaker for _, _, speaker in rows}, key=lambda name: hashlib.sha1(name.encode()).digest())
        held_out = set(speakers[: max(1, len(speakers) // _HELD_OUT)])
        rows = [(path, "val" if speaker in held_out else "train", speaker) for path, _, speaker in rows]
    else:
        # Speakers of the test set must be unseen.
        held_out = {speaker for _, split, speaker in rows if split == "val"}
        rows = [row for row in rows if row[1] == "val" or row[2] not in held_out]
    counts = Counter(split for _, split, _ in rows)
    if set(counts) != {"train", "val"}:
        raise InputError(f"{folder} gives clips for {', '.join(counts)} alone; training needs both train and val.")
    output.parent.mkdir(parents=True, exist_ok=True)
    base = output.parent.resolve()
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "split", "speaker"])
        for path, split, speaker in rows:
            writer.writerow([_relative(folder.resolve() / path, base), split, speaker])
    return dict(counts)


def _row(layout: str, path: Path) -> tuple[Path, str, str] | None:
    """(path, split, speaker) of a video, None when it is not laid out so."""
    if layout == "hdtf":
        return path, "train", re.sub(r"[_-]?\d+$", "", path.stem) or path.stem
    if len(path.parts) < 3 or path.parts[-3] not in ("pretrain", "trainval", "test"):
        return None
    return path, "val" if path.parts[-3] == "test" else "train", path.parts[-2]


def _relative(path: Path, base: Path) -> Path:
    return path.relative_to(base) if path.is_relative_to(base) else path
