"""Attacks on a study's server by a stranger on the network, and on its host by the writer of a study's file."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from study_example import NoMaker, make_study, silent, write_recipe
from study_server import StudyServer

from moditalker.cli.main import main
from moditalker.study.build import build_study
from moditalker.study.definition import Study
from moditalker.study.journal import Journal
from moditalker.study.recipe import read_recipe
from moditalker.study.serving import ServedFiles
from moditalker.study.store import Store
from moditalker.ui.study.doors import MAX_BYTES
from moditalker.utils.errors import InputError

RUN = "/gradio_api/run"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"), methods=2, items=1, paired=1, checks=0, sound_check=True)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that somebody made for everybody to read."""
    path = tmp_path_factory.mktemp("answers") / "answers.sqlite"
    path.touch(0o644)
    return path


@pytest.fixture(scope="module")
def stranger(study: Study, answers: Path) -> Iterator[httpx.Client]:
    """Somebody who knows the address."""
    server = StudyServer(study.folder / "study.toml", answers)
    server.start()
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
    server.kill()


@pytest.fixture(scope="module")
def rater(stranger: httpx.Client) -> str:
    """Of somebody who takes part while others attack."""
    told = stranger.post(f"{RUN}/study_begin", json={"data": [True, True, {"browser": "Firefox"}]})
    assert told.status_code == 200
    return told.json()["data"][0]["rater"]


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/upload", "/gradio_api/upload/", "/upload", "//gradio_api/upload", "/gradio_api/component_server"],
)
def test_nobody_leaves_files_on_the_server(stranger: httpx.Client, path: str) -> None:
    reply = stranger.post(path, files={"files": ("face.png", b"\x89PNG" + b"x" * 1000, "image/png")})
    assert reply.status_code == 404
    assert reply.json() == {"error": "This server takes the answers to its study and nothing else."}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/call/study_begin"),
        ("POST", "/gradio_api/api/study_begin"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/login"),
        ("PUT", "/gradio_api/run/study_begin"),
        ("DELETE", "/"),
    ],
)
def test_nothing_else_is_taken(stranger: httpx.Client, method: str, path: str) -> None:
    reply = stranger.request(method, path, json={"data": [True, True, {}], "fn_index": 0, "session_hash": "x"})
    assert reply.status_code == 404
    assert "nothing else" in reply.json()["error"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("study_begin", ["yes", True, {}], "'consent' must be true or false, and is 'yes'; correct it."),
        ("study_begin", [True, 1, {}], "'age' must be true or false, and is 1; correct it."),
        ("study_begin", [True, True, None], "'client' must be a table, and is None; correct it."),
        ("study_begin", [True, True, {"browser": ["x"]}], "'browser' in [client] must be a text"),
        ("study_begin", [True, True, {"browser": "\ud800"}], "'browser' in [client] must be a text"),
        ("study_begin", [True, True, {"browser": "x" * 999}], "must have at most 200 characters"),
        ("study_next", [None], "'rater_id' must be a text, and is None"),
        ("study_next", [{"a": 1}], "'rater_id' must be a text"),
        ("study_next", ["\ud800"], "'rater_id' must be a text"),
        ("study_hear", ["{rater}", 417], "'digits' must be a text, and is 417"),
        ("study_answer", ["{rater}", "t", "q", "A", "9", [1]], "'milliseconds' must be a whole number, and is '9'"),
        ("study_answer", ["{rater}", "t", "q", "A", float("nan"), [1]], "'milliseconds' must be a whole number"),
        ("study_answer", ["{rater}", "t", "q", "A", -1, [1]], "'milliseconds' must be greater than or equal to 0"),
        ("study_answer", ["{rater}", "t", "q", "A", 9, "11"], "'plays' must be a list"),
        ("study_answer", ["{rater}", "t", "q", "A", 9, [1, True]], "'plays' must be a whole number, and is True"),
        ("study_answer", ["{rater}", [], "q", "A", 9, [1]], "'token' must be a text"),
        ("study_withdraw", [[["{rater}"]]], "'rater_id' must be a text"),
    ],
)
def test_a_wrong_type_gets_a_sentence(
    stranger: httpx.Client, rater: str, name: str, data: list[Any], said: str
) -> None:
    told = [rater if value == "{rater}" else value for value in data]
    reply = stranger.post(f"{RUN}/{name}", content=json.dumps({"data": told}))
    assert reply.status_code >= 400
    assert said in reply.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, "is not JSON"),
        (b"data", 422, "is not JSON"),
        (b"\xff\xfe", 422, "is not JSON"),
        (b"[" * 9000, 422, "is not JSON"),
        (b"[]", 422, "with 1 arguments"),
        (b'{"data": []}', 422, "with 1 arguments"),
        (b'{"data": ["a", "b"]}', 422, "with 1 arguments"),
        (b'{"data": {"0": "a"}}', 422, "with 1 arguments"),
        (b'{"data": ["' + b"a" * MAX_BYTES + b'"]}', 413, f"at most {MAX_BYTES} bytes"),
        # What Gradio would read as well is not passed on to it.
        (b'{"data": ["a"], "session_hash": 5, "event_data": [], "batched": true}', 500, "Nobody here has that id"),
    ],
)
def test_a_wrong_body_gets_a_sentence(stranger: httpx.Client, body: bytes, status: int, said: str) -> None:
    reply = stranger.post(f"{RUN}/study_next", content=body)
    assert (reply.status_code, said in reply.json()["error"]) == (status, True)


def test_a_body_without_an_end_is_cut_off(stranger: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 64 * 2**20:
            sent += 4096
            yield b"a" * 4096

    try:
        reply = stranger.post(f"{RUN}/study_next", content=endless())
    except httpx.TransportError:  # the server hung up before all was sent
        pass
    else:
        assert reply.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "{study}/study.toml",
        "{study}/build.json",
        "{study}/{video}",
        "{answers}",
        "{served}",
        "{served}/../../etc/passwd",
        "{served}/..%2f..%2fetc/passwd",
        "{served}/%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x",
    ],
)
@pytest.mark.parametrize("route", ["/gradio_api/file=", "/file=", "/gradio_api/file/", "/gradio_api/proxy="])
def test_no_file_but_the_study_s_own_is_served(
    stranger: httpx.Client, study: Study, answers: Path, route: str, path: str
) -> None:
    served = Path(ServedFiles(study).folder)
    named = path.format(study=study.folder, answers=answers, served=served, video=study.stimuli[0].file)
    reply = stranger.get(route + named)
    assert reply.status_code in (400, 403, 404, 500)
    assert b"root:" not in reply.content
    assert b"schema" not in reply.content


def test_answers_are_their_owner_s_alone(stranger: httpx.Client, rater: str, study: Study, answers: Path) -> None:
    assert stranger.post(f"{RUN}/study_next", json={"data": [rater]}).status_code == 200
    files = sorted(answers.parent.iterdir())
    assert [path.name for path in files] == ["answers.sqlite", "answers.sqlite-shm", "answers.sqlite-wal"]
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in files} == {path.name: 0o600 for path in files}


def test_exported_answers_are_too(study: Study, tmp_path: Path) -> None:
    store, export = Store(tmp_path / "new" / "answers.sqlite", study.hash), tmp_path / "answers.jsonl"
    export.touch(0o644)
    Journal(export, store, nullcontext()).catch_up()
    arguments = [str(study.folder / "study.toml"), "--answers", store.place, "-o", str(tmp_path / "second.jsonl")]
    assert main(["study", "export", *arguments]) == 0
    for path in (Path(store.place), export, tmp_path / "second.jsonl"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def _link(study: Path, secret: Path) -> str:
    (study / "stimuli" / "link.jpg").symlink_to(secret)
    return "stimuli/link.jpg"


def _linked_folder(study: Path, secret: Path) -> str:
    (study / "folder").symlink_to(secret.parent)
    return f"folder/{secret.name}"


def _pipe(study: Path, secret: Path) -> str:
    os.mkfifo(study / "stimuli" / "pipe.jpg")
    return "stimuli/pipe.jpg"


@pytest.fixture(scope="module")
def with_reference(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study whose item has a portrait."""
    folder = tmp_path_factory.mktemp("reference")
    recipe = write_recipe(folder, methods=2, items=1, paired=1, checks=0, training=False)
    Image.new("RGB", (64, 64), "grey").save(folder / "portrait.png")
    recipe.write_text(recipe.read_text().replace('id = "item-0"', 'id = "item-0"\nportrait = "portrait.png"'))
    return build_study(read_recipe(recipe), folder / "study", NoMaker(), silent, silent)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (lambda study, secret: os.path.relpath(secret, study), "lies outside the study's folder"),
        (lambda study, secret: str(secret), "lies outside the study's folder"),
        (lambda study, secret: "../../../../../../etc/passwd", "lies outside the study's folder"),
        (_link, "lies outside the study's folder"),
        (_linked_folder, "lies outside the study's folder"),
        (_pipe, "is not there"),
        (lambda study, secret: "stimuli", "is not there"),
        (lambda study, secret: "study.toml", "is not the file that the study was built with"),
        (lambda study, secret: "stimuli/\\u0000.jpg", "has a NUL byte"),
    ],
    ids=["relative", "absolute", "passwd", "link", "linked folder", "pipe", "folder", "another", "NUL"],
)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_study_s_file_cannot_publish_others(
    with_reference: Study,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    reference: Callable[[Path, Path], str],
    said: str,
) -> None:
    secret = tmp_path / "elsewhere" / "secret.jpg"
    secret.parent.mkdir()
    secret.write_text("nobody's business")
    folder = tmp_path / "study"
    shutil.copytree(with_reference.folder, folder)
    item, text = with_reference.items[0], (folder / "study.toml").read_text()
    text = text.replace(item.reference, reference(folder, secret))
    text = text.replace(item.reference_sha256, hashlib.sha256(secret.read_bytes()).hexdigest())
    (folder / "study.toml").write_text(text)
    extra = ["--answers", str(tmp_path / "answers.sqlite"), "--port", "1"] if command == "serve" else []
    assert main(["study", command, str(folder / "study.toml"), *extra]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "nobody's business" not in told


def test_a_reference_without_a_hash_is_refused(
    with_reference: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (with_reference.folder / "study.toml").read_text().splitlines()
    path = tmp_path / "study.toml"
    path.write_text("\n".join(line for line in lines if not line.startswith("reference_sha256")))
    assert main(["study", "check", str(path)]) == 2
    assert "needs 'reference' and 'reference_sha256'" in capsys.readouterr().err


def test_a_link_in_the_place_of_the_served_folder_is_not_followed(study: Study, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (tmp_path / f"clips-{study.hash[:16]}").symlink_to(private)
    with pytest.raises(InputError, match="is a link"):
        ServedFiles(study, tmp_path)
    assert list(private.iterdir()) == []
