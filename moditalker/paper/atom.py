"""The published AToM (MoDiTalker, AAAI 2025, section 3.2; sizes of its released network): speech to 68 landmarks."""

import math

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional as F

from moditalker.face.layout import LIP_BRANCH, OTHER_BRANCH, POINTS
from moditalker.paper.atom_layers import Conditioning, Conditions, DecoderLayer, Encoded, EncoderLayer, RotaryTime
from moditalker.paper.inputs import Inputs, check_choice

# What the published checkpoint carries and its forward pass never reads: a head pose that was to be a third condition.
_UNREAD_FACE, _UNREAD_POSE = 96, 198


class PaperAudioToMotion(ModelMixin, ConfigMixin):
    """Denoises a window of landmark residuals given speech and the portrait's landmarks; predicts x0.

    Args:
        speech_dim: of the features, two to a frame.
        width: of each half, and of all tokens.
        num_layers: of the decoder.
        num_encoder_layers: of the speech and of the identity encoder.
        heads: of every attention.
        inner: width of the feed-forwards.
        window: frames; the network takes exactly so many.
        overlap: frames that neighbouring windows share when a recording is longer than one.
        conditioning: of the FiLM vectors. ``paper``: time + identity, and speech for the lip half only, as the paper
            draws it. ``released``: time + twice the identity + speech for both halves. In the released code the two
            names are one tensor, and each half adds its identity to it in place.
        speech_encoder: name of the encoder the features come from, see ``make_speech_encoder``.
        motion_scale: how much the network's unit of length is to that of its inputs; its x0 is kept in [-1, 1].
        inputs: whose identity and motion it was trained on, see ``sample_motion``; the unit is a centimetre with
            ``released`` and the inter-ocular distance with ``ours``.
        dropout: while training.
        keep_unread: keep the parameters that the published checkpoint carries without using them, so that a file goes
            in whole; they are never trained.
    """

    @register_to_config
    def __init__(
        self,
        speech_dim: int = 1024,
        width: int = 512,
        num_layers: int = 8,
        num_encoder_layers: int = 2,
        heads: int = 8,
        inner: int = 1024,
        window: int = 156,
        overlap: int = 26,
        conditioning: Conditioning = "paper",
        speech_encoder: str = "hubert",
        motion_scale: float = 1.0,
        inputs: Inputs = "ours",
        dropout: float = 0.1,
        keep_unread: bool = True,
    ) -> None:
        super().__init__()
        if conditioning not in ("released", "paper"):
            raise ValueError(f"conditioning must be 'released' or 'paper', got {conditioning!r}")
        check_choice(inputs)
        self.rotary = RotaryTime(width)
        self.time_embedding = nn.Linear(width, 4 * width)
        self.time_vector = nn.Linear(4 * width, width)
        self.time_tokens = nn.Linear(4 * width, 2 * width)
        self.lip_in = nn.Linear(3 * len(LIP_BRANCH), width)
        self.other_in = nn.Linear(3 * len(OTHER_BRANCH), width)
        self.speech_in = nn.Linear(speech_dim, width)
        self.identity_in = nn.Linear(3 * POINTS, width)
        layers = range(num_encoder_layers)
        self.speech_layers = nn.ModuleList(EncoderLayer(width, heads, inner, dropout) for _ in layers)
        self.identity_layers = nn.ModuleList(EncoderLayer(width, heads, inner, dropout) for _ in layers)
        self.no_speech_tokens = nn.Parameter(torch.randn(1, 2 * window, width))
        self.no_speech_vector = nn.Parameter(torch.randn(1, width))
        self.no_identity_tokens = nn.Parameter(torch.randn(1, window, width))
        self.speech_vector = _pooled(width)
        self.identity_vector = _pooled(width)
        self.memory_norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, dropout) for _ in range(num_layers))
        self.out = nn.Linear(2 * width, 3 * POINTS)
        if keep_unread:
            self.unread = _unread(width, num_layers, num_encoder_layers, heads, inner)

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        identity: torch.Tensor,
        speech: torch.Tensor,
        keep: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Predict the clean residual (x0).

        Args:
            sample: (B, T, 204) noisy residual, T = ``window``; 68 points times x, y, z, in the network's unit.
            timestep: (B,) 0 to 999.
            identity: (B, T, 204) the portrait's landmarks, repeated, in the same unit.
            speech: (B, 2 T, speech_dim) features.
            keep: (B,) bool, False drops speech and identity of a sample, for guidance; all are kept by default.
        Returns:
            (B, T, 204)
        """
        if keep is None:
            keep = torch.ones(len(sample), dtype=torch.bool, device=sample.device)
        return self.denoise(sample, timestep, self.encode(identity, speech, keep))

    def encode(self, identity: torch.Tensor, speech: torch.Tensor, keep: torch.Tensor) -> Encoded:
        """What does not change from step to step; arguments as for ``forward``."""
        kept = keep[:, None, None]
        heard = self._through(self.speech_in(speech), self.speech_layers)
        heard = torch.where(kept, heard, self.no_speech_tokens.to(heard.dtype))
        seen = self._through(self.identity_in(identity), self.identity_layers)
        seen = torch.where(kept, seen, self.no_identity_tokens.to(seen.dtype))
        speech_vector = self.speech_vector(heard.mean(1))
        speech_vector = torch.where(keep[:, None], speech_vector, self.no_speech_vector.to(speech_vector.dtype))
        return Encoded(heard, seen, speech_vector, self.identity_vector(seen.mean(1)))

    def denoise(self, sample: torch.Tensor, timestep: torch.Tensor, encoded: Encoded) -> torch.Tensor:
        """Predict the clean residual (x0) from what ``encode`` gave; otherwise as ``forward``."""
        points = sample.unflatten(-1, (POINTS, 3))
        lip = self.lip_in(points[:, :, LIP_BRANCH.tolist()].flatten(2))
        other = self.other_in(points[:, :, OTHER_BRANCH.tolist()].flatten(2))
        given = self._conditions(timestep, encoded)
        x = torch.cat([lip, other], -1)
        for layer in self.layers:
            x = layer(x, self.rotary, given)
        return self.out(x)

    def _conditions(self, timestep: torch.Tensor, encoded: Encoded) -> Conditions:
        heard, seen = encoded.speech_tokens, encoded.identity_tokens
        time = F.mish(self.time_embedding(_sinusoid(timestep, self.config["width"]).to(heard.dtype)))
        time_tokens = self.time_tokens(time).unflatten(-1, (2, -1))
        other = self.time_vector(time) + encoded.identity_vector
        lip = other + encoded.speech_vector
        if self.config["conditioning"] == "released":
            lip = other = lip + encoded.identity_vector
        return Conditions(
            lip=lip,
            other=other,
            fused=(lip + other) / 2,
            lip_memory=self.memory_norm(torch.cat([heard, time_tokens, seen], 1)),
            face_memory=self.memory_norm(torch.cat([time_tokens, seen], 1)),
        )

    def _through(self, tokens: torch.Tensor, layers: nn.ModuleList) -> torch.Tensor:
        for layer in layers:
            tokens = layer(tokens, self.rotary)
        return tokens


def _sinusoid(timestep: torch.Tensor, width: int) -> torch.Tensor:
    """(B,) -> (B, width), sines then cosines, as EDGE writes it.

    diffusers' own differs in the last bit of the frequencies, which a thousand steps magnify.
    """
    half = width // 2
    rates = torch.exp(torch.arange(half, device=timestep.device) * -(math.log(10000) / (half - 1)))
    angles = timestep[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


def _pooled(width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))


def _unread(width: int, num_layers: int, num_encoder_layers: int, heads: int, inner: int) -> nn.ModuleDict:
    feed_forwards = (
        nn.ModuleDict({"linear1": nn.Linear(width, inner), "linear2": nn.Linear(inner, width)})
        for _ in range(num_layers)
    )
    unread = nn.ModuleDict(
        {
            "face_embedding": nn.Linear(_UNREAD_FACE, 4 * width),
            "face_vector": nn.Linear(4 * width, width),
            "face_tokens": nn.Linear(4 * width, 2 * width),
            "all_in": nn.Linear(3 * POINTS, width),
            "pose_in": nn.Linear(_UNREAD_POSE, width),
            "pose_encoder": nn.ModuleList(EncoderLayer(width, heads, inner, 0.0) for _ in range(num_encoder_layers)),
            "pose_vector": _pooled(width),
            "feed_forwards": nn.ModuleList(feed_forwards),
        }
    )
    return unread.requires_grad_(False)
