"""What the tests of the core share: a face, a voice, and a pipeline small enough to run in a blink."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import soundfile
import torch
from accelerate.state import AcceleratorState
from app_server import Server, serve
from browser import CHROMIUM, CHROMIUM_OPTIONS
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from prepared_clips import LENGTHS, write_clip
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.schedulers import atom_scheduler, mtov_scheduler
from moditalker.audio.text_to_speech import synthesize
from moditalker.cli.main import main as cli
from moditalker.constants import SAMPLE_RATE
from moditalker.face.geometry import FaceFrame
from moditalker.face.tracker import MediaPipeTracker
from moditalker.loading import default_weights
from moditalker.mtov.autoencoder import TriplaneAutoencoder
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.detail import DetailGains
from moditalker.mtov.flow import FlowRefiner
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.render.compositor import Composer
from moditalker.render.warp import MOVING_RADII, FrameWarp, face_centre
from moditalker.ui.shared.memory import keep_start_up

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of the programs that tests start
gc.disable()  # while tests import what they need, nearly all of which stays

Talking = Callable[..., np.ndarray]

LOWER_LIP_AND_JAW = [*range(5, 12), *range(55, 60), 65, 66, 67]


SHARED = {
    "test_attack_app.py": "app",
    "test_attack_hosts.py": "app",
    "test_browser.py": "app",
    "test_live_tab.py": "app",
    "test_ui_server.py": "app",
    "test_attack_process.py": "forked",
    "test_batch.py": "forked",
    "test_engine.py": "forked",
    "test_paper_training.py": "forked",
    "test_study_browser.py": "forked",
    "test_study_http.py": "forked",
    "test_study_postgres.py": "forked",
    "test_terminal.py": "forked",
    "test_augmentation.py": "prepared",
    "test_ray.py": "prepared",
    "test_training.py": "prepared",
    "test_training_networks.py": "prepared",
}
"""Files that share something costly: the app's server, the process that others are forked from, prepared clips."""


class Together(LoadScopeScheduling):
    """How several processes share the tests: those of a file, and of files that share something, go to one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0].rsplit("/")[-1]
        return SHARED.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that at the end no process waits long for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later look for garbage, as `app.py` does."""
    keep_start_up()
    gc.enable()


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """(512, 512, 3) uint8, NASA's portrait of Eileen Collins."""
    picture = skimage.data.astronaut()
    picture.flags.writeable = False
    return picture


@pytest.fixture(scope="session")
def landmarks(astronaut: np.ndarray) -> np.ndarray:
    """(68, 3) of the astronaut, pixels."""
    points, _ = MediaPipeTracker().detect(astronaut)
    points.flags.writeable = False
    return points


@pytest.fixture(scope="session")
def talking() -> Talking:
    """Function (landmarks, frames, sway=0) -> (frames, 68, 3): the mouth opens every 10 frames, the head turns."""

    def make(landmarks: np.ndarray, frames: int, sway: float = 0.0) -> np.ndarray:
        time = np.arange(frames)
        residual = np.zeros((frames, 68, 3), np.float32)
        residual[:, LOWER_LIP_AND_JAW, 1] = (0.06 * (1 - np.cos(2 * np.pi * time / 10)))[:, None]
        pose = np.zeros((frames, 6), np.float32)
        pose[:, 1] = sway * np.sin(2 * np.pi * time / 40)
        return FaceFrame(landmarks).compose(residual, pose)

    return make


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """(N,) float32 at 16 kHz, about two seconds."""
    samples = synthesize("My mama put the big map up.")
    samples.flags.writeable = False
    return samples


@pytest.fixture(scope="session")
def speech_file(speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(path, speech, SAMPLE_RATE)
    return path


@pytest.fixture(autouse=True)
def _precision_of_its_own() -> Iterator[None]:
    """accelerate keeps the precision of a process's first training; a test must not decide it for the others."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def wake(network: torch.nn.Module) -> None:
    """Draw the weights that start at zero, so that every path through an untrained network carries something."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.1)


def shipped_blendshapes() -> BlendshapeMap:
    """As they are shipped: small, and of no use untrained."""
    return BlendshapeMap.from_pretrained(default_weights() / "blendshapes").float().eval()


@pytest.fixture(scope="session")
def blendshapes() -> BlendshapeMap:
    return shipped_blendshapes()


@pytest.fixture(scope="session")
def pipeline() -> MoDiTalkerPipeline:
    """Random weights whose motion has the size of a real face's; tests must not change it."""
    torch.manual_seed(0)
    atom = AudioToMotion(width=32, num_layers=1, num_speech_layers=1, heads=2, window=32, overlap=8)
    head = HeadMotion(width=16, num_layers=1, heads=2, window=32, overlap=8)
    autoencoder = TriplaneAutoencoder(encoder_widths=(8, 16), decoder_widths=(8, 16))
    denoiser = MotionToVideo(width=16, num_blocks=1, heads=2, landmark_widths=(8, 8), landmark_channels=4)
    for network in (atom, head, autoencoder, denoiser):
        wake(network)
        network.eval()
    flow = FlowRefiner(width=8, depths=(1, 1, 1)).eval()
    detail = DetailGains().eval()
    detail.linear.bias.data[:3] = 0.2
    wake(flow)
    with torch.no_grad():
        for last in (autoencoder.decoder.out, autoencoder.decoder.coarse):
            last.weight.mul_(0.05)  # a face must stay one that is found
    atom.residual_std.fill_(0.02)
    head.pose_std.fill_(0.03)
    head.pose_std[-1] = 0.4  # of the blinks
    schedulers = atom_scheduler(), mtov_scheduler()
    return MoDiTalkerPipeline(atom, head, autoencoder, denoiser, *schedulers, flow, detail, shipped_blendshapes())


@pytest.fixture(scope="session")
def weights(pipeline: MoDiTalkerPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the tiny pipeline."""
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small_picture(astronaut: np.ndarray) -> np.ndarray:
    """(256, 256, 3) uint8: the astronaut at half size."""
    return astronaut.reshape(256, 2, 256, 2, 3).mean((1, 3)).round().astype(np.uint8)


@pytest.fixture(scope="session")
def portrait(pipeline: MoDiTalkerPipeline, small_picture: np.ndarray) -> Portrait:
    """The small picture, encoded."""
    return pipeline.encode_portrait(small_picture)


@pytest.fixture(scope="session")
def portrait_file(small_picture: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    Image.fromarray(small_picture).save(path)
    return path


@pytest.fixture(scope="session")
def brief_file(speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of speech."""
    path = tmp_path_factory.mktemp("brief") / "brief.wav"
    soundfile.write(path, speech[8000:16000], SAMPLE_RATE)
    return path


@pytest.fixture(scope="session")
def app(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`python app.py` with the tiny pipeline."""
    with serve(tmp_path_factory.mktemp("app"), "--weights", str(weights)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for a file's tests. Not for all: its event loop is in the way of others."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def clips(
    small_picture: np.ndarray,
    landmarks: np.ndarray,
    speech: np.ndarray,
    talking: Talking,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A list of four clips: two of Ada, one of Ben, one that shows nobody."""
    folder = tmp_path_factory.mktemp("clips")
    frame = FaceFrame(landmarks / 2)
    composer = Composer(
        small_picture, face_centre(frame), (MOVING_RADII[0] * 1.2 * frame.unit, MOVING_RADII[1] * 1.2 * frame.unit)
    )
    moving = talking(landmarks / 2, 60, sway=0.15)
    field = FrameWarp(frame, frame.motion(moving))
    film = composer(field, np.zeros((60, 3, 128, 128), np.float32))
    for name, length in LENGTHS.items():
        shown = film[:length, :, ::-1] if name == "ben" else film[:length]
        write_clip(folder / f"{name}.mp4", shown, np.resize(speech, length * SAMPLE_RATE // 25))
    write_clip(folder / "nobody.mp4", np.full((20, 128, 128, 3), 90, np.uint8), speech[: 20 * SAMPLE_RATE // 25])
    rows = ["ada-long.mp4,train,ada", "ada-short.mp4,train,ada", "ben.mp4,val,ben", "nobody.mp4,train,nobody"]
    (folder / "clips.csv").write_text("\n".join(["path,split,speaker", *rows]) + "\n")
    return folder / "clips.csv"


@pytest.fixture(scope="session")
def prepared(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    assert cli(["prepare", str(clips), "-o", str(folder), "--workers", "1"]) == 0
    return folder
