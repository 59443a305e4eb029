"""Wav2Lip: the network under the names and shapes that its checkpoints have, on random weights."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from moditalker.baselines.protocol import Options
from moditalker.baselines.wav2lip.wav2lip_checkpoint import load_wav2lip
from moditalker.baselines.wav2lip.wav2lip_mel import mel_spectrogram, mel_windows
from moditalker.baselines.wav2lip.wav2lip_method import Wav2LipMethod, face_box
from moditalker.baselines.wav2lip.wav2lip_network import Wav2Lip
from moditalker.compare.inputs import prepare_inputs
from moditalker.constants import SAMPLE_RATE
from moditalker.face.tracker import make_tracker
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

PUBLISHED = {
    "face_encoder_blocks.0.0.conv_block.0.weight": (16, 6, 7, 7),
    "face_encoder_blocks.2.3.conv_block.1.running_var": (64,),
    "face_encoder_blocks.5.0.conv_block.0.weight": (512, 256, 3, 3),
    "face_encoder_blocks.6.1.conv_block.0.weight": (512, 512, 1, 1),
    "audio_encoder.0.conv_block.0.weight": (32, 1, 3, 3),
    "audio_encoder.3.conv_block.0.weight": (64, 32, 3, 3),
    "audio_encoder.9.conv_block.0.weight": (256, 128, 3, 3),
    "audio_encoder.12.conv_block.0.weight": (512, 512, 1, 1),
    "face_decoder_blocks.0.0.conv_block.0.weight": (512, 512, 1, 1),
    "face_decoder_blocks.1.0.conv_block.0.weight": (1024, 512, 3, 3),
    "face_decoder_blocks.3.0.conv_block.0.weight": (768, 384, 3, 3),
    "face_decoder_blocks.6.2.conv_block.1.num_batches_tracked": (),
    "output_block.0.conv_block.0.weight": (32, 80, 3, 3),
    "output_block.1.weight": (3, 32, 1, 1),
}
"""Some of the keys of wav2lip.pth with their shapes, from the published network."""
PUBLISHED_PARAMETERS = 36_298_035


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the authors write it: trained on several GPUs, with what resuming needs beside the weights."""
    torch.manual_seed(0)
    state = {f"module.{key}": value for key, value in Wav2Lip().state_dict().items()}
    path = tmp_path_factory.mktemp("wav2lip") / "wav2lip.pth"
    content = {"state_dict": state, "optimizer": {"param_groups": [{"lr": 1e-4}]}, "global_step": 7, "global_epoch": 1}
    torch.save(content, path)
    return path


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


def test_the_network_has_the_published_names_and_shapes() -> None:
    network = Wav2Lip()
    state = network.state_dict()
    assert {key: tuple(state[key].shape) for key in PUBLISHED} == PUBLISHED
    assert sum(parameter.numel() for parameter in network.parameters()) == PUBLISHED_PARAMETERS


def test_the_spectrogram_is_on_the_published_scale() -> None:
    silence = mel_spectrogram(np.zeros(SAMPLE_RATE, np.float32))
    assert silence.shape == (80, 81)
    assert (silence == -4).all()
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    mel = mel_spectrogram(tone)
    # 1 kHz lies in the 25th of 80 mel bands between 55 and 7600 Hz.
    assert abs(int(mel[:, 40].argmax()) - 24) <= 1
    assert 0 < mel.max() <= 4


def test_windows_begin_with_their_frame() -> None:
    samples = np.zeros(SAMPLE_RATE, np.float32)
    click = 8000  # frame 12.5 at 25 a second, step 40 of 80
    samples[click : click + 100] = 0.5
    windows = mel_windows(samples, 25)
    assert windows.shape == (25, 1, 80, 16)
    loud = windows[:, 0].max(1).argmax(1)
    assert windows[2].max() == -4
    # Step 40 lies in the window that begins at step 32, frame 10, at its 8th place.
    assert abs(int(loud[10]) - 8) <= 2
    np.testing.assert_array_equal(windows[-1], windows[-2])
    assert mel_windows(samples[:800], 1).shape == (1, 1, 80, 16)


@pytest.mark.slow
def test_a_checkpoint_draws_the_face_and_leaves_the_rest(
    checkpoint: Path, small_picture: np.ndarray, speech: np.ndarray, tmp_path: Path
) -> None:
    inputs = prepare_inputs(small_picture, speech[8000:12_000], tmp_path, make_tracker("mediapipe"))
    method = Wav2LipMethod(checkpoint)
    assert method.available() is None
    made = method.make(inputs.portrait, inputs.audio, tmp_path / "out.mp4", Options(), silent)
    frames = np.stack(list(read_video(tmp_path / "out.mp4")))
    assert frames.shape == (6, 256, 256, 3)
    assert set(made.seconds) == {"face", "video"}
    left, top, right, bottom = face_box(inputs.landmarks, (256, 256))
    chin, brows = inputs.landmarks[8, 1], inputs.landmarks[17:27, 1].min()
    assert top < brows < chin < bottom
    away = np.abs(frames.astype(int) - small_picture).mean((0, 3))
    outside = np.ones((256, 256), bool)
    outside[max(0, top - 4) : bottom + 4, max(0, left - 4) : right + 4] = False
    assert away[outside].mean() < 5
    assert away[top:bottom, left:right].mean() > 15


class Code:
    """What a file of tensors must not hold."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this ran",)


@pytest.mark.slow
def test_a_file_that_is_not_the_generator_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    path = tmp_path / "other.pth"
    with pytest.raises(InputError, match="no Wav2Lip checkpoint"):
        load_wav2lip(path)
    torch.save({"state_dict": {key: value for key, value in state.items() if "audio" not in key}}, path)
    with pytest.raises(InputError, match="lacks audio_encoder"):
        load_wav2lip(path)
    torch.save(state | {"module.output_block.1.weight": torch.zeros(3, 16, 1, 1)}, path)
    with pytest.raises(InputError, match=r"output_block.1.weight is \(3, 16, 1, 1\) instead of \(3, 32, 1, 1\)"):
        load_wav2lip(path)
    torch.save({"state_dict": {"step": 3}}, path)
    with pytest.raises(InputError, match="no state dictionary"):
        load_wav2lip(path)
    path.write_bytes(pickle.dumps(Code()))
    with pytest.raises(InputError, match="tensors alone"):
        load_wav2lip(path)
    path.write_text("not even a pickle")
    with pytest.raises(InputError, match="tensors alone"):
        load_wav2lip(path)
    assert "this ran" not in capsys.readouterr().out
