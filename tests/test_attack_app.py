"""Attacks on the running app by a stranger on the network, over HTTP."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from app_server import Server
from forked import ROOT
from PIL import Image

from moditalker.ui.shared.doors import MAX_BYTES

API = "/gradio_api"
META = {"meta": {"_type": "gradio.FileData"}}
ENDPOINTS = ("inspect", "animate", "compare")
NOT_PLAIN = "A number in the request is not finite, or a text is not Unicode: correct it."
OUTSIDE = "is not among the uploads of this server"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stranger(app: Server) -> Iterator[httpx.Client]:
    """Somebody who knows the address."""
    with httpx.Client(base_url=app.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def private(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture on the server that nobody uploaded."""
    path = tmp_path_factory.mktemp("private") / "private.jpg"
    Image.fromarray(astronaut).save(path)
    return path


@pytest.fixture(scope="module")
def uploaded(stranger: httpx.Client, private: Path) -> str:
    """The same picture, uploaded: its path on the server."""
    return upload(stranger, private.read_bytes(), "portrait.jpg")


def upload(stranger: httpx.Client, content: bytes, name: str) -> str:
    told = stranger.post(f"{API}/upload", files={"files": (name, content)})
    assert told.status_code == 200
    return str(told.json()[0])


def ask(stranger: httpx.Client, endpoint: str, body: Any, way: str = "call/v2") -> tuple[int, str]:
    """The status of the answer and what is said: the error's sentence, or the result as it comes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = stranger.post(f"{API}/{way}/{endpoint}", content=content, headers={"content-type": "application/json"})
    if told.status_code != 200:
        return told.status_code, str(told.json()["error"])
    events = stranger.get(f"{API}/call/{endpoint}/{told.json()['event_id']}").text
    kind, data = events.strip().split("\n\n")[-1].split("\n")
    said = json.loads(data.removeprefix("data: "))
    return 200, str(said["error"]) if kind == "event: error" else data


def file(path: str | Path, **more: Any) -> dict[str, Any]:
    return {"path": str(path), **more}


def test_an_upload_is_read_with_and_without_its_meta(stranger: httpx.Client, uploaded: str) -> None:
    example = ROOT / "assets" / "examples" / "1-astronaut" / "portrait.jpg"
    for given in (file(uploaded), file(uploaded, **META), file(example)):
        assert "face_box" in ask(stranger, "inspect", {"portrait": given})[1]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("more", [{}, META, {"is_stream": True}, {"url": "http://127.0.0.1/x.jpg"}])
def test_no_picture_of_the_server_is_read(
    stranger: httpx.Client, private: Path, endpoint: str, more: dict[str, Any]
) -> None:
    status, said = ask(stranger, endpoint, {"portrait": file(private, **more), "text": "Hello.", "consent": True})
    assert (status, OUTSIDE in said) == (422, True), said
    assert str(private.parent) not in said


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [("animate", "audio"), ("animate", "head_video"), ("compare", "audio"), ("compare", "video"), ("compare", "real")],
)
def test_no_recording_or_video_of_the_server_is_read(
    stranger: httpx.Client, uploaded: str, private: Path, endpoint: str, name: str
) -> None:
    for value in (file(private), {"video": file(private)}):
        status, said = ask(stranger, endpoint, {"portrait": file(uploaded), name: value, "consent": True})
        assert (status, OUTSIDE in said) == (422, True), said


@pytest.mark.parametrize("way", ["call", "run", "api"])
def test_no_other_way_in_reads_it(stranger: httpx.Client, private: Path, way: str) -> None:
    status, said = ask(stranger, "inspect", {"data": [file(private), 0]}, way)
    assert (status, OUTSIDE in said) == (422, True), said


def test_nor_do_the_page_s_own_functions(stranger: httpx.Client, private: Path) -> None:
    config = stranger.get("/config").json()
    takes_portrait = [one for one in config["dependencies"] if len(one["inputs"]) >= 1 and one["backend_fn"]]
    assert len(takes_portrait) > 10
    for function in takes_portrait:
        body = {"data": [file(private)] * len(function["inputs"]), "fn_index": function["id"], "session_hash": "s"}
        told = stranger.post(f"{API}/queue/join", json=body)
        assert (told.status_code, OUTSIDE in told.text) == (422, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: f"{folder}/../../../etc/hostname",
        lambda folder: f"{folder}",
        lambda folder: f"{folder}/nothing.jpg",
        lambda folder: "/dev/zero",
        lambda folder: "/proc/self/environ",
        lambda folder: f"{folder}/{'n' * 300}.jpg",
        lambda folder: f"{folder}/a\0b.jpg",
        lambda folder: "http://127.0.0.1:1/x.jpg",
        lambda folder: "https://example.org/x.jpg",
        lambda folder: "file:///etc/hostname",
        lambda folder: "",
        lambda folder: "app.py",
    ],
)
def test_no_path_leads_out_of_the_uploads(stranger: httpx.Client, uploaded: str, make: Callable[[str], str]) -> None:
    status, said = ask(stranger, "inspect", {"portrait": file(make(str(Path(uploaded).parent)), **META)})
    assert (status, OUTSIDE in said) == (422, True), said
    assert len(said) < 250


def call_tool(stranger: httpx.Client, portrait: str) -> str:
    """What an assistant is told of a portrait."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    listed = stranger.get(f"{API}/mcp/schema").json()
    [name] = [tool["name"] for tool in listed if tool["name"].endswith("inspect")]
    body["params"] = {"name": name, "arguments": {"portrait": portrait}}
    headers = {"accept": "application/json, text/event-stream"}
    return stranger.post(f"{API}/mcp/", json=body, headers=headers).text


def test_assistants_come_through_the_same_doors(
    app: Server, stranger: httpx.Client, uploaded: str, private: Path
) -> None:
    file_at = f"{app.url}{API}/file="
    assert "face_box" in call_tool(stranger, f"{file_at}{uploaded}")
    assert "face_box" in call_tool(
        stranger, f"data:image/jpeg;base64,{base64.b64encode(private.read_bytes()).decode()}"
    )
    for elsewhere in (f"{file_at}{private}", str(private), f"file://{private}", "http://127.0.0.1:1/x.jpg"):
        told = call_tool(stranger, elsewhere)
        assert "face_box" not in told
        assert '"isError":true' in told


def test_links_pipes_and_folders_among_the_uploads_are_no_files(
    stranger: httpx.Client, uploaded: str, private: Path
) -> None:
    folder = Path(uploaded).parent
    (folder / "link.jpg").symlink_to(private)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    started = time.monotonic()
    for name in ("link.jpg", "pipe.jpg", "folder.jpg"):
        for endpoint in ENDPOINTS:
            status, said = ask(stranger, endpoint, {"portrait": file(folder / name), "text": "Hi.", "consent": True})
            assert (status, OUTSIDE in said) == (422, True), said
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("address", ["file=http://example.org/", "file=https://example.org/x", "file/http://127.0.0.1/",
                                     "proxy=https://example.org/"])  # fmt: skip
def test_nothing_is_fetched_from_elsewhere(stranger: httpx.Client, address: str) -> None:
    told = stranger.get(f"{API}/{address}")
    assert told.status_code == 403
    assert told.json()["error"] == "This server fetches nothing from elsewhere: upload the file."


@pytest.mark.parametrize("consent", ["no", "false", "true", 1, 0, [True], {}, False, None])
@pytest.mark.parametrize("endpoint", ["animate", "compare"])
def test_only_true_is_consent(stranger: httpx.Client, uploaded: str, endpoint: str, consent: Any) -> None:
    body = {"portrait": file(uploaded), "text": "Hello.", "consent": consent}
    status, said = ask(stranger, endpoint, body)
    if isinstance(consent, bool | None):
        assert said.startswith("Tick that you may use this face and this voice")
    else:
        assert (status, "is not of type 'boolean'" in said) == (422, True), said


def test_the_page_s_functions_take_only_true_for_consent_too(stranger: httpx.Client, uploaded: str) -> None:
    """As the page would send it, which no schema is held against."""
    dependencies = stranger.get("/config").json()["dependencies"]
    [animate] = [one for one in dependencies if one["api_name"] == "animate"]
    for consent in ("no", 1):
        controls = ["natural", None, "full", 1, 1, 1, 1, 1, 1, "neutral", 1, 0, 1, 0, "heart", None]
        data = [file(uploaded), None, "Hello.", consent, *controls]
        body = {"data": data, "fn_index": animate["id"], "session_hash": f"consent-{consent}"}
        assert stranger.post(f"{API}/queue/join", json=body).status_code == 200
        with stranger.stream("GET", f"{API}/queue/data?session_hash=consent-{consent}") as events:
            said = next(line for line in events.iter_lines() if "process_completed" in line)
        assert "Tick that you may use this face and this voice" in said


@pytest.mark.parametrize(
    ("endpoint", "body", "status", "said"),
    [
        ("nothing", {}, 404, "There is no endpoint 'nothing': use one of animate, compare, converse, dub, inspect, "
         "motion, render, stream."),
        ("inspect", {"portrai": None}, 422, "inspect has no parameter 'portrai'; did you mean 'portrait'?"),
        ("inspect", {"portrait": None, "x": 1}, 422, "inspect has no parameter 'x'; its parameters are "
         "portrait, face."),
        ("inspect", {}, 422, "inspect lacks its parameter 'portrait'; add it."),
        ("inspect", {"portrait": 5}, 422, "'portrait' cannot be used: 5 is not of type 'object'; correct it."),
        ("inspect", {"portrait": {"path": 5}}, 422, "A file's path must be a text: name what the upload gave back."),
        ("inspect", [], 422, "The body must be a JSON object: send {...}."),
        ("inspect", b"{", 422, "The body is not JSON: send a JSON object."),
        ("inspect", b"[" * 200_000, 422, "The body is not JSON: send a JSON object."),
        ("animate", b'{"portrait": null, "seed": NaN}', 422, NOT_PLAIN),
        ("animate", b'{"portrait": null, "guidance": 1e999}', 422, NOT_PLAIN),
        ("animate", b'{"portrait": null, "text": "\\ud800"}', 422, NOT_PLAIN),
        ("animate", {"portrait": None, "seed": "x"}, 422, "'seed' cannot be used: 'x' is not of type 'integer'; "
         "correct it."),
        ("animate", {"portrait": None, "crop": "half"}, 422, "'crop' cannot be used: 'half' is not one of "
         "['full', 'face']; correct it."),
        ("animate", {"portrait": None, "text": "a" * MAX_BYTES}, 413, f"A request has at most {MAX_BYTES} bytes: "
         "upload files first."),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_gets_a_sentence(
    stranger: httpx.Client, endpoint: str, body: Any, status: int, said: str
) -> None:
    assert ask(stranger, endpoint, body) == (status, said)


def test_limits_are_the_server_s_and_not_the_form_s(stranger: httpx.Client, uploaded: str) -> None:
    spoken = {"portrait": file(uploaded), "text": "word " * 140, "consent": True}
    assert "700 characters and at most 600" in ask(stranger, "animate", spoken)[1]
    named = {"portrait": file(uploaded), "text": "Hello.", "consent": True, "video_title": "t" * 41}
    assert ask(stranger, "compare", named)[1] == "The video's name has at most 40 characters: shorten it."


def test_the_queue_cannot_be_gone_around(stranger: httpx.Client, uploaded: str) -> None:
    dependencies = stranger.get("/config").json()["dependencies"]
    queued = [one["id"] for one in dependencies if one["queue"] is not False and one["backend_fn"]]
    assert len(queued) > 5
    for number in [None, *queued]:
        told = stranger.post(f"{API}/run/inspect", json={"data": [file(uploaded), 0], "fn_index": number})
        assert (told.status_code, "join the queue" in told.text) == (404, True)
    told = stranger.post(f"{API}/queue/join", json={"data": [], "fn_index": 999, "session_hash": "s"})
    assert (told.status_code, "no function with this fn_index" in told.text) == (404, True)


@pytest.mark.parametrize(
    ("method", "address"),
    [("POST", "process_recording"), ("POST", "component_server"), ("POST", "vibe-edit"), ("POST", "nothing"),
     ("PUT", "upload/x"), ("DELETE", "call/inspect"), ("POST", "../login")],
)  # fmt: skip
def test_nothing_else_that_gradio_has_is_open(stranger: httpx.Client, method: str, address: str) -> None:
    told = stranger.request(method, f"{API}/{address}", json={})
    assert (told.status_code, "There is nothing at this address" in told.text) == (404, True)
