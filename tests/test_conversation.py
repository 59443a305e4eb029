"""Conversations: who speaks moves, who listens looks on with shut lips, and a bad script is one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from moditalker.atom.listening import Listening, floor_holder, gazes, lips_may_move, listening, pauses
from moditalker.atom.rest import close_lips
from moditalker.audio.recording import Recording
from moditalker.benchmark.converse_bench import face_row
from moditalker.cli.main import main
from moditalker.constants import SAMPLE_RATE
from moditalker.conversation import diarize
from moditalker.conversation.diarize import apart, turns_of_mixed, whose
from moditalker.conversation.script import Turn, check_faces, read_script, spoken_turns, turns_of_tracks
from moditalker.conversation.shots import blocks, shots
from moditalker.conversation.stage import parts
from moditalker.conversation.timeline import timeline
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import NOSE_TIP, eye_opening, mouth_opening
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.utils.errors import InputError


def turn(face: int, start: float, seconds: float, level: float = 0.1, rate: int = SAMPLE_RATE) -> Turn:
    original = np.full((round(seconds * rate), 1), level, np.float32)
    samples = np.full(round(seconds * SAMPLE_RATE), level, np.float32)
    return Turn(face, Recording(samples, original, rate, "turn"), start, "turn")


def active(*stretches: tuple[int, int], frames: int = 100) -> np.ndarray:
    activity = np.zeros(frames, np.float32)
    for start, stop in stretches:
        activity[start:stop] = 1
    return activity


def test_turns_may_overlap_and_leave_gaps() -> None:
    line = timeline([turn(0, 0, 1), turn(1, 0.5, 1, rate=48_000), turn(0, 3, 0.5)], faces=3)
    assert (line.rate, line.frames, line.tracks[2]) == (48_000, 88, None)
    level = [float(line.sound[round(second * 48_000)]) for second in (0.25, 0.75, 1.25, 2.0, 3.25)]
    np.testing.assert_allclose(level, [0.1, 0.2, 0.1, 0, 0.1], atol=0.01)
    first, second = line.tracks[:2]
    assert first is not None
    assert second is not None
    assert len(first) == len(second) == 3.5 * SAMPLE_RATE
    assert first[round(0.75 * SAMPLE_RATE)] == pytest.approx(0.1)
    assert second[round(0.25 * SAMPLE_RATE)] == 0


def test_who_speaks_keeps_the_floor_until_it_falls_silent() -> None:
    activity = np.stack([active((10, 40), (80, 90)), active((30, 70)), active()])
    held = floor_holder(activity)
    assert held[[0, 35, 50, 75, 85, 99]].tolist() == [0, 0, 1, 1, 0, 0]
    assert pauses(activity[0]).tolist() == [40, 90]
    assert pauses(active((0, 10), (13, 20))).tolist() == [20]


def test_listeners_turn_to_who_speaks(landmarks: np.ndarray) -> None:
    centres = np.array([[100.0, 100], [300, 100], [500, 100]])
    looks = gazes(centres, np.repeat([0, 2], 50))
    frame = FaceFrame(landmarks)
    still = np.repeat(frame.landmarks[None], 100, 0)
    moved = listening(frame, still, Listening(np.ones(100), looks[1], np.zeros(0, int), 0))
    nose = moved[:, NOSE_TIP, 0] - moved[:, [27, 28], 0].mean(1)
    assert nose[45] < nose[95] - 0.02 * frame.unit  # from the left one to the right one
    assert abs(looks[0, 45, 0]) < abs(looks[1, 45, 0])  # who speaks looks at the viewer


def test_listeners_keep_their_lips_shut_and_blink_at_pauses(landmarks: np.ndarray) -> None:
    frame = FaceFrame(landmarks)
    open_mouthed = np.repeat(frame.landmarks[None], 200, 0)
    open_mouthed[:, [65, 66, 67], 1] += 0.1 * frame.unit
    share = np.concatenate([np.zeros(40), np.ones(160)])
    cues = np.array([60, 90, 120, 150])
    heard = listening(frame, open_mouthed, Listening(share, np.zeros((200, 2)), cues, seed=1))
    assert mouth_opening(heard[:40]).min() > 0.08  # its own speech is left alone
    assert mouth_opening(heard[40:]).max() < 0.01
    usual = eye_opening(heard[:40]).mean()
    assert eye_opening(heard[60:]).min() < 0.3 * usual
    bowed = frame.analyse(heard)[1][:, 0]
    assert np.abs(bowed[:40]).max() < 1e-3
    assert bowed[60:].max() > 0.03  # at least one nod, downwards
    np.testing.assert_array_equal(
        heard, listening(frame, open_mouthed, Listening(share, np.zeros((200, 2)), cues, seed=1))
    )


def test_lips_may_move_a_little_before_and_after_speech_only() -> None:
    moves = lips_may_move(np.stack([active((40, 60)), active()]))
    assert np.flatnonzero(moves[0]).tolist() == list(range(30, 70))
    assert not moves[1].any()


def test_faces_have_parts_of_their_own(landmarks: np.ndarray) -> None:
    small = landmarks * np.float32(0.4)
    frames = [FaceFrame(small), FaceFrame(small + np.float32([150, 0, 0])), FaceFrame(small + np.float32([0, 170, 0]))]
    found = parts(frames, (400, 400, 3))
    taken = np.zeros((400, 400), int)
    for x0, y0, x1, y1 in found:
        taken[y0:y1, x0:x1] += 1
    assert taken.max() == 1
    for frame, (x0, y0, x1, y1) in zip(frames, found, strict=True):
        mouth = frame.landmarks[48:, :2]
        assert np.all((mouth > [x0, y0]) & (mouth < [x1, y1]))


def test_cuts_follow_who_speaks_but_not_every_word() -> None:
    held = np.repeat([0, 1, 0, 1], [40, 10, 60, 50])
    assert shots(held) == [(0, 0, 110), (1, 110, 160)]
    assert shots(np.repeat([0, 1], [5, 50])) == [(1, 0, 55)]
    sizes = [len(block) for block in blocks(np.zeros((n, 2)) for n in (3, 20, 16, 1))]
    assert sizes == [16, 16, 8]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "the file lacks 'turn'"),
        ("[[turn]]\nface = 1", "talk.toml, turn 1: give either a recording (audio) or a text"),
        (
            "[[turn]]\nface = 0\ntext = 'Hi.'",
            "'face' in [[turn]] number 1 must be greater than or equal to 1, and is 0",
        ),
        (
            "[[turn]]\nface = 1\ntext = 'Hi.'\nstart = -1.5",
            "'start' in [[turn]] number 1 must be greater than or equal",
        ),
        ("[[turn]]\nface = 1\naudio = 'gone.wav'", "gone.wav does not exist: check the path of the recording."),
        ("[[turn]]\nface = 1\ntext = 'Hi.'\nvoice = 'bob'", "talk.toml, turn 1: There is no voice 'bob': choose from"),
        (
            "[[turn]]\nface = 1\ntext = 'Hi.'\n[[turn]]\nface = 4\ntext = 'Ho.'",
            "turn 2: face is 4 and there are 3 faces",
        ),
        ("[[turn]]\nface = 2\ntext = 'Hi.'", "talk.toml, turn 1, face 2: It is too small."),
        ("[[turn]]\nface = 1\ntxt = 'Hi.'", "[[turn]] number 1 has no entry 'txt'; did you mean 'text'?"),
        ("layout = 'round'\n[[turn]]\nface = 1\ntext = 'Hi.'", "'layout' must be 'side' or 'cut'"),
    ],
)
def test_a_bad_script_is_one_sentence(written: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.toml"
    path.write_text(written)
    with pytest.raises(InputError) as refusal:
        check_faces(read_script(path), path, 3, {2: "It is too small."})
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_turn_follows_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "talk.toml"
    soundfile.write(tmp_path / "a.wav", np.full(SAMPLE_RATE, 0.1), SAMPLE_RATE)
    path.write_text(
        "".join(
            f'[[turn]]\nface = {face}\naudio = "a.wav"\n{more}\n'
            for face, more in ((1, ""), (2, ""), (1, "start = 0.5"))
        )
    )
    turns = spoken_turns(read_script(path), path, [1, 2], max_seconds=10)
    assert [(one.face, round(one.start, 2)) for one in turns] == [(0, 0.0), (1, 1.2), (0, 0.5)]
    with pytest.raises(InputError, match=r"lasts 2\.2 s and the limit is 2\.0 s"):
        spoken_turns(read_script(path), path, [1, 2], max_seconds=2)


def test_a_stereo_recording_has_a_face_on_each_side(tmp_path: Path) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    left, right = 0.3 * np.sin(2 * np.pi * 200 * time), 0.1 * np.sin(2 * np.pi * 300 * time)
    soundfile.write(tmp_path / "both.wav", np.stack([left, right], 1), SAMPLE_RATE)
    one, other = turns_of_tracks([tmp_path / "both.wav"], 2, 10)
    assert (one.face, other.face) == (0, 1)
    assert np.abs(one.recording.samples).max() == pytest.approx(0.3, abs=0.01)
    assert np.abs(other.recording.samples).max() == pytest.approx(0.1, abs=0.01)
    soundfile.write(tmp_path / "left.wav", left, SAMPLE_RATE)
    with pytest.raises(InputError, match="has one channel, and a conversation needs one for each face"):
        turns_of_tracks([tmp_path / "left.wav"], 2, 10)
    with pytest.raises(InputError, match="There are 2 tracks and 1 face"):
        turns_of_tracks([tmp_path / "both.wav"], 1, 10)


def test_a_mixed_recording_is_taken_apart_by_voices() -> None:
    rng = np.random.default_rng(0)
    voices = np.eye(8)[[3, 5]]
    spoken = np.ones(100, bool)
    spoken[[*range(38, 42), *range(70, 74)]] = False
    truth = np.repeat([1, 0, 1], [40, 32, 28])  # by the vectors; who is heard first becomes the first
    times = np.arange(0.8, 9.3, 0.125)
    vectors = voices[truth[(times * 10).astype(int)]] + 0.05 * rng.random((len(times), 8))
    heard = whose(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), times, spoken, 2)
    assert np.mean(heard[spoken] == 1 - truth[spoken]) > 0.97
    sound = rng.uniform(-0.1, 0.1, (10 * 8000, 1)).astype(np.float32)
    samples = rng.uniform(-0.1, 0.1, 10 * SAMPLE_RATE).astype(np.float32)
    one, other = apart(Recording(samples, sound, 8000, "mix"), heard, 2)
    np.testing.assert_allclose(one.recording.original + other.recording.original, sound, atol=1e-6)
    assert np.abs(other.recording.samples[: 3 * SAMPLE_RATE]).max() == 0
    assert np.abs(one.recording.samples[5 * SAMPLE_RATE : 6 * SAMPLE_RATE]).max() == 0


def test_what_takes_voices_apart_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diarize, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"run 'pip install --no-deps -r requirements-diarize.txt', or give"):
        turns_of_mixed("mix.wav", 2, 60)


def test_a_bench_tells_lips_that_speak_from_lips_that_listen(landmarks: np.ndarray) -> None:
    frame = FaceFrame(landmarks)
    unit, closed = frame.unit, close_lips(frame.shape) - frame.shape
    asked = frame.compose(np.repeat(closed[None], 100, 0), np.zeros((100, 6), np.float32))
    read = asked.copy()
    asked[:40, [65, 66, 67], 1] += 0.1 * unit
    read[:40, [65, 66, 67], 1] += 0.08 * unit
    read[80, [65, 66, 67], 1] += 0.03 * unit
    row = face_row(2, asked, active((0, 40)), read)
    assert (row.face, row.speaks, row.listens) == (2, 1.6, 1.92)  # lips need 12 frames to shut
    assert row.asked_speaking == pytest.approx(0.1, abs=0.02)
    assert row.read_speaking == pytest.approx(0.08, abs=0.02)
    assert row.asked_listening < 0.01
    assert row.read_largest == pytest.approx(0.03, abs=0.01)
    assert row.turns_listening == pytest.approx(0, abs=0.1)


@pytest.mark.slow
def test_two_faces_of_one_picture_speak_in_turn(
    pipeline: MoDiTalkerPipeline, small_picture: np.ndarray, brief_file: Path, tmp_path: Path
) -> None:
    picture = np.concatenate([small_picture, np.full((256, 8, 3), 90, np.uint8), small_picture[:, ::-1]], 1)
    Image.fromarray(picture).save(tmp_path / "two.png")
    script = tmp_path / "talk.toml"
    script.write_text(f'[[turn]]\nface = 2\naudio = "{brief_file}"\n[[turn]]\nface = 1\naudio = "{brief_file}"\n')
    drawn: list[np.ndarray] = []
    known: list[tuple[list[np.ndarray], np.ndarray]] = []
    options = {"atom_steps": 2, "mtov_steps": 0, "seed": 3, "on_frames": drawn.append}
    options["on_landmarks"] = lambda landmarks, activity: known.append((landmarks, activity))
    report = pipeline.converse([tmp_path / "two.png"], read_script(script), tmp_path / "out.mp4", **options)
    frames = np.concatenate(drawn)
    assert report["frames"] == len(frames) == 30
    assert frames.shape[1:] == picture.shape
    assert [(told["face"], told["start"]) for told in report["turns"]] == [(2, 0.0), (1, 0.7)]
    assert json.loads((tmp_path / "out.json").read_text())["faces"] == 2
    [(landmarks, activity)] = known
    assert activity.shape == (2, 30)
    assert [one.shape for one in landmarks] == [(30, 68, 3)] * 2
    assert landmarks[0][..., 0].max() < 256 < landmarks[1][..., 0].min()  # in the picture's own pixels
    moved = np.abs(frames.astype(int) - picture).max((0, 3))
    assert moved[:, :256].max() > 20
    assert moved[:, 264:].max() > 20
    assert moved[:, 254:266].max() == 0  # where the two parts meet nothing moves


@pytest.mark.slow
def test_portraits_stand_side_by_side_or_are_cut(
    pipeline: MoDiTalkerPipeline, portrait_file: Path, brief_file: Path, tmp_path: Path
) -> None:
    drawn: list[np.ndarray] = []
    options = {"atom_steps": 2, "mtov_steps": 0, "seed": 3, "tracks": [brief_file, brief_file]}
    pictures = [portrait_file, portrait_file]
    pipeline.converse(pictures, None, tmp_path / "side.mp4", layout="side", on_frames=drawn.append, **options)
    height, width = drawn[0].shape[1:3]
    assert width == 2 * height
    drawn.clear()
    pipeline.converse(pictures, None, tmp_path / "cut.mp4", layout="cut", on_frames=drawn.append, mark=True, **options)
    assert drawn[0].shape[1:3] == (height, height)


def test_the_command_line_wants_something_to_say(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["converse", "a.png", "-o", str(tmp_path / "out.mp4")]) == 2
    assert (
        "There is nothing to say: end the list with a script (.toml), or give --tracks or --diarize."
        in capsys.readouterr().err
    )
    assert main(["converse", "a.png", str(tmp_path / "no.toml"), "-o", str(tmp_path / "out.mp4")]) == 2
    assert "There is no file" in capsys.readouterr().err
