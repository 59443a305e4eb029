"""Write RGB frames and speech to an MP4 file that is either whole or not there."""

import errno
import logging
import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import imageio_ffmpeg
import numpy as np

from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

CRF = 18
PRESET = "veryfast"
# 48 kHz keeps the encoder's delay at 21 ms instead of 64 ms, for players that do not subtract it.
AUDIO_OUTPUT_RATE = 48_000
AUDIO_BITRATE = "128k"
# Players assume BT.709 and limited range; saying so, and converting so, keeps skin colours.
_TO_YUV = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p"
_COLOUR_TAGS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]


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
    ) -> None:
        """Check everything that can be checked before the first frame is computed; make a missing parent directory.

        Args:
            path: the target, a name that ends in .mp4.
            size: (width, height) in pixels, both even.
            fps: frames a second.
            audio: float (N,) in [-1, 1], mono, or None for a film without sound.
            sample_rate: of `audio`, samples a second.
            metadata: tags written into the file.

        Raises:
            InputError: the target is a directory, does not end in .mp4 or cannot be written.
            ValueError: a side is odd or not positive, `fps` is not positive, `audio` is not (N,) or is empty, or a
                metadata key contains "=".
        """
        width, height = size
        if width <= 0 or height <= 0 or width % 2 or height % 2:
            raise ValueError(f"H.264 with yuv420p needs even, positive sides, got {width}x{height} (width x height)")
        if not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"fps must be positive, got {fps}")
        if audio is not None and (audio.ndim != 1 or len(audio) == 0):
            raise ValueError(f"audio must be (N,) with N > 0, got shape {audio.shape}")
        if bad_keys := [key for key in metadata or {} if "=" in key]:
            raise ValueError(f"metadata keys must not contain '=', got {bad_keys}")
        self.path = Path(path)
        self.size = (width, height)
        self.fps = fps
        self.frames_written = 0
        self._audio = audio
        self._sample_rate = sample_rate
        self._metadata = dict(metadata or {})
        self._work: Path | None = None
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        _check_target(self.path)

    def __enter__(self) -> Self:
        self._work = Path(tempfile.mkdtemp(prefix=f".{self.path.stem[:40]}.", dir=self.path.parent)).absolute()
        try:
            if self._audio is not None:
                audio = np.clip(np.nan_to_num(self._audio), -1.0, 1.0)
                (self._work / "audio.f32").write_bytes(audio.astype("<f4").tobytes())
            # Not in the work directory: on a full disk the log would have no room to say so.
            self._log = tempfile.TemporaryFile()
            self._process = subprocess.Popen(self._command(self._work), stdin=subprocess.PIPE, stderr=self._log)
        except BaseException as error:
            self._discard()
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise self._disk_full() from error
            raise
        return self

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, uint8 (H, W, 3) RGB.

        Raises:
            ValueError: the frame has another shape or type.
            InputError: the disk is full.
            RuntimeError: ffmpeg failed (its own words follow), or the writer is not inside its `with` block.
        """
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise ValueError(f"a frame must be uint8 ({height}, {width}, 3), got {frame.dtype} {frame.shape}")
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("VideoWriter.write works inside its with block only")
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except OSError as error:
            self._process.wait()
            raise self._failure() from error
        self.frames_written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def _command(self, work: Path) -> list[str]:
        """The ffmpeg command: frames on the standard input, everything else in the work directory."""
        width, height = self.size
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-v", "error", "-y",
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-framerate", str(self.fps),
            "-i", "pipe:0",
        ]  # fmt: skip
        if self._audio is not None:
            command += ["-f", "f32le", "-ar", str(self._sample_rate), "-ac", "1", "-i", f"file:{work / 'audio.f32'}"]
            command += ["-map", "1:a:0", "-c:a", "aac", "-b:a", AUDIO_BITRATE]
            command += ["-ar", str(AUDIO_OUTPUT_RATE)]
        command += ["-map", "0:v:0", "-vf", _TO_YUV, "-c:v", "libx264", "-preset", PRESET, "-crf", str(CRF)]
        command += [*_COLOUR_TAGS, "-movflags", "+faststart+use_metadata_tags"]
        for key, value in self._metadata.items():
            command += ["-metadata", f"{key}={value}"]
        return [*command, f"file:{work / 'video.mp4'}"]

    def _finish(self) -> None:
        """Let ffmpeg complete the file and move it to the target."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._work is not None
        if self.frames_written == 0:
            raise ValueError(f"no frame was written to {self.path}")
        try:
            self._process.stdin.close()
        except OSError as error:
            self._process.wait()
            raise self._failure() from error
        if self._process.wait() != 0:
            raise self._failure()
        if self._audio is not None:
            picture, sound = self.frames_written / self.fps, len(self._audio) / self._sample_rate
            if abs(picture - sound) > 1.0 / self.fps:
                logger.warning("%s: the picture lasts %.3f s, the sound %.3f s", self.path, picture, sound)
        (self._work / "video.mp4").replace(self.path)

    def _failure(self) -> Exception:
        """The exception for an ffmpeg that ended early, from its log."""
        assert self._log is not None
        self._log.seek(0)
        log = self._log.read().decode("utf-8", errors="replace").strip()
        if "No space left on device" in log:
            return self._disk_full()
        return RuntimeError(f"ffmpeg could not encode {self.path}: {log[-1000:] or 'it gave no reason'}")

    def _disk_full(self) -> InputError:
        return InputError(f"The disk that holds {self.path} is full: free some space or choose another output.")

    def _discard(self) -> None:
        """Stop ffmpeg if it still runs and remove the work directory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None and not self._process.stdin.closed:
                try:
                    self._process.stdin.close()
                except BrokenPipeError:
                    logger.debug("frames for %s were dropped with the encoder", self.path)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._work is not None:
            shutil.rmtree(self._work)
            self._work = None


def _check_target(path: Path) -> None:
    """Make the parent directory and prove that a file can be made in it; InputError if not."""
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
