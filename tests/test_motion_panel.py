"""The Motion panel: curves, keys set by clicking, sliders, and a motion that is drawn again as it was changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import soundfile
from browser import complaints_of, needs_browser, new_visitor
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, Page
from test_app import FakePipeline, resting, served, write_tone
from test_page_in_sight import fill_in

from moditalker.atom.motion import SHAPES, Motion
from moditalker.atom.motion_file import read_motion, write_motion
from moditalker.keys import Key
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.ui.animate.estimate import Speeds
from moditalker.ui.animate.kept_motion import KeptMotion, MotionEdit, key_text, parsed_keys
from moditalker.ui.animate.motion_curves import SIZE, clicked_time, curves_of, draw_curves, waveform_of
from moditalker.ui.animate.motion_panel import MotionPanel
from moditalker.ui.animate.motion_studio import MotionMade, MotionStudio
from moditalker.ui.animate.request import Request
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError

NOD = Key(1.2, "nod")


def moving(frames: int) -> Motion:
    rng = np.random.default_rng(0)
    return Motion(*(0.05 * rng.random((frames, *shape), np.float32) for shape in SHAPES.values()))


@pytest.mark.parametrize("part", list(SHAPES))
def test_a_part_is_scaled_and_the_others_keep_their_bits(part: str) -> None:
    motion = moving(9)
    scaled = motion.scaled({part: 0.5})
    for name in SHAPES:
        one, other = getattr(scaled, name), getattr(motion, name)
        if name == part:
            np.testing.assert_allclose(one, 0.5 * other, rtol=0.05)
        else:
            assert np.array_equal(one, other)
    assert not getattr(motion.scaled({part: 0.0}), part).any()


@pytest.mark.parametrize("scales", [{"nose": 1.0}, {"lips": 4.0}, {"lips": "2"}, {"lips": float("nan")}])
def test_a_scale_that_cannot_be_is_named(scales: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"the parts lips|The scale of lips"):
        moving(3).scaled(scales)


def test_a_mouth_that_opens_raises_the_curve_of_the_lips() -> None:
    motion = resting(4)
    # Rows of the inner lips: 17 of the jaw, 12 of the outer lips, then upper 61 to 63 and lower 65 to 67.
    motion.lips[2, 17 + 12 + np.array([5, 6, 7]), 1] = 0.1
    motion.head[3, 0] = np.radians(5)
    curves = curves_of(motion)
    np.testing.assert_allclose(curves["lips"][:, 0], [0, 0, 10, 0], atol=1e-4)
    np.testing.assert_allclose(curves["head"][3], [0, 5], atol=1e-4)


def test_a_click_means_the_moment_that_is_drawn_there() -> None:
    drawn = np.asarray(draw_curves(resting(50), None, [], chosen=1.5))
    marked = (np.abs(drawn[..., :3].astype(int) - [217, 138, 31]).sum(-1) < 30) & (drawn[..., 3] > 200)
    column = int(np.flatnonzero(marked.any(0)).mean())
    assert clicked_time(column, 2.0) == pytest.approx(1.5, abs=0.041)
    assert clicked_time(0, 2.0) == 0
    assert clicked_time(SIZE[0], 2.0) == pytest.approx(1.96)


def test_keys_are_marked_where_they_act_and_the_waveform_lies_behind() -> None:
    plain = np.asarray(draw_curves(resting(50)))
    keyed = np.asarray(draw_curves(resting(50), None, [NOD]))
    changed = np.flatnonzero((plain != keyed).any((0, 2)))
    assert clicked_time(float(changed.min() + changed.max()) / 2, 2.0) == pytest.approx(1.2, abs=0.05)
    loud = waveform_of(np.tile(np.array([0.5, -0.5], np.float32), 16_000))
    assert loud.seconds == 2
    assert (np.asarray(draw_curves(resting(50), loud)) != plain).mean() > 0.05


def test_keys_are_read_as_they_are_written() -> None:
    keys = (NOD, Key(0.4, "wink-left", 0.8))
    assert parsed_keys([key_text(key) for key in keys]) == (keys[1], keys[0])
    for wrong in ("nod", "soon nod", "1 dance", "1 nod 9", "1 nod 1 1"):
        with pytest.raises(InputError):
            parsed_keys([wrong])


def test_only_other_keys_sample_a_motion_anew_and_then_with_its_seed() -> None:
    kept = KeptMotion(resting(9), None, (NOD,), 7)
    same = MotionEdit(kept, True, (NOD,), {"lips": 0.5, "head": 1.0}).request_fields()
    assert same["motion"] is kept.motion
    assert same["part_scales"] == {"lips": 0.5}
    other = MotionEdit(kept, True, (), {}).request_fields()
    assert "motion" not in other
    assert other["seed"] == 7
    with pytest.raises(InputError, match="no motion yet"):
        MotionEdit(None, True, (), {}).request_fields()
    with pytest.raises(InputError, match="was uploaded"):
        MotionEdit(KeptMotion(resting(9)), True, (NOD,), {}).request_fields()


def test_an_uploaded_motion_is_saved_with_the_sliders_in_it(tmp_path: Path) -> None:
    panel = MotionPanel(Settings(), Workspace(tmp_path / "work"))
    write_motion(tmp_path / "a.npz", moving(9))
    kept, keys, *scales = panel.uploaded(str(tmp_path / "a.npz"), None)
    scales[0] = 0.5
    files = panel.saved(kept, keys, *scales).value
    assert {Path(file["path"]).suffix for file in files} == {".npz", ".json"}
    for file in files:
        read = read_motion(Path(file["path"]))
        np.testing.assert_array_equal(read.lips, np.float32(0.5) * kept.motion.lips)
        np.testing.assert_array_equal(read.head, kept.motion.head)
    (tmp_path / "b.npz").write_bytes(b"no motion")
    with pytest.raises(gr.Error, match="is not a motion"):
        panel.uploaded(str(tmp_path / "b.npz"), None)


@pytest.mark.slow
def test_a_motion_alone_is_the_one_that_a_video_has(
    pipeline: MoDiTalkerPipeline, portrait_file: Path, brief_file: Path, tmp_path: Path
) -> None:
    few = {"atom_steps": 2, "mtov_steps": 0, "guidance": 1.0}
    request = Request(str(portrait_file), str(brief_file), consent=True, seed=3, keys=(Key(0.2, "nod"),), **few)
    studio = MotionStudio(pipeline, Settings(), Workspace(tmp_path / "work"), Speeds(), Line(1, 8))
    *_, made = studio.make(request)
    assert isinstance(made, MotionMade)
    report = pipeline.animate(
        portrait_file, brief_file, tmp_path / "a.mp4", seed=3, keys=request.keys, save_motion=tmp_path / "a.npz", **few
    )
    kept = read_motion(tmp_path / "a.npz")
    for name in SHAPES:
        assert np.array_equal(getattr(made.kept.motion, name), getattr(kept, name)), name
    again = pipeline.animate(portrait_file, brief_file, tmp_path / "b.mp4", seed=3, motion=kept, mtov_steps=0)
    assert again["frames_sha256"] == report["frames_sha256"]
    still = pipeline.animate(
        portrait_file, brief_file, tmp_path / "c.mp4", seed=3, motion=kept, mtov_steps=0, part_scales={"head": 0.0}
    )
    assert still["parameters"]["part_scales"] == {"head": 0.0}
    assert still["frames_sha256"] != report["frames_sha256"]
    with pytest.raises(InputError, match="Landmarks have no parts"):
        landmarks = np.zeros((4, 68, 3), np.float32)
        pipeline.animate(
            portrait_file, brief_file, tmp_path / "d.mp4", landmarks=landmarks, save_motion=tmp_path / "d.npz"
        )


@pytest.fixture(scope="module")
def fake() -> FakePipeline:
    return FakePipeline()


@pytest.fixture(scope="module")
def url(fake: FakePipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(fake, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.mark.slow
def test_a_program_draws_a_motion_from_a_file(url: str, fake: FakePipeline, tmp_path: Path) -> None:
    client = Client(url, verbose=False, download_files=tmp_path / "downloads")
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "portrait.png")
    files = {
        "portrait": handle_file(str(tmp_path / "portrait.png")),
        "audio": handle_file(str(write_tone(tmp_path / "speech.wav", 0.5))),
    }
    write_motion(tmp_path / "a.motion.json", moving(12))
    motion = handle_file(str(tmp_path / "a.motion.json"))
    video, seed, _ = client.predict(**files, consent=True, motion=motion, lips=0.5, seed=5, api_name="/render")
    assert Path(video).stat().st_size > 0
    assert seed == 5
    assert np.array_equal(fake.drawn[-1]["motion"].lips, moving(12).lips)
    assert fake.drawn[-1]["part_scales"] == {"lips": 0.5}
    with pytest.raises(AppError, match="There is no motion"):
        client.predict(**files, consent=True, api_name="/render")
    with pytest.raises(AppError, match="Tick that you may use"):
        client.predict(**files, motion=motion, api_name="/render")
    with pytest.raises(AppError, match="A key does one of"):
        client.predict(**files, consent=True, keys=[{"time": 0.1, "do": "fly"}], api_name="/motion")


@pytest.mark.slow
@needs_browser
def test_a_visitor_sets_a_key_by_a_click_and_draws_the_motion_again(
    chromium: Browser, url: str, fake: FakePipeline, astronaut: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(astronaut).save(tmp_path / "portrait.png")
    soundfile.write(tmp_path / "speech.wav", 0.3 * np.sin(np.arange(16_000) / 12), 16_000)
    page = new_visitor(chromium, 1440, 850)
    page.set_default_timeout(60_000)
    complaints = complaints_of(page)
    page.goto(url)
    fill_in(page, tmp_path / "portrait.png", tmp_path / "speech.wav")
    page.locator("#motion-panel button.label-wrap").click()
    page.locator("#motion-note").get_by_text("There is no motion yet").wait_for()
    page.locator("#animate").click()
    curves = page.locator("#curves img")
    curves.wait_for()
    draw(page)
    assert isinstance(fake.drawn[-1]["motion"], Motion)

    box = curves.bounding_box()
    assert box is not None
    curves.click(position={"x": box["width"] * 0.6, "y": box["height"] * 0.5})
    page.wait_for_function("Number(document.querySelector('#key-moment input').value) > 0.1")
    page.locator("#add-key").click()
    page.locator("#motion-keys").get_by_text("nod").first.wait_for()
    page.locator("#motion-note").get_by_text("samples it anew").wait_for()
    draw(page)
    page.locator("#motion-note").get_by_text("samples it anew").wait_for(state="detached")
    assert "motion" not in fake.drawn[-1]
    [key] = fake.drawn[-1]["keys"]
    assert key.do == "nod"
    assert 0.2 < key.time < 0.4
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 850})
        page.wait_for_function(
            "width => document.querySelector('#curves img').getBoundingClientRect().right <= width", arg=width
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.close()


def draw(page: Page) -> None:
    """Press the panel's button, and wait for what comes of it."""
    page.locator("#draw-motion").wait_for()
    page.locator("#draw-motion").click()
    page.locator("#draw-motion").wait_for(state="hidden")
    page.locator("#draw-motion").wait_for(state="visible")
