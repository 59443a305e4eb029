"""Arousal of a voice: how much farther brows, lids and head move where it is louder or livelier than it usually is.

The relation is learnt from clips (``train arousal``): within a speaker, logarithms of the variance of a second's motion
against loudness, pitch and pauses of that second. It is weak in real people, and so is what is made of it.
"""

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from torch import nn

from moditalker.atom.emotion import emotion_curves
from moditalker.atom.style import WINDOW
from moditalker.audio.prosody import prosody
from moditalker.emotions import AUTO, parse_emotion
from moditalker.options import AnimateOptions
from moditalker.utils.errors import InputError

GAINED = ("expression", "lids", "head")
"""What moves farther or less far: brows and nose; how far the eyes close and open; the head's rotation and place."""
FEATURES = 8
"""Of a second of voice: mean, deviation and change of loudness; share that has a pitch, the pitch's mean, deviation and
change; share of pauses."""
_PER_FRAME = 2
_LEAST_VOICE = 0.05
_VOICED = 0.5
_SMOOTH = 6.0
"""Frames: how much a face moves does not jump."""
_MOST = 2.0
"""Times as far, or as much less far."""


class ArousalMap(ModelMixin, ConfigMixin):
    """Linear, from features of a voice to changes of the logarithm of the motion's variance."""

    feature_std: torch.Tensor

    @register_to_config
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(FEATURES, len(GAINED), bias=False)
        nn.init.zeros_(self.linear.weight)
        self.register_buffer("feature_std", torch.ones(FEATURES))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, 8) against what is usual -> (N, 3) of ``GAINED``, changes of ln(variance)."""
        return self.linear(features / self.feature_std)

    @torch.inference_mode()
    def gains(self, said: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """By how much the motion is multiplied.

        Args:
            said: (2T, 6) see ``audio.prosody``.
            strength: (T,) 0 changes nothing, 1 as in real people.
        Returns:
            (T, 3) float32 of ``GAINED``, 0.5 to 2; around 1.
        """
        features = voice_features(said)[: len(strength)]
        spoken = 1 - features[:, -1] + 1e-6
        usual = np.average(features, 0, spoken)
        change = self(torch.from_numpy((features - usual).astype(np.float32)).to(self.device, self.dtype))
        # Half, as amplitudes are roots of variances.
        half = gaussian_filter1d(0.5 * strength[:, None] * change.float().cpu().numpy(), _SMOOTH, axis=0)
        return np.clip(np.exp(half), 1 / _MOST, _MOST).astype(np.float32)


def voice_features(said: np.ndarray) -> np.ndarray:
    """Of the second around each frame.

    Args:
        said: (2T, 6) see ``audio.prosody``.
    Returns:
        (T, 8)
    """
    loudness, louder, voicing, pitch, higher, pause = said.astype(np.float64).T
    voiced = (voicing > _VOICED).astype(np.float64)
    share = np.maximum(_mean(voiced), _LEAST_VOICE)
    middle = _mean(voiced * pitch) / share
    columns = (
        _mean(loudness),
        _deviation(_mean(loudness**2), _mean(loudness)),
        _mean(np.abs(louder)),
        _mean(voiced),
        middle,
        _deviation(_mean(voiced * pitch**2) / share, middle),
        _mean(np.abs(higher)),
        _mean(pause),
    )
    return np.stack(columns, 1)[::_PER_FRAME]


def _mean(curve: np.ndarray) -> np.ndarray:
    return np.asarray(uniform_filter1d(curve, _PER_FRAME * WINDOW, mode="nearest"))


def _deviation(squares: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(squares - mean**2, 0, None))


def ranged(curve: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """(T, ...) going ``gain`` (T,) times as far from its own middle."""
    middle = curve.mean(0)
    return middle + gain.reshape(-1, *[1] * (curve.ndim - 1)) * (curve - middle)


def voice_gains(
    network: ArousalMap | None, options: AnimateOptions, samples: np.ndarray, frames: int, first: int = 0
) -> np.ndarray | None:
    """``ArousalMap.gains`` of a run; None where its emotion is not ``auto`` anywhere.

    Args:
        network: learnt, where there is one.
        options: the emotion, and how strong it is.
        samples: (N,) float32, 16 kHz.
        frames: T.
        first: the number of the first of them.
    Raises:
        InputError: the emotion is ``auto`` and there is no network.
    """
    strength = emotion_curves(parse_emotion(options.emotion), frames, first).get(AUTO)
    if strength is None or options.emotion_scale == 0:
        return None
    if network is None:
        raise InputError("These weights cannot hear how lively a voice is; leave auto out, or use the preset compact.")
    return network.gains(prosody(samples), options.emotion_scale * strength)
