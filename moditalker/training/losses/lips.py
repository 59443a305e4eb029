"""Do the lips stand where they should? A face tracker with a gradient looks at generated and at real mouths.

A generated mouth is sharp and yet wrong when it is open by another amount than the real one. Differences of pixels and
of general features hardly tell; the place of the lips does. What the tracker reads in a generated frame shall be what
it reads in the real one: where the lips are and, above all, how far they are apart. Both are looked at through the same
window and the same filter, other ones every time, so that nothing is won by grain that only one view of it mistakes for
a lip, nor by lips that are redder than they were: half of the time the tracker is shown no colours.
"""

import torch
from torch import nn
from torch.nn import functional as F

from moditalker.face.geometry import ALIGNED_SIZE
from moditalker.mtov.autoencoder import MOUTH_WINDOW, Window
from moditalker.sync.crops_and_mel import LUMA
from moditalker.training.losses.facemesh import SIDE, LipMesh

_CENTRE, _REACH = (63.9, 62.4), 160.0
"""The aligned face as the tracker cuts it out of a video: x and y, and the side; pixels."""
_SHIFT, _SCALE, _TURN = 5.0, 0.08, 0.08
"""By how much the window differs at most: pixels, logarithm, radians."""
_UPPER, _LOWER = [13, 14, 15], [19, 18, 17]  # of the mouth's 20 points


class LipsLoss(nn.Module):
    """Distance of generated from real lips as MediaPipe's face mesh sees them.

    Raises:
        InputError: see ``LipMesh``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mesh = LipMesh()

    def forward(
        self, mouth: torch.Tensor, real: torch.Tensor, window: Window = MOUTH_WINDOW
    ) -> dict[str, torch.Tensor]:
        """Compare every other frame.

        Args:
            mouth: (B, 3, n, h, w) generated, of the window, in [-1, 1].
            real: (B, 3, n, 128, 128), the same frames.
            window: of the aligned face.
        Returns:
            ``lips``, mean distance of the 20 points along an axis, and ``opening``, of how far the inner lips are
            apart; pixels of the aligned face.
        """
        mouth, real = mouth[:, :, ::2], real[:, :, ::2]
        count = len(real) * real.shape[2]
        views, filters = _views(count, self.training, real.device), _filters(count, self.training, real.device)
        with torch.no_grad():
            wanted = self._points(real, views, filters)
        seen = self._points(window.placed(mouth, real), views, filters)
        return {
            "lips": (seen - wanted).abs().mean(),
            "opening": (_opening(seen) - _opening(wanted)).abs().mean(),
        }

    def _points(self, faces: torch.Tensor, views: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
        """(B n, 20, 2) pixels of the aligned face, measured from the window's corner."""
        # Half a pixel in a hundred is what counts here, and sixteen bits do not tell it.
        with torch.autocast(faces.device.type, enabled=False):
            pictures = faces.float().transpose(1, 2).flatten(0, 1).add(1).div(2)
            grid = F.affine_grid(views, [len(pictures), 3, SIDE, SIDE], align_corners=False)
            looked_at = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
            looked_at = torch.einsum("nij,njhw->nihw", filters, looked_at).clamp(0, 1)
            looked_at = looked_at.contiguous(memory_format=torch.channels_last)
            return self.mesh(looked_at) * (_REACH / SIDE)


def _views(count: int, vary: bool, device: torch.device) -> torch.Tensor:
    """(count, 2, 3) affine maps, window -> aligned face, both in [-1, 1]."""
    draw = 2 * torch.rand(4, count) - 1 if vary else torch.zeros(4, count)
    scale, angle = _REACH / ALIGNED_SIZE * torch.exp(_SCALE * draw[0]), _TURN * draw[1]
    cos, sin = scale * angle.cos(), scale * angle.sin()
    place = torch.tensor(_CENTRE)[:, None] + 0.5 + _SHIFT * draw[2:]
    x, y = 2 * place / ALIGNED_SIZE - 1
    return torch.stack([torch.stack([cos, -sin, x], -1), torch.stack([sin, cos, y], -1)], -2).to(device)


def _filters(count: int, vary: bool, device: torch.device) -> torch.Tensor:
    """(count, 3, 3) colours seen from colours: half of them grey, the others with some of their colour and a tint."""
    if not vary:
        return torch.eye(3, device=device).expand(count, 3, 3)
    draw = torch.rand(count, 5)
    saturation = torch.where(draw[:, 0] < 0.5, 0.0, draw[:, 1])[:, None, None]
    grey = torch.as_tensor(LUMA, dtype=torch.float32).expand(3, 3)
    tint = torch.exp(0.2 * (2 * draw[:, 2:] - 1))[:, :, None]
    return (tint * (saturation * torch.eye(3) + (1 - saturation) * grey)).to(device)


def _opening(points: torch.Tensor) -> torch.Tensor:
    """(N, 20, 2) -> (N, 3)."""
    return (points[:, _LOWER] - points[:, _UPPER]).norm(dim=-1)
