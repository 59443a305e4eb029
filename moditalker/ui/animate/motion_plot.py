"""The motion as a picture: how far the mouth is open, over the waveform."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.face.layout import mouth_opening

_COLUMNS = 1200
_WAVE, _MOUTH, _TEXT = "#9aa5c4", "#3b63d9", "#6b7390"


def write_motion_plot(path: Path, landmarks: np.ndarray, audio: np.ndarray) -> None:
    """Draw mouth opening over the waveform, readable on a light and on a dark page.

    Args:
        path: ``.png``, transparent.
        landmarks: (T, 68, 3), any unit.
        audio: (N,) float32 at 16 kHz.
    """
    figure = Figure(figsize=(8, 2.6), dpi=120, layout="constrained")
    wave_axis = figure.subplots()
    mouth_axis = wave_axis.twinx()
    times, low, high = _envelope(audio)
    wave_axis.fill_between(times, low, high, color=_WAVE, alpha=0.55, linewidth=0)
    loudest = max(float(np.abs(audio).max()), 1e-3)
    wave_axis.set(xlim=(0, times[-1]), ylim=(-1.1 * loudest, 1.1 * loudest), yticks=[])
    wave_axis.set_xlabel("seconds", color=_TEXT)
    opening = 100 * mouth_opening(landmarks)
    mouth_axis.plot((np.arange(len(opening)) + 0.5) / FPS, opening, color=_MOUTH, linewidth=1.8)
    mouth_axis.set_ylim(0, max(10.0, 1.1 * float(opening.max())))
    mouth_axis.set_ylabel("mouth opening\n(% of eye distance)", color=_MOUTH)
    for axis in (wave_axis, mouth_axis):
        axis.tick_params(colors=_TEXT)
        for side in axis.spines.values():
            side.set_visible(False)
    figure.savefig(path, transparent=True)


def _envelope(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time in seconds, lowest and highest sample of at most `_COLUMNS` stretches."""
    size = max(1, -(-len(audio) // _COLUMNS))
    columns = np.pad(audio, (0, -len(audio) % size)).reshape(-1, size)
    return (np.arange(len(columns)) + 0.5) * size / SAMPLE_RATE, columns.min(1), columns.max(1)
