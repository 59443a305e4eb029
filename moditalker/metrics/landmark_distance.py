"""Mouth landmark distance: L. Chen et al., "Lip Movements Generation at a Glance", ECCV 2018 (their LMD).

They compare the lips' landmarks in pixels of a common crop; here head pose and size are removed first, so that the
number does not depend on the resolution and leaves head motion to be judged elsewhere.
"""

import numpy as np

from moditalker.face.geometry import FaceFrame

_MOUTH = slice(48, 68)


def mouth_landmark_distance(generated: np.ndarray, real: np.ndarray) -> float:
    """Mean distance of the 20 mouth points, in percent of the inter-ocular distance.

    Args:
        generated, real: (T, 68, 3) pixels; both are brought face-centric to the first real frame, and compared in the
            picture's plane.
    """
    frame = FaceFrame(real[0])
    first, second = (frame.analyse(points)[0][:, _MOUTH, :2] for points in (generated, real))
    return 100 * float(np.linalg.norm(first - second, axis=-1).mean())
