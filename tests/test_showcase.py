"""The README's moving picture."""

from pathlib import Path

import numpy as np
from PIL import Image

from moditalker.release.showcase import make_showcase
from moditalker.video.write import VideoWriter


def test_videos_stand_side_by_side_and_move(tmp_path: Path) -> None:
    videos = []
    for number, colour in enumerate(([200, 0, 0], [0, 0, 200])):
        path = tmp_path / f"{number}.mp4"
        with VideoWriter(path, (64, 64), 25, None) as writer:
            for frame in range(25):
                writer.write(np.full((64, 64, 3), colour, np.uint8) * np.uint8(frame >= 12))
        videos.append(path)
    make_showcase(videos, tmp_path / "row.gif")
    with Image.open(tmp_path / "row.gif") as row:
        first = np.asarray(row.convert("RGB"))
        row.seek(row.n_frames - 1)
        last = np.asarray(row.convert("RGB")).astype(int)
    assert first.max() < 40
    height, width = last.shape[:2]
    left, right = last[height // 2, width // 4], last[height // 2, 3 * width // 4]
    assert left[0] > left[2] + 80
    assert right[2] > right[0] + 80
