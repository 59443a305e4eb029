"""The app as a process of its own, with a pipeline small enough to run in a blink, asked by other programs."""

import os
import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import psutil
import pytest
import soundfile
from app_server import Server
from forked import ROOT
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from moditalker.ui.about import section

REQUESTS = 20
FOLDERS = "moditalker-*/server-*/request-*"
MOMENT = 0.2
"""Seconds of speech of each: a block of frames."""
SETTLED = 3
"""Requests after which everything is loaded that is loaded at first use."""
SHORT, LONG = 2, 5
"""Seconds: what is drawn at a time lasts as long as the first."""
MEGABYTES_A_FRAME = 1.8
"""By which the peak may grow; the allocator alone moves it by some 50 megabytes."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def visit(small_picture: np.ndarray, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with portrait.jpg and speech.wav, as the recipes of docs/api.md want them."""
    folder = tmp_path_factory.mktemp("visit")
    Image.fromarray(small_picture).save(folder / "portrait.jpg")
    soundfile.write(folder / "speech.wav", speech[:12_000], 16_000)
    return folder


def recipe(language: str, server: Server) -> str:
    """The program of docs/api.md in a language, for a server's address."""
    text = section((ROOT / "docs" / "api.md").read_text(), "From a program")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found.group(1).replace("http://127.0.0.1:7860", server.url)


def test_the_documented_python_program_runs(app: Server, visit: Path) -> None:
    names: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(visit)
        exec(recipe("python", app), names)
    assert imageio_ffmpeg.count_frames_and_secs(names["video"])[0] == 19
    assert str(names["seed"]).isdigit()


def test_the_documented_shell_program_runs(app: Server, visit: Path) -> None:
    subprocess.run(["bash", "-e", "-c", recipe("sh", app)], cwd=visit, check=True, timeout=300)
    assert "event: complete" in (visit / "events.txt").read_text()
    assert imageio_ffmpeg.count_frames_and_secs(str(visit / "out.mp4"))[0] == 19


def test_a_stream_comes_in_pieces_that_make_the_whole(
    app: Server, visit: Path, speech: np.ndarray, tmp_path: Path
) -> None:
    client = Client(app.url, verbose=False, download_files=tmp_path)
    soundfile.write(tmp_path / "speech.wav", np.tile(speech, 2)[: 3 * 16_000], 16_000)
    asked = {
        "portrait": handle_file(str(visit / "portrait.jpg")),
        "audio": handle_file(str(tmp_path / "speech.wav")),
        "mtov_steps": 0,
        "gaze_scale": 1.0,
        "seed": 5,
    }
    with pytest.raises(AppError, match="consent"):
        client.predict(**asked, api_name="/stream")
    job = client.submit(**asked, consent=True, api_name="/stream")
    known: dict[int, int] = {}
    for video, report in job:
        if "piece" not in report:  # a sign of life
            continue
        known[report["first_frame"]] = imageio_ffmpeg.count_frames_and_secs(video)[0]
        assert known[report["first_frame"]] == report["frames"]
        assert report["seed"] == 5
    assert len(known) > 1
    assert list(known) == [sum(list(known.values())[:number]) for number in range(len(known))]
    assert sum(known.values()) == 75


def test_twenty_requests_leave_neither_memory_nor_files_behind(
    app: Server, visit: Path, speech: np.ndarray, tmp_path: Path
) -> None:
    client = Client(app.url, verbose=False, download_files=tmp_path)
    process = psutil.Process(app.pid)
    soundfile.write(tmp_path / "moment.wav", speech[8000 : 8000 + round(MOMENT * 16_000)], 16_000)
    # Of the page's own runs, which a browser may come back to.
    kept = set(app.folder.glob(FOLDERS))
    memory, files = [], []
    for seed in range(REQUESTS):
        client.predict(
            portrait=handle_file(str(visit / "portrait.jpg")),
            audio=handle_file(str(tmp_path / "moment.wav")),
            consent=True,
            atom_steps=1,
            mtov_steps=1,
            guidance=1.0,
            seed=seed,
            api_name="/animate",
        )
        memory.append(process.memory_info().rss)
        files.append(sum(path.stat().st_size for path in app.folder.rglob("*") if path.is_file()))
    assert memory[-1] < 1.1 * memory[SETTLED - 1], " ".join(f"{size / 1e6:.0f}" for size in memory)
    # Results wait for their age to come; beyond them there is nothing.
    results = (files[-1] - files[SETTLED - 1]) / (REQUESTS - SETTLED)
    assert results < 300_000
    assert set(app.folder.glob(FOLDERS)) == kept
    assert [path.name for path in app.folder.iterdir()] == [f"moditalker-{os.getuid()}"], "files lie elsewhere"


def test_a_longer_video_takes_no_more_memory(app: Server, visit: Path, speech: np.ndarray, tmp_path: Path) -> None:
    client = Client(app.url, verbose=False, download_files=tmp_path)
    peaks = []
    for seconds in (SHORT, SHORT, LONG):  # the first loads what is loaded at first use
        soundfile.write(tmp_path / "speech.wav", np.tile(speech, 3)[: seconds * 16_000], 16_000)
        Path(f"/proc/{app.pid}/clear_refs").write_text("5")  # Linux's peak starts again from here
        video, *_ = client.predict(
            portrait=handle_file(str(visit / "portrait.jpg")),
            audio=handle_file(str(tmp_path / "speech.wav")),
            consent=True,
            atom_steps=1,
            mtov_steps=1,
            guidance=1.0,
            seed=1,
            api_name="/animate",
        )
        assert imageio_ffmpeg.count_frames_and_secs(video)[0] == 25 * seconds
        peak = re.search(r"^VmHWM:\s*(\d+) kB$", Path(f"/proc/{app.pid}/status").read_text(), re.MULTILINE)
        assert peak is not None
        peaks.append(int(peak[1]) / 1024)
    assert peaks[2] - peaks[1] < MEGABYTES_A_FRAME * 25 * (LONG - SHORT), peaks
