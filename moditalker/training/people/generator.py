"""The generator: style vectors in, photographs of people who do not exist out.

MobileStyleGAN (S. Belousov, 2021, arXiv 2104.04767) as the package ``random-face`` carries it (code Apache-2.0), run by
OpenVINO. Its weights are distilled from StyleGAN2 trained on FFHQ (NVIDIA, non-commercial). What it draws goes into
training only; no picture of it belongs into a repository.

The network has an affine layer before each of its 23 modulated convolutions. The outputs of these layers, one after
the other, are the style space (Z. Wu et al., "StyleSpace Analysis", CVPR 2021). There, single channels move single
things: one opens the mouth, another one shuts the eyes. So the graph is cut at these layers, and style space is its
input.
"""

from itertools import accumulate
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moditalker.metrics.packages import openvino_core, package_folder

# fmt: off
LAYERS = (
    11, 52, 77, 110, 152, 177, 210, 252, 277, 310, 352, 377, 410, 452, 477, 510, 552, 577, 610, 652, 677, 710, 743,
)
# fmt: on
"""The affine layers by their numbers in the graph (``Gemm_11`` and so on), from 4 pixels to 1024."""
W_SIZE = 512
"""Numbers of a style vector."""
LARGEST = 512
"""Side of the picture that is drawn, pixels: half of the network's own, which costs twice as much."""
_TRANSFORMS = tuple((f"Slice_{57 + 100 * step}/Split", f"Add_{76 + 100 * step}") for step in range(7))
"""First and last node of each inverse Haar transform but the last."""
_PURPOSE = "Drawing people"
_ONE_THREAD = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}


class PeopleGenerator:
    """Draws people; one thread.

    Attributes:
        channels: numbers of the style space.

    Raises:
        InputError: ``openvino`` or ``random-face`` is not installed.
    """

    def __init__(self) -> None:
        core = openvino_core(_PURPOSE)
        folder = package_folder("random_face", _PURPOSE) / "data"
        self._mapping = core.compile_model(folder / "MappingNetwork.xml", "CPU", _ONE_THREAD)
        graph = folder / "SynthesisNetwork.xml"
        affine = _affine_layers(core, graph)
        self._affine = core.compile_model(affine, "CPU", _ONE_THREAD)
        self._shapes = [tuple(output.get_shape()) for output in affine.outputs]
        self._ends = list(accumulate(int(np.prod(shape)) for shape in self._shapes))
        self._synthesis = core.compile_model(_from_style_space(core, graph), "CPU", _ONE_THREAD)
        self.channels = self._ends[-1]

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """A random style vector, (512,) float32."""
        return self._mapping(rng.standard_normal((1, W_SIZE), np.float32))[0][0]

    def styles(self, w: np.ndarray) -> np.ndarray:
        """Where a style vector lies in style space; (512,) -> (channels,) float32."""
        results = self._affine(w[None].astype(np.float32))
        return np.concatenate([np.ravel(results[output]) for output in self._affine.outputs])

    def end(self, layers: int) -> int:
        """Number of channels of the first so many ``LAYERS``."""
        return self._ends[layers - 1]

    def draw(self, styles: np.ndarray, size: int = 512) -> np.ndarray:
        """Draw one picture.

        Args:
            styles: (channels,) a place in style space.
            size: side of the picture, pixels; at most 512.
        Returns:
            (size, size, 3) uint8 RGB.
        """
        parts = np.split(styles.astype(np.float32), self._ends[:-1])
        inputs = {f"s{layer}": p.reshape(s) for layer, p, s in zip(LAYERS, parts, self._shapes, strict=True)}
        picture = self._synthesis(inputs)[0][0].transpose(1, 2, 0)
        picture = np.clip((picture + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
        return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) if size != LARGEST else picture


def _affine_layers(core: Any, graph: Path) -> Any:
    """The network from a style vector to style space."""
    import openvino
    from openvino import opset13

    network = core.read_model(graph)
    nodes = {node.get_friendly_name(): node for node in network.get_ordered_ops()}
    results = [opset13.result(nodes[f"Gemm_{layer}"].output(0)) for layer in LAYERS]
    return openvino.Model(results, [network.input(0).get_node()], "affine")


def _from_style_space(core: Any, graph: Path) -> Any:
    """The network from style space to a picture of 512 pixels.

    The graph doubles the size by inverse Haar transforms: four transposed convolutions and six additions each. A
    convolution of one pixel with a rearrangement computes the same in half the time of the whole network. The last
    transform is left out: its low band is twice the mean of 2 x 2 pixels.
    """
    import openvino
    from openvino import opset13

    network = core.read_model(graph)
    nodes = {node.get_friendly_name(): node for node in network.get_ordered_ops()}
    inputs = []
    for layer in LAYERS:
        output = nodes[f"Gemm_{layer}"].output(0)
        given = opset13.parameter(output.get_shape(), np.float32, name=f"s{layer}")
        given.output(0).set_names({f"s{layer}"})
        _redirect(output, given)
        inputs.append(given)
    # Only the size of the batch is read from the style vector now.
    _redirect(network.input(0), opset13.constant(np.zeros((1, W_SIZE), np.float32)))
    for split, joined in _TRANSFORMS:
        bands = nodes[split].input(0).get_source_output()
        mixing = _inverse_haar(bands.get_partial_shape().get_dimension(1).get_length() // 4)
        _redirect(nodes[joined].output(0), opset13.depth_to_space(_mixed(bands, mixing), "blocks_first", 2))
    last, bias = nodes["Conv_753"], _constant(nodes["Add_754"])
    low = _mixed(last.input(0).get_source_output(), _constant(last)[:3] / 2)
    picture = opset13.add(low, opset13.constant(bias[:, :3] / 2))
    return openvino.Model([opset13.result(picture)], inputs, "synthesis")


def _redirect(output: Any, node: Any) -> None:
    """Let whatever reads ``output`` read ``node`` instead."""
    for target in list(output.get_target_inputs()):
        target.replace_source_output(node.output(0))


def _constant(node: Any) -> np.ndarray:
    """The weights that a node of the graph holds."""
    return np.array(node.input(1).get_source_output().get_node().data)


def _mixed(source: Any, weights: np.ndarray) -> Any:
    """A convolution of one pixel; weights (out, in, 1, 1)."""
    from openvino import opset13

    return opset13.convolution(source, opset13.constant(weights.astype(np.float32)), [1, 1], [0, 0], [0, 0], [1, 1])


def _inverse_haar(channels: int) -> np.ndarray:
    """Low band and, interleaved, three high bands to the four pixels of each block; (4 channels, 4 channels, 1, 1)."""
    mixing = np.zeros((2, 2, channels, 4 * channels), np.float32)
    each = np.arange(channels)
    for row, column in np.ndindex(2, 2):
        mixing[row, column, each, each] = 0.5
        for band, sign in enumerate(((-1) ** row, (-1) ** column, (-1) ** (row + column))):
            mixing[row, column, each, channels + 3 * each + band] = 0.5 * sign
    return mixing.reshape(4 * channels, 4 * channels, 1, 1)
