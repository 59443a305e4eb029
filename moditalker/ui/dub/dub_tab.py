"""The Dub tab: a video and speech in, the video with other lips out; and the `/dub` endpoint."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.options import DEFAULTS, page_bounds
from moditalker.ui.animate.animate_tab import CHARACTERS_A_SECOND
from moditalker.ui.animate.events import ProgressEvent
from moditalker.ui.animate.recording_check import look_at_recording
from moditalker.ui.animate.request import LARGEST, NEW_SEED
from moditalker.ui.dub.dub_request import SPEAKING, DubRequest, check_dub
from moditalker.ui.dub.dub_studio import Dub, DubStudio
from moditalker.ui.shared.endpoint import add_endpoint, followed, telling
from moditalker.ui.shared.jobs import Jobs
from moditalker.ui.shared.line import Waiting
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.run import Run
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.status import in_words, note_html, progress_html, waiting_html
from moditalker.ui.shared.voice_choice import build_voice_choice
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video

CONSENT = (
    "The person in the video and the owner of the voice both agree to this, and I will say that the lips are "
    "AI-generated wherever I show it."
)
_LONGER = [("Cut the recording", "stop"), ("Play the video back and forth", "loop"), ("Hold the last frame", "hold")]
_SHORTER = [("End the video with it", "stop"), ("Let the lips rest", "rest")]


class DubTab:
    """The controls, and the handlers behind them. Holds no state of a request.

    Args:
        studio: what carries requests out.
        settings: limits.
    """

    title = "Dub"

    def __init__(self, studio: DubStudio, settings: Settings) -> None:
        self._studio, self._settings = studio, settings

    def build(self) -> None:
        """Add the tab's content to the `gr.Tab` that is open."""
        limits = self._settings
        with gr.Row():
            with gr.Column(scale=6, min_width=320):
                with gr.Row():
                    video = gr.Video(
                        label=f"Video, up to {limits.max_video_seconds:.0f} seconds",
                        sources=["upload"],
                        height=260,
                        elem_id="dub-video",
                    )
                    with gr.Column(min_width=240):
                        audio = gr.Audio(
                            label=f"Recording, up to {limits.max_audio_seconds:.0f} seconds",
                            sources=["upload", "microphone"],
                            type="filepath",
                            buttons=[],
                            elem_id="dub-audio",
                        )
                        text = gr.Textbox(
                            "",
                            label="Or a text, in the language of the voice",
                            lines=3,
                            max_lines=3,
                            max_length=limits.max_text,
                            elem_id="dub-text",
                        )
                        voice = build_voice_choice("dub-voice", "Synthetic voice")
                with gr.Row():
                    when_longer = gr.Radio(
                        _LONGER, value="stop", label="When the recording is longer", elem_id="dub-when-longer"
                    )
                    when_shorter = gr.Radio(
                        _SHORTER, value="stop", label="When it is shorter", elem_id="dub-when-shorter"
                    )
                original_level = gr.Slider(
                    0, 1, 0, step=0.05, label="How loud the video's own sound stays", elem_id="dub-original-level"
                )
                with gr.Accordion("More", open=False):
                    face = gr.Number(
                        LARGEST,
                        precision=0,
                        minimum=SPEAKING,
                        label="Face, from the left; 0 is the largest, -1 is whoever speaks",
                        elem_id="dub-face",
                    )
                    atom_steps = _slider("atom_steps", "Steps, speech to motion", 1)
                    mtov_steps = _slider("mtov_steps", "Steps, motion to video", 1)
                    guidance = _slider("guidance", "How closely the lips follow the speech", 0.1)
                    lip_scale = _slider("lip_scale", "Amount of lip motion", 0.05)
                    seed = gr.Number(NEW_SEED, precision=0, label="Seed; -1 draws a new one", elem_id="dub-seed")
                consent = gr.Checkbox(label=CONSENT, value=False, elem_id="dub-consent")
                with gr.Column(elem_id="dub-run"):
                    button = gr.Button("Dub", variant="primary", size="lg", elem_id="dub")
                    cancel = gr.Button("Cancel", variant="stop", size="lg", visible=False, elem_id="dub-cancel")
                    estimate = gr.HTML(elem_id="dub-estimate")
                    status = gr.HTML(elem_id="dub-status")
            with gr.Column(scale=5, min_width=320):
                result = gr.Video(
                    label="Result",
                    interactive=False,
                    visible=False,
                    height=420,
                    buttons=["download"],
                    elem_id="dub-result",
                )
                with gr.Accordion("Report: every setting, and where the lips are the video's own", open=False):
                    report = gr.JSON(show_label=False, label="Report", visible=False, open=True, elem_id="dub-report")
        inputs: list[Any] = [
            *(video, audio, text, consent, when_longer, when_shorter, original_level, face),
            *(atom_steps, mtov_steps, guidance, lip_scale, seed, voice),
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
        jobs = Jobs(self._settings.delete_after)
        Run(self._check, self._make, lambda: _results(None, None), "No video was made", jobs).connect(
            button, cancel, status, inputs, [result, report], "dub-run"
        )
        self._build_endpoint(inputs)

    def _build_endpoint(self, inputs: list[Any]) -> None:
        outputs = [
            gr.Video(label="The video", visible=False),
            gr.Number(label="The seed that was used", precision=0, visible=False),
            gr.JSON(label="The report", visible=False),
        ]
        add_endpoint(self.dub, inputs, outputs, self._settings.running)

    def estimate(self, *values: Any) -> str:
        """About how long it will take, and what is odd about the files; empty where a video or speech is missing."""
        request, limits = _request(*values), self._settings
        if request.video is None or (request.audio is None and not request.text.strip()):
            return ""
        warnings: tuple[str, ...] = ()
        try:
            info = probe_video(request.video, max_seconds=limits.max_video_seconds)
            seconds = len(request.text) / CHARACTERS_A_SECOND
            if request.audio is not None:
                found = look_at_recording(request.audio, limits.max_audio_seconds)
                seconds, warnings = found.seconds, found.warnings
        except InputError as error:
            said = str(error)
            for path, what in ((request.video, "The video"), (request.audio, "The recording")):
                said = said if path is None else said.replace(path, what).replace(Path(path).name, what)
            return note_html(said, "bad")
        frames = max(1, round(info.duration * info.fps))
        whole = self._studio.predicted_seconds(request, frames, info.fps, seconds)
        length = f"{info.duration:.1f} s of video and {seconds:.1f} s of speech"
        notes = [note_html(f"{length}: about {in_words(whole)} on this machine.")]
        return "".join([*notes, *(note_html(warning, "warning") for warning in warnings)])

    def _check(self, *values: Any) -> None:
        with refusals():
            check_dub(_request(*values), self._settings)

    def _make(self, *values: Any) -> Generator[list[Any], None, None]:
        request = _request(*values)
        with refusals(request.video, request.audio), closing(self._studio.make(request, keep=True)) as made:
            for event in made:
                if isinstance(event, Waiting):
                    yield [waiting_html(event), gr.skip(), gr.skip()]
                elif isinstance(event, ProgressEvent):
                    yield [progress_html(event), gr.skip(), gr.skip()]
                else:
                    yield [_said(event), *_results(str(event.video), event.report)]

    def dub(
        self,
        video: str | None,
        audio: str | None = None,
        text: str = "",
        consent: bool = False,
        when_longer: Literal["stop", "loop", "hold"] = "stop",
        when_shorter: Literal["stop", "rest"] = "stop",
        original_level: float = 0.0,
        face: int = LARGEST,
        atom_steps: int = DEFAULTS.atom_steps,
        mtov_steps: int = DEFAULTS.mtov_steps,
        guidance: float = DEFAULTS.guidance,
        lip_scale: float = 1.0,
        seed: int = NEW_SEED,
        voice: str = DEFAULT_VOICE,
        progress: gr.Progress = gr.Progress(),
    ) -> Generator[list[Any], None, None]:
        """Changes the lips of a person in a video so that they say a recording or a text; all else stays as it is.

        Args:
            video: of a person who is seen from the front most of the time, up to 60 seconds.
            audio: speech of up to 60 seconds (WAV, MP3, FLAC, OGG, M4A, or a video, of which the sound track is taken).
            text: text to be spoken by a synthetic voice, in its language, instead of audio.
            consent: true says that the person in the video and the voice agree; nothing is made without it.
            when_longer: a longer recording is cut ("stop"), or the video goes back and forth ("loop"), or its last
                frame stands ("hold").
            when_shorter: the video ends with a shorter recording ("stop"), or goes on with the lips shut ("rest").
            original_level: how loud the video's own sound stays under the recording, 0 to 1.
            face: which face, counted from the left where the video first shows any, from 1; 0 is the largest, and -1 is
                whoever speaks by the video's own sound.
            atom_steps: denoising steps of the audio-to-motion model, 1 to 50.
            mtov_steps: denoising steps of the motion-to-video model, 0 to 25.
            guidance: how closely the lips follow the speech, 1 to 4.
            lip_scale: how far the lips move, 0 to 2.
            seed: the same seed gives the same video; -1 draws a new one.
            voice: name of the synthetic voice.

        Returns:
            The video, at its own rate and size.
            The seed that was used.
            The report: every parameter, seconds per stage, and the stretches whose lips are the video's own, and why.
        """
        request = _request(
            *(video, audio, text, consent, when_longer, when_shorter, original_level, face),
            *(atom_steps, mtov_steps, guidance, lip_scale, seed, voice or None),
        )
        with refusals(video, audio), closing(self._studio.make(request)) as made:
            yield from followed(made, 3, _dub_of, telling(progress))


def _dub_of(event: Any) -> list[Any] | None:
    return [str(event.video), event.report["seed"], event.report] if isinstance(event, Dub) else None


def _results(video: str | None, report: dict[str, Any] | None) -> list[Any]:
    """What stands at the right; nothing is seen of what is not there."""
    return [gr.Video(value=video, visible=video is not None), gr.JSON(value=report, visible=report is not None)]


def _request(video: str | None, audio: str | None, text: str | None, consent: bool, *options: Any) -> DubRequest:
    """What components or parameters say; one that was emptied is as if it were left out."""
    names = ("when_longer", "when_shorter", "original_level", "face", "atom_steps", "mtov_steps")
    given = dict(zip((*names, "guidance", "lip_scale", "seed", "voice"), options, strict=True))
    whole = {name: int(given[name]) for name in ("face", "seed") if given[name] is not None}
    kept = {name: value for name, value in given.items() if value is not None}
    return DubRequest(video, audio, text or "", consent, **{**kept, **whole})


def _said(made: Dub) -> str:
    """How it went, and where lips were left alone, as HTML."""
    report = made.report
    spent = in_words(sum(report["seconds"].values()))
    notes = [note_html(f"Done: {report['frames'] / report['fps']:.1f} s of video in {spent}.", "good")]
    notes += [note_html(warning, "warning") for warning in report["warnings"]]
    notes += [
        note_html(
            f"From {one['from']:.1f} to {one['to']:.1f} s the lips are the video's own: {one['reason']}.", "warning"
        )
        for one in report["kept"][:5]
    ]
    return "".join(notes)


def _slider(name: str, label: str, step: float) -> gr.Slider:
    """A number among the options, with the page's bounds."""
    low, high = page_bounds(name)
    return gr.Slider(
        low, high, getattr(DEFAULTS, name), step=step, label=label, elem_id=f"dub-{name.replace('_', '-')}"
    )
