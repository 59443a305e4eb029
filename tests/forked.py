"""Where processes come from that can be killed: forked from one in which everything is imported.

So they start at once.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    [
        "moditalker.ui.page",
        "moditalker.ui.shared.warm_up",
        "moditalker.ui.study.server",
        "moditalker.animate",
        "moditalker.cli.main",
        "moditalker.training.objectives.train_paper",
        # What is otherwise imported at its first use.
        "librosa.core.audio",
        "librosa.feature.spectral",
        "mediapipe.python.solutions",
    ]
)


def fork_program(program: str, *options: str | Path, environment: dict[str, str], output: Path) -> BaseProcess:
    """A program of this project, run in the repository's folder as the first of a group of processes.

    Args:
        program: `app.py`, or the package, as `python -m` runs it.
        *options: of its command line.
        environment: all of it.
        output: a file or a terminal for what it writes.
    """
    arguments = [program, *map(str, options)]
    process = FORKED.Process(target=_run, args=(arguments, environment, output), daemon=True)
    process.start()
    return process


def _run(arguments: list[str], environment: dict[str, str], output: Path) -> None:
    """In the new process."""
    os.setpgid(0, 0)
    shown = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOCTTY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(shown, stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    # Python has looked at TMPDIR already.
    tempfile.tempdir = None
    os.chdir(ROOT)
    sys.argv = arguments
    if arguments[0].endswith(".py"):
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
