"""The methods that dub a video on the pipeline's own parts: ours, and the same with lips that stay shut."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from moditalker.audio.features import make_speech_encoder
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.utils.progress import Progress

_LICENCE = "Apache-2.0"


class OurDub:
    """The video's person says the recording, see ``moditalker.dub``.

    Args:
        pipeline: tracker, networks and weights; not changed.
    """

    facts: ClassVar[Facts] = Facts(
        "ours-dub",
        "Dub (ours)",
        "AToM's lips on the video's own head; MToV draws the mouth from frames of the same person.",
        _LICENCE,
        dubs=True,
    )
    lip_scale: ClassVar[float] = 1.0

    def __init__(self, pipeline: MoDiTalkerPipeline) -> None:
        self.pipeline = pipeline

    def available(self) -> str | None:
        """Always; a preset that cannot dub says so when it is run."""
        return None

    def make(
        self,
        video: Path,
        audio: Path,
        output: Path,
        options: Options,
        progress: Progress,
        on_frame: Callable[[np.ndarray], None] | None = None,
    ) -> Made:
        """See ``DubMethod.make``; stretches whose lips are the video's own are told as warnings."""
        make_speech_encoder(self.pipeline.atom.config["speech_encoder"])
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / "dub.mp4"
            report = self.pipeline.dub(
                video,
                audio,
                made,
                atom_steps=options.atom_steps,
                mtov_steps=options.mtov_steps,
                guidance=options.guidance,
                seed=options.seed,
                mark=options.mark,
                lip_scale=self.lip_scale,
                on_frame=on_frame,
                progress=progress,
            )
            shutil.move(made, output)
        kept = [f"{one['from']:.2f} to {one['to']:.2f} s is left as it is: {one['reason']}." for one in report["kept"]]
        return Made(report["seconds"], [*report["warnings"], *kept], report["frames_sha256"])


class StillMouth(OurDub):
    """The same with lips that do not move."""

    facts = Facts(
        "still-mouth", "Still mouth", "The video with the lips shut, drawn as our dub is.", _LICENCE, dubs=True
    )
    lip_scale = 0.0


DUBS: tuple[type[OurDub], ...] = (StillMouth, OurDub)
"""In the order in which they are listed."""
