"""``train blendshapes``: from 68 landmarks what MediaPipe's Face Landmarker reads from a mesh, and the way back."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from moditalker.atom.blendshapes import BlendshapeMap, laid_on, logit
from moditalker.face.blendshapes import BLENDSHAPES, EYE_LOOKS, MIRRORED_BLENDSHAPES
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import BROWS, INNER_LIPS, JAW, LIDS, MEDIAPIPE_TO_68, MIRRORED, OUTER_LIPS
from moditalker.face.tracker import yaw_degrees
from moditalker.training.blendshape_teacher import BlendshapeReader
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.face_meshes import FaceMeshes, meshes_of_clips
from moditalker.training.loop import TrainingConfig, fit

_FRONTAL = 25.0
"""Degrees of yaw up to which faces are used to learn how blendshapes move them: beyond, MediaPipe's depth errs."""
_SEEN = 0.1
"""A blendshape that is never read higher than this moves nothing: there is nothing to learn it from."""
_RIDGE = 0.003
"""Of the variance of the predictors. Chosen on validation speakers among 0.003, 0.03, 0.1 and 0.3."""
_JITTER = 0.003
"""Deviation of the noise on landmarks while the reader learns, inter-ocular distances: trackers tremble as much."""


@dataclass(frozen=True)
class Faces:
    """Faces laid on the template, with what the teacher reads in them.

    Attributes:
        points: (N, 68 + 478, 3) float32, inter-ocular distances; landmarks first, then the mesh.
        scores: (N, 52) float32, 0 to 1.
        yaw: (N,) degrees, see ``face.tracker.yaw_degrees``.
        groups, weights: as of ``FaceMeshes``.
    """

    points: np.ndarray
    scores: np.ndarray
    yaw: np.ndarray
    groups: np.ndarray
    weights: np.ndarray


class FaceBatches:
    """Random faces, half of them mirrored, and what is read in them.

    Args:
        faces: of one split.
        count: of a batch.
        jitter: see ``_JITTER``.
    """

    def __init__(self, faces: Faces, count: int, jitter: float = 0.0) -> None:
        self.faces, self.count, self.jitter = faces, count, jitter
        self._chances = faces.weights / faces.weights.sum()

    def __call__(self, rng: np.random.Generator) -> Batch:
        """``points`` (N, 68, 3) and ``scores`` (N, 52)."""
        chosen = rng.choice(len(self.faces.points), self.count, p=self._chances)
        points, scores = self.faces.points[chosen, : len(MIRRORED)].copy(), self.faces.scores[chosen].copy()
        turned = rng.random(self.count) < 0.5
        points[turned] = points[turned][:, MIRRORED] * np.array([-1, 1, 1], np.float32)
        scores[turned] = scores[turned][:, list(MIRRORED_BLENDSHAPES)]
        points += self.jitter * rng.standard_normal(points.shape, np.float32)
        return {"points": torch.from_numpy(points), "scores": torch.from_numpy(scores)}


class ReadingObjective(nn.Module):
    """Cross entropy of the scores.

    Args:
        network: trained.
    """

    seen: torch.Tensor

    def __init__(self, network: BlendshapeMap) -> None:
        super().__init__()
        self.network = network
        seen = torch.ones(len(BLENDSHAPES))
        seen[list(EYE_LOOKS)] = 0
        self.register_buffer("seen", seen, persistent=False)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        logits, scores = self.network(batch["points"]).float(), batch["scores"]
        # What is left when every answer is right is taken off, so that 0 is perfect.
        least = F.binary_cross_entropy(scores, scores, reduction="none")
        losses = F.binary_cross_entropy_with_logits(logits, scores, reduction="none") - least
        error = (torch.sigmoid(logits) - scores).abs()
        return {"loss": (losses * self.seen).mean(), "error": (error * self.seen).sum(1).mean() / self.seen.sum()}


def train_blendshapes(clip_list: Path, config: TrainingConfig, count: int = 512) -> dict[str, float]:
    """Fit both ways on the clips of a list.

    Args:
        clip_list: the CSV that ``prepare`` takes. Meshes of its clips are kept in the run folder.
        count: faces in a batch.
    Returns:
        Validation losses, and means of what ``measure`` gives, which is written to ``blendshapes.json``.
    Raises:
        InputError: there are no such clips, or a package that carries the teacher is missing.
    """
    teacher, kept = BlendshapeReader(), config.output / "meshes"
    meshes = {split: meshes_of_clips(clip_list, split, kept) for split in ("train", "val")}
    network = BlendshapeMap()
    network.template.copy_(torch.from_numpy(template_of(meshes["train"])))
    faces = {split: read_faces(found, network, teacher) for split, found in meshes.items()}
    fit_basis(network, faces["train"])
    flat = faces["train"].points[:, : len(MIRRORED)].reshape(len(faces["train"].points), -1)
    network.mean.copy_(torch.from_numpy(flat.mean(0)))
    network.scale.copy_(torch.from_numpy(flat.std(0) + 0.005))
    training = FaceBatches(faces["train"], count, _JITTER)
    losses = fit(network, ReadingObjective(network), training, FaceBatches(faces["val"], count), config)
    averaged = BlendshapeMap.from_pretrained(config.output / "model")
    measured = measure(averaged, faces["val"])
    (config.output / "blendshapes.json").write_text(json.dumps(measured, indent=1))
    return losses | measured["means"]


def template_of(meshes: FaceMeshes) -> np.ndarray:
    """(68, 3) the mean face, symmetric, inter-ocular distances."""
    landmarks = meshes.meshes[:, MEDIAPIPE_TO_68]
    template = FaceFrame(landmarks[0]).shape
    for _ in range(3):
        mean = np.average(laid_on(landmarks, template), axis=0, weights=meshes.weights)
        mean = (mean + mean[MIRRORED] * [-1, 1, 1]) / 2
        template = FaceFrame(mean).shape
    return template


def read_faces(meshes: FaceMeshes, network: BlendshapeMap, teacher: BlendshapeReader) -> Faces:
    """Lay meshes on the network's template and let the teacher read them."""
    both = np.concatenate([meshes.meshes[:, MEDIAPIPE_TO_68], meshes.meshes], 1)
    yaw = np.array([yaw_degrees(face) for face in both])
    points = laid_on(both, network.template.numpy())
    return Faces(points, teacher(meshes.meshes), yaw, meshes.groups, meshes.weights)


def fit_basis(network: BlendshapeMap, faces: Faces) -> None:
    """Ridge regression of a face's displacement on logits, and on scores, of blendshapes; both within a clip.

    Within a clip the person is the same, so that nothing of what tells people apart is taken for expression. Each
    face is used with its mirror image.
    """
    faces = frontal(faces)
    learnt = np.array([i for i in range(len(BLENDSHAPES)) if i not in EYE_LOOKS and faces.scores[:, i].max() > _SEEN])
    moved = within(faces.points[:, len(MIRRORED) :], faces.groups)
    mirrored = moved[:, _mirrored_mesh(faces.points)] * np.array([-1, 1, 1], np.float32)
    targets = np.concatenate([moved, mirrored]).reshape(2 * len(moved), -1)
    weights = np.tile(faces.weights / faces.weights.mean(), 2)[:, None]
    for buffer, seen in ((network.basis, logit(faces.scores)), (network.morphs, faces.scores)):
        changed = within(seen, faces.groups)
        given = np.concatenate([changed[:, learnt], changed[:, np.array(MIRRORED_BLENDSHAPES)[learnt]]])
        deviation = given.std(0)
        given = given / deviation
        covariance = (given * weights).T @ given / len(given) + _RIDGE * np.eye(len(learnt))
        slopes = np.linalg.solve(covariance, (given * weights).T @ targets / len(given)) / deviation[:, None]
        buffer[learnt] = torch.from_numpy(slopes.reshape(len(learnt), -1, 3).astype(np.float32))
    network.usual.copy_(torch.from_numpy(within(logit(faces.scores), faces.groups).std(0)))


def frontal(faces: Faces) -> Faces:
    """Those that are turned less than ``_FRONTAL`` to a side."""
    ahead = np.abs(faces.yaw) < _FRONTAL
    return Faces(*(getattr(faces, field.name)[ahead] for field in fields(faces)))


def _mirrored_mesh(points: np.ndarray) -> np.ndarray:
    """(478,) which point of the mesh each becomes when left and right are exchanged: the nearest one, on average."""
    mean = points[:, len(MIRRORED) :].mean(0)
    return np.linalg.norm((mean * [-1, 1, 1])[:, None] - mean[None], axis=-1).argmin(1)


def within(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Values without the mean of each group; (N, ...) -> (N, ...)."""
    count = np.bincount(groups).reshape(-1, *[1] * (values.ndim - 1))
    sums = np.zeros((len(count), *values.shape[1:]))
    np.add.at(sums, groups, values)
    return (values - (sums / np.maximum(count, 1))[groups]).astype(np.float32)


def measure(network: BlendshapeMap, faces: Faces) -> dict[str, dict[str, float]]:
    """How well both ways do on faces of people who are not in training.

    Returns:
        A row a blendshape: ``r2`` and ``mean_error`` of the score, ``correlation`` of its changes within a clip, and
        its ``highest`` score. ``means`` of those that are higher than ``_SEEN`` somewhere, and ``moved``: the share of
        the variance in the picture plane that the basis explains, by part of the face.
    """
    read = network.read(faces.points[:, : len(MIRRORED)])
    changed, expected = within(read, faces.groups), within(faces.scores, faces.groups)
    rows: dict[str, dict[str, float]] = {}
    for index, name in enumerate(BLENDSHAPES):
        true, error = faces.scores[:, index], read[:, index] - faces.scores[:, index]
        if index in EYE_LOOKS or true.max() <= _SEEN:
            continue
        rows[name] = {
            "r2": 1 - float((error**2).mean() / true.var()),
            "correlation": float(np.corrcoef(changed[:, index], expected[:, index])[0, 1]),
            "mean_error": float(np.abs(error).mean()),
            "highest": float(true.max()),
        }
    means = {key: float(np.mean([row[key] for row in rows.values()])) for key in ("r2", "correlation", "mean_error")}
    return {**rows, "means": means, "moved": moved_share(network, frontal(faces))}


def moved_share(network: BlendshapeMap, faces: Faces) -> dict[str, float]:
    """Share of the landmarks' variance within clips that changes of the blendshapes' logits explain, by part."""
    moved = within(faces.points[:, : len(MIRRORED)], faces.groups)
    told = network.displacement(within(logit(faces.scores), faces.groups), network.template.numpy())
    parts = {"lips": np.r_[OUTER_LIPS, INNER_LIPS], "brows": BROWS, "lids": np.array(LIDS).ravel(), "jaw": JAW[4:13]}
    squares = {
        name: ((moved - told)[:, part, :2] ** 2).sum() / (moved[:, part, :2] ** 2).sum() for name, part in parts.items()
    }
    return {name: 1 - float(share) for name, share in squares.items()}
