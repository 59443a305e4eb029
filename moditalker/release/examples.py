"""`make examples`: portraits in the public domain say sentences that a synthetic voice speaks.

The results go into assets/examples, which the page shows without computing anything.
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.cbook
import numpy as np
import skimage.data
import soundfile
from PIL import Image

from moditalker.audio.load import load_recording
from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.face.landmark_file import read_landmarks
from moditalker.face.tracker import make_tracker
from moditalker.loading import load_pipeline
from moditalker.pipeline_base import TalkingPipeline
from moditalker.release.opening import make_opening
from moditalker.render.landmark_video import write_landmark_video
from moditalker.ui.animate.examples import FOLDER, OPENING
from moditalker.ui.animate.motion_plot import write_motion_plot
from moditalker.utils.errors import InputError
from moditalker.utils.progress import StageBars

JPEG_QUALITY = 90
PAINTINGS = FOLDER.parent / "portraits"
OPENING_FACES = ("1-astronaut", "4-mona-lisa", "5-veiled-lady", "2-admiral")
"""Four different people, row by row."""


@dataclass(frozen=True)
class Recipe:
    """One example: its title, the portrait, what is said, and options of ``animate`` that differ from the defaults."""

    name: str
    title: str
    portrait: np.ndarray
    text: str
    options: dict[str, Any] = field(default_factory=dict)


def recipes() -> list[Recipe]:
    """Portraits in the public domain.

    Eileen Collins, NASA, from scikit-image; Grace Hopper, James S. Davis for the US Navy, from Matplotlib; two
    paintings from ``assets/portraits``: Leonardo's Mona Lisa and Raphael's La donna velata. What they say are no words
    of theirs.
    """
    astronaut = skimage.data.astronaut()
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as picture:
        admiral = np.asarray(picture.convert("RGB"))
    return [
        Recipe(
            "1-astronaut",
            "Astronaut",
            astronaut,
            "Hello! A moment ago I was a still picture. Now I can move, and talk about the moon.",
            {"seed": 4},
        ),
        Recipe(
            "2-admiral",
            "Admiral, head still",
            admiral,
            "This is a photograph. A computer made its voice, and moved its mouth to match.",
            {"seed": 1, "head_motion": "still", "lip_scale": 1.1},
        ),
        Recipe(
            "3-face",
            "Face only, livelier",
            astronaut,
            "Five, four, three, two, one. We have lift off!",
            {"seed": 2, "crop": "face", "head_scale": 1.5, "lip_scale": 1.2},
        ),
        Recipe(
            "4-mona-lisa",
            "Mona Lisa",
            _painting("mona-lisa"),
            "Five hundred years without a word. Now listen to me!",
            {"seed": 3, "crop": "face"},
        ),
        Recipe(
            "5-veiled-lady",
            "Lady with a veil",
            _painting("veiled-lady"),
            "Raphael painted me in oil. He left my voice to somebody else.",
            {"seed": 5, "crop": "face"},
        ),
    ]


def _painting(name: str) -> np.ndarray:
    with Image.open(PAINTINGS / f"{name}.jpg") as picture:
        return np.asarray(picture.convert("RGB"))


def make_example(pipeline: TalkingPipeline, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Write one example's inputs and results into a folder and return the report."""
    folder.mkdir(parents=True, exist_ok=True)
    portrait, speech, video = folder / "portrait.jpg", folder / "speech.mp3", folder / "video.mp4"
    Image.fromarray(recipe.portrait).save(portrait, quality=JPEG_QUALITY, exif=b"")
    soundfile.write(speech, synthesize(recipe.text), SAMPLE_RATE, format="MP3")
    recording = load_recording(speech)
    with tempfile.TemporaryDirectory() as scratch, StageBars() as bars:
        motion = Path(scratch, "landmarks.npz")
        report = pipeline.animate(
            portrait, recording, video, save_landmarks=motion, mark=True, progress=bars, **recipe.options
        )
        landmarks = read_landmarks(motion)
    write_landmark_video(folder / "landmarks.mp4", landmarks, recording)
    write_motion_plot(folder / "motion.png", landmarks, recording.samples)
    report["output"] = video.name
    video.with_suffix(".json").write_text(json.dumps(report, indent=1))
    (folder / "example.json").write_text(json.dumps({"title": recipe.title, "text": recipe.text}, indent=1))
    return report


def main() -> int:
    """Make the examples that are named anew, all when none is, and the video that the page opens with.

    Returns 2 where the weights are missing.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of an example, 1-astronaut say; all when left out")
    names = parser.parse_args().names
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        pipeline = load_pipeline()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    chosen = [recipe for recipe in recipes() if not names or recipe.name in names]
    for recipe in chosen:
        shutil.rmtree(FOLDER / recipe.name, ignore_errors=True)
        report = make_example(pipeline, recipe, FOLDER / recipe.name)
        print(f"{recipe.name}: {report['audio_seconds']:.1f} s, {report['real_time_factor']:.2f} s of work a second")
    make_opening([FOLDER / name / "video.mp4" for name in OPENING_FACES], make_tracker("mediapipe"), OPENING)
    print(f"{OPENING.name}: {OPENING.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
