"""What a terminal shows of a run: bars and sentences, and nothing of what libraries say of their insides."""

import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from forked import ROOT, fork_program

from moditalker.utils.native_noise import without_native_noise

NOISE = b"W0000 00:00:1.2 7 inference_feedback_manager.cc:114] Feedback manager requires a model\n"


def test_noise_is_dropped_and_everything_else_passes(capfd: pytest.CaptureFixture[str]) -> None:
    with without_native_noise():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n" + NOISE)
        os.write(2, b"W0000 00:00:1.2 7 other.cc:1] a real warning\n")
        os.write(2, b"a sentence\n")
    os.write(2, b"after it\n")
    assert capfd.readouterr().err == "W0000 00:00:1.2 7 other.cc:1] a real warning\na sentence\nafter it\n"


def test_several_threads_may_ask_for_it_and_a_fork_is_free(capfd: pytest.CaptureFixture[str]) -> None:
    def noisy(number: int) -> None:
        with without_native_noise():
            os.write(2, NOISE)
            time.sleep(0.01 * number)
            os.write(2, f"line {number}\n".encode())

    threads = [threading.Thread(target=noisy, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with without_native_noise():
        child = os.fork()
        if child == 0:
            os.write(2, b"from the child\n")
            os._exit(0)
        os.waitpid(child, 0)
        assert capfd.readouterr().err.count("from the child\n") == 1
    os.write(2, b"end\n")
    assert capfd.readouterr().err == "end\n"


@pytest.mark.slow
def test_a_terminal_shows_stages_and_a_pipe_nothing(
    portrait_file: Path, brief_file: Path, tmp_path: Path, weights: Path
) -> None:
    run = ["animate", portrait_file, brief_file, "-o", tmp_path / "talk.mp4", "--preset", weights]
    run = [*map(str, run), "--seed", "1", "--atom-steps", "2", "--mtov-steps", "1"]
    command = [sys.executable, "-m", "moditalker", *run]
    quiet = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert quiet.stderr == ""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    terminal = Path(os.ttyname(theirs))
    process = fork_program("moditalker", *run, environment=dict(os.environ), output=terminal)
    shown = b""
    # What it writes stays until it is read, so nothing is lost when it ends first.
    while select.select([ours], [], [], 0)[0] or process.is_alive():
        if select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 4096)
    os.close(theirs)
    os.close(ours)
    assert process.exitcode == 0
    text = shown.decode(errors="replace")
    for stage in ("Finding the face", "Moving the lips", "Drawing the video"):
        assert stage in text
    assert "of 12 frames" in text or "of 13 frames" in text
    assert " left" in text
    for noise in ("TensorFlow", "absl", "inference_feedback_manager", "Warning"):
        assert noise not in text
