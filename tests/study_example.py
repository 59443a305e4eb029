"""A study small enough for tests: videos of a few frames in plain colours, with a tone."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

from moditalker.study.build import build_study
from moditalker.study.definition import Study
from moditalker.study.makers import Given
from moditalker.study.parts import Method
from moditalker.study.recipe import read_recipe
from moditalker.utils.progress import Progress

COLOURS = ("red", "green", "blue", "orange", "purple")
METHODS = ("ours", "warp-alone", "regression", "real-video")
"""Names that must not be found where raters look."""

FRAME = """# a comment that stays
schema = 1
name = "example"
title = "Which one looks real?"
contact = "The study team, room 12"
minimum_age = 18
consent = \"\"\"
We ask which video you like better.
Your answers are stored without your name.\"\"\"

[design]
raters = {raters}
paired_trials = {paired}
rating_trials = {rating}
abandoned_after = {abandoned_after}
seed = 3
"""
PAIRED_QUESTIONS = (("sync", "Where do the lips follow the speech better?"), ("overall", "Which one is better?"))


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


class NoMaker:
    """For studies whose videos are all ready."""

    def check(self, method: Method, given: Sequence[Given]) -> None:
        raise AssertionError(f"{method.id} is there as files")

    def make(self, method: Method, given: Given, output: Path, progress: Progress) -> str:
        raise AssertionError(f"{method.id} is there as files")


def write_video(path: Path, colour: str, seconds: float, pitch: int = 300, size: int = 64) -> None:
    """A plain colour with a tone, and the tags and settings that encoders leave."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y",
        "-f", "lavfi", "-i", f"color=c={colour}:s={size}x{size}:r=25:d={seconds}",
        "-f", "lavfi", "-i", f"sine=f={pitch}:r=16000:d={seconds}",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest",
        "-metadata", f"comment=made by {path.stem}", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True)


def write_recipe(
    folder: Path,
    *,
    methods: int = 3,
    items: int = 2,
    paired: int = 4,
    rating: int = 0,
    raters: int = 60,
    seconds: float = 0.2,
    checks: int = 1,
    training: bool = True,
    sound_check: bool = False,
    abandoned_after: float = 3600,
    questions: Sequence[tuple[str, str]] = PAIRED_QUESTIONS,
    extra: str = "",
) -> Path:
    """A recipe of ready videos, and the videos."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [FRAME.format(raters=raters, paired=paired, rating=rating, abandoned_after=abandoned_after), extra]
    if paired:
        parts += [f'[[questions]]\nid = "{name}"\nkind = "paired"\ntext = "{text}"\n' for name, text in questions]
    if rating:
        parts.append('[[questions]]\nid = "mos"\nkind = "rating"\ntext = "How natural is it?"\n')
    parts += [f'[[methods]]\nid = "{name}"\nlabel = "Method {name}"\n' for name in METHODS[:methods]]
    parts.append(f"[build]\nchecks = {checks}\n")
    parts.append(f"training = {str(training).lower()}\nsound_check = {str(sound_check).lower()}\n")
    for item in range(items):
        videos = []
        for place, name in enumerate(METHODS[:methods]):
            video = folder / f"{name}-{item}.mp4"
            write_video(video, COLOURS[place], seconds, 300 + 100 * item)
            videos.append(f'{name} = "{video.name}"')
        parts.append(f'[[build.items]]\nid = "item-{item}"\nvideos = {{ {", ".join(videos)} }}\n')
    path = folder / "recipe.toml"
    path.write_text("\n".join(parts))
    return path


def make_study(folder: Path, **options: object) -> Study:
    """A study that is built, in ``folder / "study"``."""
    recipe = read_recipe(write_recipe(folder, **options))  # type: ignore[arg-type]
    return build_study(recipe, folder / "study", NoMaker(), silent, silent)
