"""The lips of a recording on a head that moves by itself: AToM's motion in the face's own axes, frame by frame."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.atom.rest import close_lips
from moditalker.constants import FPS
from moditalker.dub.tracks import Tracks
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening
from moditalker.face.motion_controls import MOUTH_AND_JAW, untangle

_SLOW_SECONDS = 0.4
"""Deviation of the Gaussian over the person's own face with its lips shut: what is slower, a smile for one, stays."""
_EASE_SECONDS = 0.2
"""In which lips go over to the new ones beside frames that are kept, and to rest after the recording's end."""


def resting_face(tracks: Tracks) -> np.ndarray:
    """The person with the lips shut, (68, 3) pixels of a head: the mean over the frames that show them nearly so."""
    usable = tracks.landmarks[tracks.reasons == ""]
    heads = tracks.space.placed(usable, tracks.space.matrices(usable))
    opening = mouth_opening(heads)
    frame = FaceFrame(heads[int(opening.argmin())])
    residual, _ = frame.analyse(heads[opening <= np.quantile(opening, 0.1)])
    shape = close_lips(frame.shape + residual.mean(0))
    return frame.compose((shape - frame.shape)[None], np.zeros((1, 6), np.float32))[0]


def at_times(residual: np.ndarray, frames: int, fps: float) -> np.ndarray:
    """Motion at 25 frames a second as frames of another rate see it.

    Args:
        residual: (T, 68, 3) inter-ocular distances.
        frames: wanted.
        fps: of them.
    Returns:
        (frames, 68, 3); after its end the motion goes to rest.
    """
    rest = np.zeros((max(2, round(_EASE_SECONDS * FPS)), *residual.shape[1:]), residual.dtype)
    rest[:-1] = residual[-1] * np.linspace(1, 0, len(rest))[:-1, None, None]
    known = np.concatenate([residual, rest])
    places = np.clip(np.arange(frames) * (FPS / fps), 0, len(known) - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, len(known) - 1)
    share = (places - below)[:, None, None].astype(np.float32)
    return np.asarray(known[below] + share * (known[above] - known[below]), np.float32)


def with_lips(frame: FaceFrame, heads: np.ndarray, residual: np.ndarray, weight: np.ndarray, fps: float) -> np.ndarray:
    """The heads of a stretch of video with other lips.

    Args:
        frame: of ``resting_face``.
        heads: (T, 68, 3) pixels of heads, as tracked.
        residual: (T, 68, 3) what the recording moves, inter-ocular distances.
        weight: (T,) from 0, the video's own lips, to 1.
        fps: frames a second.
    Returns:
        (T, 68, 3) pixels of heads; no point but those of mouth and jaw has moved.
    """
    own, pose = frame.analyse(heads)
    points = own + frame.shape
    shut = np.stack([close_lips(one) for one in points])
    slow = gaussian_filter1d(shut, _SLOW_SECONDS * fps, axis=0, mode="nearest")
    wanted = untangle(slow + residual - frame.shape, frame.shape) + frame.shape
    moved = points.copy()
    here = np.s_[:, MOUTH_AND_JAW]
    moved[here] += weight[:, None, None] * (wanted[here] - points[here])
    return frame.compose(moved - frame.shape, pose)


def eased(frames: int, before: bool, after: bool, fps: float) -> np.ndarray:
    """(T,) weights of a stretch; they rise from, and fall to, frames beside it that are kept, where there are any."""
    ramp = max(1, round(_EASE_SECONDS * fps))
    index = np.arange(frames)
    weight = np.ones(frames)
    if before:
        weight = np.minimum(weight, (index + 1) / (ramp + 1))
    if after:
        weight = np.minimum(weight, (frames - index) / (ramp + 1))
    return np.asarray(weight * weight * (3 - 2 * weight), np.float32)


def in_frames(heads: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """(T, 68, 3) pixels of heads -> of their frames; ``matrices`` (T, 2, 3) go the other way."""
    inverse = np.linalg.inv(matrices[..., :2])
    flat = np.einsum("tij,tnj->tni", inverse, heads[..., :2] - matrices[:, None, :, 2])
    scale = np.sqrt(np.abs(np.linalg.det(matrices[..., :2])))
    return np.concatenate([flat, heads[..., 2:] / scale[:, None, None]], -1).astype(np.float32)
