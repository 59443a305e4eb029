"""Requests from their acceptance to their result, without a page: cancelling, and the time that is left."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from moditalker.audio import load
from moditalker.audio.recording import Recording
from moditalker.face.landmark_file import write_landmarks
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.ui.animate import estimate, first_second, studio
from moditalker.ui.animate.estimate import Countdown, Speeds
from moditalker.ui.animate.events import Preview, ProgressEvent, Result
from moditalker.ui.animate.request import Request
from moditalker.ui.animate.studio import Studio
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace


class Instant:
    """Makes the landmarks at once, and frames that are not written."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def animate(
        self, portrait: str, audio: Recording, output: Path, *, save_landmarks: Path, on_frames: Any, **options: Any
    ) -> dict[str, Any]:
        self.options = options
        for _ in range(5):
            on_frames(np.zeros((12, 64, 64, 3), np.uint8))
        write_landmarks(save_landmarks, np.random.default_rng(0).uniform(0, 64, (12, 68, 3)))
        return {"seconds": {"video": 0.1}}


@pytest.mark.parametrize("seconds", [1.5, 2.1])
def test_the_first_second_comes_before_the_rest_where_there_is_one(
    portrait_file: Path, tmp_path: Path, speech: np.ndarray, seconds: float
) -> None:
    audio = tmp_path / "speech.wav"
    soundfile.write(audio, speech[: round(seconds * 16_000)], 16_000)
    request = Request(str(portrait_file), str(audio), consent=True)
    kinds: list[type] = []
    for event in Studio(Instant(), Settings(), Workspace(tmp_path / "work"), Speeds(), Line(1, 8)).make(request):
        kinds.append(type(event))
        if isinstance(event, Preview):
            count, length = imageio_ffmpeg.count_frames_and_secs(str(event.video))
            assert count == 25
            assert length == pytest.approx(1.0, abs=0.05)
    assert kinds[-1] is Result
    assert kinds.count(Preview) == (seconds > 2)


@pytest.mark.slow
def test_a_recording_is_decoded_once_and_every_video_carries_it(
    pipeline: MoDiTalkerPipeline,
    portrait_file: Path,
    tmp_path: Path,
    speech: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = np.repeat(speech[:35_000, None], 2, 1)
    soundfile.write(tmp_path / "speech.wav", wide, 44_100)
    decoded: list[str] = []
    real = load.decode

    def counting(task: str, *arguments: Any, **more: Any) -> Any:
        decoded.append(task)
        return real(task, *arguments, **more)

    for module in ("audio.load", "video.read", "face.picture"):
        monkeypatch.setattr(f"moditalker.{module}.decode", counting)
    request = Request(
        str(portrait_file), str(tmp_path / "speech.wav"), consent=True, atom_steps=1, mtov_steps=1, guidance=1.0
    )
    monkeypatch.setattr(first_second, "PREVIEW_SECONDS", 0.2)
    shown: list[Path] = []
    for event in Studio(pipeline, Settings(), Workspace(tmp_path / "work"), Speeds(), Line(1, 8)).make(request):
        if isinstance(event, Preview):
            shown.append(event.video)
        elif isinstance(event, Result):
            shown += [event.video, event.landmarks]
            assert event.report["parameters"]["audio"] == "speech.wav"
            assert sorted(decoded) == ["picture", "sound"]
            for video in shown:
                assert sound_of(video) == (44_100, 2), video.name
    assert len(shown) == 3


def sound_of(path: Path) -> tuple[int, int]:
    """Rate and channels of a file's sound track."""
    recording = load.load_recording(path)
    return recording.original_rate, recording.original.shape[1]


@pytest.mark.parametrize("mark", [True, False])
def test_the_mark_is_the_server_s_to_leave_out(
    portrait_file: Path, speech_file: Path, tmp_path: Path, mark: bool
) -> None:
    pipeline = Instant()
    settings = Settings() if mark else Settings(mark=False)
    list(
        Studio(pipeline, settings, Workspace(tmp_path / "work"), Speeds(), Line(1, 8)).make(
            Request(str(portrait_file), str(speech_file), consent=True)
        )
    )
    assert pipeline.options["mark"] is mark


def test_a_request_can_be_given_up_while_its_results_are_finished(
    portrait_file: Path, speech_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    began = threading.Event()

    def endless(path: Path, landmarks: np.ndarray, recording: Recording, progress: Callable[[int, int], None]) -> None:
        began.set()
        try:
            while True:
                progress(1, 2)
                time.sleep(0.01)
        finally:
            ended.append(True)

    monkeypatch.setattr(studio, "write_landmark_video", endless)
    workspace = Workspace(tmp_path / "work")
    making = Studio(Instant(), Settings(), workspace, Speeds(), Line(1, 8)).make(
        Request(str(portrait_file), str(speech_file), consent=True)
    )
    while not began.is_set():
        next(making)
    assert [type(next(making)) for _ in range(2)] == [ProgressEvent] * 2
    assert ended == []
    making.close()
    deadline = time.monotonic() + 10
    while list(workspace.root.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended == [True]
    assert list(workspace.root.iterdir()) == []


def test_the_time_left_does_not_grow_while_the_same_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(estimate.time, "monotonic", lambda: now)
    countdown = Countdown(dict.fromkeys(estimate.STAGES, 10.0))
    countdown.update("video", 0, 100)
    now += 4
    countdown.update("video", 20, 100)
    assert countdown.left == pytest.approx(16)
    now += 2
    countdown.update("video", 20, 100)
    assert countdown.left == pytest.approx(14)
    now += 2
    countdown.update("video", 40, 100)
    assert countdown.left == pytest.approx(12)


def test_the_trial_of_the_first_frames_tells_how_long_all_of_them_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(estimate.time, "monotonic", lambda: now)
    left = []
    for tried in (100, 25):
        countdown = Countdown(dict.fromkeys(estimate.STAGES, 10.0))
        countdown.update("lip_correction", 0, tried)
        now += 7.0 * tried / 100
        countdown.update("video", 0, 100)
        left.append(countdown.left)
    assert left[0] == pytest.approx(13.0)
    assert left[1] == pytest.approx(20.0 - 1.75)  # three quarters of the trials lie between the pictures


def test_a_speed_is_what_this_machine_was_measured_at() -> None:
    speeds, request = Speeds(), Request(None)
    spent = {"face": 1.0, "speech": 2.0, "motion": 6.0, "head": 3.0, "video": 40.0}
    for _ in range(10):
        speeds.learn(request, 10.0, spent)
    predicted = speeds.predict(request, 10.0)
    assert tuple(sorted(predicted)) == tuple(sorted(estimate.STAGES))
    assert predicted["lip_correction"] > 0
    # A report's seconds of the video are those of the lip correction before it as well.
    predicted["video"] += predicted.pop("lip_correction")
    assert predicted == pytest.approx(spent, rel=0.01)
    twice = speeds.predict(request, 20.0)
    assert twice["lip_correction"] + twice["video"] == pytest.approx(80.0, rel=0.01)
    assert twice["face"] == pytest.approx(1.0, rel=0.01)
