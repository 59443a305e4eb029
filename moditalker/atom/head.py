"""Head pose and blinks by a diffusion model of their own, as Dimitra++ does (lips, expression and pose apart)."""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import nn

from moditalker.atom.layers import Attention, FeedForward, FiLM, SpeechTower

POSE = 6
MOTION = POSE + 1
"""Numbers a frame: the head pose, and how far the eyes are closed (``atom.blinks``)."""


class HeadLayer(nn.Module):
    """Self-attention and feed-forward, modulated by time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.film1, self.film2 = FiLM(width, width), FiLM(width, width)
        self.attention, self.feed_forward = Attention(width, heads), FeedForward(width)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """(B, T, width), (B, width), (T,) -> (B, T, width)."""
        x = x + self.film1(self.attention(self.norm1(x), positions), condition)
        return x + self.film2(self.feed_forward(self.norm2(x)), condition)


class HeadMotion(ModelMixin, ConfigMixin):
    """Denoises windows of head pose (six numbers a frame relative to the portrait) and blinks (one), given speech.

    Args:
        speech_dim: of the features at 50 Hz.
        width, num_layers, heads: of the transformer.
        window: frames of a window.
        overlap: frames that neighbouring windows share.
    """

    @register_to_config
    def __init__(
        self,
        speech_dim: int = 328,
        width: int = 128,
        num_layers: int = 4,
        heads: int = 4,
        window: int = 96,
        overlap: int = 32,
    ) -> None:
        super().__init__()
        self.speech_tower = SpeechTower(speech_dim, width, heads, 1)
        self.no_speech = nn.Parameter(torch.zeros(width))
        self.speech_in = nn.Linear(2 * width, width)
        self.pose_in = nn.Linear(MOTION, width)
        self.time_projection = Timesteps(128, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(128, width)
        self.layers = nn.ModuleList(HeadLayer(width, heads) for _ in range(num_layers))
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, MOTION))
        self.register_buffer("pose_std", torch.ones(MOTION))

    def normalise(self, pose: torch.Tensor) -> torch.Tensor:
        """(..., 7) radians, inter-ocular distances, log scale, closure -> standard deviations."""
        return pose / self.pose_std

    def denormalise(self, pose: torch.Tensor) -> torch.Tensor:
        """The inverse of ``normalise``."""
        return pose * self.pose_std

    def encode_speech(self, speech: torch.Tensor) -> torch.Tensor:
        """(B, 2T, speech_dim) -> tokens (B, 2T, width)."""
        return self.speech_tower(speech)

    def without_speech(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens that say nothing; (B, 2T, width) -> the same shape."""
        return self.no_speech.expand_as(tokens)

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, speech_tokens: torch.Tensor) -> torch.Tensor:
        """Predict the clean motion: (B, T, 7), (B,), (B, 2T, width) -> (B, T, 7), all in standard deviations."""
        frames = sample.shape[1]
        positions = torch.arange(frames, device=sample.device).float()
        time = self.time_embedding(self.time_projection(timestep).to(sample.dtype))
        x = self.pose_in(sample) + self.speech_in(speech_tokens.unflatten(1, (frames, 2)).flatten(2))
        for layer in self.layers:
            x = layer(x, time, positions)
        return self.out(x).float()
