"""The moving picture at the top of the README: the examples side by side, as a GIF that plays where no video does."""

import sys
from pathlib import Path

from moviepy import VideoFileClip, clips_array

from moditalker.ui.animate.examples import FOLDER

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "showcase.gif"
_HEIGHT, _SECONDS, _FPS = 180, 3.0, 10
_ASPECT = 0.85
"""Width of a column for its height; the middle of each video is kept."""


def make_showcase(videos: list[Path], output: Path) -> None:
    """Write the first seconds of videos side by side, without sound, as a GIF that repeats.

    Args:
        videos: at least one file.
        output: ``.gif``.
    """
    columns = []
    for video in videos:
        clip = VideoFileClip(str(video), audio=False)
        clip = clip.subclipped(0, min(_SECONDS, clip.duration)).resized(height=_HEIGHT)
        width = min(clip.w, round(_ASPECT * _HEIGHT))
        columns.append(clip.cropped(x_center=clip.w / 2, width=width))
    shortest = min(clip.duration for clip in columns)
    row = clips_array([[clip.subclipped(0, shortest) for clip in columns]])
    row.write_gif(str(output), fps=_FPS, logger=None)
    for clip in columns:
        clip.close()


def main() -> int:
    """Make ``docs/showcase.gif`` anew from the examples."""
    make_showcase(sorted(FOLDER.glob("*/video.mp4")), OUTPUT)
    sys.stdout.write(f"{OUTPUT}: {OUTPUT.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
