"""The Motion panel: five curves over the waveform, a slider a part, keys set by clicking, and the motion as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from moditalker.atom.motion_file import SUFFIXES, read_motion, write_motion
from moditalker.audio.load import load_recording
from moditalker.keys import ACTIONS, STRONGEST, Key
from moditalker.ui.animate.kept_motion import (
    NO_MOTION,
    PARTS,
    KeptMotion,
    MotionEdit,
    key_text,
    parsed_keys,
    same_keys,
)
from moditalker.ui.animate.motion_curves import clicked_time, draw_curves, waveform_of
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.status import note_html
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError

TITLE = "Motion: see it, change it, draw it again"
_HELP = (
    "A click on the curves chooses a moment. A key says what the face does there; left and right are the person's own. "
    "The sliders say how far each part goes. <b>Draw this motion</b> keeps the motion and draws it with the sliders. "
    "With other keys it is sampled anew, with the same seed."
)
_QUICK: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}
_LIMIT: dict[str, Any] = {"concurrency_limit": 2, "concurrency_id": "curves"}


@dataclass(frozen=True)
class MotionControls:
    """The panel's components."""

    kept: gr.State
    curves: gr.Image
    note: gr.HTML
    moment: gr.Number
    keys: gr.Dropdown
    scales: list[gr.Slider]
    alone: gr.Button
    again: gr.Button

    def inputs(self) -> list[Any]:
        """In the order of `edit_of`, after the mode."""
        return [self.kept, self.keys, *self.scales]

    def outputs(self) -> list[Any]:
        """In the order of `shown_motion`."""
        return [self.kept, self.curves, self.note]


class MotionPanel:
    """The controls, and the handlers behind them. Holds no state of a visitor.

    Args:
        settings: limits.
        workspace: where the files of a motion are written.
    """

    def __init__(self, settings: Settings, workspace: Workspace) -> None:
        self._settings, self._workspace = settings, workspace

    def build(self, audio: gr.Audio) -> MotionControls:
        """Add the panel to the `gr.Blocks` that is open.

        Args:
            audio: the recording, whose waveform is drawn behind an uploaded motion.
        """
        kept: gr.State = gr.State(None, time_to_live=self._settings.delete_after)
        note = gr.HTML(note_html(NO_MOTION), elem_id="motion-note", padding=False)
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                curves = gr.Image(
                    label="Curves of the motion: a click chooses a moment",
                    show_label=False,
                    interactive=False,
                    visible=False,
                    format="png",
                    buttons=[],
                    elem_id="curves",
                    alt_text="Curves of lips, expression, blinks, head and gaze over the waveform, with the keys",
                )
                gr.HTML(f"<p>{_HELP}</p>", elem_id="motion-help", padding=False)
            with gr.Column(scale=2, min_width=300):
                moment, keys = self._build_keys()
                with gr.Row():
                    scales = [
                        gr.Slider(
                            0, 2, 1.0, step=0.05, label=part.capitalize(), min_width=190, elem_id=f"amount-{part}"
                        )
                        for part in PARTS
                    ]
                with gr.Row():
                    alone = gr.Button("Make the motion alone", min_width=190, elem_id="motion-alone")
                    again = gr.Button("Draw this motion", variant="primary", min_width=190, elem_id="draw-motion")
                with gr.Row():
                    upload = gr.File(
                        label=f"Upload a motion ({' or '.join(SUFFIXES)})",
                        file_types=[".npz", ".json"],
                        type="filepath",
                        height=120,
                        min_width=140,
                        elem_id="motion-upload",
                    )
                    files = gr.File(
                        label="The motion as files",
                        file_count="multiple",
                        interactive=False,
                        visible=False,
                        min_width=140,
                        elem_id="motion-files",
                    )
                save = gr.Button("Save the motion as files", size="sm", elem_id="save-motion")
        controls = MotionControls(kept, curves, note, moment, keys, scales, alone, again)
        self._connect(controls, audio, upload, save, files)
        return controls

    def _build_keys(self) -> tuple[gr.Number, gr.Dropdown]:
        with gr.Row():
            moment = gr.Number(0, minimum=0, step=0.04, label="Moment, seconds", min_width=90, elem_id="key-moment")
            action = gr.Dropdown(
                [(name.replace("-", " ").capitalize(), name) for name in ACTIONS],
                value="nod",
                label="What the face does",
                min_width=150,
                elem_id="key-action",
            )
        with gr.Row():
            strength = gr.Slider(0, STRONGEST, 1.0, step=0.1, label="How strong", min_width=150, elem_id="key-strength")
            add = gr.Button("Add the key", min_width=100, elem_id="add-key")
        keys = gr.Dropdown(
            [],
            value=[],
            multiselect=True,
            allow_custom_value=True,
            label="Keys",
            info="The cross of a key removes it. Or write one: 1.2 nod 0.8",
            elem_id="motion-keys",
        )
        add.click(_with_key, inputs=[keys, moment, action, strength], outputs=keys, queue=False, **_QUICK)
        return moment, keys

    def _connect(
        self, controls: MotionControls, audio: gr.Audio, upload: gr.File, save: gr.Button, files: gr.File
    ) -> None:
        shown = [*controls.inputs(), controls.moment]
        changes = [controls.kept.change, controls.keys.change, controls.moment.change]
        changes += [slider.change for slider in controls.scales]
        gr.on(changes, self.redrawn, inputs=shown, outputs=[controls.curves, controls.note], **_QUICK, **_LIMIT)
        controls.curves.select(self.clicked, inputs=controls.kept, outputs=controls.moment, queue=False, **_QUICK)
        # The listener of `kept` draws it.
        upload.upload(
            self.uploaded, inputs=[upload, audio], outputs=[controls.kept, controls.keys, *controls.scales],
            **_QUICK, **_LIMIT,
        )  # fmt: skip
        save.click(self.saved, inputs=controls.inputs(), outputs=files, **_QUICK, **_LIMIT)

    def redrawn(
        self, kept: KeptMotion | None, keys: list[str] | None, *scales_and_moment: float | None
    ) -> tuple[Any, str]:
        """The curves with sliders and keys as they are, and what is to be known of them."""
        *scales, moment = scales_and_moment
        if kept is None:
            return gr.Image(value=None, visible=False), note_html(NO_MOTION)
        try:
            wanted = parsed_keys(keys or [])
        except InputError as error:
            return gr.skip(), note_html(str(error), "bad")
        motion = kept.motion.scaled(_named(scales))
        picture = draw_curves(motion, kept.waveform, wanted, moment)
        return gr.Image(value=picture, visible=True), note_html(_said(kept, wanted))

    @staticmethod
    def clicked(kept: KeptMotion | None, click: gr.SelectData) -> Any:
        """The moment that was clicked on."""
        return gr.skip() if kept is None else clicked_time(click.index[0], kept.seconds)

    def uploaded(self, file: str | None, audio: str | None) -> list[Any]:
        """A motion from a file, without keys and with the sliders where they do nothing."""
        if file is None:
            return [gr.skip()] * (2 + len(PARTS))
        with refusals(file, audio):
            motion = read_motion(Path(file))
            sound = None if audio is None else load_recording(audio, max_seconds=self._settings.max_audio_seconds)
        return [
            KeptMotion(motion, None if sound is None else waveform_of(sound.samples)),
            [],
            *[1.0] * len(PARTS),
        ]

    def saved(self, kept: KeptMotion | None, keys: list[str] | None, *scales: float) -> Any:
        """The motion with the sliders as they are, in both kinds of files."""
        with refusals():
            if kept is None:
                raise InputError(NO_MOTION)
            if not same_keys(parsed_keys(keys or []), kept.keys):
                raise InputError("The motion does not have these keys yet: make it or draw it first.")
            motion = kept.motion.scaled(_named(scales))
            with self._workspace.folder(keep=True) as folder:
                paths = [folder / f"moditalker{suffix}" for suffix in SUFFIXES]
                for path in paths:
                    write_motion(path, motion)
        return gr.File(value=[str(path) for path in paths], visible=True)


def edit_of(again: bool, kept: KeptMotion | None, keys: list[str] | None, *scales: float) -> MotionEdit:
    """What the components of `MotionControls.inputs` say.

    Raises:
        InputError: a key cannot be read.
    """
    return MotionEdit(kept, again, parsed_keys(keys or []), _named(scales))


def shown_motion(kept: KeptMotion | None) -> list[Any]:
    """A motion that was made, in the order of `MotionControls.outputs`; the listener of ``kept`` draws it."""
    return [kept, gr.skip(), gr.skip()]


def unchanged() -> list[Any]:
    """In the same order: the panel stays as it is."""
    return [gr.skip()] * 3


def _named(scales: Sequence[float | None]) -> dict[str, float]:
    return {part: 1.0 if scale is None else float(scale) for part, scale in zip(PARTS, scales, strict=True)}


def _with_key(keys: list[str] | None, moment: float | None, action: str, strength: float) -> Any:
    """The keys and one more, in the order of their times."""
    with refusals():
        new = Key(float(moment or 0), action, float(strength))
        known = [key for key in parsed_keys(keys or []) if (key.time, key.do) != (new.time, new.do)]
    return [key_text(key) for key in sorted([*known, new], key=lambda key: key.time)]


def _said(kept: KeptMotion, keys: tuple[Key, ...]) -> str:
    origin = "An uploaded motion" if kept.seed is None else f"The motion of seed {kept.seed}"
    said = f"{origin}: {kept.seconds:.2f} s."
    return said if same_keys(keys, kept.keys) else f"{said} The keys have changed: drawing it samples it anew."
