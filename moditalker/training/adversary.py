"""Do mouths look drawn or filmed? A discriminator of patches that learns beside the decoder, and the loss it gives.

P. Isola et al., "Image-to-image translation with conditional adversarial networks" (CVPR 2017), with the hinge loss of
J. H. Lim and J. C. Ye, "Geometric GAN" (2017). It sees brightness only, like the clips' own
finest detail: what it is for is the regular grain that perceptual losses leave in uncertain teeth.
"""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from moditalker.sync.features import LUMA


class Adversary(nn.Module):
    """Tells generated from real mouths, patch by patch (22 pixels)."""

    luma: torch.Tensor

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.register_buffer("luma", torch.from_numpy(LUMA), persistent=False)
        self.layers = nn.Sequential(
            nn.Conv2d(1, width // 2, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width // 2, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 1),
        )
        # Nothing is normalised, so the variance is kept from layer to layer here.
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 3, h, w) in [-1, 1] -> (N, 1, h/4, w/4), positive for real ones."""
        return self.layers(torch.einsum("nchw,c->nhw", pictures, self.luma)[:, None]).float()

    def losses(self, generated: torch.Tensor, real: torch.Tensor) -> dict[str, torch.Tensor]:
        """The discriminator's own loss, which trains it alone, and the generator's, which does not train it.

        Args:
            generated, real: (B, 3, n, h, w) in [-1, 1].
        Returns:
            ``telling`` (2 when it cannot tell, 0 when it always can) and ``adversarial``.
        """
        generated, real = (video.transpose(1, 2).flatten(0, 1) for video in (generated, real))
        telling = F.relu(1 - self(real)).mean() + F.relu(1 + self(generated.detach())).mean()
        fixed = {name: parameter.detach() for name, parameter in self.named_parameters()}
        return {"telling": telling, "adversarial": -functional_call(self, fixed, (generated,)).mean()}
