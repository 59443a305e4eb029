"""The built-in methods and where methods come from: small pictures, the tiny pipeline, sounds with known formants."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import wake
from scipy.signal import lfilter

from moditalker.atom.blinks import LID_POINTS
from moditalker.atom.model import AudioToMotion
from moditalker.atom.regression import SHIPPED, load_regression, regress_residual
from moditalker.audio.features import make_speech_encoder
from moditalker.audio.load import load_audio
from moditalker.baselines import built_in as local
from moditalker.baselines import registry
from moditalker.baselines.built_in import LOCAL, LocalMethod, Ours, RegressionTalker, RuleBased, Still, WarpedMotion
from moditalker.baselines.conform import DroppedVideo
from moditalker.baselines.protocol import Facts, Options
from moditalker.baselines.registry import DEFAULT, choose, find_methods, listing
from moditalker.baselines.rules import lip_curves, rule_residual
from moditalker.cli.main import main as cli
from moditalker.compare.inputs import Inputs, prepare_inputs
from moditalker.constants import SAMPLE_RATE
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening
from moditalker.face.tracker import make_tracker
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.training.objectives.train_regression import RegressionObjective
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video
from moditalker.video.write import VideoWriter

SECONDS = 0.6
QUICK = Options(seed=3, atom_steps=1, mtov_steps=1, guidance=1.0)


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def inputs(small_picture: np.ndarray, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The astronaut and the first 0.6 seconds of the sentence."""
    samples = speech[: int(SECONDS * SAMPLE_RATE)]
    return prepare_inputs(small_picture, samples, tmp_path_factory.mktemp("inputs"), make_tracker("mediapipe"))


@pytest.fixture(scope="module")
def network() -> AudioToMotion:
    """AToM's class, tiny and random."""
    torch.manual_seed(1)
    network = AudioToMotion(width=32, num_layers=1, num_speech_layers=1, heads=2, window=32, overlap=8)
    wake(network)
    network.residual_std.fill_(0.02)
    return network.eval()


@pytest.fixture(autouse=True)
def _tiny_regression(network: AudioToMotion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "shipped_regression", lambda: network)


def frames_of(method: LocalMethod | DroppedVideo, inputs: Inputs, target: Path, options: Options = QUICK) -> np.ndarray:
    method.make(inputs.portrait, inputs.audio, target, options, silent)
    return np.stack(list(read_video(target)))


@pytest.mark.parametrize("kind", LOCAL, ids=lambda kind: kind.facts.name)
@pytest.mark.slow
def test_a_method_makes_a_video_of_the_recording_s_length(
    kind: type[LocalMethod], inputs: Inputs, pipeline: MoDiTalkerPipeline, tmp_path: Path
) -> None:
    target, told = tmp_path / "out.mp4", []
    made = kind(pipeline).make(
        inputs.portrait, inputs.audio, target, QUICK, lambda stage, done, total: told.append((stage, done, total))
    )
    frames = np.stack(list(read_video(target))).astype(int)
    assert frames.shape == (15, 256, 256, 3)
    assert len(load_audio(target)) / SAMPLE_RATE == pytest.approx(SECONDS, abs=0.03)
    assert told[-1] == ("video", 15, 15)
    assert set(made.seconds) == {"face", "motion", "video"}
    assert all(seconds >= 0 for seconds in made.seconds.values())
    assert b"trainedAlgorithmicMedia" in target.read_bytes()
    # The codec alone is 3 grey levels away from this portrait, all over.
    assert np.abs(frames - inputs.picture).mean((1, 2, 3)).max() < 8
    left, top = inputs.landmarks[48:, :2].min(0).astype(int) - 4
    right, bottom = inputs.landmarks[48:, :2].max(0).astype(int) + 8
    mouth = frames[:, top:bottom, left:right]
    assert (np.abs(mouth - mouth[0]).mean((1, 2, 3)).max() > 1.5) == (kind is not Still)


def test_the_mark_is_written_when_it_is_asked_for(inputs: Inputs, pipeline: MoDiTalkerPipeline, tmp_path: Path) -> None:
    plain = frames_of(Still(pipeline), inputs, tmp_path / "plain.mp4")
    marked = frames_of(Still(pipeline), inputs, tmp_path / "marked.mp4", Options(mark=True))
    changed = np.abs(marked.astype(int) - plain).max((0, 3)) > 20
    assert changed.any()
    assert changed[:200].sum() == 0


def test_ours_and_the_warp_share_the_motion_and_the_seed_decides_it(
    inputs: Inputs, pipeline: MoDiTalkerPipeline, portrait: object
) -> None:
    samples = inputs.samples
    encoded = pipeline.encode_portrait(inputs.portrait)
    ours, warp = (kind(pipeline).motion(encoded, samples, QUICK, silent) for kind in (Ours, WarpedMotion))
    np.testing.assert_array_equal(ours, warp)
    other = Ours(pipeline).motion(encoded, samples, Options(seed=4, atom_steps=1, guidance=1.0), silent)
    assert np.abs(other - ours).max() > 0.1
    first, second = (RegressionTalker(pipeline).motion(encoded, samples, Options(seed=seed), silent) for seed in (3, 4))
    np.testing.assert_array_equal(first, second)


def vowel(formants: tuple[float, float], seconds: float = 0.5, level: float = 0.3) -> np.ndarray:
    """A voice of 120 Hz through two resonances."""
    samples = np.zeros(int(seconds * SAMPLE_RATE))
    samples[:: SAMPLE_RATE // 120] = 1
    for formant in formants:
        radius, angle = np.exp(-np.pi * 90 / SAMPLE_RATE), 2 * np.pi * formant / SAMPLE_RATE
        samples = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], samples)
    return (level * samples / np.abs(samples).max()).astype(np.float32)


AH, EE, OO = (750, 1200), (300, 2300), (320, 800)
PAUSE = np.zeros(SAMPLE_RATE // 2, np.float32)


def test_rules_open_for_ah_and_part_ee_from_oo(monkeypatch: pytest.MonkeyPatch) -> None:
    # Vowels from a formula are no speech to a detector of speech.
    monkeypatch.setattr("moditalker.baselines.rules.speech_activity", lambda samples, frames, fps: np.ones(frames))
    sound = np.concatenate([PAUSE, vowel(AH), PAUSE, vowel(EE), PAUSE, vowel(OO), PAUSE])
    opening, spread = lip_curves(sound)
    assert len(opening) == len(spread) == round(len(sound) / 640)
    # The middle of each half second, at 25 frames a second.
    pause, ah, ee, oo = (slice(start, start + 6) for start in (3, 16, 41, 66))
    assert opening[pause].max() < 0.02
    assert opening[ah].mean() > 1.3 * max(opening[ee].mean(), opening[oo].mean())
    assert spread[ee].mean() > 0.2
    assert spread[oo].mean() < -0.05


def test_rules_shut_the_lips_for_a_murmur_and_in_silence(
    landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moditalker.baselines.rules.speech_activity", lambda samples, frames, fps: np.ones(frames))
    murmur = lfilter(*_low_pass(), vowel((250, 300), level=0.2)).astype(np.float32)
    sound = np.concatenate([PAUSE, vowel(AH), murmur, vowel(AH), PAUSE])
    shape = FaceFrame(landmarks).shape
    residual = rule_residual(sound, shape)
    opening = mouth_opening(residual + shape)
    assert opening[16:22].mean() > 0.08
    assert opening[29:35].mean() < 0.02
    assert opening[:8].max() < 0.02
    assert residual.shape == (round(len(sound) / 640), 68, 3)
    assert np.isfinite(residual).all()


def _low_pass() -> tuple[np.ndarray, np.ndarray]:
    from scipy.signal import butter

    low, high = butter(6, 350, fs=SAMPLE_RATE)
    return low, high


def test_rules_keep_the_mouth_shut_when_nobody_speaks(landmarks: np.ndarray) -> None:
    shape = FaceFrame(landmarks).shape
    noise = np.random.default_rng(0).normal(0, 1e-3, SAMPLE_RATE).astype(np.float32)
    assert mouth_opening(rule_residual(noise, shape) + shape).max() < 0.03


def test_regression_s_windows_join_without_a_seam(network: AudioToMotion, landmarks: np.ndarray) -> None:
    shape = FaceFrame(landmarks).shape
    # Slowly changing speech: whatever jumps between frames is the windows' doing.
    time = np.linspace(0, 3, 2 * 80)[:, None]
    speech = np.sin(time + np.arange(328) / 50).astype(np.float32)
    residual = regress_residual(network, speech, shape)
    assert residual.shape == (80, 68, 3)
    steps = np.abs(np.diff(residual, axis=0)).max((1, 2))
    assert steps.max() < 8 * np.median(steps)
    # A window alone gives what it gives within: the first 24 frames belong to the first window.
    np.testing.assert_allclose(regress_residual(network, speech[:64], shape)[:24], residual[:24], atol=1e-5)


def test_the_shipped_regression_talker_moves_the_lips_and_not_the_lids(
    landmarks: np.ndarray, speech: np.ndarray
) -> None:
    network, shape = load_regression(SHIPPED), FaceFrame(landmarks).shape
    heard = make_speech_encoder(network.config["speech_encoder"])(speech)
    residual = regress_residual(network, heard, shape)
    opening = mouth_opening(residual + shape)
    assert opening.std() > 0.005
    assert np.abs(residual[:, LID_POINTS]).max() == 0
    backwards = mouth_opening(regress_residual(network, heard[::-1].copy(), shape) + shape)
    assert np.corrcoef(opening, backwards)[0, 1] < 0.8


def test_training_a_regression_lowers_its_loss(landmarks: np.ndarray) -> None:
    torch.manual_seed(0)
    network = AudioToMotion(speech_dim=48, width=32, num_layers=1, num_speech_layers=1, heads=2, window=16, overlap=4)
    network.residual_std.fill_(0.02)
    objective = RegressionObjective(network)
    rng = np.random.default_rng(0)
    speech = torch.from_numpy(rng.normal(size=(4, 32, 48)).astype(np.float32))
    residual = torch.zeros(4, 16, 68, 3)
    residual[:, :, [*range(55, 60), 65, 66, 67], 1] = 0.03 * speech[:, ::2, :1]
    identity = torch.from_numpy(FaceFrame(landmarks).shape).expand(4, -1, -1).clone()
    batch = {
        "residual": residual,
        "speech": speech,
        "identity": identity,
        "synchronised": torch.ones(4, dtype=torch.bool),
    }
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    objective.eval()
    before = objective(batch)
    objective.train()
    for _ in range(40):
        optimizer.zero_grad()
        objective(batch)["loss"].backward()
        optimizer.step()
    objective.eval()
    after = objective(batch)
    assert after["loss"] < 0.5 * before["loss"]
    assert after["opening_correlation"] > before["opening_correlation"]


def test_a_missing_regression_talker_is_told_before_it_is_run(
    pipeline: MoDiTalkerPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SHIPPED", tmp_path)
    told = RegressionTalker(pipeline).available()
    assert told is not None
    assert "train regression" in told
    with pytest.raises(InputError, match="train regression"):
        load_regression(tmp_path)


def test_a_video_made_elsewhere_is_brought_to_the_recording(inputs: Inputs, tmp_path: Path) -> None:
    source = tmp_path / "theirs.mp4"
    with VideoWriter(source, (120, 90), 30, None) as writer:
        for shade in range(0, 180, 20):
            writer.write(np.full((90, 120, 3), shade, np.uint8))
    method, target = DroppedVideo(source, "Theirs"), tmp_path / "out.mp4"
    made = method.make(inputs.portrait, inputs.audio, target, QUICK, silent)
    frames = np.stack(list(read_video(target)))
    assert frames.shape == (15, 90, 120, 3)
    # 0.3 s of 0.6: the last one is held, and that is said.
    assert np.abs(frames[8:].astype(int) - frames[14]).max() < 6
    assert ["shorter than the recording" in warning for warning in made.warnings] == [True]
    assert len(load_audio(target)) / SAMPLE_RATE == pytest.approx(SECONDS, abs=0.03)
    assert method.facts.title == "Theirs"
    gone = DroppedVideo(tmp_path / "gone.mp4")
    assert "gone.mp4" in str(gone.available())
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError):
        DroppedVideo(tmp_path / "text.mp4").make(inputs.portrait, inputs.audio, target, QUICK, silent)


def test_methods_are_found_by_name_and_listed(pipeline: MoDiTalkerPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moditalker.baselines.spaces.space_method.LOOK_SECONDS", 0.01)
    methods = find_methods(pipeline)
    assert list(methods)[:5] == list(DEFAULT)
    assert {"wav2lip", "sadtalker", "musetalk", "joyvasa", "hallo", "dreamtalk"} <= set(methods)
    assert [method.facts.name for method in choose(methods, ["ours", "still", "ours"])] == ["ours", "still"]
    with pytest.raises(InputError, match="no method mine; choose from still, rules"):
        choose(methods, ["mine"])
    rows = {row["name"]: row for row in listing(methods[name] for name in ("still", "wav2lip"))}
    assert rows["still"]["missing"] == ""
    assert "checkpoint" in rows["wav2lip"]["missing"]
    assert "non-commercial" in rows["wav2lip"]["licence"]


class Theirs(RuleBased):
    """A method of another package."""

    facts = Facts("theirs", "Theirs", "As the rules do.", "MIT")


def announced(monkeypatch: pytest.MonkeyPatch, maker: Callable[[MoDiTalkerPipeline], object]) -> None:
    """Another package's entry point."""
    entry = EntryPoint("theirs", "elsewhere:maker", registry.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: maker)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == registry.GROUP else [])


def test_other_packages_announce_methods(pipeline: MoDiTalkerPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    announced(monkeypatch, Theirs)
    assert find_methods(pipeline)["theirs"].facts.licence == "MIT"
    announced(monkeypatch, lambda given: [Theirs(given), RuleBased(given)])
    with pytest.raises(InputError, match="Two methods are called rules"):
        find_methods(pipeline)


def test_one_method_on_the_command_line(
    weights: Path, portrait_file: Path, inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out" / "rules.mp4"
    command = ["baseline", "rules", str(portrait_file), str(inputs.audio), "-o", str(target), "--preset", str(weights)]
    assert cli(command) == 0
    assert "15 frames by Rule-based" in capsys.readouterr().out
    assert probe_video(target).size == (256, 256)
    command[1] = "wav2lip"
    assert cli([*command[:-2], "--preset", str(weights)]) == 2
    assert "--wav2lip" in capsys.readouterr().err


def test_a_recording_without_a_word_is_refused_for_all(small_picture: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    with pytest.raises(InputError):
        prepare_inputs(small_picture, tmp_path / "silence.wav", tmp_path / "made", make_tracker("mediapipe"))
    assert not (tmp_path / "made").exists()
