"""The page with a fake pipeline behind it: a real server, asked through gradio_client as a visitor's script would."""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from moditalker.defaults import ATOM_STEPS, GUIDANCE, MTOV_STEPS
from moditalker.errors import InputError
from moditalker.ui.animate import MAX_SEED, AnimatePanel
from moditalker.ui.page import build_page, launch_options

FPS = 25
NO_FACE = "No face was found in the portrait: use a picture with one face seen from the front."
DEFAULTS = {
    "atom_steps": ATOM_STEPS,
    "mtov_steps": MTOV_STEPS,
    "guidance": GUIDANCE,
    "head_motion": "natural",
    "crop": "full",
}


class FakePipeline:
    """Writes a real half-second video whose brightness is the seed; a portrait called no-face has no face."""

    def __init__(self) -> None:
        self.outputs: list[Path] = []
        self.running = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def animate(
        self,
        portrait: str | Path,
        audio: str | Path,
        output: str | Path,
        *,
        seed: int | None,
        progress: Callable[[str, int, int], None] | None,
        **options: Any,
    ) -> dict[str, Any]:
        with self._lock:
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            self.outputs.append(Path(output))
        try:
            if "no-face" in Path(portrait).name:
                raise InputError(NO_FACE)
            assert progress is not None
            progress("motion", 0, 0)
            assert seed is not None
            write_video(Path(output), brightness=seed % 256)
            progress("video", 12, 12)
            return {
                "output": str(output),
                "seed": seed,
                "parameters": options,
                "frames": 12,
                "fps": FPS,
                "warnings": ["The face is small."],
            }
        finally:
            with self._lock:
                self.running -= 1


def write_video(path: Path, brightness: int) -> None:
    writer = imageio_ffmpeg.write_frames(str(path), (64, 64), fps=FPS, macro_block_size=2)
    writer.send(None)
    for _ in range(12):
        writer.send(np.full((64, 64, 3), brightness, dtype=np.uint8))
    writer.close()


def mean_brightness(path: Path) -> float:
    reader = imageio_ffmpeg.read_frames(str(path))
    next(reader)
    frame = np.frombuffer(next(reader), dtype=np.uint8)
    reader.close()
    return float(frame.mean())


@contextmanager
def served(pipeline: FakePipeline) -> Iterator[str]:
    page = build_page(pipeline)
    _, url, _ = page.launch(**launch_options(), prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    try:
        yield url
    finally:
        page.close(verbose=False)


@pytest.fixture(scope="module")
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture(scope="module")
def client(pipeline: FakePipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with served(pipeline) as url:
        yield Client(url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "portrait.png"
    Image.new("RGB", (64, 64), "grey").save(path)
    return path


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return write_tone(tmp_path / "speech.wav", seconds=0.5)


def write_tone(path: Path, seconds: float) -> Path:
    time = np.arange(int(16_000 * seconds)) / 16_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * time), 16_000)
    return path


def animate(client: Client, portrait: Path, speech: Path, **options: Any) -> tuple[Path, int, dict[str, Any]]:
    video, seed, report = client.predict(
        handle_file(str(portrait)), handle_file(str(speech)), **options, api_name="/animate"
    )
    return Path(video), seed, report


def test_defaults_give_video_seed_and_report(client: Client, portrait: Path, speech: Path) -> None:
    video, seed, report = animate(client, portrait, speech)
    assert imageio_ffmpeg.count_frames_and_secs(str(video))[0] == 12
    assert 0 <= seed <= MAX_SEED
    assert report["seed"] == seed
    assert report["parameters"] == DEFAULTS


def test_every_parameter_reaches_the_pipeline(client: Client, portrait: Path, speech: Path) -> None:
    options = {"atom_steps": 20, "mtov_steps": 9, "guidance": 2.5, "head_motion": "still", "crop": "face"}
    _, seed, report = animate(client, portrait, speech, seed=7, **options)
    assert seed == 7
    assert report["parameters"] == options


def test_each_request_draws_its_own_seed_and_gets_its_own_file(client: Client, portrait: Path, speech: Path) -> None:
    first, first_seed, _ = animate(client, portrait, speech)
    second, second_seed, _ = animate(client, portrait, speech)
    assert first_seed != second_seed
    assert first.name != second.name
    assert first.exists()


def test_two_visitors_at_once_get_their_own_results(
    client: Client, pipeline: FakePipeline, portrait: Path, speech: Path
) -> None:
    jobs = {
        seed: client.submit(
            handle_file(str(portrait)), handle_file(str(speech)), seed=seed, head_motion="still", api_name="/animate"
        )
        for seed in (40, 200)
    }
    for seed, job in jobs.items():
        video, used, _ = job.result(timeout=60)
        assert used == seed
        assert mean_brightness(Path(video)) == pytest.approx(seed, abs=6)
    assert pipeline.most_at_once == 1, "two requests shared the machine"


def test_the_folder_of_a_request_is_gone_and_no_path_of_the_server_is_told(
    client: Client, pipeline: FakePipeline, portrait: Path, speech: Path
) -> None:
    _, _, report = animate(client, portrait, speech)
    assert not pipeline.outputs[-1].parent.exists()
    assert tempfile.gettempdir() not in json.dumps(report)


def test_bad_input_reaches_the_visitor_as_its_sentence(client: Client, tmp_path: Path, speech: Path) -> None:
    no_face = tmp_path / "no-face.png"
    Image.new("RGB", (64, 64)).save(no_face)
    with pytest.raises(AppError, match="No face was found in the portrait: use a picture with one face"):
        animate(client, no_face, speech)


def test_a_picture_that_cannot_be_read_is_the_pipeline_s_to_refuse(
    client: Client, pipeline: FakePipeline, tmp_path: Path, speech: Path
) -> None:
    unreadable = tmp_path / "no-face.jpg"
    unreadable.write_bytes(b"this is no picture")
    with pytest.raises(AppError, match="No face was found"):
        animate(client, unreadable, speech)


def test_a_failure_of_ours_tells_nothing_of_the_server(
    client: Client, portrait: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("/secret/weights.safetensors")

    monkeypatch.setattr(FakePipeline, "animate", fail)
    with pytest.raises(AppError) as refusal:
        animate(client, portrait, speech)
    assert "secret" not in str(refusal.value)


def test_speech_over_a_minute_is_refused_before_anything_starts(
    client: Client, pipeline: FakePipeline, portrait: Path, tmp_path: Path
) -> None:
    before = len(pipeline.outputs)
    with pytest.raises(AppError, match="60"):
        animate(client, portrait, write_tone(tmp_path / "long.wav", seconds=61))
    assert len(pipeline.outputs) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [("atom_steps", 51), ("mtov_steps", 0), ("guidance", 9.0), ("head_motion", "wild"), ("crop", "half"), ("seed", -2)],
)
def test_values_out_of_range_are_refused(
    client: Client, portrait: Path, speech: Path, option: str, value: float | str
) -> None:
    with pytest.raises(AppError, match=str(value)):
        animate(client, portrait, speech, **{option: value})


def test_missing_inputs_are_named() -> None:
    panel = AnimatePanel(FakePipeline())
    with pytest.raises(gr.Error, match="no portrait"):
        panel.animate(None, "speech.wav")
    with pytest.raises(gr.Error, match="no recording"):
        panel.animate("portrait.png", None)


def test_the_endpoint_describes_its_parameters(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == ["/animate"]
    parameters = {parameter["parameter_name"]: parameter for parameter in endpoints["/animate"]["parameters"]}
    assert set(parameters) == {"portrait", "audio", "seed", *DEFAULTS}
    defaults = {name: parameter["parameter_default"] for name, parameter in parameters.items() if name in DEFAULTS}
    assert defaults == DEFAULTS
    described = endpoints["/animate"]["description"]
    assert [name for name in parameters if f"{name}: " not in described] == []
