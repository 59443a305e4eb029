"""Speech encoders: 16 kHz audio in, features at 50 Hz out (two per video frame), behind one small interface.

``moonshine`` is the default and needs no download: the encoder of Moonshine-tiny (Jeffries et al., 2024, MIT licence)
travels in the package ``moonshine-voice`` and runs in onnxruntime. It is joined by a log-mel spectrogram, which carries
the loudness and the exact onsets that an encoder made for transcription smooths away.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import librosa
import numpy as np

from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError

FEATURE_RATE = 50
"""Feature frames a second."""
MEL_BANDS = 40
CHUNK_SECONDS = 4.0
CONTEXT_SECONDS = 0.5

PiecesDone = Callable[[int, int], None]
"""Called with the pieces of a recording that are done and how many there are; what it raises ends the work."""


class SpeechEncoder(Protocol):
    """What AToM needs of a speech encoder."""

    name: str
    dim: int

    def __call__(self, audio: np.ndarray, progress: PiecesDone | None = None) -> np.ndarray:
        """(N,) float32 at 16 kHz -> (ceil(50 * N / 16000), dim) float32."""
        ...


def feature_frames(samples: int) -> int:
    """How many feature frames a recording of so many 16 kHz samples has."""
    return -(-samples * FEATURE_RATE // SAMPLE_RATE)


def normalise_loudness(audio: np.ndarray) -> np.ndarray:
    """Scale speech to a level of -23 dBFS, measured over its louder frames, so that silence stays silent.

    Args:
        audio: (N,) float32.
    Returns:
        (N,) float32; gain is limited to 30 dB so that a noise floor is never lifted to speech.
    """
    hop = SAMPLE_RATE // 50
    usable = audio[: len(audio) // hop * hop]
    if len(usable) == 0:
        return audio
    level = np.sqrt((usable.reshape(-1, hop) ** 2).mean(-1))
    loud = float(np.sqrt((np.sort(level)[len(level) // 2 :] ** 2).mean()))
    gain = min(10 ** (-23 / 20) / max(loud, 1e-6), 10 ** (30 / 20))
    return (audio * gain).astype(np.float32)


def log_mel(audio: np.ndarray, bands: int = MEL_BANDS) -> np.ndarray:
    """Log-mel spectrogram at 50 Hz, (frames, bands), about -1 to 1 for speech of normalised loudness."""
    hop = SAMPLE_RATE // FEATURE_RATE
    power = librosa.feature.melspectrogram(
        y=audio, sr=SAMPLE_RATE, n_fft=640, hop_length=hop, n_mels=bands, fmin=50, fmax=7600, power=2.0
    )
    frames = feature_frames(len(audio))
    values = np.log10(np.maximum(power, 1e-6)).T[:frames]
    return ((values + 2.0) / 3.0).astype(np.float32)


def _resample_in_time(values: np.ndarray, source_rate: float, first: float, frames: int) -> np.ndarray:
    """Linear interpolation of (n, D) at ``source_rate`` Hz, first row centred at ``first`` seconds, to 50 Hz."""
    wanted = (np.arange(frames) + 0.5) / FEATURE_RATE
    position = np.clip((wanted - first) * source_rate, 0, len(values) - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    weight = (position - low)[:, None].astype(np.float32)
    return values[low] * (1 - weight) + values[high] * weight


def encode_in_pieces(
    audio: np.ndarray,
    encode: Callable[[np.ndarray], np.ndarray],
    seconds: float,
    context: float,
    progress: PiecesDone | None,
) -> np.ndarray:
    """Encode a long recording in pieces that reach into each other, and pass steadily from one to the next.

    What an encoder says of a moment depends on the whole piece, so pieces that were only set side by side would jump.

    Args:
        audio: (N,) at 16 kHz.
        encode: piece (n,) -> features (feature_frames(n), D).
        seconds: from one piece to the next.
        context: seconds that a piece reaches beyond that on either side.
        progress: called after every piece.
    Returns:
        (feature_frames(N), D)
    """
    chunk, reach = int(seconds * SAMPLE_RATE), int(context * SAMPLE_RATE)
    ramp = feature_frames(2 * reach)
    share = ((np.arange(ramp) + 0.5) / ramp)[:, None]
    pieces: list[np.ndarray] = []
    starts = range(0, max(1, len(audio) - reach), chunk)
    for start in starts:
        encoded = encode(audio[max(0, start - reach) : start + chunk + reach])
        if pieces:
            encoded[:ramp] = pieces[-1][-ramp:] * (1 - share) + encoded[:ramp] * share
            pieces[-1] = pieces[-1][:-ramp]
        pieces.append(encoded)
        if progress is not None:
            progress(len(pieces), len(starts))
    return np.concatenate(pieces)


class MoonshineEncoder:
    """Moonshine-tiny's encoder (288 numbers at 41.5 Hz, brought to 50 Hz) beside 40 log-mel bands.

    Long recordings pass in pieces of 4 s that reach half a second into each other, so memory is bounded and the
    features of a moment do not depend on how long the recording is.
    """

    name = "moonshine"
    dim = 288 + MEL_BANDS
    # Three convolutions (127, 7 and 3 wide; strides 64, 3, 2): one output every 384 samples, the first centred at 447.
    stride_samples = 384
    first_samples = 447

    def __init__(self) -> None:
        import moonshine_voice
        import onnxruntime
        import torch

        model = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en" / "encoder_model.ort"
        if not model.is_file():
            raise InputError(
                "The speech encoder is missing from the package moonshine-voice; "
                "run 'pip install moonshine-voice==0.0.65', the release that carries it."
            )
        options = onnxruntime.SessionOptions()
        # As many as torch was told to use: threads that wait for a busy core spin, and cost more than they give.
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def __call__(self, audio: np.ndarray, progress: PiecesDone | None = None) -> np.ndarray:
        audio = normalise_loudness(audio)
        encoded = encode_in_pieces(audio, self._features, CHUNK_SECONDS, CONTEXT_SECONDS, progress)
        return np.concatenate([encoded, log_mel(audio)], -1).astype(np.float32)

    def _features(self, piece: np.ndarray) -> np.ndarray:
        return _resample_in_time(
            self._encode(piece),
            SAMPLE_RATE / self.stride_samples,
            self.first_samples / SAMPLE_RATE,
            feature_frames(len(piece)),
        )

    def _encode(self, piece: np.ndarray) -> np.ndarray:
        if len(piece) < 2 * 1024:
            piece = np.pad(piece, (0, 2 * 1024 - len(piece)))
        values = piece[None].astype(np.float32)
        output: Any = self._session.run(
            None, {"input_values": values, "attention_mask": np.ones(values.shape, np.int64)}
        )
        return output[0][0]


class HubEncoder:
    """An encoder of the ``transformers`` library, by hub id or local folder: HuBERT, wav2vec 2, WavLM (50 Hz).

    Args:
        source: hub id or folder, ``facebook/hubert-large-ls960-ft`` for the paper's.
    Raises:
        InputError: it can neither be found locally nor fetched.
    """

    def __init__(self, source: str = "facebook/hubert-large-ls960-ft") -> None:
        from transformers import AutoFeatureExtractor, AutoModel

        try:
            self._extractor = AutoFeatureExtractor.from_pretrained(source)
            self._model = AutoModel.from_pretrained(source).eval()
        except OSError as error:
            raise InputError(
                f"The speech encoder {source!r} could not be loaded; give a local folder that holds it, "
                "or connect to the internet once."
            ) from error
        self.name = f"hub:{source}"
        self.dim = int(self._model.config.hidden_size)

    def __call__(self, audio: np.ndarray, progress: PiecesDone | None = None) -> np.ndarray:
        return encode_in_pieces(audio, self._features, 20.0, 1.0, progress).astype(np.float32)

    def _features(self, piece: np.ndarray) -> np.ndarray:
        import torch

        inputs = self._extractor(piece, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            encoded = self._model(inputs["input_values"]).last_hidden_state[0].float().numpy()
        return _resample_in_time(encoded, FEATURE_RATE, 0.5 / FEATURE_RATE, feature_frames(len(piece)))


class LogMelEncoder:
    """The log-mel spectrogram alone: what an encoder must beat."""

    name = "mel"
    dim = MEL_BANDS

    def __call__(self, audio: np.ndarray, progress: PiecesDone | None = None) -> np.ndarray:
        features = log_mel(normalise_loudness(audio))
        if progress is not None:
            progress(1, 1)
        return features


@lru_cache(maxsize=2)
def make_speech_encoder(name: str = "moonshine") -> SpeechEncoder:
    """``moonshine`` (default), ``mel``, ``hubert`` (the paper's) or ``hub:ID-OR-FOLDER``.

    Raises:
        InputError: another name, or weights that cannot be had.
    """
    if name == "moonshine":
        return MoonshineEncoder()
    if name == "mel":
        return LogMelEncoder()
    if name == "hubert":
        return HubEncoder()
    if name.startswith("hub:"):
        return HubEncoder(name.removeprefix("hub:"))
    raise InputError(f"There is no speech encoder {name!r}; choose 'moonshine', 'mel', 'hubert' or 'hub:ID-OR-FOLDER'.")
