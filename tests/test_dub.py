"""Dubbing: what stays of a video, what changes, and for how long."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import skimage.data
import skimage.transform

from moditalker.audio.load import load_audio
from moditalker.audio.recording import Recording
from moditalker.benchmark.dub_bench import places, shares
from moditalker.cli.main import main as cli
from moditalker.constants import SAMPLE_RATE
from moditalker.dub.hands import HandWatch
from moditalker.dub.obstacles import obstructed, skin_colours
from moditalker.dub.offset import mend_offset
from moditalker.dub.shots import CutFinder
from moditalker.dub.sound import dubbed_sound
from moditalker.dub.timeline import shown, sources
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video
from moditalker.video.write import VideoWriter

EXAMPLE = Path(__file__).parents[1] / "assets" / "examples" / "1-astronaut" / "video.mp4"
FEW = {"atom_steps": 1, "mtov_steps": 0, "guidance": 1.0, "seed": 3}
FPS, FACE, CUT, SECOND = 30, 12, 6, 12
"""Of the made video: frames of a face, of a cup, and of the face elsewhere in the picture."""


@pytest.fixture(scope="module")
def film(small_picture: np.ndarray) -> np.ndarray:
    """(T, 256, 256, 3): a face that drifts, a cup, and the face again, farther to the right."""
    cup = (255 * skimage.transform.resize(skimage.data.coffee(), (256, 256))).astype(np.uint8)
    first = [np.roll(small_picture, index // 3, 1) for index in range(FACE)]
    second = [np.roll(small_picture, 40 + index // 3, 1) for index in range(SECOND)]
    return np.stack([*first, *[cup] * CUT, *second])


@pytest.fixture(scope="module")
def video(film: np.ndarray, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dub") / "film.mp4"
    seconds = len(film) / FPS
    with VideoWriter(path, (256, 256), FPS, speech[: round(seconds * SAMPLE_RATE)]) as writer:
        for frame in film:
            writer.write(frame)
    return path


def dubbed(pipeline: MoDiTalkerPipeline, *inputs: Any, **options: Any) -> tuple[dict[str, Any], np.ndarray]:
    """The report, and the frames before they were compressed."""
    frames: list[np.ndarray] = []
    report = pipeline.dub(*inputs, **FEW, on_frame=lambda frame: frames.append(frame.copy()), **options)
    return report, np.stack(frames)


def test_only_mouths_change_and_nothing_bleeds_over_a_cut(
    pipeline: MoDiTalkerPipeline,
    video: Path,
    speech: np.ndarray,
    landmarks: np.ndarray,
    tmp_path: Path,
) -> None:
    seconds = (FACE + CUT + SECOND) / FPS
    recording = Recording.of_samples(speech[8000 : 8000 + round(seconds * SAMPLE_RATE)])
    report, frames = dubbed(pipeline, video, recording, tmp_path / "out.mp4")
    real = np.stack(list(read_video(video, fps=FPS)))
    assert frames.shape == real.shape
    changed = (frames != real).any(-1)
    assert not changed[FACE : FACE + CUT].any()
    face = landmarks / 2
    eyes, chin = int(face[36:48, 1].max()), int(face[8, 1])
    left, right = int(face[4, 0]), int(face[12, 0])
    reach = (right - left) // 3
    for index in [*range(FACE), *range(FACE + CUT, len(real))]:
        moved = index // 3 if index < FACE else 40 + (index - FACE - CUT) // 3
        rows, columns = np.nonzero(changed[index])
        assert len(rows) > 50, index
        assert rows.min() > eyes, index
        assert rows.max() < chin + reach, index
        assert columns.min() > left + moved - reach, index
        assert columns.max() < right + moved + reach, index
    info = probe_video(tmp_path / "out.mp4")
    assert info.size == (256, 256)
    assert info.fps == pytest.approx(FPS)
    [kept] = report["kept"]
    assert (kept["from"], kept["to"]) == (
        pytest.approx(FACE / FPS, abs=0.01),
        pytest.approx((FACE + CUT) / FPS, abs=0.01),
    )
    assert kept["reason"] == "no face"
    assert report["shots"] == 3
    assert report["fps"] == FPS


def test_a_turned_video_is_dubbed_upright_at_its_own_rate_and_goes_back_and_forth(
    pipeline: MoDiTalkerPipeline, film: np.ndarray, speech: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "phone.mp4"
    lying = np.rot90(film[:8, 28:228, 40:200], -1, (1, 2))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 24, {"crf": "12"})
        stream.height, stream.width, stream.pix_fmt = *lying.shape[1:3], "yuv420p"
        # Of a phone: one frame is shown twice as long as the others.
        for time, frame in zip([0, 1, 2, 3, 5, 6, 7, 8], lying, strict=True):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            picture.pts, picture.time_base = time, Fraction(1, 24)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    turn(path)
    assert probe_video(path).size == (160, 200)
    recording = Recording.of_samples(speech[:SAMPLE_RATE])
    report, frames = dubbed(pipeline, path, recording, tmp_path / "out.mp4", when_longer="loop")
    assert frames.shape[1:3] == (200, 160)
    assert frames.shape[0] == round(report["fps"])
    length = len(list(read_video(path, fps=report["fps"])))
    np.testing.assert_array_equal(frames[length - 2, :15], frames[length, :15])
    assert any("back and forth" in warning for warning in report["warnings"])


def turn(path: Path) -> None:
    """Say in the file, as phones do, that its picture is shown a quarter turn anticlockwise."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd")
    matrix = (0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000)
    start = at + 4 + 40
    content[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content)


def test_frames_go_back_and_forth_hold_or_stop() -> None:
    film = [np.full((2, 2, 3), index, np.uint8) for index in range(4)]

    def read(first: int) -> Iterator[np.ndarray]:
        return iter(film[first:])

    def numbers(seconds: float, when_longer: str, when_shorter: str = "stop") -> list[int]:
        return [int(frame[0, 0, 0]) for frame in shown(sources(4, 2.0, seconds, when_longer, when_shorter), read)]

    assert numbers(5, "loop") == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert numbers(3, "hold") == [0, 1, 2, 3, 3, 3]
    assert numbers(3, "stop") == [0, 1, 2, 3]
    assert numbers(1, "stop") == [0, 1]
    assert numbers(1, "stop", "rest") == [0, 1, 2, 3]
    with pytest.raises(InputError, match="when_longer is one of stop, loop, hold"):
        numbers(1, "repeat")


def test_reading_from_a_frame_on_gives_the_frames_of_reading_all(video: Path) -> None:
    everything = list(read_video(video, fps=FPS))
    np.testing.assert_array_equal(list(read_video(video, fps=FPS, first=17)), everything[17:])


def test_the_videos_own_sound_stays_under_the_new_one() -> None:
    new = Recording(np.zeros(0, np.float32), np.full((48_000, 1), 0.5, np.float32), 48_000, "new")
    own = Recording(np.zeros(0, np.float32), np.full((8_000, 2), 0.4, np.float32), 16_000, "own")
    alone, mixed = (dubbed_sound(new, own, level, 1.5) for level in (0.0, 0.25))
    assert alone.shape == (72_000, 1)
    assert mixed.shape == (72_000, 2)
    np.testing.assert_allclose(mixed[12_000], 0.6, atol=0.01)
    np.testing.assert_allclose(mixed[36_000], 0.5, atol=0.01)
    assert not mixed[-1].any()


def test_an_offset_is_measured_and_mended_and_the_picture_is_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late, mended = tmp_path / "late.mp4", tmp_path / "mended.mp4"
    mend_offset(EXAMPLE, late, -6)
    assert cli(["dub", str(late), "--offset-only", "-o", str(mended)]) == 0
    found = re.search(r"comes (\d+) ms late", capsys.readouterr().out)
    assert found is not None
    assert int(found[1]) == pytest.approx(6 * 40, abs=40)
    sound, again = (np.abs(load_audio(path)[: 160 * 600].reshape(-1, 160)).mean(1) for path in (EXAMPLE, mended))
    alike = {delay: float(np.dot(np.roll(again, delay)[60:540], sound[60:540])) for delay in range(-40, 41)}
    assert max(alike, key=lambda delay: alike[delay]) == pytest.approx(0, abs=4)
    for one, other in zip(read_video(EXAMPLE), read_video(mended), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "out.mp4"], "A dub needs a recording"),
        (["speech.wav"], "A dub needs a recording"),
        (["speech.wav", "--offset-only"], "leave the recording out"),
        (["speech.wav", "-o", "out.mp4", "--original-level", "2"], "must be a number between 0 and 1"),
    ],
)
def test_the_command_says_what_is_missing(
    video: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["dub", str(video), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_frames_with_something_before_the_chin_are_told(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    film = np.clip(astronaut + rng.normal(0, 3, (9, *astronaut.shape)), 0, 255).astype(np.uint8)
    lower_lip, chin = int(landmarks[57, 1]), int(landmarks[8, 1])
    film[3:6, lower_lip : chin + 20, 100:400] = (60, 40, 160)
    colours = np.stack([skin_colours(frame, landmarks) for frame in film])
    assert obstructed(colours).tolist() == [False] * 3 + [True] * 3 + [False] * 3


def test_a_hand_of_the_faces_own_colour_is_seen_before_the_mouth(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    mouth = landmarks[48:, :2].mean(0)
    with HandWatch() as watch:
        assert not watch(astronaut, landmarks)
    with HandWatch() as watch:
        assert watch(with_hand(astronaut, (mouth[0], mouth[1] + 20)), landmarks)
    with HandWatch() as watch:
        assert not watch(with_hand(astronaut, (mouth[0] + 170, mouth[1] + 60)), landmarks)


def with_hand(picture: np.ndarray, middle: tuple[float, float]) -> np.ndarray:
    """A drawn hand with its fingers up, in the colour of the face."""
    shape = np.zeros((420, 420), np.uint8)
    cv2.ellipse(shape, (210, 290), (85, 95), 0, 0, 360, 1, -1)
    for x0, y0, x1, y1, width in (
        (140, 240, 112, 95, 34),
        (183, 220, 175, 55, 38),
        (228, 220, 235, 52, 38),
        (272, 240, 298, 90, 34),
        (280, 330, 370, 230, 40),
    ):
        cv2.line(shape, (x0, y0), (x1, y1), 1, width)
    cv2.rectangle(shape, (150, 350), (270, 419), 1, -1)
    inside = cv2.distanceTransform(shape, cv2.DIST_L2, 5)
    skin = np.array([205, 150, 120])[None, None] * (0.62 + 0.38 * np.clip(inside / 22, 0, 1))[..., None]
    side = 190
    size = (side, side)
    small, share = (cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA) for one in (skin, shape))
    x, y = (round(float(place)) - side // 2 for place in middle)
    drawn = picture.copy()
    part = drawn[y : y + side, x : x + side]
    part[:] = part + share[: part.shape[0], :, None] * (small[: part.shape[0]] - part)
    return drawn


def test_a_dissolve_is_told_from_a_head_that_moves(astronaut: np.ndarray) -> None:
    first = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    second = cv2.resize(skimage.data.coffee(), (256, 256), interpolation=cv2.INTER_AREA)
    moved = [np.roll(first, shift, 1) for shift in (0, 0, 1, 1, 2, 4, 8, 14, 22, 30, 36, 40, 42, 43, 43, 43)]
    calm = CutFinder()
    assert [calm(frame) for frame in moved] == [True] + [False] * 15
    assert calm.mixed == 0
    shares = np.linspace(0, 1, 22)
    mixture = [np.rint(first + share * (second.astype(float) - first)).astype(np.uint8) for share in shares]
    find_cut = CutFinder()
    marked, cuts = set(), []
    for index, frame in enumerate([*[first] * 10, *mixture[1:-1], *[second] * 10]):
        if find_cut(frame):
            cuts.append(index)
        marked |= set(range(index + 1 - find_cut.mixed, index + 1))
    assert len(cuts) == 2
    assert abs(cuts[1] - 30) <= 2
    assert set(range(11, 29)) <= marked <= set(range(6, 32))


def test_a_video_without_a_face_is_refused(pipeline: MoDiTalkerPipeline, speech: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "wall.mp4"
    with VideoWriter(path, (128, 128), 25, None) as writer:
        for _ in range(10):
            writer.write(np.full((128, 128, 3), 90, np.uint8))
    with pytest.raises(InputError, match="Nowhere in the video can the lips be changed"):
        pipeline.dub(path, speech, tmp_path / "out.mp4", **FEW)
    assert not (tmp_path / "out.mp4").exists()


def test_a_face_in_shots_that_are_all_too_short_is_refused(
    pipeline: MoDiTalkerPipeline, small_picture: np.ndarray, speech: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "flashes.mp4"
    with VideoWriter(path, (256, 256), 25, None) as writer:
        for index in range(16):
            writer.write(small_picture if index % 8 < 4 else np.full((256, 256, 3), 230, np.uint8))
    with pytest.raises(InputError, match="Nowhere in the video can the lips be changed"):
        pipeline.dub(path, speech, tmp_path / "out.mp4", **FEW)


def test_a_bench_sees_a_pixel_that_changed_and_a_border_that_boils(film: np.ndarray) -> None:
    source = film[:FACE]
    inside = np.zeros(source.shape[1:3], bool)
    inside[100:140, 100:160] = True
    calm, boiling = source.copy(), source.copy()
    calm[:, inside] = calm[:, inside] // 2
    boiling[:, inside] = np.random.default_rng(0).integers(0, 255, boiling[:, inside].shape)
    share = 1 - inside.mean()
    assert places(calm, source)["unchanged"] == pytest.approx(share, abs=0.01)
    assert places(calm, source)["border_flicker"] <= 1.1
    assert places(boiling, source)["border_flicker"] > 1.5


def test_a_bench_holds_another_sound_against_what_that_sound_can_reach() -> None:
    rows = []
    for clip, speaker, own, theirs, portrait, ours in (
        ("a", "ann", 0.4, 0.2, 0.25, 0.2),
        ("b", "ann", 0.4, 0.2, 0.25, 0.2),
        ("c", "ben", 0.2, 0.2, 0.25, 0.2),
        ("d", "cat", 0.3, 0.2, 0.2, None),
    ):
        one = {"clip": clip, "speaker": speaker}
        rows += [
            {**one, "method": "real", "sync_confidence": own, "other_confidence": theirs},
            {**one, "method": "one-picture", "other_confidence": portrait},
            {**one, "method": "ours-dub", "other_confidence": ours},
        ]
    told = shares(rows).splitlines()
    assert told[1].startswith("sync confidence with another's sound: 60% of the clip with its own sound, 50% to 100% ")
    assert "100% of the sound's own video, 100% to 100% (95 %, 2 speakers, 3 clips)" in told[2]
    assert "80% of one picture with that sound" in told[3]
    assert shares(rows[:1]) == ""
