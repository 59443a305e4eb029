"""AToM, audio to motion: diffusion over the residual of 68 landmarks (MoDiTalker, section 3.2).

Two branches run side by side. The lip branch (jaw and mouth, 37 points) hears the speech; the other branch (brows,
nose, eyes, 31 points) does not: its conditioning is a tensor of its own. A fusion step joins them after every layer.
Lids stay as the portrait's: blinks have a generator of their own (``atom.head``).
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import nn

from moditalker.atom.layers import Attention, FeedForward, FiLM, SpeechTower, speech_positions
from moditalker.face.layout import LIP_BRANCH, OTHER_BRANCH, POINTS

SPEECH_BAND = 10.0
"""The lip branch attends to speech at most so many frames (25 Hz) away."""


class BranchLayer(nn.Module):
    """One layer of both branches and the fusion that joins them.

    Args:
        width: of each branch.
        heads: attention heads.
        dropout: of the feed-forwards.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.lip_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.other_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.lip_films = nn.ModuleList(FiLM(width, width) for _ in range(3))
        self.other_films = nn.ModuleList(FiLM(width, width) for _ in range(2))
        self.lip_attention, self.other_attention = Attention(width, heads), Attention(width, heads)
        self.speech_attention = Attention(width, heads)
        self.lip_feed, self.other_feed = FeedForward(width, dropout), FeedForward(width, dropout)
        self.fusion_norm = nn.LayerNorm(2 * width)
        self.fusion = nn.Linear(2 * width, 2 * width)
        nn.init.zeros_(self.fusion.weight)
        nn.init.zeros_(self.fusion.bias)

    def forward(
        self,
        lip: torch.Tensor,
        other: torch.Tensor,
        lip_condition: torch.Tensor,
        other_condition: torch.Tensor,
        speech: torch.Tensor,
        positions: torch.Tensor,
        speech_at: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, T, width) twice, (B, width) twice, (B, 2T, width), (T,), (2T,) -> (B, T, width) twice."""
        normed = self.lip_norms[0](lip)
        lip = lip + self.lip_films[0](self.lip_attention(normed, positions), lip_condition)
        heard = self.speech_attention(self.lip_norms[1](lip), positions, speech, speech_at, SPEECH_BAND)
        lip = lip + self.lip_films[1](heard, lip_condition)
        lip = lip + self.lip_films[2](self.lip_feed(self.lip_norms[2](lip)), lip_condition)
        normed = self.other_norms[0](other)
        other = other + self.other_films[0](self.other_attention(normed, positions), other_condition)
        other = other + self.other_films[1](self.other_feed(self.other_norms[1](other)), other_condition)
        joined = torch.cat([lip, other], -1)
        lip, other = (joined + self.fusion(self.fusion_norm(joined))).chunk(2, -1)
        return lip, other


class AudioToMotion(ModelMixin, ConfigMixin):
    """Denoises windows of landmark residuals given speech and the portrait's landmarks.

    Everything inside is measured in standard deviations of the training clips; ``normalise`` and ``denormalise``
    convert from and to inter-ocular distances.

    Args:
        speech_dim: of the features at 50 Hz.
        width: of each branch.
        num_layers: of the branches.
        num_speech_layers: of the speech tower.
        heads: attention heads.
        window: frames of a window.
        overlap: frames that neighbouring windows share.
        speech_encoder: name of the encoder the features come from, see ``make_speech_encoder``.
        dropout: while training.
    """

    @register_to_config
    def __init__(
        self,
        speech_dim: int = 328,
        width: int = 192,
        num_layers: int = 4,
        num_speech_layers: int = 2,
        heads: int = 4,
        window: int = 96,
        overlap: int = 24,
        speech_encoder: str = "moonshine",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.speech_tower = SpeechTower(speech_dim, width, heads, num_speech_layers, dropout)
        self.no_speech = nn.Parameter(torch.zeros(width))
        self.speech_to_lip = nn.Linear(2 * width, width)
        self.lip_in = nn.Linear(len(LIP_BRANCH) * 3, width)
        self.other_in = nn.Linear(len(OTHER_BRANCH) * 3, width)
        self.time_projection = Timesteps(128, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(128, width)
        self.lip_identity = nn.Sequential(nn.Linear(POINTS * 3, width), nn.SiLU(), nn.Linear(width, width))
        self.other_identity = nn.Sequential(nn.Linear(POINTS * 3, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(BranchLayer(width, heads, dropout) for _ in range(num_layers))
        self.lip_out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(LIP_BRANCH) * 3))
        self.other_out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(OTHER_BRANCH) * 3))
        self.register_buffer("residual_std", torch.ones(POINTS, 3))
        self.register_buffer("identity_mean", torch.zeros(POINTS, 3))
        self.register_buffer("identity_std", torch.ones(POINTS, 3))
        self.register_buffer("_lip", torch.from_numpy(LIP_BRANCH), persistent=False)
        self.register_buffer("_other", torch.from_numpy(OTHER_BRANCH), persistent=False)

    def normalise(self, residual: torch.Tensor) -> torch.Tensor:
        """(..., 68, 3) in inter-ocular distances -> in standard deviations."""
        return residual / self.residual_std

    def denormalise(self, residual: torch.Tensor) -> torch.Tensor:
        """The inverse of ``normalise``."""
        return residual * self.residual_std

    def encode_speech(self, speech: torch.Tensor) -> torch.Tensor:
        """(B, 2T, speech_dim) -> tokens (B, 2T, width)."""
        return self.speech_tower(speech)

    def without_speech(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens that say nothing, for guidance; (B, 2T, width) -> the same shape."""
        return self.no_speech.expand_as(tokens)

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor, identity: torch.Tensor, speech_tokens: torch.Tensor
    ) -> torch.Tensor:
        """Predict the clean residual (x0).

        Args:
            sample: (B, T, 68, 3) noisy residual, standard deviations.
            timestep: (B,) 0 to 999.
            identity: (B, 68, 3) the portrait in its face-centric frame, inter-ocular distances.
            speech_tokens: (B, 2T, width) from ``encode_speech`` or ``without_speech``.
        Returns:
            (B, T, 68, 3), standard deviations.
        """
        frames = sample.shape[1]
        positions = torch.arange(frames, device=sample.device).float()
        speech_at = speech_positions(2 * frames, sample.device)
        time = self.time_embedding(self.time_projection(timestep).to(sample.dtype))
        face = ((identity - self.identity_mean) / self.identity_std).flatten(1)
        lip_condition = time + self.lip_identity(face)
        other_condition = time + self.other_identity(face)
        pairs = speech_tokens.unflatten(1, (frames, 2)).flatten(2)
        lip = self.lip_in(sample[:, :, self._lip].flatten(2)) + self.speech_to_lip(pairs)
        other = self.other_in(sample[:, :, self._other].flatten(2))
        for layer in self.layers:
            lip, other = layer(lip, other, lip_condition, other_condition, speech_tokens, positions, speech_at)
        clean = torch.empty_like(sample, dtype=torch.float32)
        clean[:, :, self._lip] = self.lip_out(lip).float().unflatten(-1, (-1, 3))
        clean[:, :, self._other] = self.other_out(other).float().unflatten(-1, (-1, 3))
        return clean
