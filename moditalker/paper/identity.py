"""What the released AToM knows of a portrait: 10 x (its frontalised 3DMM landmarks minus the 3DMM's mean shape).

The 3DMM is the Basel Face Model as Deep3DFaceRecon cuts it, in decimetres, so the numbers are centimetres. Its licence
forbids to pass it on. In its place stand the tracker's own 3-D landmarks, turned to the front and brought to the same
unit, minus the mean of the same tracker's landmarks over many people (``mean_face.json``, made by
``moditalker.paper.mean_face``). ``docs/paper.md`` says how near that comes and what cannot be known. Whoever has the
3DMM hands in its landmarks instead, see ``read_identity``.

*Model axes* are the 3DMM's: x to the right of the picture, y up, z towards the camera.
"""

import json
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from moditalker.face.geometry import umeyama
from moditalker.face.layout import POINTS, STABLE
from moditalker.utils.errors import InputError

_MEAN_FACE = Path(__file__).with_name("mean_face.json")
_PER_UNIT = 10.0
"""Of the network's unit to one of the 3DMM's: a decimetre has ten centimetres."""


@cache
def mean_face() -> np.ndarray:
    """(68, 3) the mean of tracked, frontalised faces with a closed mouth, model axes, centimetres."""
    return np.array(json.loads(_MEAN_FACE.read_text())["points"], np.float64)


@dataclass(frozen=True)
class FrontalFace:
    """A portrait in the unit and the axes of the released AToM.

    Attributes:
        identity: (68, 3) float32, what AToM is given; centimetres from the mean face, model axes.
        turn: (3, 3) from the portrait's axes and inter-ocular distances to model axes and centimetres: a rotation times
            a scale.
    """

    identity: np.ndarray
    turn: np.ndarray

    def into_model(self, residual: np.ndarray) -> np.ndarray:
        """(..., 68, 3) displacements in the portrait's axes, inter-ocular distances -> model axes, centimetres."""
        return (residual @ self.turn.T).astype(np.float32)

    def into_portrait(self, residual: np.ndarray) -> np.ndarray:
        """The inverse of ``into_model``."""
        return (residual @ np.linalg.inv(self.turn).T).astype(np.float32)


def frontal_face(shape: np.ndarray, identity: np.ndarray | None = None) -> FrontalFace:
    """Turn a portrait to the front, by those of its points that speech does not move.

    Args:
        shape: (68, 3) the portrait, ``FaceFrame.shape``: inter-ocular distances, y down, z away from the camera.
        identity: (68, 3) from the user's own 3DMM, in place of the one that is measured here; see ``read_identity``.
    """
    mean = mean_face()
    scale, rotation, shift = umeyama(shape[STABLE], mean[STABLE])
    turn = scale * rotation
    measured = (shape @ turn.T + shift - mean).astype(np.float32)
    return FrontalFace(measured if identity is None else identity.astype(np.float32), turn)


def read_identity(file: Path) -> np.ndarray:
    """The portrait's identity from a file of the user's own 3DMM.

    Args:
        file: ``.npz`` with ``landmarks`` and ``mean``, each (68, 3), frontal, in the 3DMM's unit and axes; or with
            ``identity`` (68, 3), which is 10 x (landmarks - mean) already.
    Returns:
        (68, 3) float32, 10 x (landmarks - mean).
    Raises:
        InputError: the file cannot be read or does not hold these arrays.
    """
    asked = "name an .npz with 'landmarks' and 'mean' (68, 3) in the 3DMM's unit, or with 'identity' (68, 3)"
    try:
        with np.load(file, allow_pickle=False) as stored:
            if "identity" in stored:
                identity = np.asarray(stored["identity"], np.float64)
            else:
                identity = _PER_UNIT * (np.asarray(stored["landmarks"], np.float64) - np.asarray(stored["mean"]))
    # A plain .npy comes out of np.load as an array, which is no context manager: TypeError.
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} holds no frontal landmarks; {asked}.") from error
    if identity.size != 3 * POINTS or not np.isfinite(identity).all():
        raise InputError(f"{file} holds {identity.shape} and 68 points of finite numbers are needed; {asked}.")
    return identity.reshape(POINTS, 3).astype(np.float32)
