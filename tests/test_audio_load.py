"""Speech from files and from text."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from moditalker.audio.load import load_audio, load_recording
from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError


def tone(seconds: float = 1.0, rate: int = 44_100, hertz: float = 440.0) -> np.ndarray:
    """A sine at half scale, float32 (N,)."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def dominant_hertz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE / len(samples))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.stack([tone(), tone()], axis=1), 44_100)
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.ogg", "a.m4a", "a.opus", "a.mp4", "a.mov", "a.webm"])
def test_every_format_comes_back_as_the_same_sound(wav: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    picture = ["-f", "lavfi", "-i", "color=red:s=64x64:d=1"] if path.suffix in {".mp4", ".mov", ".webm"} else []
    codec = ["-c:v", "libvpx"] if path.suffix == ".webm" else []
    ffmpeg(*picture, "-i", wav, *codec, path)

    samples = load_audio(path)

    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / SAMPLE_RATE == pytest.approx(1.0, abs=0.06)
    assert dominant_hertz(samples) == pytest.approx(440.0, abs=2.0)
    assert np.abs(samples[4000:12000]).max() == pytest.approx(0.5, abs=0.05)


def test_stereo_wav_keeps_every_sample_in_place(tmp_path: Path) -> None:
    click = np.zeros((SAMPLE_RATE, 2), np.float32)
    click[5000] = 0.8
    soundfile.write(tmp_path / "click.wav", click, SAMPLE_RATE, subtype="FLOAT")
    samples = load_audio(str(tmp_path / "click.wav"))
    assert len(samples) == SAMPLE_RATE
    assert np.argmax(np.abs(samples)) == 5000
    assert samples[5000] == pytest.approx(0.8, abs=1e-3)


def test_sound_that_starts_after_the_picture_keeps_its_delay(wav: Path, tmp_path: Path) -> None:
    path = tmp_path / "late.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=2", "-itsoffset", "0.5", "-i", wav, path)
    loud = np.flatnonzero(np.abs(load_audio(path)) > 0.1)
    assert loud[0] / SAMPLE_RATE == pytest.approx(0.5, abs=0.03)


def test_values_beyond_full_scale_are_scaled_and_not_cut(tmp_path: Path) -> None:
    loud = 6.0 * tone(rate=SAMPLE_RATE)
    soundfile.write(tmp_path / "loud.wav", loud, SAMPLE_RATE, subtype="FLOAT")
    samples = load_audio(tmp_path / "loud.wav")
    assert np.abs(samples).max() <= 1.0
    assert np.corrcoef(samples, loud)[0, 1] > 0.9999


def test_values_that_are_not_finite_become_silence(tmp_path: Path) -> None:
    broken = tone(rate=SAMPLE_RATE)
    broken[100], broken[200], broken[300] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "broken.wav", broken, SAMPLE_RATE, subtype="FLOAT")
    samples = load_audio(tmp_path / "broken.wav")
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.01)


def test_channels_that_are_inverted_against_each_other_are_heard(tmp_path: Path) -> None:
    wave = tone()
    for name, right in {"inverted": -wave, "nearly": -0.9 * wave, "one side": np.zeros_like(wave)}.items():
        soundfile.write(tmp_path / "stereo.wav", np.stack([wave, right], axis=1), 44_100)
        samples = load_audio(tmp_path / "stereo.wav")
        assert np.abs(samples).max() == pytest.approx(0.25 if name == "one side" else 0.5, abs=0.03), name
        assert dominant_hertz(samples) == pytest.approx(440.0, abs=2.0)


def test_a_recording_has_what_models_hear_and_what_came_in(tmp_path: Path) -> None:
    sound = np.stack([tone(hertz=12_000), tone(hertz=400)], axis=1)
    soundfile.write(tmp_path / "both.wav", sound, 44_100, subtype="FLOAT")
    recording = load_recording(tmp_path / "both.wav")
    np.testing.assert_array_equal(recording.original, sound)
    np.testing.assert_array_equal(recording.samples, load_audio(tmp_path / "both.wav"))
    assert (recording.original_rate, recording.seconds, recording.name) == (44_100, 1.0, "both.wav")
    part = recording.part(0.25, 0.5)
    np.testing.assert_array_equal(part.samples, recording.samples[4000:8000])
    np.testing.assert_array_equal(part.original, sound[11_025:22_050])


def test_what_came_in_is_kept_to_what_can_be_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "studio.wav", np.stack([tone(rate=96_000)] * 6, axis=1), 96_000)
    recording = load_recording(tmp_path / "studio.wav")
    assert (recording.original_rate, recording.original.shape) == (48_000, (48_000, 2))
    assert np.abs(recording.samples[4000:12000]).max() == pytest.approx(0.5, abs=0.02)


def test_of_several_tracks_the_default_one_is_taken(tmp_path: Path) -> None:
    for hertz in (300, 600):
        soundfile.write(tmp_path / f"{hertz}.wav", tone(hertz=hertz), 44_100)
    path = tmp_path / "two.mkv"
    for default in (0, 1):
        ffmpeg("-i", tmp_path / "300.wav", "-i", tmp_path / "600.wav", "-map", "0", "-map", "1", "-disposition:a", "0",
               f"-disposition:a:{default}", "default", path)  # fmt: skip
        assert dominant_hertz(load_audio(path)) == pytest.approx((300, 600)[default], abs=2)


def test_names_that_look_like_options_or_addresses(wav: Path, tmp_path: Path) -> None:
    for name in ("-i.wav", "http:x.wav", "50%d é '.wav"):
        odd = tmp_path / name
        odd.write_bytes(wav.read_bytes())
        assert len(load_audio(odd)) == SAMPLE_RATE


def test_a_playlist_does_not_reach_the_network(tmp_path: Path) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="save the speech again"):
        load_audio(playlist)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist: check the path"):
        load_audio(tmp_path / "none.wav")
    with pytest.raises(InputError, match="is a directory: give the path of one"):
        load_audio(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a sound, only words\n" * 50, bytes(range(256)) * 40])
def test_a_file_that_is_no_recording(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"speech\.wav .*(save the speech again as WAV|choose a recording)"):
        load_audio(path)


def test_video_without_sound_track(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=1", path)
    with pytest.raises(InputError, match=r"mute\.mp4 has no sound track: choose a recording, or a video with sound"):
        load_audio(path)


def test_too_short_and_silent(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", tone(0.1), 44_100)
    with pytest.raises(InputError, match=r"holds 0\.10 s of sound: choose a recording of at least 0\.2 s"):
        load_audio(tmp_path / "short.wav")
    soundfile.write(tmp_path / "quiet.wav", 1e-3 * tone(), 44_100)
    with pytest.raises(InputError, match="is silent: check the microphone"):
        load_audio(tmp_path / "quiet.wav")


def test_too_long_names_both_durations_and_the_way_out(wav: Path) -> None:
    message = r"tone\.wav lasts 1\.0 s and the limit is 0\.5 s: cut it into parts of at most 0\.5 s\."
    with pytest.raises(InputError, match=message):
        load_audio(wav, max_seconds=0.5)


def test_too_long_without_a_stated_duration(wav: Path, tmp_path: Path) -> None:
    ffmpeg("-i", wav, "-live", "1", tmp_path / "live.webm")
    with pytest.raises(InputError, match=r"(lasts more than 0\.5 s|lasts 1\.0 s) and the limit is 0\.5 s"):
        load_audio(tmp_path / "live.webm", max_seconds=0.5)


def test_an_mp3_cut_at_the_limit_is_accepted(wav: Path, tmp_path: Path) -> None:
    ffmpeg("-i", wav, tmp_path / "cut.mp3")
    assert len(load_audio(tmp_path / "cut.mp3", max_seconds=1.0)) >= 0.99 * SAMPLE_RATE


def test_synthesized_speech_is_reproducible_and_lasts_as_long_as_its_words() -> None:
    speech = synthesize("Hello there, this is a test.", seed=3)
    assert speech.dtype == np.float32
    assert 1.0 < len(speech) / SAMPLE_RATE < 4.0
    assert 0.05 < np.abs(speech).max() <= 1.0
    np.testing.assert_array_equal(speech, synthesize("Hello there, this is a test.", seed=3))


@pytest.mark.parametrize("text", ["", "  \n", "..."])
def test_text_without_words(text: str) -> None:
    with pytest.raises(InputError, match="type at least one English word"):
        synthesize(text)
