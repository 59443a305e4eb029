"""Do the lips move as the real ones do? The lip-sync expert's eyes as a loss.

K. R. Prajwal et al., "A lip sync expert is all you need" (ACM MM 2020), let a frozen expert compare generated mouths
with the sound. Here it compares them with the real mouths, in its own space, where only what goes with speech counts:
that says as much, and nothing is won by pleasing the expert's ear.
"""

import torch
from torch import nn

from moditalker.mtov.autoencoder import MOUTH_WINDOW
from moditalker.sync.crops_and_mel import CROP, LEFT, LUMA, TOP
from moditalker.sync.expert import WINDOW, SyncExpert
from moditalker.sync.expert_weights import shipped_expert


class SyncLoss(nn.Module):
    """Distance of generated from real mouths over five frames, as the lip-sync expert sees them."""

    luma: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        shipped = shipped_expert()
        self.expert = SyncExpert.from_config(shipped.config)
        self.expert.load_state_dict(shipped.state_dict())
        self.expert.requires_grad_(False)
        self.register_buffer("luma", torch.from_numpy(LUMA), persistent=False)

    def train(self, mode: bool = True) -> "SyncLoss":
        """The expert always judges, never learns: its normalisation keeps the statistics it was trained with."""
        super().train(mode)
        self.expert.eval()
        return self

    def forward(self, mouth: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Mean cosine distance, 0 to 2.

        Args:
            mouth: (B, 3, n, h, w) generated, of ``MOUTH_WINDOW``, consecutive frames, in [-1, 1]; n >= 5.
            real: (B, 3, n, H, W), the same frames.
        """
        with torch.no_grad():
            wanted = self._embedded(real)
        return 1 - (self._embedded(MOUTH_WINDOW.placed(mouth, real)) * wanted).sum(-1).mean()

    def _embedded(self, faces: torch.Tensor) -> torch.Tensor:
        """(B, 3, n, H, W) -> (k, D), windows that do not overlap but for the last of each block."""
        mouths = torch.einsum("bcnhw,c->bnhw", faces[..., TOP : TOP + CROP, LEFT : LEFT + CROP], self.luma)
        starts = sorted({*range(0, faces.shape[2] - WINDOW + 1, WINDOW), faces.shape[2] - WINDOW})
        windows = torch.cat([mouths[:, start : start + WINDOW] for start in starts])
        return self.expert.embed_picture((windows + 1) / 2)
