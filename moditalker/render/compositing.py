"""What MToV generates, laid over the warped portrait: whole pictures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from moditalker.face.geometry import FaceFrame, FaceMotion
from moditalker.render.compositor import Composer
from moditalker.render.mouth_interior import MouthInterior, growth
from moditalker.render.teeth import lip_lift
from moditalker.render.tone import in_tone, tone_of
from moditalker.render.warp import FrameWarp


@dataclass(frozen=True)
class FaceLayers:
    """What is laid over the warp of consecutive frames, in the aligned face.

    Attributes:
        motion: of the n frames, in the portrait's picture space.
        delta: (n, 3, 128, 128) float32, to be added to the warped portrait; values as of 0 to 255.
        shift: (n, 2, 32, 32) float32, how the warp is refined, see ``FrameWarp.refined``.
    """

    motion: FaceMotion
    delta: np.ndarray
    shift: np.ndarray


def composed(frame: FaceFrame, composer: Composer, layers: Iterable[FaceLayers]) -> Iterator[np.ndarray]:
    """Warp the person, paint the inside of the mouth, and add what MToV generated.

    Args:
        frame: the portrait's face-centric frame.
        composer: of the portrait's picture.
        layers: in order, as ``BlockSampler`` gives them.
    Yields:
        (n, H, W, 3) uint8, as many frames as each of the layers has.
    """
    picture = composer.picture
    tone = tone_of(picture, frame.landmarks)
    for layer in layers:
        motion = layer.motion
        grown = growth(frame.landmarks, motion.landmarks)
        interior = MouthInterior(picture, frame.landmarks, motion.landmarks, grown, lip_lift(motion.residual))
        delta = layer.delta if tone is None else in_tone(layer.delta, tone)
        yield composer(FrameWarp(frame, motion), delta, interior.paint, layer.shift)
