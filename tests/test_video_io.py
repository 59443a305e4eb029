"""Frames and sound through video files."""

import errno
import logging
import re
import resource
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from processes import descendants, wait_until

from moditalker.audio.load import load_audio, load_recording
from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video
from moditalker.video.write import VideoWriter


def ffmpeg(*arguments: str | Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-y", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL).stderr


def gradient(index: int, height: int = 96, width: int = 128) -> np.ndarray:
    """A smooth colourful frame, uint8 (height, width, 3), that differs from frame to frame."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 255 * y / height, np.full_like(x, 8 * index % 256)], axis=2).astype(np.uint8)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * SAMPLE_RATE)).astype(np.float32)


def save(path: Path, frames: Iterable[np.ndarray], audio: np.ndarray | None = None) -> None:
    """Write frames of 64x64 pixels."""
    with VideoWriter(path, (64, 64), 25.0, audio) as writer:
        for frame in frames:
            writer.write(frame)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """One second, 25 frames of `gradient`, with sound."""
    path = tmp_path / "film.mp4"
    with VideoWriter(path, (128, 96), 25.0, noise(1.0)) as writer:
        for index in range(25):
            writer.write(gradient(index))
    return path


def test_frames_survive_writing_and_reading(film: Path) -> None:
    frames = list(read_video(film))
    assert len(frames) == 25
    assert all(frame.shape == (96, 128, 3) and frame.dtype == np.uint8 for frame in frames)
    assert min(psnr(frame, gradient(index)) for index, frame in enumerate(frames)) > 32.0


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (220, 160, 130), (200, 30, 30), (30, 60, 200)])
def test_flat_colours_keep_their_values(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    save(tmp_path / "flat.mp4", [np.full((64, 64, 3), colour, np.uint8)] * 3)
    for frame in read_video(tmp_path / "flat.mp4"):
        assert np.abs(frame.astype(int) - colour).max() <= 4


def test_file_plays_anywhere(film: Path) -> None:
    description = ffmpeg("-i", film)
    assert "Video: h264" in description
    assert "yuv420p(tv, bt709" in description
    assert "Audio: aac" in description
    content = film.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index must come first for playback while loading"
    assert probe_video(film).size == (128, 96)
    assert probe_video(film).fps == 25.0


@pytest.mark.parametrize("seconds", [0.84, 1.0, 3.21])
def test_picture_and_sound_last_as_long_as_the_audio(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "out.mp4"
    count = round(seconds * 25)
    save(path, (gradient(index, 64, 64) for index in range(count)), noise(seconds))
    assert len(list(read_video(path))) == count
    assert probe_video(path).duration == pytest.approx(seconds, abs=0.04)
    # The AAC encoder fills its last block of 1024 samples (64 ms at 16 kHz, 21 ms at 48 kHz).
    assert len(load_audio(path)) / SAMPLE_RATE == pytest.approx(seconds, abs=0.04)


def test_sound_is_aligned_with_the_frames(tmp_path: Path) -> None:
    """A click and a white frame at one second come back at one second."""
    audio = np.zeros(2 * SAMPLE_RATE, np.float32)
    audio[SAMPLE_RATE : SAMPLE_RATE + 80] = 0.9
    frames = (np.full((64, 64, 3), 255 if index == 25 else 0, np.uint8) for index in range(50))
    save(tmp_path / "clap.mp4", frames, audio)
    flash = int(np.argmax([frame.mean() for frame in read_video(tmp_path / "clap.mp4")]))
    samples = load_audio(tmp_path / "clap.mp4")
    click = np.flatnonzero(np.abs(samples) > 0.3)[0] / SAMPLE_RATE
    assert flash == 25
    assert click == pytest.approx(1.0, abs=0.005)


def test_players_that_ignore_edit_lists_show_the_mouth_with_its_sound(tmp_path: Path) -> None:
    audio = np.zeros(2 * SAMPLE_RATE, np.float32)
    audio[SAMPLE_RATE : SAMPLE_RATE + 80] = 0.9
    path = tmp_path / "clap.mp4"
    save(path, (np.full((64, 64, 3), 255 if index == 25 else 0, np.uint8) for index in range(50)), audio)
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        frames = [(frame.to_ndarray(format="gray").mean(), frame.time) for frame in container.decode(video=0)]
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        blocks = list(container.decode(audio=0))
    heard = np.flatnonzero(np.abs(np.concatenate([block.to_ndarray()[0] for block in blocks])) > 0.3)[0]
    flash, click = max(frames)[1], blocks[0].time + heard / blocks[0].rate
    assert flash == pytest.approx(1.0, abs=0.001)
    assert click - flash == pytest.approx(1024 / 48_000, abs=0.005), "more than AAC's own delay of one block"


@pytest.mark.parametrize(("rate", "channels", "kept"), [(44_100, 2, 44_100), (48_000, 1, 48_000), (8000, 2, 48_000)])
def test_sound_keeps_its_rate_and_its_channels(tmp_path: Path, rate: int, channels: int, kept: int) -> None:
    time = np.arange(rate) / rate
    sound = 0.3 * np.sin(2 * np.pi * np.array([500.0, 900.0])[:channels] * time[:, None]).astype(np.float32)
    with VideoWriter(tmp_path / "out.mp4", (64, 64), 25.0, sound, rate) as writer:
        for index in range(25):
            writer.write(gradient(index, 64, 64))
    recording = load_recording(tmp_path / "out.mp4")
    assert (recording.original_rate, recording.original.shape[1]) == (kept, channels)
    loudest = np.abs(np.fft.rfft(recording.original[:kept], axis=0)).argmax(0)
    np.testing.assert_allclose(loudest, [500.0, 900.0][:channels], atol=2)


def test_metadata_is_in_the_file(tmp_path: Path) -> None:
    tags = {"comment": "made by a model = synthetic", "moditalker_seed": "7"}
    with VideoWriter(tmp_path / "tagged.mp4", (64, 64), 25.0, None, metadata=tags) as writer:
        writer.write(gradient(0, 64, 64))
    description = ffmpeg("-i", tmp_path / "tagged.mp4")
    assert re.search(r"comment\s+: made by a model = synthetic", description)
    assert re.search(r"moditalker_seed\s*: 7", description)


def test_missing_parent_is_made_and_an_older_file_replaced(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "out.MP4"
    for _ in range(2):
        with VideoWriter(str(target), (64, 64), 25.0, None) as writer:
            writer.write(gradient(0, 64, 64))
    assert files_below(tmp_path) == ["deep", "new", "out.MP4"]
    assert len(list(read_video(target))) == 1


@pytest.mark.parametrize("error", [RuntimeError("model"), KeyboardInterrupt(), GeneratorExit()])
@pytest.mark.parametrize("frames", [0, 3])
def test_failure_inside_leaves_nothing(tmp_path: Path, error: BaseException, frames: int) -> None:
    def model() -> Iterator[np.ndarray]:
        yield from (gradient(index, 64, 64) for index in range(frames))
        raise error

    with pytest.raises(type(error)):
        save(tmp_path / "out.mp4", model(), noise(1.0))
    assert files_below(tmp_path) == []


def test_failure_keeps_the_older_file(film: Path) -> None:
    before = film.read_bytes()
    with pytest.raises(ValueError, match=r"must be uint8 \(64, 64, 3\), got uint8 \(96, 128, 3\)"):
        save(film, [gradient(0, 64, 64), gradient(1)])
    assert film.read_bytes() == before
    assert files_below(film.parent) == ["film.mp4"]


def test_no_frames_and_a_dead_encoder_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no frame was written"):
        save(tmp_path / "a.mp4", [])
    monkeypatch.setattr("moditalker.video.write.PRESET", "impossible")
    with pytest.raises(RuntimeError, match="impossible"):
        save(tmp_path / "b.mp4", (gradient(index, 64, 64) for index in range(50)))
    assert files_below(tmp_path) == []


def test_unwritable_targets_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a file")
    for target, message in {
        tmp_path: "is a directory: give the output a file name",
        tmp_path / "out.avi": r"does not end in \.mp4",
        tmp_path / "out": r"name it out\.mp4",
        tmp_path / "plain" / "out.mp4": "cannot be written .*: choose an output in a directory",
    }.items():
        with pytest.raises(InputError, match=message):
            VideoWriter(target, (64, 64), 25.0, None)
    assert files_below(tmp_path) == ["plain"]


@pytest.mark.parametrize("kilobytes", [0, 20, 50])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, kilobytes: int) -> None:
    """The system's limit of a file's size stands for a disk that fills up: at the first frame, later, at the end."""
    rng = np.random.default_rng(0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, limits[1]))
    try:
        with pytest.raises(InputError, match="is full: free some space or choose another output"):
            save(tmp_path / "out.mp4", (rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(25)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_below(tmp_path) == []


def test_target_without_permission(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's answers are simulated: these tests may run as root, who may write everywhere."""

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\): choose an output in a directory"):
        VideoWriter(film.parent / "out.mp4", (64, 64), 25.0, None)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match="exists and is write-protected: remove it or choose another output"):
        VideoWriter(film, (64, 64), 25.0, None)


def test_sizes_that_the_format_does_not_have() -> None:
    for size in ((65, 64), (64, 65), (0, 64)):
        with pytest.raises(ValueError, match=f"{size[0]}x{size[1]}"):
            VideoWriter("out.mp4", size, 25.0, None)


def test_a_picture_much_shorter_than_the_sound_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        save(tmp_path / "out.mp4", [gradient(0, 64, 64)], noise(1.0))
    assert "picture lasts 0.040 s, the sound 1.000 s" in caplog.text


@pytest.mark.parametrize(("rate", "codec"), [("10", "libx264"), ("30000/1001", "libx264"), ("50", "libvpx")])
def test_other_rates_become_25_frames_a_second(tmp_path: Path, rate: str, codec: str) -> None:
    path = tmp_path / ("in.webm" if codec == "libvpx" else "in.mov")
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x64:r={rate}:d=2", "-c:v", codec, "-pix_fmt", "yuv420p", path)
    assert len(list(read_video(path))) == pytest.approx(50, abs=1)
    assert len(list(read_video(path, fps=5.0))) == pytest.approx(10, abs=1)


def test_rotation_is_applied(tmp_path: Path) -> None:
    """Stored lying on its side, with the note that a phone writes: turn by 90 degrees."""
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x32:d=1", "-f", "lavfi", "-i", "color=blue:s=64x32:d=1",
           "-filter_complex", "hstack", "-pix_fmt", "yuv420p", tmp_path / "stored.mp4")  # fmt: skip
    path = tmp_path / "phone.mp4"
    ffmpeg("-display_rotation", "-90", "-i", tmp_path / "stored.mp4", "-c", "copy", path)
    frame = next(iter(read_video(path)))
    assert frame.shape == (128, 32, 3)
    assert frame[10, 16, 0] > 200, "the left half is on top after a clockwise turn"
    assert frame[120, 16, 2] > 200
    assert probe_video(path).size == (32, 128)


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    path = tmp_path / "dv.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-vf", "setsar=2", "-pix_fmt", "yuv420p", path)
    assert next(iter(read_video(path))).shape == (64, 128, 3)
    assert probe_video(path).size == (128, 64)


def test_max_side_scales_down_only(film: Path) -> None:
    assert next(iter(read_video(film, max_side=64))).shape == (48, 64, 3)
    assert next(iter(read_video(film, max_side=640))).shape == (96, 128, 3)


def test_picture_that_starts_after_the_sound_keeps_its_delay(tmp_path: Path) -> None:
    path = tmp_path / "late.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=d=2", "-itsoffset", "0.4", "-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=1", path)
    frames = list(read_video(path))
    assert len(frames) == pytest.approx(35, abs=1)
    np.testing.assert_array_equal(frames[0], frames[9])


def test_abandoned_reading_stops_the_decoder(film: Path) -> None:
    """At 2,000 frames a second the pipe is full long before the end, so the decoder waits."""
    probe_video(film)  # the process from which decoders are forked runs now
    before = descendants()
    frames = iter(read_video(film, fps=2000.0))
    next(frames)
    reading = descendants() - before
    assert len(reading) == 1
    del frames
    wait_until(lambda: not descendants() & reading, "the decoder goes on without a reader")


def test_duration_of_a_recording_that_does_not_state_it(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "browser.webm"
    ffmpeg("-i", film, "-an", "-c:v", "libvpx", "-f", "webm", "-live", "1", path)
    assert "Duration: N/A" in ffmpeg("-i", path)
    assert probe_video(path).duration == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("function", [lambda path: next(iter(read_video(path))), probe_video])
def test_files_that_are_no_video(tmp_path: Path, function: Callable[[Path], object]) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", tmp_path / "sound.wav")
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    for name, message in {
        "none.mp4": "does not exist: check the path",
        "": "is a directory: give the path of one video",
        "sound.wav": r"sound\.wav has no picture: choose a video",
        "noise.mp4": r"noise\.mp4 cannot be read as video.*save it again as MP4",
    }.items():
        with pytest.raises(InputError, match=message):
            function(tmp_path / name)


def test_a_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-f", "lavfi", "-i", "testsrc=s=64x64:d=0.04", "-map", "0", "-map", "1",
           "-c:v", "png", "-disposition:v", "attached_pic", tmp_path / "song.mp3")  # fmt: skip
    with pytest.raises(InputError, match="has no picture"):
        next(iter(read_video(tmp_path / "song.mp3")))
    assert len(load_audio(tmp_path / "song.mp3")) == pytest.approx(SAMPLE_RATE, rel=0.06)
