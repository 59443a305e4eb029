"""Animations as 3-D models: a portrait's face mesh with 52 morph targets, as glTF (``.glb``) and as USD (``.usda``).

The mesh is MediaPipe's, with the portrait as its texture. Its targets are learnt, see ``atom.blendshapes``. glTF 2.0 is
written by pygltflib (MIT), USD with its UsdSkel schema by usd-core (Pixar, TOST-1.0).
"""

import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.export.face_animation import FaceAnimation
from moditalker.face.blendshapes import BLENDSHAPES
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import MEDIAPIPE_TO_68
from moditalker.face.mediapipe_graphs import mesh_triangles
from moditalker.utils.errors import InputError

_METRES = 0.09
"""Between the outer corners of an adult's eyes, about."""
# From the picture's axes (y down, z away) to those of glTF, USD and ARKit (y up, z to the viewer).
_AXES = np.array([1, -1, -1], np.float32)


@dataclass(frozen=True)
class FaceModel:
    """A face that blendshapes move.

    Attributes:
        points: (V, 3) float32, metres; all blendshapes at 0.
        targets: (52, V, 3) float32, metres; what one unit of each adds.
        triangles: (F, 3) int32, seen from outside counter-clockwise.
        places: (V, 2) float32, of each point in the picture, 0 to 1, from its upper left corner.
        picture: (H, W, 3) uint8.
    """

    points: np.ndarray
    targets: np.ndarray
    triangles: np.ndarray
    places: np.ndarray
    picture: np.ndarray


def face_model(picture: np.ndarray, mesh: np.ndarray, network: BlendshapeMap) -> FaceModel:
    """Make a model of a portrait.

    Args:
        picture: (H, W, 3) uint8.
        mesh: (478, 3) MediaPipe's, pixels of the picture.
        network: has the targets, and reads which blendshapes the portrait itself shows.
    """
    face = FaceFrame(mesh[MEDIAPIPE_TO_68])
    own = network.read(face.shape[None])[0]
    targets = network.turned_to(face.shape, network.morphs.float().cpu().numpy())
    points = (mesh - face.origin) / face.unit - np.tensordot(own, targets, 1)
    height, width = picture.shape[:2]
    placed = (points * _AXES * _METRES).astype(np.float32)
    return FaceModel(
        placed,
        targets * _AXES * np.float32(_METRES),
        _outward(placed, mesh_triangles()),
        (mesh[:, :2] / [width, height]).astype(np.float32),
        picture,
    )


def _outward(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles (F, 3), each turned so that it is seen from outside the head counter-clockwise."""
    first, second, third = (points[triangles[:, corner]] for corner in range(3))
    # The middle of the head lies behind the face, about as far as the eyes are apart.
    outside = (first + second + third) / 3 - (points.mean(0) - [0, 0, _METRES])
    inward = (np.cross(second - first, third - first) * outside).sum(1) < 0
    return np.where(inward[:, None], triangles[:, [0, 2, 1]], triangles)


def _placed(animation: FaceAnimation) -> tuple[np.ndarray, np.ndarray]:
    """Of the head: (T, 4) quaternions x, y, z, w and (T, 3) metres."""
    turns = Rotation.from_euler("YXZ", animation.head).as_quat().astype(np.float32)
    return turns, animation.shift * np.float32(_METRES)


def write_glb(path: Path, model: FaceModel, animation: FaceAnimation) -> None:
    """One binary glTF file: mesh, texture, targets, and the animation of their weights and of the head.

    Raises:
        InputError: pygltflib is not installed.
    """
    _need("pygltflib", ".glb")
    import pygltflib as gltf

    file, chunks = gltf.GLTF2(), _Chunks(gltf)
    mesh = gltf.Attributes(POSITION=chunks.add(model.points, bounds=True), TEXCOORD_0=chunks.add(model.places))
    targets = [{"POSITION": chunks.add(target, bounds=True)} for target in model.targets]
    indices = chunks.add(model.triangles.astype(np.uint32).ravel())
    turns, shifts = _placed(animation)
    times = chunks.add(np.arange(len(animation), dtype=np.float32) / animation.fps, bounds=True)
    curves = {"weights": animation.weights.astype(np.float32).ravel(), "rotation": turns, "translation": shifts}
    sampled = [(path, chunks.add(values)) for path, values in curves.items()]
    picture = chunks.view(_jpeg(model.picture))
    file.scenes, file.scene = [gltf.Scene(nodes=[0])], 0
    file.nodes = [gltf.Node(name="head", mesh=0)]
    file.images = [gltf.Image(bufferView=picture, mimeType="image/jpeg")]
    file.textures = [gltf.Texture(source=0)]
    look = gltf.PbrMetallicRoughness(baseColorTexture=gltf.TextureInfo(index=0), metallicFactor=0, roughnessFactor=1)
    file.materials = [gltf.Material(name="face", pbrMetallicRoughness=look, doubleSided=True)]
    part = gltf.Primitive(attributes=mesh, indices=indices, material=0, targets=targets)
    names = {"targetNames": list(BLENDSHAPES)}
    file.meshes = [gltf.Mesh(name="face", primitives=[part], weights=[0.0] * len(BLENDSHAPES), extras=names)]
    channels = [
        gltf.AnimationChannel(sampler=index, target=gltf.AnimationChannelTarget(node=0, path=path))
        for index, (path, _) in enumerate(sampled)
    ]
    samplers = [gltf.AnimationSampler(input=times, output=output, interpolation="LINEAR") for _, output in sampled]
    file.animations = [gltf.Animation(name="speech", channels=channels, samplers=samplers)]
    file.bufferViews, file.accessors = chunks.views, chunks.accessors
    file.buffers = [gltf.Buffer(byteLength=len(chunks.content))]
    file.asset = gltf.Asset(version="2.0", generator="MoDiTalker (AI-generated motion)")
    file.set_binary_blob(bytes(chunks.content))
    path.write_bytes(b"".join(file.save_to_bytes()))


class _Chunks:
    """The binary part of a glTF file as it grows."""

    def __init__(self, gltf: Any) -> None:
        self.gltf, self.content = gltf, bytearray()
        self.views: list[Any] = []
        self.accessors: list[Any] = []

    def view(self, content: bytes) -> int:
        """Add bytes at a place that is a multiple of four; returns the number of their view."""
        self.content += b"\0" * (-len(self.content) % 4)
        self.views.append(self.gltf.BufferView(buffer=0, byteOffset=len(self.content), byteLength=len(content)))
        self.content += content
        return len(self.views) - 1

    def add(self, values: np.ndarray, *, bounds: bool = False) -> int:
        """Add an array of float32 or uint32, (N,) or (N, k); returns the number of its accessor."""
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[values.shape[1] if values.ndim == 2 else 1]
        number = self.gltf.FLOAT if values.dtype == np.float32 else self.gltf.UNSIGNED_INT
        accessor = self.gltf.Accessor(
            bufferView=self.view(np.ascontiguousarray(values).tobytes()),
            componentType=number,
            count=len(values),
            type=kind,
        )
        if bounds:
            flat = values.reshape(len(values), -1)
            accessor.min, accessor.max = flat.min(0).tolist(), flat.max(0).tolist()
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _jpeg(picture: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "JPEG", quality=92)
    return encoded.getvalue()


def write_usda(path: Path, model: FaceModel, animation: FaceAnimation) -> None:
    """One text file of USD: the mesh with 52 blend shapes, its skeleton of one joint, the head, and the animation.

    Raises:
        InputError: usd-core is not installed.
    """
    _need("pxr", ".usda", package="usd-core")
    from pxr import Gf, Usd, UsdGeom, UsdSkel, Vt

    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(animation.fps)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(len(animation) - 1)
    root = UsdSkel.Root.Define(stage, "/Face")
    stage.SetDefaultPrim(root.GetPrim())
    skeleton = UsdSkel.Skeleton.Define(stage, "/Face/Skeleton")
    skeleton.CreateJointsAttr(["head"])
    still = Vt.Matrix4dArray([Gf.Matrix4d(1.0)])
    skeleton.CreateBindTransformsAttr(still)
    skeleton.CreateRestTransformsAttr(still)
    mesh = UsdGeom.Mesh.Define(stage, "/Face/Mesh")
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(model.points))
    mesh.CreateFaceVertexCountsAttr([3] * len(model.triangles))
    mesh.CreateFaceVertexIndicesAttr(model.triangles.ravel().tolist())
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateJointIndicesPrimvar(constant=True, elementSize=1).Set([0])
    binding.CreateJointWeightsPrimvar(constant=True, elementSize=1).Set([1.0])
    shapes = []
    for name, target in zip(BLENDSHAPES, model.targets, strict=True):
        shape = UsdSkel.BlendShape.Define(stage, f"/Face/Mesh/{name}")
        shape.CreateOffsetsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(target)))
        shapes.append(shape.GetPath())
    binding.CreateBlendShapesAttr(list(BLENDSHAPES))
    binding.CreateBlendShapeTargetsRel().SetTargets(shapes)
    motion = UsdSkel.Animation.Define(stage, "/Face/Motion")
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([motion.GetPath()])
    motion.CreateJointsAttr(["head"])
    motion.CreateBlendShapesAttr(list(BLENDSHAPES))
    motion.CreateScalesAttr([Gf.Vec3h(1, 1, 1)])
    curves = motion.CreateBlendShapeWeightsAttr(), motion.CreateRotationsAttr(), motion.CreateTranslationsAttr()
    for frame, (weights, turn, shift) in enumerate(zip(animation.weights, *_placed(animation), strict=True)):
        curves[0].Set(Vt.FloatArray.FromNumpy(weights), frame)
        curves[1].Set([Gf.Quatf(float(turn[3]), *map(float, turn[:3]))], frame)
        curves[2].Set([Gf.Vec3f(*map(float, shift))], frame)
    path.write_text(stage.GetRootLayer().ExportToString(), encoding="utf-8")


def _need(module: str, suffix: str, package: str = "") -> None:
    if find_spec(module) is None:
        raise InputError(
            f"Writing {suffix} needs the package {package or module!r}, which is not here; run 'pip install -r "
            "requirements-export.txt', or write .csv or .json."
        )
