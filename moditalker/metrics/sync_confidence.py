"""Lip-sync by the project's own expert: offset, confidence and distance (SyncNet; Chung and Zisserman, ACCV 2016
workshops).

The scale is the expert's own: embeddings have unit length, so distances lie between 0 and 2 and confidences are a
fraction of that. They compare with each other, not with numbers of other SyncNets.
"""

import numpy as np

from moditalker.sync.expert_weights import shipped_expert
from moditalker.sync.offset_scoring import SyncScore, sync_curve

__all__ = ["SyncScore", "sync_score"]


def sync_score(faces: np.ndarray, audio: np.ndarray) -> SyncScore:
    """How well a face and a recording fit.

    Offsets are searched from -15 to 15 frames, as far as a second of both is left.

    Args:
        faces: (T, 128, 128, 3) uint8, aligned faces at 25 a second (``face.geometry.aligned_face``).
        audio: (N,) float32 in [-1, 1], 16 kHz, beginning with the first frame.
    Returns:
        Offset (frames; positive: the sound comes late), confidence and distance.
    Raises:
        InputError: less than a second of either, faces of another shape, or the expert's weights are missing.
    """
    return sync_curve(shipped_expert(), faces, audio).score()
