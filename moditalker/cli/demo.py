"""`make demo`: NASA's astronaut portrait says a sentence that this project's dependencies speak, offline.

The portrait is in the public domain (scikit-image carries it), the voice is synthetic.
"""

import logging
import sys
from pathlib import Path
from typing import Any

import skimage.data
import soundfile
from PIL import Image

from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.loading import load_pipeline
from moditalker.utils.errors import InputError
from moditalker.utils.progress import StageBars

# Lips that close (m, b, p) and open wide (the vowels between them): what a viewer checks first.
TEXT = "Hello! My name is Pam. Both my moon boots are by the door, and a big blue planet waits above the map."
SEED = 0


def summary(report: dict[str, Any]) -> str:
    """The few lines that `make demo` ends with: where the video is, seconds per stage, real-time factor."""
    seconds: dict[str, float] = report["seconds"]
    width = max(len(stage) for stage in [*seconds, "real-time factor"])
    lines = [f"{stage:<{width}}  {spent:8.2f} s" for stage, spent in seconds.items()]
    lines += [
        f"{'speech':<{width}}  {report['audio_seconds']:8.2f} s",
        f"{'real-time factor':<{width}}  {report['real_time_factor']:8.2f}    (seconds of work per second of video)",
        *(f"warning: {warning}" for warning in report["warnings"]),
        "",
        f"{Path(report['output']).resolve()}",
    ]
    return "\n".join(lines)


def make_demo(folder: Path) -> dict[str, Any]:
    """Writes demo.png, demo.wav, demo.mp4 and demo.json into `folder` and returns the report of `animate`."""
    folder.mkdir(parents=True, exist_ok=True)
    portrait, speech = folder / "demo.png", folder / "demo.wav"
    Image.fromarray(skimage.data.astronaut()).save(portrait)
    soundfile.write(speech, synthesize(TEXT, seed=SEED), SAMPLE_RATE)

    pipeline = load_pipeline()
    with StageBars() as bars:
        return pipeline.animate(portrait, speech, folder / "demo.mp4", seed=SEED, progress=bars)


def main() -> int:
    """Makes the demo in outputs/ and prints what it took; 2 where an input cannot be used."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        report = make_demo(Path("outputs"))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(summary(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
