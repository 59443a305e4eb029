"""Wav2Lip's generator, from its paper (section 4 and figure 2), under the names that its checkpoints use.

Two encoders and a decoder with skips: the face encoder sees the frame with its lower half blackened beside a whole
frame of the same face (identity), the audio encoder 0.2 s of mel spectrogram; the decoder draws the whole face.
"""

import torch
from torch import nn
from torch.nn import functional as F

FACE_SIDE = 96
MEL_BANDS, MEL_STEPS = 80, 16


class Block(nn.Module):
    """Convolution, batch normalisation, and a rectifier after the block's own input was added.

    Args:
        inputs, outputs: channels.
        size, stride, padding: of the convolution.
        residual: whether the input is added.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, padding), nn.BatchNorm2d(outputs))
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) -> (B, outputs, H', W')."""
        y = self.conv_block(x)
        return F.relu(y + x if self.residual else y)


class GrowingBlock(nn.Module):
    """The same with a transposed convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int, padding: int, output_padding: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 3, stride, padding, output_padding), nn.BatchNorm2d(outputs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) -> (B, outputs, H', W')."""
        return F.relu(self.conv_block(x))


def _same(channels: int, count: int) -> list[nn.Module]:
    return [Block(channels, channels, residual=True) for _ in range(count)]


class Wav2Lip(nn.Module):
    """The generator, 36 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        # Each level halves the face: 96, 48, 24, 12, 6, 3, and 1 at the end.
        downs = ((16, 32, 2), (32, 64, 3), (64, 128, 2), (128, 256, 2), (256, 512, 1))
        self.face_encoder_blocks = nn.ModuleList(
            [
                nn.Sequential(Block(6, 16, 7, 1, 3)),
                *(nn.Sequential(Block(low, high, stride=2), *_same(high, count)) for low, high, count in downs),
                nn.Sequential(Block(512, 512, padding=0), Block(512, 512, 1, padding=0)),
            ]
        )
        # 80 bands and 16 steps to 3x3, then to 1x1.
        steps = ((32, 64, (3, 1), 2), (64, 128, (3, 3), 2), (128, 256, (3, 2), 1))
        audio: list[nn.Module] = [Block(1, 32), *_same(32, 2)]
        for low, high, stride, count in steps:
            audio += [Block(low, high, stride=stride), *_same(high, count)]
        self.audio_encoder = nn.Sequential(*audio, Block(256, 512, padding=0), Block(512, 512, 1, padding=0))
        # Each takes the level before with the skip joined to it.
        ups = ((1024, 512, 2), (768, 384, 2), (512, 256, 2), (320, 128, 2), (160, 64, 2))
        self.face_decoder_blocks = nn.ModuleList(
            [
                nn.Sequential(Block(512, 512, 1, padding=0)),
                nn.Sequential(GrowingBlock(1024, 512, 1, 0, 0), *_same(512, 1)),
                *(nn.Sequential(GrowingBlock(low, high, 2, 1, 1), *_same(high, count)) for low, high, count in ups),
            ]
        )
        self.output_block = nn.Sequential(Block(80, 32), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mels: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """Draw faces.

        Args:
            mels: (B, 1, 80, 16), see ``mel.mel_windows``.
            faces: (B, 6, 96, 96) in [0, 1], blue green red: the lower half black, then whole.
        Returns:
            (B, 3, 96, 96) in [0, 1], blue green red.
        """
        skips, x = [], faces
        for block in self.face_encoder_blocks:
            x = block(x)
            skips.append(x)
        x = self.audio_encoder(mels)
        for block in self.face_decoder_blocks:
            x = torch.cat([block(x), skips.pop()], 1)
        return self.output_block(x)
