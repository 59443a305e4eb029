"""The Animate tab: a portrait and speech in, a video out; and the `/animate` endpoint."""

import inspect
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, Literal

import gradio as gr
from starlette.routing import BaseRoute

from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.emotions import NEUTRAL
from moditalker.options import DEFAULTS
from moditalker.ui.animate.changed import build_changed
from moditalker.ui.animate.controls import Controls, build_controls
from moditalker.ui.animate.example_buttons import ExampleInputs, build_examples, connect_examples
from moditalker.ui.animate.examples import Example
from moditalker.ui.animate.portrait_panel import PortraitPanel
from moditalker.ui.animate.recording_check import look_at_recording
from moditalker.ui.animate.request import LARGEST, NEW_SEED, Request, check_before_start
from moditalker.ui.animate.results import build_results, cleared, playing, preview_of, shown
from moditalker.ui.animate.speech_panel import RECORDING, TEXT, Speech, SpeechPanel
from moditalker.ui.animate.streaming import STREAM_CONTROLS, StreamEndpoint, StreamStudio
from moditalker.ui.animate.studio import Growing, Preview, ProgressEvent, Result, Studio
from moditalker.ui.shared.consent import CONSENT
from moditalker.ui.shared.jobs import Jobs
from moditalker.ui.shared.line import Waiting
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.run import CANCEL_SECONDS, Run
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.status import buffering_html, in_words, note_html, progress_html, sentence, waiting_html
from moditalker.ui.shared.tab import Panel
from moditalker.utils.errors import InputError

CHARACTERS_A_SECOND = 14.0
"""How fast the synthetic voice speaks, for an estimate."""


class AnimateTab:
    """The controls, and the handlers behind them. Holds no state of a request.

    Args:
        studio: what carries requests out.
        portraits: takes the portrait and says what is in it.
        settings: limits.
        examples: with their results; the first one is shown when the page opens.
        streams: what carries requests of `/stream` out; without it there is no such endpoint.
        conversation: what several faces need, in a part that opens at a click; without it there is none.
        routes: what is served beside the page: the videos while they are drawn.
    """

    title = "Animate"

    def __init__(
        self,
        studio: Studio,
        portraits: PortraitPanel,
        settings: Settings,
        examples: Sequence[Example] = (),
        streams: StreamStudio | None = None,
        conversation: Panel | None = None,
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        self._studio, self._portraits, self._settings, self._streams = studio, portraits, settings, streams
        self._examples, self._conversation, self.routes = list(examples), conversation, list(routes)

    def build(self) -> None:
        """Add the tab's content to the `gr.Tab` that is open."""
        with gr.Row(elem_id="workbench"):
            with gr.Column(scale=6, min_width=320):
                with gr.Row(elem_id="sources"):
                    with gr.Column(min_width=280):
                        chosen = self._portraits.build()
                    with gr.Column(min_width=240):
                        speech = SpeechPanel(self._settings).build()
                controls = build_controls(self._settings.max_video_seconds)
                build_changed(controls)
                consent = gr.Checkbox(label=CONSENT, value=False, elem_id="consent")
                with gr.Column(elem_id="run"):
                    button = gr.Button("Animate", variant="primary", size="lg", elem_id="animate")
                    cancel = gr.Button("Cancel", variant="stop", size="lg", visible=False, elem_id="cancel")
                    estimate = gr.HTML(elem_id="estimate")
                    status = gr.HTML(elem_id="status")
            with gr.Column(scale=5, min_width=320, elem_id="output"):
                example_buttons: list[gr.Button] = []
                results = build_results(between=lambda: example_buttons.extend(build_examples(self._examples)))
        *settings, style = controls.inputs()
        inputs = [chosen.portrait, speech.audio, speech.text, consent, *settings, chosen.number, speech.voice, style]
        jobs = Jobs(self._settings.delete_after)
        Run(self._check, self._make, cleared, "No video was made", jobs).connect(
            button, cancel, status, [speech.source, *inputs], results.outputs(), "run"
        )
        self._build_estimate(speech, controls, estimate)
        filled_in = ExampleInputs(chosen.portrait, speech.source, speech.audio, controls)
        connect_examples(self._examples, example_buttons, filled_in, status, results)
        self._build_endpoint(inputs)
        if self._streams is not None:
            taken = [getattr(controls, name) for name in STREAM_CONTROLS]
            given = [chosen.portrait, speech.audio, speech.text, consent, *taken, chosen.number, speech.voice]
            StreamEndpoint(self._streams, self._settings).build(given)
        if self._conversation is not None:
            with gr.Accordion("Several faces: a conversation", open=False, elem_id="conversation"):
                self._conversation.build()

    def _build_estimate(self, speech: Speech, controls: Controls, estimate: gr.HTML) -> None:
        inputs: list[Any] = [
            speech.source,
            speech.audio,
            speech.text,
            controls.atom_steps,
            controls.mtov_steps,
            controls.guidance,
            controls.head_motion,
        ]
        for component in inputs:
            component.change(
                self.estimate,
                inputs=inputs,
                outputs=estimate,
                api_visibility="private",
                show_progress="hidden",
                trigger_mode="always_last",
                concurrency_limit=2,
                concurrency_id="estimate",
            )

    def _build_endpoint(self, inputs: list[Any]) -> None:
        outputs = [
            gr.Video(label="The video", visible=False),
            gr.Number(label="The seed that was used", precision=0, visible=False),
            gr.JSON(label="The report", visible=False),
            gr.Video(label="The motion alone", visible=False),
            gr.Image(label="Mouth opening over the waveform", visible=False),
        ]
        gr.Button(visible=False).click(
            self.animate,
            inputs=inputs,
            outputs=outputs,
            api_name="animate",
            # Whole: Gradio would show the first paragraph and keep what it says of the parameters to itself.
            api_description=inspect.getdoc(self.animate),
            concurrency_limit=self._settings.running,
            concurrency_id="animate",
        )

    def _check(self, *values: Any) -> None:
        request = self._request(*values)
        with refusals():
            check_before_start(request, self._settings)

    def _make(self, *values: Any) -> Generator[list[Any], None, None]:
        request = self._request(*values)
        with (
            refusals(request.portrait, request.audio, request.head_video, request.style),
            closing(self._studio.make(request, keep=True)) as made,
        ):
            buffered = ""
            for event in made:
                if isinstance(event, Waiting):
                    yield [waiting_html(event), *[gr.skip()] * len(cleared())]
                elif isinstance(event, ProgressEvent):
                    yield [progress_html(event) + buffered, *[gr.skip()] * len(cleared())]
                elif isinstance(event, Preview):
                    yield [gr.skip(), *preview_of(event.video)]
                elif isinstance(event, Growing):
                    buffered = buffering_html(event) if event.left > 0 else ""
                    if event.left == 0:
                        yield [gr.skip(), *playing(event.video)]
                else:
                    seconds = event.report["frames"] / event.report["fps"]
                    note = f"Done: {seconds:.1f} s of video in {in_words(sum(event.report['seconds'].values()))}."
                    notes = [note_html(note, "good")]
                    notes += [note_html(warning, "warning") for warning in event.report["warnings"]]
                    yield ["".join(notes), *shown(event, "Result")]

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
            voice: name of the synthetic voice; the page lists those that are installed.
            style: a video of somebody who talks, about ten seconds, whose manner brows, lids and head take on.

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
            voice or DEFAULT_VOICE,
            style,
        )
        with refusals(portrait, audio, head_video, style), closing(self._studio.make(request)) as made:
            # Nothing new, but Gradio can end a cancelled job only at a yield, and only after the first one. Not at each
            # event: a client's status shows the progress until the next of these.
            reported = time.monotonic()
            yield [gr.skip()] * 5
            for event in made:
                if isinstance(event, Waiting | ProgressEvent):
                    if isinstance(event, ProgressEvent):
                        progress(event.share, desc=sentence(event))
                    if time.monotonic() - reported >= CANCEL_SECONDS:
                        reported = time.monotonic()
                        yield [gr.skip()] * 5
                elif isinstance(event, Result):
                    yield [
                        str(event.video),
                        event.report["seed"],
                        event.report,
                        str(event.landmarks),
                        str(event.plot),
                    ]

    def estimate(
        self,
        source: str,
        audio: str | None,
        text: str,
        atom_steps: int,
        mtov_steps: int,
        guidance: float,
        head_motion: str,
    ) -> str:
        """About how long it will take, and what is odd about the recording; empty where there is no speech yet."""
        warnings: tuple[str, ...] = ()
        try:
            if source == TEXT:
                seconds = len(text) / CHARACTERS_A_SECOND
            elif audio is None:
                seconds = 0.0
            else:
                found = look_at_recording(audio, self._settings.max_audio_seconds)
                seconds, warnings = found.seconds, found.warnings
        except InputError as error:
            return note_html(str(error).replace(str(audio), "The recording"), "bad")
        if seconds == 0:
            return ""
        request = Request(
            None, atom_steps=atom_steps, mtov_steps=mtov_steps, guidance=guidance, head_motion=head_motion
        )
        whole = sum(self._studio.speeds.predict(request, seconds).values())
        heard = "sound" if warnings else "speech"
        notes = [note_html(f"{seconds:.1f} s of {heard}: about {in_words(whole)} on this machine.")]
        return "".join([*notes, *(note_html(warning, "warning") for warning in warnings)])

    @staticmethod
    def _request(
        source: str, portrait: str | None, audio: str | None, text: str, consent: bool, *controls: Any
    ) -> Request:
        """What the page's components say; of a recording and a text, the one that is looked at counts."""
        if source == RECORDING:
            text = ""
        else:
            audio = None
        *settings, last = Controls.names()
        options = dict(zip([*settings, "face", "voice", last], controls, strict=True))
        if options["seed"] is None:
            options["seed"] = NEW_SEED
        return Request(portrait, audio, text, consent, **options)
