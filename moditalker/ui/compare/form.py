"""What is asked of a comparison: the components that say it, and the request that they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.ui.animate.request import MAX_SEED, NEW_SEED, Request
from moditalker.ui.compare.compare_request import CompareRequest
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.uploads import uploaded_path
from moditalker.ui.shared.voice_choice import build_voice_choice


@dataclass(frozen=True)
class Form:
    """The components, named as the parameters of `/compare`."""

    portrait: gr.Image
    audio: gr.Audio
    text: gr.Textbox
    consent: gr.Checkbox
    methods: gr.CheckboxGroup
    share: gr.Checkbox
    video: gr.Video
    video_title: gr.Textbox
    real: gr.Video
    crop: gr.Radio
    seed: gr.Number
    voice: gr.Dropdown

    def components(self) -> list[Any]:
        """In the order of `/compare`'s parameters."""
        return list(vars(self).values())


def build_files(settings: Settings) -> tuple[gr.Image, gr.Audio, gr.Textbox, gr.Dropdown]:
    """Add portrait, recording, text and voice to the `gr.Blocks` that is open."""
    portrait = gr.Image(
        label="Portrait",
        sources=["upload", "webcam", "clipboard"],
        type="filepath",
        height=200,
        buttons=["fullscreen"],
        elem_id="compare-portrait",
        alt_text="The portrait that will speak",
    )
    portrait.preprocess = uploaded_path  # type: ignore[method-assign]
    audio = gr.Audio(
        label=f"Recording, up to {settings.max_audio_seconds:.0f} seconds",
        sources=["upload", "microphone"],
        type="filepath",
        buttons=[],
        elem_id="compare-audio",
    )
    text = gr.Textbox(
        "",
        label="Or a text, in the language of the voice below",
        max_length=settings.max_text,
        lines=1,
        elem_id="compare-text",
    )
    voice = build_voice_choice("compare-voice", "Synthetic voice")
    return portrait, audio, text, voice


def build_more(settings: Settings) -> tuple[gr.Video, gr.Radio, gr.Number]:
    """Add the real clip, the crop and the seed."""
    real = gr.Video(
        label=f"The real clip, to measure against and to dub, up to {settings.max_video_seconds:.0f} seconds",
        sources=["upload"],
        height=200,
        elem_id="compare-real",
    )
    crop = gr.Radio(
        [("Full picture", "full"), ("Face only", "face")], value="full", label="Picture", elem_id="compare-crop"
    )
    seed = gr.Number(
        NEW_SEED, precision=0, minimum=NEW_SEED, maximum=MAX_SEED, label="Seed, -1 draws a new one",
        elem_id="compare-seed",
    )  # fmt: skip
    return real, crop, seed


def request_of(
    blind: bool,
    portrait: str | None,
    audio: str | None,
    text: str,
    consent: bool,
    methods: Sequence[str],
    share: bool,
    video: str | None,
    video_title: str,
    real: str | None,
    crop: str,
    seed: int | None,
    voice: str,
) -> CompareRequest:
    """What the values of `Form.components` say; of the names being hidden, ``blind``."""
    chosen = NEW_SEED if seed is None else int(seed)
    spoken = Request(portrait, audio, text or "", consent, crop=crop, seed=chosen, voice=voice or DEFAULT_VOICE)
    return CompareRequest(spoken, tuple(methods or ()), video, video_title or "", real, share, blind)


def files_of(request: CompareRequest) -> tuple[str | None, ...]:
    """The files of a request that a message may name."""
    return request.spoken.portrait, request.spoken.audio, request.video, request.real
