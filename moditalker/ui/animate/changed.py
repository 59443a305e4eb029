"""The settings that differ from the usual ones, shown as chips where the settings themselves are folded away."""

import os
from html import escape
from typing import Any

import gradio as gr

from moditalker.options import DEFAULTS
from moditalker.ui.animate.controls import Controls
from moditalker.ui.animate.presets import PRESETS, Preset
from moditalker.ui.animate.request import NEW_SEED

USUAL: dict[str, Any] = {
    "head_motion": "natural",
    "head_video": None,
    "crop": DEFAULTS.crop,
    "atom_steps": DEFAULTS.atom_steps,
    "mtov_steps": DEFAULTS.mtov_steps,
    "guidance": DEFAULTS.guidance,
    "lip_scale": DEFAULTS.lip_scale,
    "head_scale": DEFAULTS.head_scale,
    "blink_scale": DEFAULTS.blink_scale,
    "emotion": DEFAULTS.emotion,
    "emotion_scale": DEFAULTS.emotion_scale,
    "gaze_scale": DEFAULTS.gaze_scale,
    "seed": NEW_SEED,
    "style": None,
}
"""Of each control."""
_WORDS = {
    "head_motion": "head motion",
    "crop": "picture",
    "atom_steps": "motion steps",
    "mtov_steps": "video steps",
    "guidance": "guidance",
    "lip_scale": "lip motion",
    "head_scale": "head motion",
    "blink_scale": "blinking",
    "emotion": "emotion",
    "emotion_scale": "strength of the emotion",
    "gaze_scale": "eye movement",
    "seed": "seed",
    "style": "style",
}
_VALUES = {"video": "from a video", "face": "face only"}


def build_changed(controls: Controls) -> None:
    """Add the row of chips, with the button that takes all of it back, to the `gr.Blocks` that is open."""
    with gr.Row(visible=False, elem_id="changed") as row:
        chips = gr.HTML(elem_id="chips")
        reset = gr.Button("Reset", size="sm", scale=0, min_width=80, elem_id="reset")
    quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    gr.on(
        [control.change for control in controls.inputs()],
        _chips,
        inputs=controls.inputs(),
        outputs=[row, chips],
        trigger_mode="always_last",
        **quick,
    )
    reset.click(usual, outputs=controls.inputs(), **quick)


def _chips(*values: Any) -> tuple[Any, str]:
    changes = changed(*values)
    return gr.Row(visible=bool(changes)), chips_html(changes)


def usual() -> list[Any]:
    """The usual values, in the order of `Controls.inputs`."""
    return [USUAL[name] for name in Controls.names()]


def changed(*values: Any) -> list[str]:
    """What differs from the usual, as 'head motion: still'; of a preset's values none, whichever it is.

    Args:
        values: in the order of `Controls.inputs`.
    """
    told = dict(zip(Controls.names(), values, strict=True))
    if told["seed"] is None:
        told["seed"] = NEW_SEED
    named = Preset(told["atom_steps"], told["mtov_steps"], told["guidance"]) in PRESETS.values()
    of_preset = {"atom_steps", "mtov_steps", "guidance"} if named else set()
    return [
        f"{words}: {_shown(told[name])}"
        for name, words in _WORDS.items()
        if name not in of_preset and told[name] != USUAL[name]
    ]


def chips_html(changes: list[str]) -> str:
    """One chip for each change."""
    return "".join(f'<span class="chip">{escape(change)}</span>' for change in changes)


def _shown(value: Any) -> str:
    if isinstance(value, str) and os.sep in value:  # a file
        return "of a video"
    return f"{value:g}" if isinstance(value, float) else str(_VALUES.get(value, value))
