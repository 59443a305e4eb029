"""A motion as a file, and a file drawn, for programs: the endpoints `/motion` and `/render`."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from moditalker.atom.motion_file import read_motion, write_motion
from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.emotions import NEUTRAL
from moditalker.keys import read_keys
from moditalker.options import DEFAULTS
from moditalker.ui.animate.controls import Controls
from moditalker.ui.animate.events import Result
from moditalker.ui.animate.kept_motion import PARTS
from moditalker.ui.animate.motion_studio import MotionMade, MotionStudio
from moditalker.ui.animate.request import LARGEST, NEW_SEED, Request
from moditalker.ui.animate.studio import Studio
from moditalker.ui.shared.endpoint import add_endpoint, followed, telling
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError

_SUFFIX = {"npz": ".npz", "json": ".motion.json"}
_CONTROLS = (
    "head_motion", "head_video", "atom_steps", "guidance", "lip_scale", "head_scale", "blink_scale", "emotion",
    "emotion_scale", "gaze_scale", "seed",
)  # fmt: skip
"""Which of the page's controls `/motion` takes, in the order of its parameters."""


class MotionEndpoints:
    """The endpoints `/motion` and `/render`.

    Args:
        studio: draws.
        motions: makes motions.
        settings: limits.
        workspace: where files of motions are written.
    """

    def __init__(self, studio: Studio, motions: MotionStudio, settings: Settings, workspace: Workspace) -> None:
        self._studio, self._motions, self._settings, self._workspace = studio, motions, settings, workspace

    def build(self, speech: list[Any], controls: Controls, face: gr.Number, voice: gr.Dropdown) -> None:
        """Add them to the `gr.Blocks` that is open.

        Args:
            speech: the components of portrait, recording, text and consent.
            controls: the page's.
            face, voice: components.
        """
        keys = gr.JSON(value=None, label="Keys", visible=False)
        kind = gr.Radio(list(_SUFFIX), value="npz", label="Kind of file", visible=False)
        made = [
            gr.File(label="The motion", visible=False),
            gr.Number(label="The seed that was used", precision=0, visible=False),
            gr.JSON(label="What it is", visible=False),
        ]
        taken = [getattr(controls, name) for name in _CONTROLS]
        add_endpoint(self.motion, [*speech, *taken, face, voice, keys, kind], made, self._settings.running)
        motion = gr.File(label="Motion", type="filepath", visible=False)
        scales = [gr.Number(1.0, label=f"Amount of {part}", visible=False) for part in PARTS]
        drawn = [
            gr.Video(label="The video", visible=False),
            gr.Number(label="The seed that was used", precision=0, visible=False),
            gr.JSON(label="The report", visible=False),
        ]
        options = [motion, controls.crop, controls.mtov_steps, *scales, controls.seed, face, voice]
        add_endpoint(self.render, [*speech, *options], drawn, self._settings.running)

    def motion(
        self,
        portrait: str | None,
        audio: str | None = None,
        text: str = "",
        consent: bool = False,
        head_motion: Literal["natural", "still", "video"] = "natural",
        head_video: str | None = None,
        atom_steps: int = DEFAULTS.atom_steps,
        guidance: float = DEFAULTS.guidance,
        lip_scale: float = 1.0,
        head_scale: float = 1.0,
        blink_scale: float = 1.0,
        emotion: str = NEUTRAL,
        emotion_scale: float = 1.0,
        gaze_scale: float = 0.0,
        seed: int = NEW_SEED,
        face: int = LARGEST,
        voice: str = DEFAULT_VOICE,
        keys: Any = None,
        kind: Literal["npz", "json"] = "npz",
        progress: gr.Progress = gr.Progress(),
    ) -> Generator[list[Any], None, None]:
        """Makes the motion of a portrait that says a recording or a text, as a file, and draws no video.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).
            audio: speech of up to 60 seconds (WAV, MP3, FLAC, OGG, M4A, or a video, of which the sound track is taken).
            text: text to be spoken by a synthetic voice, in its language, instead of audio.
            consent: true says that you may use this face and this voice; nothing is made without it.
            head_motion: "natural", "still", or "video" to follow the head in head_video.
            head_video: a video of one person seen from the front, up to 60 seconds; its picture is not used.
            atom_steps: denoising steps of the audio-to-motion model, 1 to 50.
            guidance: how closely the lips follow the speech, 1 to 4; 1 is none and the fastest.
            lip_scale: how far the lips move, 0 to 2.
            head_scale: how far the head moves, 0 to 2.
            blink_scale: how far the eyes close in a blink, 0 to 2.
            emotion: as of /animate.
            emotion_scale: how strong the emotion is, 0 to 1.5.
            gaze_scale: how far the eyes wander, 0 to 2; 1 is as in clips of talkers.
            seed: the same seed gives the same motion; -1 draws a new one.
            face: which face of the portrait speaks, counted from the left and from 1; 0 is the largest.
            voice: name of the synthetic voice.
            keys: what the face does at which moment, [{"time": 1.2, "do": "nod", "strength": 0.8}].
            kind: "npz", or "json" for a .motion.json.

        Returns:
            The file: lips, expression, blinks, head and gaze at 25 frames a second; /render draws it.
            The seed that was used.
            What it is: frames, fps, keys and warnings.
        """
        with refusals(portrait, audio, head_video):
            asked = tuple(read_keys(keys))
        request = Request(
            portrait,
            audio,
            text or "",
            consent,
            head_motion,
            head_video,
            atom_steps=atom_steps,
            guidance=guidance,
            lip_scale=lip_scale,
            head_scale=head_scale,
            blink_scale=blink_scale,
            emotion=emotion,
            emotion_scale=emotion_scale,
            gaze_scale=gaze_scale,
            seed=NEW_SEED if seed is None else int(seed),
            face=int(face or LARGEST),
            voice=voice or DEFAULT_VOICE,
            keys=asked,
        )
        with refusals(portrait, audio, head_video), closing(self._motions.make(request)) as made:
            yield from followed(made, 3, lambda event: self._motion_of(event, kind), telling(progress))

    def _motion_of(self, made: Any, kind: str) -> list[Any] | None:
        if not isinstance(made, MotionMade):
            return None
        kept = made.kept
        with self._workspace.folder(keep=True) as folder:
            path = folder / f"moditalker-{kept.seed}{_SUFFIX[kind]}"
            write_motion(path, kept.motion)
        keys = [vars(key) for key in kept.keys]
        told = {"frames": len(kept.motion), "fps": 25, "keys": keys, "warnings": made.warnings}
        return [str(path), kept.seed, told]

    def render(
        self,
        portrait: str | None,
        audio: str | None = None,
        text: str = "",
        consent: bool = False,
        motion: str | None = None,
        crop: Literal["full", "face"] = "full",
        mtov_steps: int = DEFAULTS.mtov_steps,
        lips: float = 1.0,
        expression: float = 1.0,
        blinks: float = 1.0,
        head: float = 1.0,
        gaze: float = 1.0,
        seed: int = NEW_SEED,
        face: int = LARGEST,
        voice: str = DEFAULT_VOICE,
        progress: gr.Progress = gr.Progress(),
    ) -> Generator[list[Any], None, None]:
        """Draws a motion that /motion, the page or the command line made; nothing is sampled but the picture.

        Args:
            portrait: a picture with one face seen from the front; the motion may be another portrait's.
            audio: the sound of the video; the shorter of it and the motion sets the length.
            text: text to be spoken by a synthetic voice instead of audio.
            consent: true says that you may use this face and this voice; nothing is made without it.
            motion: the motion's file, .npz or .motion.json.
            crop: "full" for the whole picture, "face" for the face alone.
            mtov_steps: denoising steps of the motion-to-video model, 0 to 25.
            lips: how far the motion's lips go, 0 to 3; 1 leaves them as they are.
            expression: the same of brows, nose and lids.
            blinks: the same of the eyes' closing.
            head: the same of the head.
            gaze: the same of the eyes' turning.
            seed: of the picture; -1 draws a new one.
            face: which face of the portrait speaks, counted from the left and from 1; 0 is the largest.
            voice: name of the synthetic voice.

        Returns:
            The video.
            The seed that was used.
            The report.
        """
        with refusals(portrait, audio, motion):
            if motion is None:
                raise InputError("There is no motion: upload a file that /motion made.")
            shown = read_motion(Path(motion))
        request = Request(
            portrait,
            audio,
            text or "",
            consent,
            crop=crop,
            mtov_steps=mtov_steps,
            seed=NEW_SEED if seed is None else int(seed),
            face=int(face or LARGEST),
            voice=voice or DEFAULT_VOICE,
            motion=shown,
        )
        given = zip(PARTS, (lips, expression, blinks, head, gaze), strict=True)
        request = replace(request, part_scales={part: scale for part, scale in given if scale not in (None, 1)})
        with refusals(portrait, audio, motion), closing(self._studio.make(request)) as made:
            yield from followed(made, 3, _video_of, telling(progress))


def _video_of(event: Any) -> list[Any] | None:
    return [str(event.video), event.report["seed"], event.report] if isinstance(event, Result) else None
