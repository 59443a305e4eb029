"""The Animate tab: a portrait and speech in, a video out."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from starlette.routing import BaseRoute

from moditalker.ui.animate.animate_endpoint import AnimateEndpoint
from moditalker.ui.animate.changed import build_changed
from moditalker.ui.animate.controls import Controls, build_controls
from moditalker.ui.animate.events import Growing, Preview, ProgressEvent
from moditalker.ui.animate.example_buttons import ExampleInputs, build_examples, connect_examples
from moditalker.ui.animate.examples import Example
from moditalker.ui.animate.motion_endpoints import MotionEndpoints
from moditalker.ui.animate.motion_panel import TITLE, MotionPanel, edit_of, shown_motion, unchanged
from moditalker.ui.animate.motion_studio import MotionMade, MotionStudio
from moditalker.ui.animate.portrait_panel import PortraitPanel
from moditalker.ui.animate.recording_check import look_at_recording
from moditalker.ui.animate.request import NEW_SEED, Request, check_before_start
from moditalker.ui.animate.results import build_results, cleared, playing, preview_of, shown
from moditalker.ui.animate.speech_panel import RECORDING, TEXT, Speech, SpeechPanel
from moditalker.ui.animate.streaming import LATER_CONTROLS, STREAM_CONTROLS, StreamEndpoint, StreamStudio
from moditalker.ui.animate.studio import Studio
from moditalker.ui.shared.consent import CONSENT
from moditalker.ui.shared.jobs import Jobs
from moditalker.ui.shared.line import Waiting
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.run import Run
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.status import buffering_html, in_words, note_html, progress_html, waiting_html, warnings_html
from moditalker.ui.shared.tab import Panel
from moditalker.utils.errors import InputError

NEW, AGAIN, ALONE = "new", "again", "alone"
"""What a button wants: a video with a motion of its own, one with the motion of the panel, or a motion alone."""
CHARACTERS_A_SECOND = 14.0
"""How fast the synthetic voice speaks, for an estimate."""


@dataclass(frozen=True)
class MotionParts:
    """What the Motion panel needs."""

    panel: MotionPanel
    studio: MotionStudio
    endpoints: MotionEndpoints


class AnimateTab:
    """The controls, and the handlers behind them. Holds no state of a request.

    Args:
        studio: what carries requests out.
        portraits: takes the portrait and says what is in it.
        settings: limits.
        motion: the Motion panel, and what stands behind it.
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
        motion: MotionParts,
        examples: Sequence[Example] = (),
        streams: StreamStudio | None = None,
        conversation: Panel | None = None,
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        self._studio, self._portraits, self._settings, self._streams = studio, portraits, settings, streams
        self._motion = motion
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
        with gr.Accordion(TITLE, open=False, elem_id="motion-panel"):
            motion = self._motion.panel.build(speech.audio)
        # What a button wants, the page, and the Motion panel: see `_request`.
        starts = {mode: [gr.State(mode), speech.source, *inputs, *motion.inputs()] for mode in (NEW, AGAIN, ALONE)}
        jobs = Jobs(self._settings.delete_after)
        Run(self._check, self._make, _cleared, "No video was made", jobs).connect(
            button,
            cancel,
            status,
            starts[NEW],
            [*results.outputs(), *motion.outputs()],
            "run",
            [(motion.again, starts[AGAIN]), (motion.alone, starts[ALONE])],
        )
        self._build_estimate(speech, controls, estimate)
        filled_in = ExampleInputs(chosen.portrait, speech.source, speech.audio, controls)
        connect_examples(self._examples, example_buttons, filled_in, status, results)
        for one in example_buttons:
            # The panel's motion is not the example's.
            one.click(lambda: None, outputs=motion.kept, api_visibility="private", queue=False)
        AnimateEndpoint(self._studio, self._settings).build(inputs)
        spoken = [chosen.portrait, speech.audio, speech.text, consent]
        self._motion.endpoints.build(spoken, controls, chosen.number, speech.voice)
        if self._streams is not None:
            taken, later = ([getattr(controls, name) for name in names] for names in (STREAM_CONTROLS, LATER_CONTROLS))
            given = [*spoken, *taken, chosen.number, speech.voice, *later]
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

    def _check(self, *values: Any) -> None:
        with refusals():
            check_before_start(self._request(*values), self._settings)

    def _make(self, mode: str, *values: Any) -> Generator[list[Any], None, None]:
        request = self._request(mode, *values)
        make = self._motion.studio.make(request) if mode == ALONE else self._studio.make(request, keep=True)
        with (
            refusals(request.portrait, request.audio, request.head_video, request.style),
            closing(make) as made,
        ):
            buffered = ""
            for event in made:
                if isinstance(event, Waiting):
                    yield [waiting_html(event), *_skipped()]
                elif isinstance(event, ProgressEvent):
                    yield [progress_html(event) + buffered, *_skipped()]
                elif isinstance(event, Preview):
                    yield [gr.skip(), *preview_of(event.video), *unchanged()]
                elif isinstance(event, Growing):
                    buffered = buffering_html(event) if event.left > 0 else ""
                    if event.left == 0:
                        yield [gr.skip(), *playing(event.video), *unchanged()]
                elif isinstance(event, MotionMade):
                    notes = warnings_html("The motion is made; see it below.", event.warnings)
                    yield [notes, *[gr.skip()] * len(cleared()), *shown_motion(event.kept)]
                else:
                    seconds = event.report["frames"] / event.report["fps"]
                    note = f"Done: {seconds:.1f} s of video in {in_words(sum(event.report['seconds'].values()))}."
                    notes = warnings_html(note, event.report["warnings"])
                    yield [notes, *shown(event, "Result"), *shown_motion(event.kept)]

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
        mode: str, source: str, portrait: str | None, audio: str | None, text: str, consent: bool, *rest: Any
    ) -> Request:
        """What the page's components say; of a recording and a text, the one that is looked at counts.

        Args:
            mode: ``NEW``, ``AGAIN`` or ``ALONE``.
            source, portrait, audio, text, consent: of the page.
            rest: its controls, face and voice, and then the Motion panel's.
        """
        *settings, last = Controls.names()
        names = [*settings, "face", "voice", last]
        if source == RECORDING:
            text = ""
        else:
            audio = None
        options = dict(zip(names, rest[: len(names)], strict=True))
        if options["seed"] is None:
            options["seed"] = NEW_SEED
        with refusals():
            edit = edit_of(mode == AGAIN, *rest[len(names) :]).request_fields()
        return replace(Request(portrait, audio, text, consent, **options), **edit)


def _cleared() -> list[Any]:
    """Nothing to see yet; the Motion panel stays as it is."""
    return [*cleared(), *unchanged()]


def _skipped() -> list[Any]:
    return [gr.skip()] * len(_cleared())
