"""What the published networks are trained on; the noise and its times come with the batch."""

import torch
from torch import nn

from moditalker.metrics.perceptual import PerceptualLoss
from moditalker.mtov.autoencoder import to_unit
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.head_square import hide
from moditalker.paper.schedule import paper_atom_scheduler, paper_mtov_scheduler
from moditalker.training.data.batch_source import Batch


class PaperAtomObjective(nn.Module):
    """Squared error of the clean residual and of its velocity (MoDiTalker, section 3.2).

    Args:
        atom: trained.
        velocity_weight: of the difference from frame to frame.
    """

    def __init__(self, atom: PaperAudioToMotion, velocity_weight: float = 1.0) -> None:
        super().__init__()
        self.atom, self.velocity_weight = atom, velocity_weight
        self.scheduler = paper_atom_scheduler()

    def forward(self, batch: Batch) -> Batch:
        clean = batch["residual"]
        noisy = self.scheduler.add_noise(clean, batch["noise"], batch["timestep"])
        identity = batch["identity"][:, None].expand(-1, clean.shape[1], -1)
        predicted = self.atom(noisy, batch["timestep"], identity, batch["speech"], batch["keep"]).float()
        position = (predicted - clean).square().mean()
        velocity = (predicted.diff(dim=1) - clean.diff(dim=1)).square().mean()
        return {"loss": position + self.velocity_weight * velocity, "position": position, "velocity": velocity}


class PaperAutoencoderObjective(nn.Module):
    """L1 over a block and LPIPS of one of its frames, four to four, as PVDM weighs them; without its discriminators.

    Args:
        autoencoder: trained.
        pixel_weight, perceptual_weight: of the two.
    """

    def __init__(
        self, autoencoder: PaperAutoencoder, pixel_weight: float = 4.0, perceptual_weight: float = 4.0
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.pixel_weight, self.perceptual_weight = pixel_weight, perceptual_weight
        self.perceptual = PerceptualLoss() if perceptual_weight else None

    def forward(self, batch: Batch) -> Batch:
        video = to_unit(batch["video"])
        decoded = self.autoencoder.decode(self.autoencoder.encode(video)).float()
        l1 = (decoded - video).abs().mean()
        losses = {"loss": self.pixel_weight * l1, "l1": l1}
        if self.perceptual is not None:
            each = torch.arange(len(video), device=video.device)
            lpips = self.perceptual(decoded[each, :, batch["look"]], video[each, :, batch["look"]]).mean()
            losses |= {"loss": losses["loss"] + self.perceptual_weight * lpips, "lpips": lpips}
        return losses


class PaperMtovObjective(nn.Module):
    """Squared error of the noise in the latent of a block.

    Args:
        denoiser: trained.
        pictures, landmarks: the two autoencoders, which stay as they are.
    """

    def __init__(self, denoiser: PaperMotionToVideo, pictures: PaperAutoencoder, landmarks: PaperAutoencoder) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.pictures = pictures.requires_grad_(False)
        self.landmarks = landmarks.requires_grad_(False)
        self.scheduler = paper_mtov_scheduler()

    def forward(self, batch: Batch) -> Batch:
        with torch.no_grad():
            clean = self.pictures.encode(to_unit(batch["video"])).float()
            pose = self.pictures.encode(hide(to_unit(batch["pose"]), batch["visible"]))
            identity = self.pictures.encode_still(to_unit(batch["portrait"]))
            drawn = self.landmarks.encode(to_unit(batch["drawn"]))
        noisy = self.scheduler.add_noise(clean, batch["noise"], batch["timestep"])
        rows = identity[..., : self.pictures.side**2]
        predicted = self.denoiser(noisy, batch["timestep"], rows, pose, drawn).float()
        noise = (predicted - batch["noise"]).square().mean()
        return {"loss": noise, "noise": noise}
