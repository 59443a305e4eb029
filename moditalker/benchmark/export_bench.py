"""What speech to blendshapes costs, without a picture: ``bench --export``."""

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.audio.features import make_speech_encoder
from moditalker.audio.load import load_audio
from moditalker.audio.speech_frames import frame_count, speech_features
from moditalker.benchmark.stage_bench import StageCosts, cost_table, on_threads
from moditalker.constants import SAMPLE_RATE
from moditalker.export.face_animation import animation_of
from moditalker.export.tables import live_link_csv
from moditalker.options import EXPORT_STEPS
from moditalker.utils.stopwatch import Stopwatch


def bench_export(
    pipeline: Any, portrait: Path, recording: Path, seconds: float, threads: tuple[int, ...] = (1, 2)
) -> tuple[str, list[dict[str, Any]]]:
    """Write what a face does in so many seconds of speech, on one thread and on two.

    Args:
        pipeline: a ``MoDiTalkerPipeline`` with blendshapes.
        portrait: picture; found and encoded before the time is taken.
        recording: repeated until it lasts ``seconds``.
        seconds: of speech.
        threads: how many, one run each; before each a second is written that does not count.
    Returns:
        A table, and its rows.
    Raises:
        InputError: input that cannot be used.
    """
    encoded = pipeline.encode_portrait(portrait)
    sound = np.resize(load_audio(recording), round(seconds * SAMPLE_RATE))
    rows: list[StageCosts] = []
    for count in threads:
        with on_threads(count):
            # It keeps the number of threads that it was made with.
            make_speech_encoder.cache_clear()
            _run(pipeline, encoded, sound[:SAMPLE_RATE], count)
            rows += _run(pipeline, encoded, sound, count)
    make_speech_encoder.cache_clear()
    return cost_table(f"{seconds:g} s of speech, seconds", rows, threads), [asdict(row) for row in rows]


def _run(pipeline: Any, encoded: Any, sound: np.ndarray, threads: int) -> list[StageCosts]:
    """Motion of (N,) samples, then its file."""
    cpu, clock = Stopwatch(time.process_time), Stopwatch()
    with cpu("all"), clock("all"):
        with cpu("motion, with the speech's features"), clock("motion, with the speech's features"):
            motion = pipeline.motion(encoded, sound, seed=0, atom_steps=EXPORT_STEPS).motion
        with cpu("blendshapes, 60 a second"), clock("blendshapes, 60 a second"):
            landmarks = motion.landmarks(encoded.frame)
            animation = animation_of(encoded.frame, landmarks, pipeline.blendshapes, gaze=motion.gaze)
        with tempfile.TemporaryDirectory() as folder, cpu("writing .csv"), clock("writing .csv"):
            (Path(folder) / "face.csv").write_text(live_link_csv(animation), encoding="utf-8")
    # Once more by itself, for it is a part of the motion.
    with cpu("of which features"), clock("of which features"):
        speech_features(sound, frame_count(sound), pipeline.atom.config["speech_encoder"])
    order = (
        "motion, with the speech's features",
        "of which features",
        "blendshapes, 60 a second",
        "writing .csv",
        "all",
    )
    return [StageCosts(name, threads, cpu.seconds[name], clock.seconds[name]) for name in order]
