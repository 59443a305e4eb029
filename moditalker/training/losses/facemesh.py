"""MediaPipe's face mesh with attention as a torch network, as far as it leads to the lips: a tracker with a gradient.

I. Grishchenko et al., "Attention Mesh" (CVPR workshop on computer vision for AR/VR, 2020). The graph and its weights
are read from the package ``mediapipe`` (Apache-2.0), which carries them for the tracker; its three own operations are
written out here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from flatbuffers import flexbuffers  # mediapipe needs it too
from torch import nn
from torch.nn import functional as F

from moditalker.face.layout import MEDIAPIPE_TO_68
from moditalker.metrics.packages import package_folder
from moditalker.utils.errors import InputError

SIDE = 192
"""Of the picture that the network looks at, pixels."""
_OUTPUT = "output_lips"


class LipMesh(nn.Module):
    """The 20 points of the mouth in a picture of a face; frozen.

    Raises:
        InputError: the package ``mediapipe`` is not installed, or holds the network no longer.
    """

    order: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        folder = package_folder("mediapipe", "The loss at the lips", "'pip install -r requirements.txt'")
        graph = _Graph(folder, "face_landmark_with_attention", "output_lips")
        self._steps, self._input, self._result = graph.steps, graph.input, graph.result
        self._constants = list(graph.constants)
        for number, value in graph.constants.items():
            self.register_buffer(f"constant{number}", value, persistent=False)
        order = [graph.refined.index(point) for point in MEDIAPIPE_TO_68[48:]]
        self.register_buffer("order", torch.tensor(order), persistent=False)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Find the mouth.

        Args:
            faces: (N, 3, 192, 192) in [0, 1], upright; the face takes up two thirds of the picture.
        Returns:
            (N, 20, 2) x and y, pixels of the picture from its upper left corner.
        """
        values = {number: getattr(self, f"constant{number}") for number in self._constants}
        values[self._input] = faces
        for step in self._steps:
            values[step.target] = step.operation(*(values[source] for source in step.sources))
        return values[self._result].reshape(len(faces), -1, 2)[:, self.order]


Operation = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class _Step:
    """One operation: the numbers of the tensors that it takes and of the one that it makes."""

    operation: Operation
    sources: list[int]
    target: int


class _Graph:
    """What leads to one output of a stored network in TensorFlow Lite's format; maps become (C, H, W).

    Args:
        folder: of the package ``mediapipe``.
        network: name of its file.
        output: name of the output.

    Attributes:
        input, result: numbers of the tensors that go in and come out.
        steps: in order.
        constants: by their numbers.
        refined: which points of the mesh the output gives, in its order.
    Raises:
        InputError: the package holds the network no longer.
    """

    def __init__(self, folder: Path, network: str, output: str) -> None:
        file = folder / "modules" / "face_landmark" / f"{network}.tflite"
        if not file.is_file():
            raise InputError(f"The package mediapipe lacks {file.name}; install the one that requirements.txt names.")
        schema = _schema(folder)
        self._codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(file.read_bytes(), 0))
        self._graph = self._model.subgraphs[0]
        self._makers = {int(operator.outputs[0]): operator for operator in self._graph.operators}
        names = {self._graph.tensors[number].name.decode(): int(number) for number in self._graph.outputs}
        self.input, self.result = int(self._graph.inputs[0]), names[output]
        self.steps: list[_Step] = []
        self.constants: dict[int, torch.Tensor] = {}
        self.refined: list[int] = []
        self._gather(self.result)

    def _gather(self, tensor: int) -> None:
        """Add what makes a tensor, its own sources first."""
        if tensor == self.input or any(step.target == tensor for step in self.steps):
            return
        operator = self._makers[tensor]
        kind = self._kind(operator)
        sources = []
        for source in map(int, operator.inputs):
            constant = self._constant(source)
            if constant is None:
                self._gather(source)
            elif kind in ("PAD", "RESHAPE"):
                continue  # shapes, which the output's own tells as well
            else:
                self.constants[source] = _arranged(constant, kind)
            sources.append(source)
        self.steps.append(_Step(self._operation(kind, operator), sources, tensor))

    def _kind(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        name = self._codes[max(code.builtinCode, code.deprecatedBuiltinCode)]
        return code.customCode.decode() if name == "CUSTOM" else name

    def _constant(self, tensor: int) -> np.ndarray | None:
        """Values of a tensor that is stored; float16 ones by way of the operation that widens them."""
        stored = self._graph.tensors[tensor]
        data = self._model.buffers[stored.buffer].data
        if data is not None:
            kind = {0: np.float32, 1: np.float16, 2: np.int32}[stored.type]
            return np.frombuffer(bytes(data), kind).reshape(stored.shape)
        maker = self._makers.get(tensor)
        if maker is not None and self._kind(maker) == "DEQUANTIZE":
            return self._constant(int(maker.inputs[0]))
        return None

    def _operation(self, kind: str, operator: Any) -> Operation:
        options = operator.builtinOptions
        shape = [int(n) for n in self._graph.tensors[operator.outputs[0]].shape]
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return partial(_convolve, stride=options.strideH, same=options.padding == 0, apart=kind[0] == "D")
        if kind == "MAX_POOL_2D":
            return partial(F.max_pool2d, kernel_size=options.filterHeight, stride=options.strideH)
        if kind == "PAD":
            return partial(_widen, channels=shape[-1])
        if kind == "RESHAPE":
            return partial(_flatten, shape=shape[1:])
        if kind == "Landmarks2TransformMatrix":
            options = flexbuffers.Loads(bytes(operator.customOptions))
            self.refined = [int(index) for index in options["subset_idxs"]]
            return partial(_region, options=options)
        plain: dict[str, Operation] = {
            "ADD": torch.add,
            "MUL": torch.mul,
            "PRELU": F.prelu,
            "TransformTensorBilinear": partial(_cut_out, side=shape[1]),
            "TransformLandmarks": _placed,
        }
        return plain[kind]


def _schema(folder: Path) -> Any:
    """The format's classes, as ``mediapipe`` carries them; its package hides the module behind another's name."""
    file = folder / "tasks" / "metadata" / "schema_py_generated.py"
    loader = SourceFileLoader("moditalker_tflite_schema", str(file))
    module = ModuleType(loader.name)
    loader.exec_module(module)
    return module


def _arranged(constant: np.ndarray, kind: str) -> torch.Tensor:
    value = torch.from_numpy(constant.astype(np.float32))
    if kind == "CONV_2D" and value.dim() == 4:
        return value.permute(0, 3, 1, 2).contiguous()
    if kind == "DEPTHWISE_CONV_2D" and value.dim() == 4:
        return value.permute(3, 0, 1, 2).contiguous()
    return value.flatten() if kind == "PRELU" else value


def _convolve(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, same: bool, apart: bool
) -> torch.Tensor:
    """TensorFlow's ``SAME`` puts what does not divide evenly to the right and below."""
    if same:
        down, across = (
            max(0, (math.ceil(n / stride) - 1) * stride + kernel - n)
            for n, kernel in zip(x.shape[2:], weight.shape[2:], strict=True)
        )
        x = F.pad(x, (across // 2, -(-across // 2), down // 2, -(-down // 2)))
    return F.conv2d(x, weight, bias, stride, groups=x.shape[1] if apart else 1)


def _widen(x: torch.Tensor, channels: int) -> torch.Tensor:
    return F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))


def _flatten(x: torch.Tensor, shape: list[int]) -> torch.Tensor:
    return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).reshape(len(x), *shape)


def _region(mesh: torch.Tensor, options: dict[str, Any]) -> torch.Tensor:
    """Where the lips are: (N, 468, 3) -> (N, 4, 4), from a small map of them to the map that they are cut from."""
    mesh = mesh.detach()  # the loss moves lips, not the place where they are looked for
    points = mesh[:, options["subset_idxs"], :2]
    across = mesh[:, options["right_rotation_idx"], :2] - mesh[:, options["left_rotation_idx"], :2]
    angle = torch.atan2(across[:, 1], across[:, 0])
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)  # upright -> as seen
    upright = points @ turn
    low, high = upright.amin(1), upright.amax(1)
    centre = turn @ ((low + high) / 2)[..., None]
    out = torch.tensor([options["output_width"], options["output_height"]], dtype=mesh.dtype, device=mesh.device)
    scale = torch.tensor([options["scale_x"], options["scale_y"]], dtype=mesh.dtype, device=mesh.device) / out
    linear = turn * ((high - low) * scale)[:, None]
    matrix = torch.eye(4, dtype=mesh.dtype, device=mesh.device).repeat(len(mesh), 1, 1)
    matrix[:, :2, :2] = linear
    matrix[:, :2, 3] = (centre - linear @ (out / 2)[:, None])[..., 0]
    return matrix


def _cut_out(maps: torch.Tensor, matrix: torch.Tensor, side: int) -> torch.Tensor:
    """The part of (N, C, H, W) that a matrix names, (N, C, side, side); nought outside."""
    place = torch.arange(side, dtype=maps.dtype, device=maps.device) + 0.5
    y, x = torch.meshgrid(place, place, indexing="ij")
    wanted = _placed(torch.stack([x, y], -1).reshape(-1, 2), matrix)
    size = torch.tensor([maps.shape[-1], maps.shape[-2]], dtype=maps.dtype, device=maps.device)
    grid = (2 * wanted / size - 1).reshape(len(maps), side, side, 2)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _placed(points: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """(N, P, 2) or (P, 2) of the part that is cut out -> (N, P, 2) of the whole."""
    return points @ matrix[:, :2, :2].transpose(1, 2) + matrix[:, None, :2, 3]
