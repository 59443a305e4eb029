"""The Animate panel: a portrait and a recording in, a video out, and the `/animate` endpoint."""

import inspect
import logging
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import gradio as gr
import spaces
from gradio.data_classes import ImageData

from moditalker.audio.load import SAMPLE_RATE, load_audio
from moditalker.defaults import ATOM_STEPS, GUIDANCE, MTOV_STEPS
from moditalker.errors import InputError

MAX_AUDIO_SECONDS = 60.0
MAX_SEED = 2**31 - 1
NEW_SEED = -1

HeadMotion = Literal["natural", "still"]
Crop = Literal["full", "face"]

logger = logging.getLogger(__name__)


class Animator(Protocol):
    """What the panel needs of `MoDiTalkerPipeline`."""

    def animate(
        self,
        portrait: str | Path,
        audio: str | Path,
        output: str | Path,
        *,
        atom_steps: int,
        mtov_steps: int,
        guidance: float,
        seed: int | None,
        head_motion: str,
        crop: str,
        progress: Callable[[str, int, int], None] | None,
    ) -> dict[str, Any]: ...


def gpu_seconds(
    portrait: str, audio: str, output: str, audio_seconds: float, options: dict[str, Any], progress: gr.Progress
) -> int:
    """Seconds of GPU to ask a ZeroGPU Space for: the visitor's quota is held against this, not against what is used."""
    per_second = 0.5 + 0.02 * options["atom_steps"] + 0.1 * options["mtov_steps"]
    return round(20 + per_second * audio_seconds)


class AnimatePanel:
    """The controls, and the handler behind them. Holds no state of a request: each one works in its own folder.

    Args:
        pipeline: what animates; called from one request at a time.
        max_audio_seconds: longer recordings are refused.
    """

    def __init__(self, pipeline: Animator, max_audio_seconds: float = MAX_AUDIO_SECONDS) -> None:
        self._pipeline = pipeline
        self._max_audio_seconds = max_audio_seconds
        # A bound method: on a ZeroGPU Space it runs in a forked process, which has `self` and gets the rest pickled.
        self._generate = spaces.GPU(duration=gpu_seconds)(self._animate_into)

    def build(self) -> None:
        """Adds the panel to the `gr.Blocks` that is open."""
        with gr.Row():
            with gr.Column(min_width=320):
                portrait = gr.Image(
                    label="Portrait",
                    sources=["upload", "webcam", "clipboard"],
                    type="filepath",
                    height=300,
                    buttons=["fullscreen"],
                    elem_id="portrait",
                    alt_text="The portrait that will speak",
                    placeholder="# One face, seen from the front\nDrop a picture here, or click to choose one",
                )
                # The path as it came: Gradio would open the picture itself, and an unreadable one would end in a bare
                # "Error" in place of our sentence.
                portrait.preprocess = _uploaded_path  # type: ignore[method-assign]
                audio = gr.Audio(
                    label=f"Speech, up to {self._max_audio_seconds:.0f} seconds",
                    sources=["upload", "microphone"],
                    type="filepath",
                    buttons=[],
                    elem_id="audio",
                )
                with gr.Row():
                    head_motion = gr.Radio(["natural", "still"], value="natural", label="Head motion", min_width=140)
                    crop = gr.Radio(
                        [("full picture", "full"), ("face only", "face")], value="full", label="Picture", min_width=140
                    )
                with gr.Accordion("More settings", open=False):
                    atom_steps = gr.Slider(
                        1, 50, value=ATOM_STEPS, step=1, precision=0, label="Motion steps (AToM)", elem_id="atom-steps"
                    )
                    mtov_steps = gr.Slider(
                        1, 25, value=MTOV_STEPS, step=1, precision=0, label="Video steps (MToV)", elem_id="mtov-steps"
                    )
                    guidance = gr.Slider(
                        1.0,
                        4.0,
                        value=GUIDANCE,
                        step=0.05,
                        label="Guidance",
                        info="How closely the lips follow the speech",
                    )
                    seed = gr.Number(
                        NEW_SEED,
                        precision=0,
                        minimum=NEW_SEED,
                        maximum=MAX_SEED,
                        label="Seed",
                        info="-1: a new one each time. The same seed gives the same video.",
                    )
                button = gr.Button("Animate", variant="primary", size="lg", elem_id="animate")
            with gr.Column(min_width=320):
                self._video = gr.Video(
                    label="Result", interactive=False, height=420, elem_id="result", buttons=["download"]
                )
                with gr.Column(visible=False) as details:
                    used_seed = gr.Number(label="Seed used", precision=0, interactive=False, elem_id="used-seed")
                    with gr.Accordion("Report", open=False):
                        report = gr.JSON(show_label=False, label="Report", open=True)

        made = button.click(
            self.animate,
            inputs=[portrait, audio, atom_steps, mtov_steps, guidance, seed, head_motion, crop],
            outputs=[self._video, used_seed, report],
            api_name="animate",
            # Whole: Gradio would show the first paragraph and keep what it says of the parameters to itself.
            api_description=inspect.getdoc(self.animate),
            show_progress_on=self._video,
        )
        made.success(lambda: gr.Column(visible=True), outputs=details, api_visibility="private", show_progress="hidden")

    def animate(
        self,
        portrait: str | None,
        audio: str | None,
        atom_steps: int = ATOM_STEPS,
        mtov_steps: int = MTOV_STEPS,
        guidance: float = GUIDANCE,
        seed: int = NEW_SEED,
        head_motion: HeadMotion = "natural",
        crop: Crop = "full",
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[str, int, dict[str, Any]]:
        """Makes the person of a portrait say a recording, as a 25 fps H.264 video with the recording as its sound.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).
            audio: speech of up to 60 seconds (WAV, MP3, FLAC, OGG, M4A, or a video, of which the sound track is taken).
            atom_steps: denoising steps of the audio-to-motion model, 1 to 50.
            mtov_steps: denoising steps of the motion-to-video model, 1 to 25.
            guidance: how closely the lips follow the speech, 1 to 4.
            seed: the same seed gives the same video; -1 draws a new one.
            head_motion: "natural" or "still".
            crop: "full" for the whole picture, "face" for the face alone.

        Returns:
            The video.
            The seed that was used.
            The report: every parameter, seconds per stage, real-time factor, warnings.
        """
        if portrait is None:
            raise gr.Error("There is no portrait: add a picture of a face seen from the front.", print_exception=False)
        if audio is None:
            raise gr.Error("There is no recording: upload one or speak into the microphone.", print_exception=False)
        try:
            audio_seconds = len(load_audio(audio, max_seconds=self._max_audio_seconds)) / SAMPLE_RATE
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from error
        options = {
            "atom_steps": int(atom_steps),
            "mtov_steps": int(mtov_steps),
            "guidance": float(guidance),
            # Drawn here: the forked processes of a ZeroGPU Space all start from one state of the random generators.
            "seed": secrets.randbelow(MAX_SEED + 1) if seed is None or seed == NEW_SEED else int(seed),
            "head_motion": head_motion,
            "crop": crop,
        }
        with tempfile.TemporaryDirectory(prefix="moditalker-") as folder:
            output = Path(folder, f"moditalker-{options['seed']}-{secrets.token_hex(4)}.mp4")
            report = self._generate(portrait, audio, str(output), audio_seconds, options, progress)
            # Into Gradio's cache, which deletes by age; this request's own folder goes now.
            video = self._video.move_resource_to_block_cache(output)
        if video is None:
            raise RuntimeError(f"Gradio did not take {output} into its cache")
        for warning in report.get("warnings", []):
            gr.Warning(warning)
        return video, int(report["seed"]), {**report, "output": output.name}

    def _animate_into(
        self,
        portrait: str,
        audio: str,
        output: str,
        audio_seconds: float,
        options: dict[str, Any],
        progress: gr.Progress,
    ) -> dict[str, Any]:
        """Paths and plain values in and out, as it may run in another process; `gpu_seconds` is given the same."""

        def show(stage: str, done: int, total: int) -> None:
            progress(done / max(total, 1), desc=f"{stage.capitalize()}: {done} of {total}")

        try:
            return self._pipeline.animate(portrait, audio, output, progress=show, **options)
        except InputError as error:
            logger.info("Refused a request: %s", error)
            raise gr.Error(str(error), print_exception=False) from error


def _uploaded_path(payload: ImageData | None) -> str | None:
    return None if payload is None else payload.path
