"""A page elsewhere that has its own name point at this server, or sends requests to it from a visitor's browser."""

import json

import httpx
import pytest
from app_server import Server
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from moditalker.ui.shared.hosts import HOSTS, host_checks
from moditalker.utils.errors import InputError

PATHS = ("/", "/config", "/gradio_api/info", "/gradio_api/mcp/schema", "/gradio_api/startup-events")
ASKED = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MCP_HEADERS = {"accept": "application/json, text/event-stream"}


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_a_server_on_loopback_answers_to_its_own_names_alone(app: Server, path: str) -> None:
    port = app.url.rsplit(":", 1)[1]
    statuses = {
        host: httpx.get(f"{app.url}{path}", headers={"host": host}, timeout=60).status_code
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "evil.example", f"evil.example:{port}",
                     "127.0.0.1.evil.example", "localhost.evil.example", "user-space.hf.space", "")
    }  # fmt: skip
    assert [host for host, status in statuses.items() if status == 200] == list(statuses)[:3]
    assert {status for host, status in statuses.items() if host not in list(statuses)[:3]} == {400}


@pytest.mark.slow
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://localhost.evil.example", "http://localhost:1"]
)
def test_nothing_is_taken_from_another_site_s_page(app: Server, origin: str) -> None:
    headers = {"origin": origin}
    for path, body in (("upload", None), ("call/v2/inspect", {"portrait": None}), ("mcp/", ASKED), ("cancel", {})):
        files = {"files": ("face.png", b"x")} if body is None else None
        told = httpx.post(
            f"{app.url}/gradio_api/{path}", json=body, files=files, headers=MCP_HEADERS | headers, timeout=60
        )
        assert (told.status_code, "may not use this server" in told.text) == (403, True), path


@pytest.mark.slow
def test_its_own_page_and_programs_without_a_page_may(app: Server) -> None:
    for headers in ({}, {"origin": app.url}):
        told = httpx.post(f"{app.url}/gradio_api/mcp/", json=ASKED, headers=MCP_HEADERS | headers, timeout=60)
        assert told.status_code == 200
        message = json.loads(next(line for line in told.text.splitlines() if line.startswith("data: "))[6:])
        assert len(message["result"]["tools"]) == 8


def status(host: str, origin: str | None, address: str = "127.0.0.1") -> int:
    """Of what a server at an address answers, without a model behind it."""
    home = Starlette(routes=[Route("/", lambda _: PlainTextResponse("in"))], middleware=host_checks(address))
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    return TestClient(home).get("/", headers=headers).status_code


@pytest.mark.parametrize(
    ("hosts", "host", "origin", "answer"),
    [
        ("talk.example.org", "talk.example.org", None, 200),
        ("talk.example.org", "TALK.example.org:443", "https://talk.example.org", 200),
        # A proxy that puts its own address into the host.
        ("talk.example.org", "127.0.0.1:7860", "https://talk.example.org", 200),
        ("talk.example.org", "127.0.0.1:7860", None, 200),
        ("talk.example.org", "evil.example", None, 400),
        ("talk.example.org", "talk.example.org.evil.example", None, 400),
        ("talk.example.org", "talk.example.org", "https://evil.example", 403),
        (" *.example.org , other.example", "a.example.org", "https://b.example.org", 200),
        ("*.example.org,other.example", "other.example", None, 200),
        ("*.example.org", "example.org", None, 400),
        ("*.example.org", "evilexample.org", None, 400),
        ("*", "evil.example", "https://evil.example", 200),
    ],
)
def test_an_operator_names_the_hosts_behind_a_proxy(
    monkeypatch: pytest.MonkeyPatch, hosts: str, host: str, origin: str | None, answer: int
) -> None:
    monkeypatch.setenv(HOSTS, hosts)
    assert status(host, origin) == answer
    assert status(host, origin, address="0.0.0.0") == answer


def test_a_space_is_reached_by_its_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOSTS, raising=False)
    assert status("user-space.hf.space", "https://user-space.hf.space", address="0.0.0.0") == 200
    assert status("user-space.hf.space", None, address="127.0.0.1") == 400
    monkeypatch.setenv("SPACE_ID", "user/space")
    assert status("user-space.hf.space", "https://huggingface.co", address="127.0.0.1") == 200


@pytest.mark.parametrize("hosts", ["https://talk.example.org", "talk.example.org:443", "*example.org", "a.*.org"])
def test_a_list_that_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv(HOSTS, hosts)
    with pytest.raises(InputError, match="MODITALKER_HOSTS has .*: give names such as"):
        host_checks("127.0.0.1")
