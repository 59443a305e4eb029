"""The speech: a recording, or a text that a synthetic voice speaks."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from moditalker.audio.text_to_speech import synthesize
from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.constants import SAMPLE_RATE
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.voice_choice import build_voice_choice
from moditalker.utils.errors import InputError

RECORDING, TEXT = "recording", "text"


@dataclass(frozen=True)
class Speech:
    """The components: ``source`` says which of the other two counts on the page."""

    source: gr.Radio
    audio: gr.Audio
    text: gr.Textbox
    voice: gr.Dropdown


class SpeechPanel:
    """Takes the speech.

    Args:
        settings: limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def build(self) -> Speech:
        """Add the panel to the `gr.Blocks` that is open."""
        source = gr.Radio(
            [("A recording", RECORDING), ("A text", TEXT)],
            value=RECORDING,
            label="Speech from",
            show_label=False,
            container=False,
            elem_id="speech-from",
        )
        audio = gr.Audio(
            label=f"Recording, up to {self._settings.max_audio_seconds:.0f} seconds",
            sources=["upload", "microphone"],
            type="filepath",
            buttons=[],
            elem_id="audio",
        )
        with gr.Column(visible=False) as typed:
            text = gr.Textbox(
                "",
                label="Text, in the language of the voice",
                placeholder="Hello! Nice to meet you.",
                lines=4,
                max_lines=4,
                max_length=self._settings.max_text,
                elem_id="text",
            )
            voice = build_voice_choice("spoken-voice")
            listen = gr.Button("Listen to it", size="sm", elem_id="listen")
            heard = gr.Audio(label="How it sounds", interactive=False, visible=False, buttons=[], elem_id="voice")
        source.change(
            lambda chosen: (gr.Audio(visible=chosen == RECORDING), gr.Column(visible=chosen == TEXT)),
            inputs=source,
            outputs=[audio, typed],
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
        listen.click(
            self.listen,
            inputs=[text, voice],
            outputs=heard,
            api_visibility="private",
            concurrency_limit=1,
            concurrency_id="speak",
        )
        return Speech(source, audio, text, voice)

    def listen(self, text: str, voice: str = DEFAULT_VOICE) -> Any:
        """The text as sound."""
        with refusals():
            if len(text) > self._settings.max_text:
                raise InputError(f"At most {self._settings.max_text} characters are spoken: shorten the text.")
            return gr.Audio(value=(SAMPLE_RATE, synthesize(text, voice=voice)), visible=True)
