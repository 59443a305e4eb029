"""The settings of a video: presets, sliders, head motion, crop and seed."""

import secrets
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from moditalker.emotions import AUTO, EMOTIONS, NEUTRAL
from moditalker.options import DEFAULTS, MAX_SEED, page_bounds
from moditalker.ui.animate.presets import DEFAULT_PRESET, DIFFERENCES, PRESETS
from moditalker.ui.animate.request import NEW_SEED


@dataclass(frozen=True)
class Controls:
    """The components, named as the parameters of `/animate`."""

    head_motion: gr.Radio
    head_video: gr.Video
    crop: gr.Radio
    atom_steps: gr.Slider
    mtov_steps: gr.Slider
    guidance: gr.Slider
    lip_scale: gr.Slider
    head_scale: gr.Slider
    blink_scale: gr.Slider
    emotion: gr.Dropdown
    emotion_scale: gr.Slider
    gaze_scale: gr.Slider
    seed: gr.Number
    style: gr.Video

    @classmethod
    def names(cls) -> list[str]:
        """Of the parameters; in their order, but for the last one, which `/animate` got after all others."""
        return [field.name for field in fields(cls)]

    def inputs(self) -> list[Any]:
        """The components, in the same order."""
        return [getattr(self, name) for name in self.names()]


def build_controls(max_video_seconds: float) -> Controls:
    """Add the settings to the `gr.Blocks` that is open."""
    preset = gr.Radio(
        [(f"{name.capitalize()}", name) for name in PRESETS],
        value=DEFAULT_PRESET,
        label="Quality",
        info=DIFFERENCES,
        elem_id="preset",
    )
    with gr.Accordion("More settings", open=False, elem_id="more"):
        head_motion = gr.Radio(
            [("Natural", "natural"), ("Still", "still"), ("From a video", "video")],
            value="natural",
            label="Head motion",
            elem_id="head-motion",
        )
        head_video = gr.Video(
            label=f"Video to take the head motion from, up to {max_video_seconds:.0f} seconds",
            sources=["upload"],
            visible=False,
            height=220,
            elem_id="head-video",
        )
        crop = gr.Radio(
            [("Full picture", "full"), ("Face only", "face")], value="full", label="Picture", elem_id="crop"
        )
        with gr.Row():
            lip_scale = _number("Amount of lip motion", "lip_scale", step=0.05)
            head_scale = _number("Amount of head motion", "head_scale", step=0.05)
            blink_scale = _number("Amount of blinking", "blink_scale", step=0.05)
        with gr.Row():
            emotion = gr.Dropdown(
                [(name.capitalize(), name) for name in (NEUTRAL, AUTO, *EMOTIONS)],
                value=NEUTRAL,
                allow_custom_value=True,
                label="Emotion",
                info="Auto: as lively as the voice. Or a mixture (happy:0.5+sad:0.4), or a timeline (0:sad,2.5:happy).",
                elem_id="emotion",
                min_width=280,
            )
            emotion_scale = _number("Strength of the emotion", "emotion_scale", step=0.05)
            gaze_scale = _number("Amount of eye movement", "gaze_scale", step=0.05)
        style = gr.Video(
            label="Style: about ten seconds of somebody who talks, whose manner the face takes on",
            sources=["upload"],
            height=220,
            elem_id="style",
        )
        with gr.Row():
            atom_steps = _number("Motion steps (AToM)", "atom_steps", step=1, precision=0)
            mtov_steps = _number("Video steps (MToV)", "mtov_steps", step=1, precision=0)
            guidance = _number("Guidance", "guidance", step=0.05, info="How closely the lips follow the speech")
        with gr.Row():
            seed = gr.Number(
                NEW_SEED,
                precision=0,
                minimum=NEW_SEED,
                maximum=MAX_SEED,
                label="Seed",
                info="The same seed gives the same video; -1 draws a new one.",
                elem_id="seed",
            )
            dice = gr.Button("🎲 Draw a seed", size="sm", min_width=120, scale=0, elem_id="dice")
    quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    dice.click(lambda: secrets.randbelow(MAX_SEED + 1), outputs=seed, **quick)
    head_motion.change(
        lambda chosen: gr.Video(visible=chosen == "video"), inputs=head_motion, outputs=head_video, **quick
    )
    preset.input(
        lambda name: (PRESETS[name].atom_steps, PRESETS[name].mtov_steps, PRESETS[name].guidance),
        inputs=preset,
        outputs=[atom_steps, mtov_steps, guidance],
        **quick,
    )
    steps = [atom_steps, mtov_steps, guidance]
    # Whoever moved them: no preset is named unless its values were met.
    gr.on(
        [slider.change for slider in steps], _named, inputs=steps, outputs=preset, trigger_mode="always_last", **quick
    )
    return Controls(
        head_motion=head_motion,
        head_video=head_video,
        crop=crop,
        atom_steps=atom_steps,
        mtov_steps=mtov_steps,
        guidance=guidance,
        lip_scale=lip_scale,
        head_scale=head_scale,
        blink_scale=blink_scale,
        emotion=emotion,
        emotion_scale=emotion_scale,
        gaze_scale=gaze_scale,
        seed=seed,
        style=style,
    )


def _number(label: str, name: str, **how: Any) -> gr.Slider:
    """A slider of an option, between the page's bounds of it."""
    bounds, value = page_bounds(name), getattr(DEFAULTS, name)
    return gr.Slider(*bounds, value=value, label=label, elem_id=name.replace("_", "-"), min_width=140, **how)


def _named(atom_steps: int, mtov_steps: int, guidance: float) -> Any:
    for name, preset in PRESETS.items():
        if (preset.atom_steps, preset.mtov_steps, preset.guidance) == (atom_steps, mtov_steps, guidance):
            return gr.Radio(value=name)
    return gr.Radio(value=None)
