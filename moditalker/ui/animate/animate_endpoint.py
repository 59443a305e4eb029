"""A portrait and speech in, a video out, for programs: the `/animate` endpoint."""

from collections.abc import Generator
from contextlib import closing
from typing import Any, Literal

import gradio as gr

from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.emotions import NEUTRAL
from moditalker.options import DEFAULTS
from moditalker.ui.animate.events import Result
from moditalker.ui.animate.request import LARGEST, NEW_SEED, Request
from moditalker.ui.animate.studio import Studio
from moditalker.ui.shared.endpoint import add_endpoint, followed, telling
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.settings import Settings


class AnimateEndpoint:
    """The endpoint `/animate`.

    Args:
        studio: what carries requests out.
        settings: limits.
    """

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio, self._settings = studio, settings

    def build(self, inputs: list[Any]) -> None:
        """Add it to the `gr.Blocks` that is open.

        Args:
            inputs: components of the parameters of `animate`, in their order.
        """
        outputs = [
            gr.Video(label="The video", visible=False),
            gr.Number(label="The seed that was used", precision=0, visible=False),
            gr.JSON(label="The report", visible=False),
            gr.Video(label="The motion alone", visible=False),
            gr.Image(label="Mouth opening over the waveform", visible=False),
        ]
        add_endpoint(self.animate, inputs, outputs, self._settings.running)

    def animate(
        self,
        portrait: str | None,
        audio: str | None = None,
        text: str = "",
        consent: bool = False,
        head_motion: Literal["natural", "still", "video"] = "natural",
        head_video: str | None = None,
        crop: Literal["full", "face"] = "full",
        atom_steps: int = DEFAULTS.atom_steps,
        mtov_steps: int = DEFAULTS.mtov_steps,
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
        style: str | None = None,
        progress: gr.Progress = gr.Progress(),
    ) -> Generator[list[Any], None, None]:
        """Makes the person of a portrait say a recording or a text, as a 25 fps H.264 video with its sound.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).
            audio: speech of up to 60 seconds (WAV, MP3, FLAC, OGG, M4A, or a video, of which the sound track is taken).
            text: text to be spoken by a synthetic voice, in its language, instead of audio.
            consent: true says that you may use this face and this voice; nothing is made without it.
            head_motion: "natural", "still", or "video" to follow the head in head_video.
            head_video: a video of one person seen from the front, up to 60 seconds; its picture is not used.
            crop: "full" for the whole picture, "face" for the face alone.
            atom_steps: denoising steps of the audio-to-motion model, 1 to 50; more move the lids more naturally.
            mtov_steps: denoising steps of the motion-to-video model, 0 to 25; with 0 the decoder alone draws the mouth.
            guidance: how closely the lips follow the speech, 1 to 4; 1 is none and the fastest.
            lip_scale: how far the lips move, 0 to 2; 1 is as in real speech.
            head_scale: how far the head moves, 0 to 2.
            blink_scale: how far the eyes close in a blink, 0 to 2.
            seed: the same seed gives the same video; -1 draws a new one.
            face: which face of the portrait speaks, counted from the left and from 1; 0 is the largest.
            emotion: "neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted"; each may have an intensity
                (happy:0.8); a mixture (happy:0.5+surprised:0.4); a timeline by seconds (0:neutral,2.5:happy); or
                "auto": brows, lids and head are as lively as the voice.
            emotion_scale: how strong the emotion is, 0 to 1.5.
            gaze_scale: how far the eyes wander, 0 to 2; 1 is as in clips of talkers.
            voice: name of the synthetic voice; the page lists those that are installed.
            style: a video of somebody who talks, about ten seconds, whose manner brows, lids, head and smile take on.

        Returns:
            The video.
            The seed that was used.
            The report: every parameter, seconds per stage, real-time factor, warnings.
            The motion alone: the 68 landmarks as a video.
            A picture of the mouth's opening over the waveform.
        """
        request = Request(
            portrait,
            audio,
            text or "",
            consent,
            head_motion,
            head_video,
            crop,
            atom_steps,
            mtov_steps,
            guidance,
            lip_scale,
            head_scale,
            blink_scale,
            NEW_SEED if seed is None else int(seed),
            int(face or LARGEST),
            emotion,
            emotion_scale,
            gaze_scale,
            voice or DEFAULT_VOICE,
            style,
        )
        with refusals(portrait, audio, head_video, style), closing(self._studio.make(request)) as made:
            yield from followed(made, 5, _result_of, telling(progress))


def _result_of(event: Any) -> list[Any] | None:
    if not isinstance(event, Result):
        return None
    return [str(event.video), event.report["seed"], event.report, str(event.landmarks), str(event.plot)]
