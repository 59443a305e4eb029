"""Pairs of pictures of one person as the mouth renderer is given them: a portrait, and frames it shall become."""

from pathlib import Path

import cv2
import numpy as np
import torch

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame
from moditalker.face.layout import NOSE_TIP, mouth_opening
from moditalker.mtov.mouth_conditions import MARGIN, WarpedWindow, in_window, landmark_maps, window_matrices
from moditalker.mtov.mouth_renderer import SIDE, WINDOW
from moditalker.render.warp import FrameWarp
from moditalker.training.data.augmentation import recolouring, relighting, resharpening
from moditalker.training.data.clips import speaker_weights
from moditalker.training.data.drafts import Drafts
from moditalker.training.data.face_views import Views, read_views

_KINDS = {"people": 0.35, "clips_hd": 0.4, "clips": 0.25}
"""How often each kind of person is drawn. Few clips are sharp at 256 pixels; drawn people are, but do not speak: their
open mouths smile and are full of teeth."""

_TURNED = 20.0
"""How far the tip of the nose may be from where it is in the portrait, pixels: about as far as heads of videos turn."""


_ALIKE = 0.05
"""How likely a frame is drawn whose mouth is open like the portrait's, beside one that is open by so much more;
inter-ocular distances."""


class ViewPairs:
    """Batches of portraits and frames of the same persons.

    Args:
        folder: that ``pack_views`` wrote.
        split: ``train``, ``val`` or ``test``.
        drafts: draws what the frames are made from.
        portraits: of a batch.
        frames: of each portrait.
        vary: other colours, light and sharpness.
        kinds: how often each kind of view is drawn; kinds that are not there are passed over.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        drafts: Drafts,
        portraits: int = 8,
        frames: int = 2,
        vary: bool = False,
        kinds: dict[str, float] | None = None,
    ) -> None:
        self.drafts = drafts
        self.portraits, self.frames, self.vary = portraits, frames, vary
        views = read_views(folder, split)
        wanted = _KINDS if kinds is None else kinds
        self._kinds = {kind: [v for v in views if v.kind == kind and len(v) > frames] for kind in wanted}
        self._kinds = {kind: found for kind, found in self._kinds.items() if found}
        share = np.array([wanted[kind] for kind in self._kinds])
        self._share = share / share.sum()
        self._weights = {kind: speaker_weights(found) for kind, found in self._kinds.items()}

    def __call__(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """A batch of B portraits with n frames each.

        Returns:
            uint8: ``portrait`` and ``portrait_map`` (B, 3, 96, 128), ``warped``, ``draft``, ``landmark_map`` and
            ``real`` (B, n, 3, 96, 128), ``face`` (B, n, 3, 128, 128) the whole face of 128 pixels; ``displacement``
            (B, n, 2, 24, 32) float32, pixels.
        """
        cv2.setNumThreads(1)
        items = [self._item(rng) for _ in range(self.portraits)]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}

    def _item(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        kind = list(self._kinds)[int(rng.choice(len(self._share), p=self._share))]
        views = self._kinds[kind][int(rng.choice(len(self._weights[kind]), p=self._weights[kind]))]
        wanted = self._wanted(views, rng)
        pictures, landmarks = views.pictures(wanted), views.landmarks(wanted)
        if self.vary:
            for change in (resharpening(rng), relighting(rng, pictures.shape[1]), recolouring(rng)):
                if rng.random() < 0.6:
                    pictures = change(pictures)
        item = conditions(pictures[0], landmarks[0], landmarks[1:], self.drafts)
        window = slice(MARGIN, MARGIN + SIDE)
        real = torch.from_numpy(np.ascontiguousarray(pictures[1:, window, window])).permute(0, 3, 1, 2)
        face = np.stack(
            [cv2.resize(p[window, window], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for p in pictures[1:]]
        )
        item |= {"real": WINDOW.cut(real), "face": torch.from_numpy(face).permute(0, 3, 1, 2)}
        if self.vary and rng.random() < 0.5:
            item = {key: value.flip(-1) for key, value in item.items()}
            item["displacement"][:, 0].neg_()
        return item

    def _wanted(self, views: Views, rng: np.random.Generator) -> list[int]:
        """A portrait and frames in which the head has not turned too far from it, for there the warp is torn.

        Frames whose mouth is open otherwise than the portrait's are drawn more often: there is more to learn.
        """
        landmarks = views.landmarks(list(range(len(views))))
        tips, openings = landmarks[:, NOSE_TIP, :2], mouth_opening(landmarks)
        for portrait in rng.permutation(len(views)).tolist():
            near = np.linalg.norm(tips - tips[portrait], axis=-1) < _TURNED
            near[portrait] = False
            others = np.flatnonzero(near)
            if len(others) >= self.frames:
                likely = _ALIKE + np.abs(openings[others] - openings[portrait])
                return [portrait, *rng.choice(others, self.frames, False, likely / likely.sum()).tolist()]
        return rng.permutation(len(views))[: self.frames + 1].tolist()


def conditions(portrait: np.ndarray, own: np.ndarray, landmarks: np.ndarray, drafts: Drafts) -> dict[str, torch.Tensor]:
    """What the mouth renderer is given.

    Args:
        portrait: (320, 320, 3) uint8, see ``face_views``.
        own: (68, 3) its landmarks, pixels of it.
        landmarks: (n, 68, 3) the frames' landmarks, pixels of such pictures.
        drafts: see ``ViewPairs``.
    Returns:
        See ``ViewPairs``: ``portrait``, ``portrait_map``, ``warped``, ``draft``, ``landmark_map``, ``displacement``.
    """
    aligned = np.array([[1.0, 0, -MARGIN], [0, 1, -MARGIN]]) * (ALIGNED_SIZE / SIDE)
    frame = FaceFrame(own)
    motion = frame.motion(landmarks, np.broadcast_to(aligned, (len(landmarks), 2, 3)))
    places = window_matrices(np.broadcast_to(aligned, (len(landmarks) + 1, 2, 3)))
    warped, displacement = WarpedWindow(portrait, places[0])(FrameWarp(frame, motion), places[1:])
    maps = landmark_maps(np.concatenate([own[None], landmarks]), places)
    drafts_of = drafts(portrait, own, landmarks, aligned)
    return {
        "portrait": in_window(portrait, places[0]),
        "portrait_map": maps[0],
        "warped": warped,
        "draft": torch.stack([in_window(*pair) for pair in zip(drafts_of, places[1:], strict=True)]),
        "landmark_map": maps[1:],
        "displacement": displacement,
    }
