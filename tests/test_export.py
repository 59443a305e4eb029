"""Motion for other programs: what Unreal, Blender and other readers find in the files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Talking

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.cli.main import main
from moditalker.export.face_animation import FaceAnimation, animation_of
from moditalker.export.models import face_model, write_glb, write_usda
from moditalker.export.tables import animation_json, live_link_csv
from moditalker.face.blendshapes import BLENDSHAPES, INDEX, MIRRORED_BLENDSHAPES
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import MEDIAPIPE_TO_68, MIRRORED
from moditalker.face.tracker import MediaPipeTracker

# As Live Link Face writes it.
HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,"
    "HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)


@pytest.fixture(scope="module")
def animation(landmarks: np.ndarray, talking: Talking, blendshapes: BlendshapeMap) -> FaceAnimation:
    """Two seconds, mouth and head moving."""
    return animation_of(FaceFrame(landmarks), talking(landmarks, 50, sway=0.2), blendshapes, 60)


def test_a_csv_is_one_that_live_link_face_could_have_written(animation: FaceAnimation) -> None:
    lines = live_link_csv(animation).splitlines()
    assert lines[0] == HEADER
    rows = list(csv.DictReader(lines))
    assert len(rows) == 120
    assert [rows[i]["Timecode"] for i in (0, 59, 60, 119)] == [
        "00:00:00:00.000",
        "00:00:00:59.000",
        "00:00:01:00.000",
        "00:00:01:59.000",
    ]
    assert {row["BlendShapeCount"] for row in rows} == {"61"}
    jaw = np.array([float(row["JawOpen"]) for row in rows])
    np.testing.assert_allclose(jaw, animation.weights[:, INDEX["jawOpen"]], atol=1e-6)


def test_json_holds_the_same_numbers_under_their_names(animation: FaceAnimation) -> None:
    content = json.loads(animation_json(animation))
    assert (content["fps"], content["frames"], tuple(content["names"])) == (60, 120, BLENDSHAPES)
    np.testing.assert_allclose(content["weights"], animation.weights, atol=1e-5)
    np.testing.assert_allclose(content["head"], animation.head, atol=1e-5)


def test_blendshapes_follow_the_face(landmarks: np.ndarray, blendshapes: BlendshapeMap) -> None:
    face = FaceFrame(landmarks)

    def read(move: dict[int, tuple[float, float]]) -> dict[str, float]:
        moved = face.shape.copy()
        for point, way in move.items():
            moved[point, :2] += way
        return dict(zip(BLENDSHAPES, blendshapes.read(moved[None])[0].tolist(), strict=True))

    own = read({})
    opened = read(dict.fromkeys((*range(6, 11), 55, 56, 57, 58, 59, 65, 66, 67), (0, 0.2)))
    assert opened["jawOpen"] > own["jawOpen"] + 0.2
    shut = read(dict.fromkeys((43, 44), (0, 0.08)))
    assert shut["eyeBlinkLeft"] > own["eyeBlinkLeft"] + 0.2, "43 and 44 are the person's left upper lid"
    assert abs(shut["eyeBlinkRight"] - own["eyeBlinkRight"]) < 0.1
    raised = read(dict.fromkeys(range(17, 27), (0, -0.1)))
    assert raised["browOuterUpLeft"] > own["browOuterUpLeft"] + 0.1


def test_a_mirrored_face_has_the_other_sides_blendshapes(landmarks: np.ndarray, blendshapes: BlendshapeMap) -> None:
    shape = FaceFrame(landmarks).shape
    read = blendshapes.read(np.stack([shape, shape[MIRRORED] * [-1, 1, 1]]))
    np.testing.assert_allclose(read[1], read[0, list(MIRRORED_BLENDSHAPES)], atol=0.2)


def test_turned_and_scaled_faces_read_the_same(landmarks: np.ndarray, blendshapes: BlendshapeMap) -> None:
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    read = blendshapes.read(np.stack([landmarks, 3 * landmarks @ turn.T + 40]))
    np.testing.assert_allclose(read[0], read[1], atol=1e-3)


def test_head_and_eyes_have_the_axes_that_are_documented(landmarks: np.ndarray, blendshapes: BlendshapeMap) -> None:
    face, still = FaceFrame(landmarks), np.zeros((30, 68, 3), np.float32)
    pose = np.zeros((30, 6), np.float32)
    # The picture's y points down, and the nose has a negative z: it goes to the viewer's right.
    pose[:, 1] = -0.2
    left = animation_of(face, face.compose(still, pose), blendshapes, 30)
    tip = face.compose(still, pose)[0, 30, 0] - landmarks[30, 0]
    assert tip > 0, "the person's left is the viewer's right"
    np.testing.assert_allclose(left.head[:, 0], 0.2, atol=1e-3)
    np.testing.assert_allclose(left.eyes[:, 0], -0.2, atol=1e-3)
    assert left.weights[0, INDEX["eyeLookInLeft"]] == pytest.approx(0.2 / np.radians(30), abs=0.01)
    assert left.weights[0, INDEX["eyeLookOutLeft"]] == 0


def test_a_gltf_file_has_the_face_its_targets_and_their_weights(
    astronaut: np.ndarray, animation: FaceAnimation, blendshapes: BlendshapeMap, tmp_path: Path
) -> None:
    gltf = pytest.importorskip("pygltflib", reason="pygltflib is not installed (requirements-export.txt)")
    trimesh = pytest.importorskip("trimesh", reason="trimesh is not installed (requirements-dev.txt)")
    mesh, _ = MediaPipeTracker().detect_mesh(astronaut)
    model = face_model(astronaut, mesh, blendshapes)
    write_glb(tmp_path / "face.glb", model, animation)
    file = gltf.GLTF2().load(tmp_path / "face.glb")
    assert file.meshes[0].extras["targetNames"] == list(BLENDSHAPES)
    assert len(file.meshes[0].primitives[0].targets) == 52
    times, weights = (
        file.accessors[n] for n in (file.animations[0].samplers[0].input, file.animations[0].samplers[0].output)
    )
    assert (times.count, weights.count) == (120, 120 * 52)
    assert [channel.target.path for channel in file.animations[0].channels] == ["weights", "rotation", "translation"]
    view = file.bufferViews[weights.bufferView]
    stored = np.frombuffer(file.binary_blob(), np.float32, 120 * 52, view.byteOffset).reshape(120, 52)
    np.testing.assert_array_equal(stored, animation.weights)
    scene = trimesh.load(tmp_path / "face.glb")
    face = next(iter(scene.geometry.values()))
    assert face.faces.shape == model.triangles.shape
    assert face.visual.material.baseColorTexture.size == (512, 512)


def test_a_models_own_blendshapes_give_the_portrait_back(astronaut: np.ndarray, blendshapes: BlendshapeMap) -> None:
    mesh, _ = MediaPipeTracker().detect_mesh(astronaut)
    model = face_model(astronaut, mesh, blendshapes)
    face = FaceFrame(mesh[MEDIAPIPE_TO_68])
    own = blendshapes.read(face.shape[None])[0]
    shown = model.points + np.tensordot(own, model.targets, 1)
    expected = (mesh - face.origin) / face.unit * [1, -1, -1] * 0.09
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    first, second, third = (shown[model.triangles[:, corner]] for corner in range(3))
    assert (np.cross(second - first, third - first)[:, 2] > 0).mean() > 0.9, "almost all of a face's front is seen"


def test_usd_reads_the_blend_shapes_and_their_weights(
    astronaut: np.ndarray, animation: FaceAnimation, blendshapes: BlendshapeMap, tmp_path: Path
) -> None:
    usd = pytest.importorskip("pxr", reason="usd-core is not installed (requirements-export.txt)")
    from pxr import Usd, UsdSkel

    assert usd
    mesh, _ = MediaPipeTracker().detect_mesh(astronaut)
    write_usda(tmp_path / "face.usda", face_model(astronaut, mesh, blendshapes), animation)
    stage = Usd.Stage.Open(str(tmp_path / "face.usda"))
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (60, 119)
    motion = UsdSkel.Animation.Get(stage, "/Face/Motion")
    assert list(motion.GetBlendShapesAttr().Get()) == list(BLENDSHAPES)
    np.testing.assert_allclose(motion.GetBlendShapeWeightsAttr().Get(40), animation.weights[40], atol=1e-6)
    query = UsdSkel.Cache().GetSkelQuery(UsdSkel.Skeleton.Get(stage, "/Face/Skeleton"))
    assert query.GetAnimQuery().ComputeBlendShapeWeights(40)[INDEX["jawOpen"]] == pytest.approx(
        animation.weights[40, INDEX["jawOpen"]], abs=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "fps"), [(".csv", 60), (".json", 30)])
def test_the_command_writes_a_file_as_long_as_the_speech(
    suffix: str, fps: int, weights: Path, portrait_file: Path, brief_file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "made" / f"out{suffix}"
    arguments = ["motion", str(portrait_file), str(brief_file), "-o", str(target), "--preset", str(weights)]
    assert main([*arguments, "--fps", str(fps), "--seed", "3", "--atom-steps", "2"]) == 0
    frames = len(target.read_text().splitlines()) - 1 if suffix == ".csv" else json.loads(target.read_text())["frames"]
    assert abs(frames - fps / 2) <= 0.04 * fps


@pytest.mark.parametrize("name", ["out.fbx", "out"])
def test_another_kind_of_file_is_refused(
    name: str, portrait_file: Path, brief_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["motion", str(portrait_file), str(brief_file), "-o", str(tmp_path / name)]) == 2
    assert "must end with .csv, .json, .glb, .usda" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
