"""The portrait path beside dubs: a video's first frame speaks, and its head moves as in the video."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.utils.progress import Progress
from moditalker.video.read import read_video


class OnePicture:
    """What `animate` makes of a clip's first frame; it writes no file.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
    """

    facts: ClassVar[Facts] = Facts(
        "one-picture", "One picture (ours)", "The first frame is animated, with the video's head motion.", "Apache-2.0"
    )

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def available(self) -> str | None:
        """Always."""
        return None

    def make(
        self,
        source: Path,
        audio: Path,
        output: Path,
        options: Options,
        progress: Progress,
        on_frame: Callable[[np.ndarray], None] | None = None,
    ) -> Made:
        """See ``DubMethod.make``."""
        portrait = self.pipeline.encode_portrait(next(read_video(source)))
        motion = self.pipeline.motion(portrait, audio, seed=options.seed, head_motion=source)
        for chunk in self.pipeline.render(portrait, motion.landmarks, own=True, seed=options.seed):
            for frame in chunk:
                if on_frame is not None:
                    on_frame(frame)
        return Made(motion.timings, list(motion.warnings))
