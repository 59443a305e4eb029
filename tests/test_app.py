"""The page with a fake pipeline behind it: a real server, asked through gradio_client as a visitor's script would."""

import json
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError
from PIL import Image

import app
from moditalker.atom.motion import SHAPES, Motion
from moditalker.atom.motion_file import write_motion
from moditalker.audio.recording import Recording
from moditalker.face.landmark_file import write_landmarks
from moditalker.options import DEFAULTS
from moditalker.ui.animate.request import MAX_SEED
from moditalker.ui.page import build_page, launch_options, make_tabs, routes_of
from moditalker.ui.shared.deletion import delete_by_age
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError

FPS = 25
SETTINGS = Settings()
NO_FACE = "No face was found in the portrait: use a picture with one face seen from the front."
DEFAULTS = {
    "head_motion": "natural",
    "crop": "full",
    "atom_steps": DEFAULTS.atom_steps,
    "mtov_steps": DEFAULTS.mtov_steps,
    "guidance": DEFAULTS.guidance,
    "lip_scale": 1.0,
    "head_scale": 1.0,
    "blink_scale": 1.0,
    "emotion": "neutral",
    "emotion_scale": 1.0,
    "gaze_scale": 0.0,
}

pytestmark = pytest.mark.slow


class FakePipeline:
    """Writes a real half-second video whose brightness is the seed.

    A portrait called no-face has no face; one called slow takes until it is cancelled or `released`.
    """

    def __init__(self) -> None:
        self.outputs: list[Path] = []
        self.heard: list[float] = []
        self.drawn: list[dict[str, Any]] = []
        self.running = 0
        self.most_at_once = 0
        self.released = threading.Event()
        self._lock = threading.Lock()

    def animate(
        self,
        portrait: str | Path,
        audio: Recording,
        output: str | Path,
        *,
        seed: int,
        save_landmarks: str | Path | None,
        save_motion: str | Path,
        mark: bool,
        on_frames: Callable[[np.ndarray], None] | None,
        progress: Callable[[str, int, int], None] | None,
        **options: Any,
    ) -> dict[str, Any]:
        assert progress is not None
        assert on_frames is not None
        with self._lock:
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            self.outputs.append(Path(output))
        try:
            self.heard.append(audio.seconds)
            if "no-face" in Path(portrait).name:
                raise InputError(NO_FACE)
            progress("motion", 0, 0)
            while "slow" in Path(portrait).name and not self.released.wait(0.05):
                progress("video", 1, 1000)
            write_video(Path(output), brightness=seed % 256)
            on_frames(np.zeros((12, 64, 64, 3), np.uint8))
            write_landmarks(Path(str(save_landmarks)), np.random.default_rng(0).uniform(0, 64, (12, 68, 3)))
            self.drawn.append(dict(options))
            options.pop("keys", None)
            write_motion(Path(save_motion), options.pop("motion", resting(12)))
            progress("video", 12, 12)
            return {
                "output": str(output),
                "seed": seed,
                "parameters": options,
                "seconds": {"face": 0.1, "video": 0.2},
                "frames": 12,
                "fps": FPS,
                "warnings": ["The face is small."],
            }
        finally:
            with self._lock:
                self.running -= 1

    def dub(
        self,
        video: str | Path,
        audio: Recording,
        output: str | Path,
        *,
        mark: bool,
        progress: Callable[[str, int, int], None] | None,
        seed: int,
        **options: Any,
    ) -> dict[str, Any]:
        assert progress is not None
        for stage in ("track", "speech", "motion", "head", "video"):
            progress(stage, 1, 1)
        write_video(Path(output), brightness=seed % 256)
        return {
            "output": str(output),
            "seed": seed,
            "parameters": {**options, "mark": mark},
            "seconds": {"track": 0.1, "video": 0.2},
            "frames": 12,
            "fps": FPS,
            "kept": [{"from": 0.0, "to": 0.1, "reason": "no face"}],
            "warnings": [],
        }


def resting(frames: int) -> Motion:
    """A face that does nothing."""
    return Motion(*(np.zeros((frames, *shape), np.float32) for shape in SHAPES.values()))


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
def served(pipeline: FakePipeline, folder: Path, settings: Settings = SETTINGS) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        workspace = Workspace(folder / "work")
        tabs = make_tabs(pipeline, settings, workspace)
        page = build_page(tabs, settings)
        delete_by_age(workspace.root, settings)
        delete_by_age(folder / "gradio", settings)
        _, url, _ = page.launch(
            **launch_options(settings, routes=routes_of(tabs)),
            prevent_thread_lock=True,
            quiet=True,
            server_name="127.0.0.1",
        )
        try:
            yield url
        finally:
            page.close(verbose=False)


@pytest.fixture(scope="module")
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the server: `work` has the requests' folders, `gradio` uploads and results."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def url(pipeline: FakePipeline, folder: Path) -> Iterator[str]:
    with served(pipeline, folder) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    return grey(tmp_path / "portrait.png")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return write_tone(tmp_path / "speech.wav", seconds=0.5)


def grey(path: Path) -> Path:
    Image.new("RGB", (64, 64), "grey").save(path)
    return path


def write_tone(path: Path, seconds: float) -> Path:
    moments = np.arange(int(16_000 * seconds)) / 16_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * moments), 16_000)
    return path


def animate(client: Client, portrait: Path, speech: Path | None, **options: Any) -> tuple[Any, ...]:
    """(video, seed, report, landmarks, plot)"""
    return submit(client, portrait, speech, **options).result(timeout=120)


def submit(client: Client, portrait: Path, speech: Path | None, consent: bool = True, **options: Any) -> Any:
    sound = {} if speech is None else {"audio": handle_file(str(speech))}
    return client.submit(portrait=handle_file(str(portrait)), **sound, consent=consent, **options, api_name="/animate")


def file_data(path: Path) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_the_shipped_weights_are_served_unless_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[str | Path] = []

    def note(source: str | Path) -> None:
        served.append(source)
        raise InputError("That is enough.")

    monkeypatch.setattr("moditalker.loading.load_pipeline", note)
    monkeypatch.setattr(app, "end_at_signals", lambda: None)
    monkeypatch.setattr(app, "address", lambda: ("127.0.0.1", 7860))
    for options in ([], ["--weights", "elsewhere"]):
        monkeypatch.setattr(sys, "argv", ["app.py", *options])
        with pytest.raises(SystemExit, match="That is enough"):
            app.main()
    assert served == ["compact", Path("elsewhere")]


def test_defaults_give_video_seed_report_and_motion(client: Client, portrait: Path, speech: Path) -> None:
    video, seed, report, landmarks, plot = animate(client, portrait, speech)
    assert imageio_ffmpeg.count_frames_and_secs(video)[0] == 12
    assert imageio_ffmpeg.count_frames_and_secs(landmarks)[0] == 12
    with Image.open(plot) as picture:
        assert picture.width > 400
    assert 0 <= seed <= MAX_SEED
    assert report["seed"] == seed
    assert report["parameters"] == {**DEFAULTS, "face": None}


def test_every_parameter_reaches_the_pipeline(client: Client, portrait: Path, speech: Path, tmp_path: Path) -> None:
    options = {
        "crop": "face",
        "atom_steps": 20,
        "mtov_steps": 9,
        "guidance": 2.5,
        "lip_scale": 1.2,
        "head_scale": 0.5,
        "blink_scale": 0.0,
        "emotion": "0:neutral,0.2:happy:0.5+surprised",
        "emotion_scale": 0.8,
        "gaze_scale": 0.7,
    }
    write_video(tmp_path / "nod.mp4", brightness=9)
    write_video(tmp_path / "manner.mp4", brightness=9)
    _, seed, report, *_ = animate(
        client, portrait, speech, seed=7, head_motion="video",
        head_video={"video": handle_file(str(tmp_path / "nod.mp4"))}["video"],
        style={"video": handle_file(str(tmp_path / "manner.mp4"))}["video"], **options,
    )  # fmt: skip
    assert seed == 7
    assert Path(report["parameters"].pop("head_motion")).name == "nod.mp4"
    assert Path(report["parameters"].pop("style")).name == "manner.mp4"
    assert report["parameters"] == {**options, "face": None}


def test_a_video_is_dubbed_with_consent_and_a_mark_and_within_limits(
    client: Client, speech: Path, tmp_path: Path
) -> None:
    clip, large = tmp_path / "clip.mp4", tmp_path / "large.mp4"
    write_video(clip, brightness=9)
    given = {"video": handle_file(str(clip)), "audio": handle_file(str(speech))}
    with pytest.raises(Exception, match="Tick that the person in the video and the voice agree"):
        client.predict(**given, api_name="/dub")
    options = {"when_longer": "loop", "when_shorter": "rest", "original_level": 0.2, "face": 2, "lip_scale": 1.1}
    video, seed, report = client.predict(**given, consent=True, seed=5, **options, api_name="/dub")
    assert imageio_ffmpeg.count_frames_and_secs(video)[0] == 12
    assert seed == 5
    assert report["output"] == Path(report["output"]).name
    assert options.items() <= report["parameters"].items()
    assert report["parameters"]["mark"] is True
    writer = imageio_ffmpeg.write_frames(str(large), (2000, 64), fps=FPS, macro_block_size=2)
    writer.send(None)
    writer.send(np.zeros((64, 2000, 3), np.uint8))
    writer.close()
    with pytest.raises(Exception, match="2000x64 pixels and at most 1920"):
        client.predict(**{**given, "video": handle_file(str(large))}, consent=True, api_name="/dub")


def test_a_text_is_spoken(client: Client, pipeline: FakePipeline, portrait: Path) -> None:
    animate(client, portrait, None, text="My mama put the big map up.")
    assert 1.0 < pipeline.heard[-1] < 5.0


def test_a_voice_that_is_not_there_is_refused_with_those_that_are(client: Client, portrait: Path) -> None:
    with pytest.raises(AppError, match=r"There is no voice 'bob': choose from heart \(English\)"):
        animate(client, portrait, None, text="Hello.", voice="bob")


def test_each_request_draws_its_own_seed_and_gets_its_own_file(client: Client, portrait: Path, speech: Path) -> None:
    first, first_seed, *_ = animate(client, portrait, speech)
    second, second_seed, *_ = animate(client, portrait, speech)
    assert first_seed != second_seed
    assert Path(first).name != Path(second).name
    assert Path(first).exists()


def test_two_visitors_at_once_get_their_own_results(
    url: str, pipeline: FakePipeline, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    visitors = {seed: Client(url, verbose=False, download_files=tmp_path / str(seed)) for seed in (40, 200)}
    jobs = {seed: submit(visitor, portrait, speech, seed=seed) for seed, visitor in visitors.items()}
    for seed, job in jobs.items():
        video, used, *_ = job.result(timeout=60)
        assert used == seed
        assert mean_brightness(Path(video)) == pytest.approx(seed, abs=6)
    assert pipeline.most_at_once == 1, "two requests shared the machine"


def test_a_request_beyond_the_queue_is_refused(tmp_path: Path, speech: Path) -> None:
    pipeline = FakePipeline()
    slow = grey(tmp_path / "slow.png")
    with served(pipeline, tmp_path, Settings(waiting=1)) as url:
        clients = [Client(url, verbose=False, download_files=tmp_path / "got") for _ in range(3)]
        running = submit(clients[0], slow, speech, seed=1)
        assert wait_for(lambda: pipeline.running == 1)
        waiting = submit(clients[1], slow, speech, seed=2)
        assert wait_for(lambda: waiting.status().queue_size == 1)
        with pytest.raises(QueueError, match="full"):
            animate(clients[2], slow, speech, seed=3)
        pipeline.released.set()
        assert [running.result(timeout=60)[1], waiting.result(timeout=60)[1]] == [1, 2]


def test_progress_is_told_and_a_cancelled_job_stops(
    client: Client, pipeline: FakePipeline, folder: Path, tmp_path: Path, portrait: Path, speech: Path
) -> None:
    job = submit(client, grey(tmp_path / "slow.png"), speech)

    def told() -> list[str]:
        data = job.status().progress_data
        return [str(data[0].desc)] if data else []

    assert wait_for(lambda: told() == ["Drawing the video: 1 of 1000 frames"])
    job.cancel()
    assert wait_for(lambda: pipeline.running == 0, seconds=10), "the pipeline went on"
    assert wait_for(lambda: list((folder / "work").iterdir()) == [], seconds=5)
    assert animate(client, portrait, speech, seed=3)[1] == 3


def test_the_folder_of_a_request_is_gone_and_no_path_of_the_server_is_told(
    client: Client, pipeline: FakePipeline, portrait: Path, speech: Path
) -> None:
    _, _, report, *_ = animate(client, portrait, speech)
    assert wait_for(lambda: not pipeline.outputs[-1].parent.exists(), seconds=5)
    assert tempfile.gettempdir() not in json.dumps(report)


def test_uploads_and_results_are_deleted_in_time(tmp_path: Path, portrait: Path, speech: Path) -> None:
    with served(FakePipeline(), tmp_path, Settings(delete_every=1, delete_after=3)) as url:
        client = Client(url, verbose=False, download_files=False)  # on a busy machine it would come too late
        kept = tmp_path / "gradio"
        assert f"{kept}/" in json.dumps(animate(client, portrait, speech)), "the result was never there"
        killed = tmp_path / "work" / "request-whose-process-was-killed"
        killed.mkdir()
        (killed / "speech.wav").write_bytes(speech.read_bytes())
        assert wait_for(lambda: not any(kept.rglob("*")) and not killed.exists(), seconds=30)


def test_nothing_but_results_can_be_fetched_or_sent_in(
    url: str, pipeline: FakePipeline, folder: Path, portrait: Path, speech: Path
) -> None:
    before = len(pipeline.outputs)
    secret = folder / "work" / "request-of-another" / "speech.wav"
    secret.parent.mkdir()
    secret.write_bytes(speech.read_bytes())
    for path in (Path("app.py").resolve(), secret, Path("/etc/hostname")):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{url}gradio_api/file={path}")
        assert refusal.value.code in (403, 404)
    # As gradio_client would not do it: a path of the server in place of an upload.
    body = {"portrait": file_data(portrait), "audio": file_data(secret), "consent": True}
    refused = httpx.post(f"{url}gradio_api/call/v2/animate", json=body)
    assert (refused.status_code, "not among the uploads" in refused.text) == (422, True)
    assert len(pipeline.outputs) == before
    secret.unlink()
    secret.parent.rmdir()


def test_nothing_is_made_without_consent(client: Client, pipeline: FakePipeline, portrait: Path, speech: Path) -> None:
    before = len(pipeline.outputs)
    with pytest.raises(AppError, match="Tick that you may use this face and this voice"):
        animate(client, portrait, speech, consent=False)
    assert len(pipeline.outputs) == before


def test_bad_input_reaches_the_visitor_as_its_sentence(client: Client, tmp_path: Path, speech: Path) -> None:
    with pytest.raises(AppError, match="No face was found in the portrait: use a picture with one face"):
        animate(client, grey(tmp_path / "no-face.png"), speech)


def test_a_picture_that_cannot_be_read_is_the_pipeline_s_to_refuse(
    client: Client, tmp_path: Path, speech: Path
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
    with pytest.raises(AppError, match="failed on this server") as refusal:
        animate(client, portrait, speech)
    assert "secret" not in str(refusal.value)


def test_what_is_over_a_limit_is_refused_before_anything_starts(
    client: Client, pipeline: FakePipeline, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    before = len(pipeline.outputs)
    with pytest.raises(AppError, match="60"):
        animate(client, portrait, write_tone(tmp_path / "long.wav", seconds=61))
    with pytest.raises(AppError, match="700 characters and at most 600"):
        animate(client, portrait, None, text="word " * 140)
    assert len(pipeline.outputs) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("atom_steps", 51),
        ("mtov_steps", -1),
        ("guidance", 9.0),
        ("blink_scale", -1.0),
        ("head_motion", "wild"),
        ("crop", "half"),
        ("seed", -2),
    ],
)
def test_values_out_of_range_are_refused(
    client: Client, portrait: Path, speech: Path, option: str, value: float | str
) -> None:
    with pytest.raises(AppError, match=str(value)):
        animate(client, portrait, speech, **{option: value})


def test_missing_and_contradictory_inputs_are_named(client: Client, portrait: Path, speech: Path) -> None:
    with pytest.raises(AppError, match="no portrait"):
        client.predict(portrait=None, audio=handle_file(str(speech)), consent=True, api_name="/animate")
    with pytest.raises(AppError, match="no speech"):
        animate(client, portrait, None)
    with pytest.raises(AppError, match="keep one of them"):
        animate(client, portrait, speech, text="Hello!")
    with pytest.raises(AppError, match="no video to take the head motion from"):
        animate(client, portrait, speech, head_motion="video")


def test_inspect_says_what_is_in_a_portrait(client: Client, astronaut: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    picture, found = client.predict(portrait=handle_file(str(path)), api_name="/inspect")
    left, top, right, bottom = found["face_box"]
    assert 150 < left < right < 320
    assert 60 < top < bottom < 210
    assert len(found["landmarks"]) == 68
    assert found["warnings"] == []
    with Image.open(picture) as drawn:
        assert drawn.size == (512, 512)
    with pytest.raises(AppError, match="No face was found"):
        client.predict(portrait=handle_file(str(grey(tmp_path / "wall.png"))), api_name="/inspect")


def test_inspect_boxes_and_numbers_all_faces(client: Client, astronaut: np.ndarray, tmp_path: Path) -> None:
    path, head = tmp_path / "two.png", astronaut[:230, 120:350]
    small, large = Image.fromarray(head).resize((200, 200)), Image.fromarray(head)
    wide = Image.new("RGB", (500, 240), "white")
    wide.paste(small, (10, 20))
    wide.paste(large, (250, 5))
    wide.save(path)
    _, found = client.predict(portrait=handle_file(str(path)), api_name="/inspect")
    assert (found["face"], len(found["faces"])) == (2, 2)
    assert found["faces"][1] == {"face": 2, "box": found["face_box"]}
    _, chosen = client.predict(portrait=handle_file(str(path)), face=1, api_name="/inspect")
    assert chosen["face_box"][2] < 220 < found["face_box"][0]
    with pytest.raises(AppError, match="face is 3 and there are 2 faces"):
        client.predict(portrait=handle_file(str(path)), face=3, api_name="/inspect")


def test_the_chosen_face_reaches_the_pipeline(client: Client, portrait: Path, speech: Path) -> None:
    assert animate(client, portrait, speech, face=3)[2]["parameters"]["face"] == 3


def test_a_file_over_the_limit_is_not_taken(tmp_path: Path) -> None:
    with served(FakePipeline(), tmp_path, Settings(max_file_megabytes=1)) as url:
        sizes = {1_000_000: 200, 1_100_000: 413}
        answers = {size: httpx.post(f"{url}gradio_api/upload", files={"files": bytes(size)}) for size in sizes}
        assert {size: answer.status_code for size, answer in answers.items()} == sizes


def test_the_page_takes_portraits_and_speech_from_everywhere_and_keeps_no_history(client: Client) -> None:
    sources = {
        component["props"]["elem_id"]: component["props"]["sources"]
        for component in client.config["components"]
        if component["props"].get("elem_id") in ("portrait", "audio")
    }
    assert sources == {"portrait": ["upload", "webcam", "clipboard"], "audio": ["upload", "microphone"]}
    assert client.config["run_history"] is False


def test_the_endpoints_describe_their_parameters(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {
        "/animate", "/compare", "/converse", "/dub", "/inspect", "/motion", "/render", "/stream"
    }  # fmt: skip
    for name, endpoint in endpoints.items():
        names = [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        assert [parameter for parameter in names if f"{parameter}: " not in endpoint["description"]] == [], name
    parameters = {parameter["parameter_name"]: parameter for parameter in endpoints["/animate"]["parameters"]}
    shown = {"portrait", "audio", "text", "voice", "consent", "head_video", "seed", "face", "style", *DEFAULTS}
    assert set(parameters) == shown
    assert list(parameters)[-1] == "style", "callers by position keep theirs"
    required = [name for name, parameter in parameters.items() if not parameter["parameter_has_default"]]
    assert required == ["portrait"]
    defaults = {name: parameter["parameter_default"] for name, parameter in parameters.items() if name in DEFAULTS}
    assert defaults == DEFAULTS
    assert parameters["consent"]["parameter_default"] is False


def test_assistants_find_all_endpoints_as_tools(url: str) -> None:
    with urllib.request.urlopen(f"{url}gradio_api/mcp/schema") as answer:
        tools = {tool["name"].split("_")[-1]: tool for tool in json.load(answer)}
    assert set(tools) == {"animate", "compare", "converse", "dub", "inspect", "motion", "render", "stream"}
    assert "nothing is made without it" in json.dumps(tools["animate"])
