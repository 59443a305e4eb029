"""The choice of a synthetic voice."""

import gradio as gr

from moditalker.audio.voices.registry import DEFAULT_VOICE, described, installed_voices


def build_voice_choice(elem_id: str, label: str = "Voice") -> gr.Dropdown:
    """Add the voices that are installed, with their languages, to the `gr.Blocks` that is open.

    Args:
        elem_id: of the component.
        label: what stands over it.
    Raises:
        InputError: the voices file that the environment names cannot be read.
    """
    return gr.Dropdown(
        [(described(voice), voice.name) for voice in installed_voices()],
        value=DEFAULT_VOICE,
        label=label,
        # A name that is not in the list gets a sentence of our own, which says what to install.
        allow_custom_value=True,
        min_width=140,
        elem_id=elem_id,
    )
