"""The report that lies beside every video."""

import json
from pathlib import Path
from typing import Any


def name_of(given: object) -> str:
    """A file's name without its folders, which are nobody's business; of what is no file, what it is."""
    return Path(given).name if isinstance(given, (str, Path)) else type(given).__name__


def write_report(
    video: Path,
    *,
    seed: int | None,
    parameters: dict[str, Any],
    preset: str,
    weights: dict[str, str],
    seconds: dict[str, float],
    spent: float,
    frames: int,
    fps: int,
    audio_seconds: float,
    warnings: tuple[str, ...],
) -> dict[str, Any]:
    """Write how a video was made into the file of the same name that ends in ``.json``.

    Args:
        video: the file that was made.
        seed: of everything random.
        parameters: every option, and the names of what went in.
        preset: name of the folder of weights.
        weights: hash of each network, see ``weight_hashes``.
        seconds: each stage took.
        spent: seconds from the recording's reading to the video's end.
        frames, fps: of the video.
        audio_seconds: length of its sound.
        warnings: for the user.
    Returns:
        What was written.
    """
    report = {
        "output": str(video),
        "seed": seed,
        "parameters": parameters,
        "preset": preset,
        "weights": weights,
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "frames": frames,
        "fps": fps,
        "audio_seconds": round(audio_seconds, 3),
        "real_time_factor": round(spent / (frames / fps), 3),
        "warnings": list(warnings),
    }
    video.with_suffix(".json").write_text(json.dumps(report, indent=1))
    return report
