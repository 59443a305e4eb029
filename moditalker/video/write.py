"""Write RGB frames and sound to an MP4 file that is either whole or not there."""

import errno
import hashlib
import logging
import math
import os
import shutil
import tempfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from moditalker.utils.errors import InputError
from moditalker.video.picture_track import PictureTrack
from moditalker.video.sound_track import SoundTrack

logger = logging.getLogger(__name__)

CRF = 18
PRESET = "veryfast"
ANONYMOUS_CRF, ANONYMOUS_PRESET = 14, "medium"
# Frames that are stored out of order would need an edit list to begin at zero; a player that ignores edit lists shows
# them 80 ms late. Negative composition offsets need none.
_MOVFLAGS = "+faststart+use_metadata_tags+negative_cts_offsets"
_WAITING_FRAMES = 8
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class VideoWriter:
    """Context manager that encodes H.264 (yuv420p) and AAC into an MP4 file with its index in front.

    The target appears when the `with` block ends without an exception; until then everything is in a temporary
    directory beside it, which is removed in every case. An older file at the target is replaced only on success.

        with VideoWriter("out.mp4", (512, 512), 25.0, audio) as writer:
            for frame in frames:
                writer.write(frame)

    The file holds exactly the frames written and the whole audio; the caller writes as many frames as the audio
    lasts. A difference of more than one frame is logged as a warning.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        fps: float,
        audio: np.ndarray | None,
        sample_rate: int = 16_000,
        metadata: dict[str, str] | None = None,
        *,
        anonymous: bool = False,
    ) -> None:
        """Check everything that can be checked before the first frame is computed; make a missing parent directory.

        Args:
            path: the target, a name that ends in .mp4.
            size: (width, height) in pixels, both even.
            fps: frames a second.
            audio: float (N,) or (N, channels) in [-1, 1], or None for a film without sound.
            sample_rate: of `audio`, samples a second.
            metadata: tags written into the file.
            anonymous: for the eyes of raters: a little larger and better, always 48 kHz and the same bit rate, and
                neither the encoders nor the muxer write their names into the file.

        Raises:
            InputError: the target is a directory, does not end in .mp4 or cannot be written.
            ValueError: a side is odd or not positive, `fps` is not positive, `audio` has another shape or is empty, or
                a metadata key contains "=".
        """
        width, height = size
        if width <= 0 or height <= 0 or width % 2 or height % 2:
            raise ValueError(f"H.264 with yuv420p needs even, positive sides, got {width}x{height} (width x height)")
        if not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"fps must be positive, got {fps}")
        if audio is not None and (audio.ndim not in (1, 2) or audio.size == 0):
            raise ValueError(f"audio must be (N,) or (N, channels) with N > 0, got shape {audio.shape}")
        if bad_keys := [key for key in metadata or {} if "=" in key]:
            raise ValueError(f"metadata keys must not contain '=', got {bad_keys}")
        self.path = Path(path)
        self.size = (width, height)
        self.fps = fps
        self.rate = Fraction(fps).limit_denominator(1001)
        self.frames_written = 0
        self._pixels = hashlib.sha256()
        self._audio = audio
        self._sample_rate = sample_rate
        self._metadata = dict(metadata or {})
        self._anonymous = anonymous
        self._work: Path | None = None
        self._container: OutputContainer | None = None
        # Converting and encoding let go of Python's lock: meanwhile the caller computes the next frame.
        self._encoder = ThreadPoolExecutor(1, "encode")
        self._waiting: deque[Future[None]] = deque()
        check_target(self.path)

    def __enter__(self) -> Self:
        self._work = Path(tempfile.mkdtemp(prefix=f".{self.path.stem[:40]}.", dir=self.path.parent)).absolute()
        try:
            self._open(self._work / "video.mp4")
        except BaseException as error:
            self._discard()
            if isinstance(error, av.FFmpegError):
                raise self._failure(error) from error
            raise
        return self

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, uint8 (H, W, 3) RGB.

        Raises:
            ValueError: the frame has another shape or type.
            InputError: the disk is full.
            RuntimeError: encoding failed, or the writer is not inside its `with` block.
        """
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise ValueError(f"a frame must be uint8 ({height}, {width}, 3), got {frame.dtype} {frame.shape}")
        if self._container is None:
            raise RuntimeError("VideoWriter.write works inside its with block only")
        pixels = np.ascontiguousarray(frame)
        self._pixels.update(pixels.data)
        self._wait_for_all_but(_WAITING_FRAMES)
        picture = self._picture.picture(pixels, self.frames_written)
        self.frames_written += 1
        self._waiting.append(self._encoder.submit(self._encode, self._container, picture))

    @property
    def frames_sha256(self) -> str:
        """SHA-256 of all pixels that were written, before they were compressed."""
        return self._pixels.hexdigest()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def _open(self, path: Path) -> None:
        """Set up the encoders, and the conversion between them and the caller's frames."""
        options = {"movflags": _MOVFLAGS} | ({"fflags": "+bitexact"} if self._anonymous else {})
        self._container = av.open(f"file:{path}", "w", format="mp4", options=options)
        self._container.metadata.update(self._metadata)
        preset, crf = (ANONYMOUS_PRESET, ANONYMOUS_CRF) if self._anonymous else (PRESET, CRF)
        self._picture = PictureTrack(self._container, self.size, self.rate, {"preset": preset, "crf": str(crf)})
        self._sound = None
        if self._audio is not None:
            self._sound = SoundTrack(self._container, self._audio, self._sample_rate, self._anonymous)
        self._container.start_encoding()
        # x264 writes its version and every setting into an SEI unit, which has the type 6.
        self._without_names = (
            BitStreamFilterContext("filter_units=remove_types=6", self._picture.stream, self._picture.stream)
            if self._anonymous
            else None
        )

    def _encode(self, container: OutputContainer, picture: VideoFrame) -> None:
        """Convert and append one frame, and the sound up to it; in the encoder's thread."""
        self._mux(container, self._picture.encode(picture))
        if self._sound is not None and picture.pts is not None:
            container.mux(self._sound.until((picture.pts + 1) / self.fps))

    def _mux(self, container: OutputContainer, packets: list[Packet]) -> None:
        """Append packets of the picture."""
        for packet in packets:
            container.mux(packet if self._without_names is None else self._without_names.filter(packet))

    def _wait_for_all_but(self, frames: int) -> None:
        """Let the encoder come so near to the frames that were written; raises what stopped it."""
        while len(self._waiting) > frames:
            try:
                self._waiting.popleft().result()
            except av.FFmpegError as error:
                raise self._failure(error) from error

    def _finish(self) -> None:
        """Complete the file and move it to the target."""
        assert self._container is not None
        assert self._work is not None
        if self.frames_written == 0:
            raise ValueError(f"no frame was written to {self.path}")
        self._wait_for_all_but(0)
        try:
            self._mux(self._container, self._picture.rest())
            if self._sound is not None:
                self._container.mux(self._sound.rest())
            self._container.close()
        except av.FFmpegError as error:
            raise self._failure(error) from error
        if self._audio is not None:
            picture, sound = self.frames_written / self.fps, len(self._audio) / self._sample_rate
            if abs(picture - sound) > 1.0 / self.fps:
                logger.warning("%s: the picture lasts %.3f s, the sound %.3f s", self.path, picture, sound)
        (self._work / "video.mp4").replace(self.path)

    def _failure(self, error: av.FFmpegError) -> Exception:
        """The exception for an encoder or a muxer that failed."""
        if error.errno in _DISK_FULL:
            return InputError(f"The disk that holds {self.path} is full: free some space or choose another output.")
        return RuntimeError(f"{self.path} could not be encoded: {error}")

    def _discard(self) -> None:
        """Close the unfinished file and remove the work directory."""
        self._encoder.shutdown(cancel_futures=True)
        self._waiting.clear()
        if self._container is not None:
            try:
                self._container.close()
            except av.FFmpegError as error:
                logger.debug("%s was given up: %s", self.path, error)
            self._container = None
        if self._work is not None:
            shutil.rmtree(self._work)
            self._work = None


def check_target(path: Path) -> None:
    """Make the parent directory and prove that a file can be made in it; InputError if not."""
    try:
        path.exists()
    # A name that is too long, a NUL character, a folder that may not be entered.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it has a NUL character"
        raise InputError(f"The output cannot be written ({reason}): choose another name for it.") from error
    if path.is_dir():
        raise InputError(f"{path} is a directory: give the output a file name that ends in .mp4.")
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path} does not end in .mp4: the output is an MP4 file, name it {path.stem or 'video'}.mp4.")
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"{path} exists and is write-protected: remove it or choose another output.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): choose an output in a directory that you may write to."
        ) from error
