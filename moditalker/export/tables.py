"""Animations as text: the CSV of Live Link Face, and JSON."""

import csv
import io
import json

import numpy as np

from moditalker.export.face_animation import FaceAnimation
from moditalker.face.blendshapes import BLENDSHAPES

_ANGLES = ("Yaw", "Pitch", "Roll")
COLUMNS = (
    "Timecode",
    "BlendShapeCount",
    *(name[0].upper() + name[1:] for name in BLENDSHAPES),
    *(f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in _ANGLES),
)
"""Of the files that the app Live Link Face (Epic Games) writes."""


def live_link_csv(animation: FaceAnimation) -> str:
    """A table as Live Link Face records it; Unreal, Maya and Blender's add-ons read it. Angles are radians.

    A time is ``HH:MM:SS:FF.mmm``: hours, minutes, seconds, frames, thousandths of a frame.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    values = np.concatenate([animation.weights, animation.head, animation.eyes, animation.eyes], 1)
    for frame, row in enumerate(values):
        second, part = divmod(frame, animation.fps)
        time = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}:{part:02d}.000"
        writer.writerow([time, values.shape[1], *(f"{value:.6f}" for value in row)])
    return text.getvalue()


def animation_json(animation: FaceAnimation) -> str:
    """The same numbers as JSON, with the names of the 52 and the units."""
    return json.dumps(
        {
            "fps": animation.fps,
            "frames": len(animation),
            "units": {
                "head": "radians: yaw, pitch, roll",
                "eyes": "radians: yaw, pitch, roll",
                "shift": "eye distances",
            },
            "names": BLENDSHAPES,
            "weights": animation.weights.round(5).tolist(),
            "head": animation.head.round(5).tolist(),
            "shift": animation.shift.round(5).tolist(),
            "eyes": animation.eyes.round(5).tolist(),
        }
    )
