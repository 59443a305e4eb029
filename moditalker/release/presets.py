"""What the page's presets cost and change: `python -m moditalker.release.presets` prints it as a table.

Each preset says one short sentence with one seed. *Work* is the processor's seconds for a second of video, which other
programs on the machine hardly change. *Opening* is the deviation of the mouth's opening in the motion that was drawn, a
share of the default preset's. *Mouth* is the mean difference of the mouth's pixels from the default preset's, in grey
levels; it has the difference of the motions in it.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.face.landmark_file import read_landmarks
from moditalker.face.layout import LOWER_INNER_LIP, OUTER_LIPS, UPPER_INNER_LIP
from moditalker.loading import load_pipeline
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.ui.animate.examples import FOLDER
from moditalker.ui.animate.presets import DEFAULT_PRESET, PRESETS, Preset
from moditalker.ui.shared.warm_up import warm_up
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

PORTRAIT = FOLDER / "3-face" / "portrait.jpg"
TEXT, SEED = "Mama, listen to me now!", 2


def run(pipeline: MoDiTalkerPipeline, preset: Preset) -> tuple[float, np.ndarray, np.ndarray]:
    """One video of a preset.

    Returns:
        Seconds of the processor a second of video; (T, 68, 3) landmarks; (T, H, W) the mouth's surroundings in grey.
    """
    with tempfile.TemporaryDirectory() as folder:
        video, motion, speech = (Path(folder, name) for name in ("video.mp4", "motion.npz", "speech.wav"))
        soundfile.write(speech, synthesize(TEXT), SAMPLE_RATE)
        started = time.process_time()
        report = pipeline.animate(
            PORTRAIT, speech, video, save_landmarks=motion, crop="face", seed=SEED,
            atom_steps=preset.atom_steps, mtov_steps=preset.mtov_steps, guidance=preset.guidance,
        )  # fmt: skip
        spent = time.process_time() - started
        landmarks = read_landmarks(motion)
        low = landmarks[:, OUTER_LIPS, :2].min((0, 1)).astype(int)
        high = landmarks[:, OUTER_LIPS, :2].max((0, 1)).astype(int)
        mouths = [frame[low[1] : high[1], low[0] : high[0]].mean(-1) for frame in read_video(video)]
    return spent / report["audio_seconds"], landmarks, np.stack(mouths)


def opening(landmarks: np.ndarray) -> float:
    """Standard deviation of the mouth's opening over (T, 68, 3), pixels."""
    return float(np.linalg.norm(landmarks[:, LOWER_INNER_LIP] - landmarks[:, UPPER_INNER_LIP], axis=-1).mean(1).std())


def main() -> int:
    """Print the table; 2 where the weights are missing."""
    try:
        pipeline = load_pipeline()
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    assert isinstance(pipeline, MoDiTalkerPipeline), "the shipped preset is the compact one"
    warm_up(pipeline)
    work, usual, mouths = run(pipeline, PRESETS[DEFAULT_PRESET])
    sys.stdout.write("| preset | work | opening | mouth |\n|---|---|---|---|\n")
    for name, preset in PRESETS.items():
        spent, landmarks, drawn = (work, usual, mouths) if name == DEFAULT_PRESET else run(pipeline, preset)
        height, width = np.minimum(drawn.shape[1:], mouths.shape[1:])
        change = np.abs(drawn[:, :height, :width] - mouths[:, :height, :width]).mean()
        sys.stdout.write(f"| {name} | {spent:.1f} | {opening(landmarks) / opening(usual):.2f} | {change:.1f} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
