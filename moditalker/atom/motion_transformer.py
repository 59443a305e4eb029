"""One class for three models: a conditional motion diffusion transformer for lips, expression or head.

Dimitra++ (B. Chopin et al., 2025) models lips, expression and head pose with three of them. Each is told who speaks
and what is heard: the content of the speech, and how it is said (``audio.prosody``). It can be told a speaking
style too (``atom.style``); what a style means, it learns from other windows of the same person.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import nn
from torch.nn import functional as F

from moditalker.atom.head import POSE, HeadLayer
from moditalker.atom.layers import SpeechTower
from moditalker.atom.style import STYLE
from moditalker.audio.prosody import PROSODY
from moditalker.face.layout import LIP_BRANCH, POINTS
from moditalker.face.motion_controls import EXPRESSION

CHANNELS = {"lips": 3 * len(LIP_BRANCH), "expression": 3 * len(EXPRESSION) + 1, "head": POSE}
"""Numbers a frame: landmarks of jaw and mouth; landmarks of brows and nose, and how far the eyes are closed; pose."""
_FARTHEST = 3.0
"""Standard deviations of a style from the mean of the training speakers."""


class MotionTransformer(ModelMixin, ConfigMixin):
    """Denoises windows of one part of the motion, given speech and the portrait's landmarks.

    Args:
        part: a key of ``CHANNELS``.
        speech_dim: of the features at 50 Hz, prosody not counted.
        width, num_layers, heads: of the transformer.
        window: frames of a window.
        overlap: frames that neighbouring windows share.
        dropout: of what is heard, while training.
    """

    @register_to_config
    def __init__(
        self,
        part: str,
        speech_dim: int = 328,
        width: int = 128,
        num_layers: int = 4,
        heads: int = 4,
        window: int = 96,
        overlap: int = 32,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        channels = CHANNELS[part]
        self.speech_tower = SpeechTower(speech_dim, width, heads, 1, dropout)
        self.prosody_in = nn.Conv1d(PROSODY, width, 9, padding=4)
        self.no_speech = nn.Parameter(torch.zeros(width))
        self.speech_in = nn.Linear(2 * width, width)
        self.motion_in = nn.Linear(channels, width)
        self.identity = nn.Sequential(nn.Linear(POINTS * 3, width), nn.SiLU(), nn.Linear(width, width))
        self.style = nn.Sequential(nn.Linear(STYLE, width), nn.SiLU(), nn.Linear(width, width))
        self.no_style = nn.Parameter(torch.zeros(width))
        self.time_projection = Timesteps(128, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(128, width)
        self.layers = nn.ModuleList(HeadLayer(width, heads) for _ in range(num_layers))
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, channels))
        self.register_buffer("motion_std", torch.ones(channels))
        self.register_buffer("identity_mean", torch.zeros(POINTS, 3))
        self.register_buffer("identity_std", torch.ones(POINTS, 3))
        self.register_buffer("style_mean", torch.zeros(STYLE))
        self.register_buffer("style_std", torch.ones(STYLE))

    def normalise(self, motion: torch.Tensor) -> torch.Tensor:
        """(..., C) in the part's units -> in standard deviations."""
        return motion / self.motion_std

    def denormalise(self, motion: torch.Tensor) -> torch.Tensor:
        """The inverse of ``normalise``."""
        return motion * self.motion_std

    def encode_speech(self, speech: torch.Tensor) -> torch.Tensor:
        """(B, 2T, speech_dim + 6), prosody last -> tokens (B, 2T, width)."""
        content, said = speech[..., :-PROSODY], speech[..., -PROSODY:]
        return self.speech_tower(content) + F.gelu(self.prosody_in(said.transpose(1, 2))).transpose(1, 2)

    def without_speech(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens that say nothing, for guidance; (B, 2T, width) -> the same shape."""
        return self.no_speech.expand_as(tokens)

    def encode_style(self, style: torch.Tensor) -> torch.Tensor:
        """(B, 26) of ``atom.style`` -> codes (B, width)."""
        # Nobody moves further from the usual than the training speakers do.
        return self.style(((style - self.style_mean) / self.style_std).clamp(-_FARTHEST, _FARTHEST))

    def without_style(self, count: int) -> torch.Tensor:
        """Codes that ask for no style of anybody, (count, width)."""
        return self.no_style.expand(count, -1)

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        identity: torch.Tensor,
        speech_tokens: torch.Tensor,
        style: torch.Tensor,
    ) -> torch.Tensor:
        """Predict the clean motion (x0).

        Args:
            sample: (B, T, C) noisy, standard deviations.
            timestep: (B,) 0 to 999.
            identity: (B, 68, 3) the portrait in its face-centric frame, inter-ocular distances.
            speech_tokens: (B, 2T, width) from ``encode_speech`` or ``without_speech``.
            style: (B, width) from ``encode_style`` or ``without_style``.
        Returns:
            (B, T, C), standard deviations.
        """
        frames = sample.shape[1]
        positions = torch.arange(frames, device=sample.device).float()
        time = self.time_embedding(self.time_projection(timestep).to(sample.dtype))
        condition = time + style + self.identity(((identity - self.identity_mean) / self.identity_std).flatten(1))
        x = self.motion_in(sample) + self.speech_in(speech_tokens.unflatten(1, (frames, 2)).flatten(2))
        for layer in self.layers:
            x = layer(x, condition, positions)
        return self.out(x).float()


def channels_of(part: str, residual: torch.Tensor, closure: torch.Tensor, pose: torch.Tensor) -> list[torch.Tensor]:
    """What a model of a part learns, as the pieces that are joined along the last axis.

    Args:
        part: a key of ``CHANNELS``.
        residual: (..., 68, 3).
        closure: (..., 1).
        pose: (..., 6).
    """
    if part == "head":
        return [pose]
    flat = residual[..., LIP_BRANCH if part == "lips" else EXPRESSION, :].flatten(-2)
    return [flat] if part == "lips" else [flat, closure]
