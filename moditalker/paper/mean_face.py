"""``python -m moditalker.paper.mean_face``: the mean of tracked faces that stands for the 3DMM's mean shape.

Everybody counts once, with the quarter of their frames whose mouths are most closed. The mean is laid on five points of
the 3DMM that are public, so it has the 3DMM's unit, axes and tilt. The file also says how far it misses these points,
and how much faces differ.
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from moditalker.face.geometry import umeyama
from moditalker.face.layout import LEFT_EYE, NOSE_TIP, RIGHT_EYE, STABLE, mouth_opening
from moditalker.face.tracker import make_tracker
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

FIVE_POINTS = 10 * np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032535, -0.04617932, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ]
)
"""(5, 3) eyes, tip of the nose and corners of the mouth of the 3DMM's mean, centimetres; Deep3DFaceReconstruction (MIT)
aligns its pictures by them."""
_FLIP = np.array([1, -1, -1])
"""From the picture's axes to the model's."""
_CLIPS, _FRAMES, _CLOSED, _ROUNDS = 3, 75, 0.25, 20


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """(..., 68, 3) -> (..., 5, 3), the points of ``FIVE_POINTS``."""
    eyes = [landmarks[..., eye, :].mean(-2) for eye in (RIGHT_EYE, LEFT_EYE)]
    return np.stack([*eyes, *(landmarks[..., point, :] for point in (NOSE_TIP, 48, 54))], -2)


def aligned(landmarks: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(..., 68, 3) model axes, any unit -> laid on a mean face by the points that speech does not move."""
    scale, rotation, shift = umeyama(landmarks[..., STABLE, :], mean[STABLE])
    turned = np.einsum("...ij,...nj->...ni", scale[..., None, None] * rotation, landmarks)
    return turned + shift[..., None, :]


def mean_of(people: Iterable[np.ndarray]) -> np.ndarray:
    """The mean face (generalised Procrustes analysis).

    Args:
        people: of each (n, 68, 3), model axes, any unit.
    Returns:
        (68, 3) centimetres, laid on ``FIVE_POINTS``.
    """
    faces = list(people)
    mean = faces[0][0]
    for _ in range(_ROUNDS):
        mean = np.mean([aligned(face, mean).mean(0) for face in faces], 0)
        scale, rotation, shift = umeyama(five_points(mean), FIVE_POINTS)
        mean = scale * mean @ rotation.T + shift
    return mean


def closed_mouths(landmarks: np.ndarray) -> np.ndarray:
    """The quarter of (T, 68, 3) frames whose mouths are most closed."""
    opening = mouth_opening(landmarks)
    return landmarks[opening <= np.quantile(opening, _CLOSED)]


def spread(people: Collection[np.ndarray], mean: np.ndarray) -> dict[str, float]:
    """How faces differ, per coordinate, centimetres.

    Returns:
        ``people``, how many; ``from_mean``, root mean square of a person's difference from the mean face; ``between``
        and ``within``, its standard deviation from person to person, and from frame to frame of one person.
    """
    each = [aligned(face, mean) - mean for face in people]
    persons = np.stack([one.mean(0) for one in each])
    squares = {
        "from_mean": np.square(persons).mean(),
        "between": persons.var(0).mean(),
        "within": np.mean([one.var(0) for one in each]),
    }
    return {"people": len(each), **{name: round(float(np.sqrt(value)), 3) for name, value in squares.items()}}


def _tracked(lists: Iterable[Path]) -> Mapping[str, Mapping[str, np.ndarray]]:
    """Of each split the faces of each speaker, (n, 68, 3) model axes, inter-ocular distances or any other unit."""
    found: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    tracker = make_tracker()
    for file in lists:
        with file.open() as lines:
            for row in csv.DictReader(lines):
                faces = found["train" if row["split"] == "train" else "held out"][row["speaker"]]
                if len(faces) < _CLIPS:
                    frames = islice(read_video(file.parent / row["path"]), _FRAMES)
                    try:
                        faces.append(closed_mouths(tracker.track(frames)) * _FLIP)
                    except InputError:
                        continue  # a clip without a face says nothing of faces
    return {
        split: {name: np.concatenate(faces) for name, faces in people.items() if faces}
        for split, people in found.items()
    }


def main() -> None:
    """Read the options, write the mean face and how it fits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path, nargs="+", help="CSV files with the columns path, split, speaker")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MEAN.json")
    options = parser.parse_args()
    splits = _tracked(options.lists)
    mean = mean_of(splits["train"].values())
    content = {
        "unit": "cm",
        "five_points_missed_by": np.linalg.norm(five_points(mean) - FIVE_POINTS, axis=-1).round(3).tolist(),
        "spread": {split: spread(people.values(), mean) for split, people in splits.items()},
        "points": mean.round(3).tolist(),
    }
    options.output.write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
