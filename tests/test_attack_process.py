"""`app.py` as a process: what it says when it cannot start, and what is left of faces and voices when it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import soundfile
from app_server import Server, serve
from forked import ROOT, fork_program
from processes import wait_until

from moditalker.ui.shared.server_folder import server_folder
from moditalker.ui.shared.serving import check_free
from moditalker.ui.study.server import serve as serve_study
from moditalker.utils.errors import InputError

END_SECONDS = 3.0

HOLD = """
import sys
from moditalker.ui.shared.server_folder import server_folder
with server_folder() as folder:
    (folder / "face.png").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture
def busy_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        yield int(taken.getsockname()[1])


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def begin_to_animate(server: Server, portrait: Path, speech: np.ndarray, folder: Path) -> None:
    """Have a long video drawn, and wait until it is."""
    soundfile.write(folder / "speech.wav", np.resize(speech, 55 * 16_000), 16_000)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        paths = [
            client.post("/gradio_api/upload", files={"files": (path.name, path.read_bytes())}).json()[0]
            for path in (portrait, folder / "speech.wav")
        ]
        body = {"portrait": {"path": paths[0]}, "audio": {"path": paths[1]}, "consent": True, "atom_steps": 50}
        assert client.post("/gradio_api/call/v2/animate", json=body).status_code == 200
    wait_until(lambda: any(server.folder.glob("moditalker-*/server-*/request-*/busy")), "nothing is drawn")


@pytest.mark.slow
def test_nothing_is_left_of_a_server_that_ended_nor_of_one_that_was_killed(
    portrait_file: Path, speech: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        with serve(tmp_path, "--weights", str(weights), forked=True) as server:
            [mine] = server.folder.glob("moditalker-*/server-*")
            assert mine.parent.stat().st_mode & 0o777 == 0o700
            begin_to_animate(server, portrait_file, speech, tmp_path)
            assert {Path(name).name for name in files_below(mine)} >= {"portrait.png", "speech.wav"}
            assert [path.name for path in server.folder.iterdir()] == [mine.parent.name], "files lie elsewhere"
            process = psutil.Process(server.pid)
            children = process.children(recursive=True)
            started = time.monotonic()
            os.kill(server.pid, number)
            try:
                process.wait(timeout=30)
            except psutil.TimeoutExpired:
                pytest.fail(f"{number!r} did not end it:\n{(tmp_path / 'app.log').read_text()}")
            assert time.monotonic() - started < END_SECONDS, number
            _, left_over = psutil.wait_procs(children, timeout=10)
            assert left_over == [], f"processes are left after {number}"
        left = files_below(server.folder)
        assert bool(left) == (number == signal.SIGKILL), left


def test_a_server_that_runs_keeps_its_folder_and_one_that_was_killed_loses_it(temporary: Path) -> None:
    command = [sys.executable, "-c", HOLD]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    servers = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(2)]
    try:
        folders = []
        for server in servers:
            assert server.stdout is not None
            folders.append(Path(server.stdout.readline().strip()))
        servers[0].kill()
        servers[0].wait()
        assert [(folder / "face.png").exists() for folder in folders] == [True, True]
        with server_folder() as own:
            assert [(folder / "face.png").exists() for folder in folders] == [False, True]
            assert own.parent == folders[1].parent
        assert not own.exists()
        servers[1].communicate(timeout=30)
        assert files_below(temporary) == []
    finally:
        for server in servers:
            server.kill()
            server.communicate()


def test_what_somebody_else_put_in_the_folder_s_place_is_not_used(temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs").touch()
    place = temporary / f"moditalker-{os.getuid()}"
    for make in (lambda: place.symlink_to(elsewhere), place.touch):
        make()
        with pytest.raises(InputError, match="name another folder for temporary files in TMPDIR"), server_folder():
            pass
        assert (elsewhere / "theirs").exists()
        place.unlink()


def plain_environment(folder: Path, **more: str) -> dict[str, str]:
    """As `app.py` finds it where nobody has set anything, with a free port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRADIO_", "MODITALKER_"))}
    return kept | {"TMPDIR": str(folder), "GRADIO_SERVER_PORT": str(port)} | more


@pytest.mark.parametrize("kind", ["port in use", "no port", "hosts"])
def test_app_py_that_cannot_start_says_why_in_a_sentence_before_it_loads_anything(
    kind: str, busy_port: int, tmp_path: Path
) -> None:
    if kind == "port in use":
        more = {"GRADIO_SERVER_PORT": str(busy_port)}
        sentence = f"Port {busy_port} of 127.0.0.1 cannot be used (Address already in use): end what listens there"
    elif kind == "no port":
        more = {"GRADIO_SERVER_PORT": "web"}
        sentence = "GRADIO_SERVER_PORT is 'web': give a number from 1 to 65535."
    else:
        more = {"MODITALKER_HOSTS": "https://talk.example.org"}
        sentence = "MODITALKER_HOSTS has 'https://talk.example.org': give names such as"
    code = (
        "import runpy, sys\ntry: runpy.run_path('app.py', run_name='__main__')\nfinally: print(*sys.modules, sep='\\n')"
    )
    environment = plain_environment(tmp_path, **more)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 1
    assert sentence in done.stderr.strip().splitlines()[-1], done.stderr
    assert "Traceback" not in done.stderr
    assert files_below(tmp_path) == []
    assert not {"torch", "gradio"} & set(done.stdout.splitlines())


@pytest.mark.slow
def test_app_py_without_weights_says_so_in_a_sentence(tmp_path: Path) -> None:
    log, folder = tmp_path / "app.log", tmp_path / "folder"
    folder.mkdir()
    options = ("--weights", str(tmp_path / "none"))
    process = fork_program("app.py", *options, environment=plain_environment(folder), output=log)
    process.join(240)
    assert process.exitcode == 1
    assert "No weights could be loaded from" in log.read_text().strip().splitlines()[-1], log.read_text()
    assert "Traceback" not in log.read_text()
    assert files_below(folder) == []


def test_a_study_s_server_says_that_its_port_is_in_use(busy_port: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"Port {busy_port} of 127.0.0.1 cannot be used"):
        serve_study(tmp_path / "study.toml", tmp_path / "answers.sqlite", None, "127.0.0.1", busy_port)
    with pytest.raises(InputError, match="cannot be used"):
        check_free("no-such-host.invalid", busy_port)
