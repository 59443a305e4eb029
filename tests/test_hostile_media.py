"""Files that somebody sends to do harm, or that arrived broken: one sentence, in time, and nothing is left behind."""

import itertools
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pillow_heif
import pytest
import soundfile
from damage import broken
from forked import ROOT
from PIL import Image
from processes import descendants, wait_until

from moditalker.audio.load import load_audio, load_recording
from moditalker.cli.main import main
from moditalker.constants import SAMPLE_RATE
from moditalker.face.picture import load_portrait
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video
from moditalker.video.write import VideoWriter

LOADERS: list[Callable[[Path], object]] = [
    load_audio,
    load_recording,
    load_portrait,
    probe_video,
    lambda path: next(read_video(path)),
]
SOUNDS = ("wav", "w64", "aiff", "caf", "mp3", "flac", "ogg", "m4a", "aac", "mka", "opus", "webm")
VIDEOS = ("mp4", "mov", "mkv", "webm", "avi", "ts")
PICTURES = ("jpg", "png", "webp", "avif", "heic", "gif", "bmp", "tiff")


def ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small good file of each format."""
    folder = tmp_path_factory.mktemp("material")
    pillow_heif.register_heif_opener()
    wave = 0.5 * np.sin(0.1 * np.arange(SAMPLE_RATE // 2)).astype(np.float32)
    soundfile.write(folder / "sound.wav", np.stack([wave, wave], axis=1), SAMPLE_RATE)
    for suffix in SOUNDS[1:]:
        ffmpeg("-i", folder / "sound.wav", folder / f"sound.{suffix}")
    for suffix in VIDEOS:
        codec = ["-c:v", "libvpx"] if suffix == "webm" else []
        ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:r=10:d=0.5", "-i", folder / "sound.wav", *codec,
               "-pix_fmt", "yuv420p", folder / f"video.{suffix}")  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    for suffix in PICTURES:
        Image.fromarray(pixels).save(folder / f"picture.{suffix}")
    return folder


def loader_for(path: Path, number: int) -> Callable[[Path], object]:
    """What reads such a file; several things read a video, in turn."""
    if path.stem == "picture":
        return load_portrait
    if path.stem == "sound":
        return load_recording
    return (load_audio, lambda film: sum(1 for _ in read_video(film, max_seconds=60.0)), probe_video)[number % 3]


def test_two_hundred_broken_files_are_refused_or_read(material: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(26)
    good, refusals = 0, list[str]()
    for number, source in enumerate(itertools.islice(itertools.cycle(sorted(material.iterdir())), 200)):
        path = tmp_path / source.name
        path.write_bytes(broken(source.read_bytes(), rng))
        started = time.monotonic()
        try:
            loader_for(path, number // 26)(path)
            good += 1
        except InputError as error:
            refusals.append(str(error))
        assert time.monotonic() - started < 30, f"{path.name}, number {number}"
        path.unlink()
    assert list(tmp_path.iterdir()) == []
    assert all(re.fullmatch(r"(picture|sound|video)\.\w+ .*\.", refusal) for refusal in refusals), refusals
    assert 20 < good < 180, "either nothing is read any more, or nothing was broken"


@pytest.mark.parametrize("load", LOADERS)
def test_what_is_no_file_is_refused_and_not_waited_for(load: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.wav"))
        for path, sentence in {
            tmp_path / "pipe.wav": "is not a regular file: save the .* to a file",
            tmp_path / "socket.wav": "is not a regular file: save the .* to a file",
            Path("/dev/zero"): "is not a regular file: save the .* to a file",
            tmp_path: "is a directory: give the path of one",
            tmp_path / "none.wav": "does not exist: check the path",
            tmp_path / "pipe.wav" / "in.wav": "does not exist: check the path",
            tmp_path / ("n" * 300): r"cannot be a path \(File name too long\): rename",
            tmp_path / "nul\0.wav": "cannot be a path .*NUL character.*: rename",
        }.items():
            with pytest.raises(InputError, match=sentence):
                load(path)


@pytest.mark.parametrize("which", ["portrait", "recording", "head video"])
def test_the_command_line_waits_for_no_pipe(
    which: str, small_picture: np.ndarray, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    Image.fromarray(small_picture).save(tmp_path / "portrait.png")
    soundfile.write(tmp_path / "speech.wav", np.sin(np.arange(8000) / 9), SAMPLE_RATE)
    names = {"portrait": "portrait.png", "recording": "speech.wav", which: "pipe"}
    arguments = ["animate", str(tmp_path / names["portrait"]), str(tmp_path / names["recording"])]
    if which == "head video":
        arguments += ["--head-motion", str(tmp_path / "pipe")]
    assert main([*arguments, "-o", str(tmp_path / "out.mp4"), "--preset", str(weights)]) == 2
    assert "is not a regular file: save the" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "portrait.png", "speech.wav"]


def test_a_name_that_is_too_long_for_the_result_is_said_at_once() -> None:
    with pytest.raises(InputError, match="cannot be written .*too long.*: choose"):
        VideoWriter("o" * 300 + ".mp4", (64, 64), 25.0, None)


@pytest.mark.parametrize("load", [load_audio, probe_video])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("endless.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{sound}\n"),
        ("ended.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{sound}\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile {sound}\n"),
        ("list.mp4", "ffconcat version 1.0\nfile {sound}\n"),
        ("session.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"),
    ],
)
def test_a_file_that_names_others_opens_none(
    load: Callable[[Path], object], material: Path, tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text.format(sound=material / "sound.aac"))
    started = time.monotonic()
    with pytest.raises(InputError, match="may be damaged or of another kind"):
        load(path)
    assert time.monotonic() - started < 5


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five minutes, in a Matroska file that says that it lasts five seconds."""
    path = tmp_path_factory.mktemp("liar") / "liar.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:r=1", "-f", "lavfi", "-i", "sine=r=8000", "-t", "300",
           "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac", path)  # fmt: skip
    content = path.read_bytes()
    place = content.index(b"\x44\x89\x88") + 3
    path.write_bytes(content[:place] + struct.pack(">d", 5000.0) + content[place + 8 :])
    return path


def test_a_stated_length_is_not_believed(liar: Path) -> None:
    with pytest.raises(InputError, match=r"lasts more than 20\.0 s and the limit is 20\.0 s"):
        load_recording(liar, max_seconds=20.0)
    assert probe_video(liar).duration == pytest.approx(300, abs=1)
    assert 60 <= probe_video(liar, max_seconds=60.0).duration < 70, "it is read on after it is known to be too long"
    with pytest.raises(InputError, match="lasts more than 20 s: cut it"):
        list(read_video(liar, max_seconds=20.0))


def test_a_decoder_has_its_time_and_its_memory(liar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe_video(liar, max_seconds=1.0)
    before = descendants()
    frames = read_video(liar, fps=2000.0)
    next(frames)
    [reading] = descendants() - before
    limits = Path(f"/proc/{reading}/limits").read_text()
    for limit in ("Max cpu time", "Max file size", "Max address space"):
        [line] = [line for line in limits.splitlines() if line.startswith(limit)]
        assert "unlimited" not in line
    frames.close()
    monkeypatch.setattr("moditalker.video.read._CPU_SECONDS", 1)
    monkeypatch.setattr("moditalker.video.read._CPU_SECONDS_A_SECOND", 0)
    with pytest.raises(InputError, match=r"liar\.mkv is damaged after \d+ frames"):
        for _ in read_video(liar, fps=2000.0):
            pass


def test_decoders_end_with_their_parent_however_it_ends(liar: Path) -> None:
    program = """
import sys, time
from moditalker.video.read import read_video
frames = read_video(sys.argv[1], fps=2000.0)
next(frames)
print("reads", flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program, str(liar)], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"reads\n"
        children = descendants(parent.pid)
        assert len(children) == 2, "the server and the child that reads"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "decoders are left over")
    finally:
        parent.kill()
        parent.communicate()


def test_a_decoder_that_is_killed_is_a_damaged_file_and_the_next_one_works(material: Path) -> None:
    """As the kernel does it when memory runs out, and as a fault in a decoder would end."""
    load_audio(material / "sound.wav")
    before = descendants()
    frames = read_video(material / "video.mp4", fps=20_000.0)
    next(frames)
    for child in descendants() - before:
        os.kill(child, signal.SIGKILL)
    with pytest.raises(InputError, match=r"video\.mp4 is damaged after \d+ frames"):
        list(frames)
    server = [child for child in descendants() if b"fork_server" in Path(f"/proc/{child}/cmdline").read_bytes()]
    for child in server:
        os.kill(child, signal.SIGKILL)
    assert len(load_audio(material / "sound.wav")) == SAMPLE_RATE // 2
