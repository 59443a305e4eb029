"""Readers that run in OpenVINO come and go, in whatever thread, and the process lives on."""

import subprocess
import sys

from forked import ROOT

PROGRAM = """
import faulthandler, gc, signal, subprocess, threading
faulthandler.enable()
from moditalker.metrics.expression_reader import ExpressionReader
held = [ExpressionReader()]
thread = threading.Thread(target=lambda: (held.clear(), gc.collect()))
thread.start()
thread.join()
signal.signal(signal.SIGCHLD, lambda *told: None)
subprocess.run(["true"])
print("lives")
"""


def test_a_signal_finds_its_stack_after_the_last_reader_ended_in_another_thread() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "lives\n"), done.stderr
