"""The new mouth of each frame, drawn from references of the same person: shut lips from one, teeth from the other."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.dub.references import Reference, References
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening
from moditalker.portrait import Portrait

_SHUT, _OPEN = 0.015, 0.05
"""Below the first opening a mouth is drawn from the reference with shut lips, above the second from the other."""


def drawn_mouths(
    pipeline: Any, references: References, landmarks: np.ndarray, *, mtov_steps: int, seed: int
) -> Iterator[np.ndarray]:
    """Heads with the new mouths; what is around the mouth is the reference's, warped.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        references: at least one of the two.
        landmarks: (T, 68, 3) pixels of heads.
        mtov_steps, seed: see ``AnimateOptions``.
    Yields:
        (S, S, 3) uint8, T of them.
    """

    def drawn(reference: Reference) -> Iterator[np.ndarray]:
        picture = reference.picture
        face = pipeline.encode_face(picture, reference.landmarks)
        portrait = Portrait(picture, FaceFrame(reference.landmarks), face)
        # The references are mouths of this very person: a correction by a trial render gains nothing here, and costs as
        # much as all the rest.
        options = {"mtov_steps": mtov_steps, "seed": seed, "mouth_only": True, "correct_lips": False}
        chunks = pipeline.render(portrait, landmarks, own=True, **options)
        return (frame for chunk in chunks for frame in chunk)

    if references.shut is None or references.open is None:
        only = references.shut or references.open
        assert only is not None
        yield from drawn(only)
        return
    share = np.clip((mouth_opening(landmarks) - _SHUT) / (_OPEN - _SHUT), 0, 1)
    share = gaussian_filter1d(share, 1.0, mode="nearest").astype(np.float32)
    for shut, wide, part in zip(drawn(references.shut), drawn(references.open), share, strict=True):
        yield np.rint(shut + part * (wide.astype(np.float32) - shut)).astype(np.uint8)
