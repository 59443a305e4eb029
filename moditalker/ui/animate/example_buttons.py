"""The examples on the page: a click shows the result and what it was made of, at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from moditalker.ui.animate.changed import USUAL
from moditalker.ui.animate.controls import Controls
from moditalker.ui.animate.examples import Example
from moditalker.ui.animate.results import Results, shown
from moditalker.ui.animate.speech_panel import RECORDING

_SET = ("head_motion", "crop", "atom_steps", "mtov_steps", "guidance", "lip_scale", "head_scale")
"""The controls that an example sets."""


@dataclass(frozen=True)
class ExampleInputs:
    """The components that an example fills in."""

    portrait: gr.Image
    source: gr.Radio
    audio: gr.Audio
    controls: Controls


def build_examples(examples: Sequence[Example]) -> list[gr.Button]:
    """Add a button for each to the `gr.Blocks` that is open."""
    if not examples:
        return []
    gr.HTML('<h2 class="examples-title">Examples: a click shows the result at once</h2>')
    with gr.Row(elem_id="examples"):
        return [
            gr.Button(example.title, icon=str(example.portrait), size="sm", min_width=140, elem_classes="example")
            for example in examples
        ]


def connect_examples(
    examples: Sequence[Example],
    buttons: Sequence[gr.Button],
    inputs: ExampleInputs,
    status: gr.HTML,
    results: Results,
) -> None:
    """Let the buttons show their examples, whose settings end with the next portrait of the visitor's own."""
    quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    shows_one = gr.State(False)
    settings = [getattr(inputs.controls, name) for name in _SET]
    files = [inputs.portrait, inputs.source, inputs.audio]
    for example, button in zip(examples, buttons, strict=True):
        button.click(_shower(example), outputs=[*files, *settings, shows_one, status, *results.outputs()], **quick)
    inputs.portrait.input(
        lambda showed: [False, *(USUAL[name] if showed else gr.skip() for name in _SET)],
        inputs=shows_one,
        outputs=[shows_one, *settings],
        **quick,
    )


def _shower(example: Example) -> Callable[[], list[Any]]:
    def show() -> list[Any]:
        files, options = [str(example.portrait), RECORDING, str(example.speech)], example.report["parameters"]
        result = shown(example, f"Example: {example.title}")
        return [*files, *(options[name] for name in _SET), True, "", *result]

    return show
