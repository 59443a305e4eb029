"""The H.264 track of a video file: RGB frames in, packets out, with the colours that players assume."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame

# Players assume BT.709 and limited range; saying so, and converting so, keeps skin colours.
_TO_YUV = "out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int"
_BT709, _LIMITED_RANGE = 1, 1


class PictureTrack:
    """Encodes frames into a stream of a file.

    Args:
        container: a file to which nothing was written yet.
        size: (width, height), both even; pixels.
        rate: frames a second.
        options: of x264.
        key_every: frames from one that stands alone to the next; what x264 takes by default when None.
    """

    def __init__(
        self,
        container: OutputContainer,
        size: tuple[int, int],
        rate: Fraction,
        options: Mapping[str, str],
        key_every: int | None = None,
    ) -> None:
        width, height = size
        self.stream = container.add_stream("libx264", rate, dict(options))
        context = self.stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        if key_every is not None:
            context.gop_size = key_every
        self._rate = rate
        self._graph = Graph()
        nodes = [
            self._graph.add("buffer", f"video_size={width}x{height}:pix_fmt=rgb24:time_base={1 / rate}"),
            self._graph.add("scale", _TO_YUV),
            self._graph.add("format", "yuv420p"),
            self._graph.add("buffersink"),
        ]
        self._graph.link_nodes(*nodes).configure()

    def picture(self, frame: np.ndarray, index: int) -> VideoFrame:
        """A copy of a frame, (H, W, 3) uint8, for `encode`; ``index`` counts frames from 0."""
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts, picture.time_base = index, 1 / self._rate
        return picture

    def encode(self, picture: VideoFrame) -> list[Packet]:
        """Packets that are ready with a picture."""
        self._graph.push(picture)
        return self.stream.encode(self._graph.vpull())

    def rest(self) -> list[Packet]:
        """The packets that are missing, to the end."""
        return self.stream.encode(None)
