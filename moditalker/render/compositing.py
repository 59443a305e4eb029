"""What MToV draws, laid over the warped portrait: whole pictures."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from moditalker.mtov.block_sampling import FaceLayers
from moditalker.portrait import Portrait, composer_of
from moditalker.render.mouth_interior import MouthInterior, growth
from moditalker.render.teeth import lip_lift
from moditalker.render.tone import in_tone, tone_of
from moditalker.render.warp import WarpField


def composed(
    portrait: Portrait, landmarks: np.ndarray, drawn: Iterable[FaceLayers], still_behind: bool = True
) -> Iterator[np.ndarray]:
    """Warp the person, paint the inside of the mouth, and add what MToV made of the same landmarks.

    Args:
        portrait: encoded.
        landmarks: (T, 68, 3) in its pixels.
        drawn: layers that cover all T frames in order, each once, as ``BlockSampler`` gives them.
        still_behind: see ``composer_of``.
    Yields:
        (n, H, W, 3) uint8, as many frames as the layers have; T in all.
    """
    frame = portrait.frame
    residual, pose = frame.analyse(landmarks)
    composer = composer_of(portrait, still_behind)
    grown = growth(frame.landmarks, landmarks)
    interior = MouthInterior(portrait.picture, frame.landmarks, landmarks, grown, lip_lift(residual))
    tone = tone_of(portrait.picture, frame.landmarks)
    for layers in drawn:
        span = slice(layers.start, layers.start + len(layers.delta))
        field = WarpField(frame, landmarks[span], pose[span])
        paint = partial(interior.paint, start=layers.start)
        delta = layers.delta if tone is None else in_tone(layers.delta, tone)
        yield composer(field, delta, layers.matrices, paint, layers.shift)
