"""A user's endpoint: what is sent where, what comes back, and that the key is nowhere else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cape.errors import EndpointError
from cape.internals import endpoint as module
from cape.internals.endpoint import Endpoint
from cape.internals.endpoint_arm import ask_endpoint, endpoint_rows, holds_truth
from cape.internals.steering_sets import Question

KEY = "sk-very-secret-0123"


class Server:
    """A small chat endpoint that answers as its test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answer: tuple[int, bytes] = (200, said("yes"))
        self.delay = 0.0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append((self.path, dict(self.headers), json.loads(body)))
                time.sleep(server.delay)
                status, text = server.answer
                self.send_response(status)
                self.send_header("Location", "http://localhost:1/elsewhere")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *given: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1/"


def said(text: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    held = Server()
    yield held
    held.http.shutdown()
    held.http.server_close()


def test_a_prompt_is_sent_as_a_chat_completion_and_its_text_comes_back(server: Server) -> None:
    found = Endpoint(url=server.url, model="m", key=KEY).complete("Is it?", instruction="Answer truthfully.")
    ((path, headers, asked),) = server.asked
    assert found == "yes" and path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert (asked["model"], asked["temperature"], asked["messages"][1]["content"]) == ("m", 0, "Is it?")


def test_without_a_key_none_is_sent(server: Server) -> None:
    Endpoint(url=server.url, model="m").complete("a")
    assert "Authorization" not in server.asked[0][1]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/v1", "http://10.0.0.1/v1", "ftp://localhost/v1", "file:///etc/passwd", "localhost/v1", "",
        "https://user:word@example.org/v1", "https://example.org/v1?key=a", "https://example.org/v1#a",
        "http://localhost.example.org/v1", "https://[::1", "http://example.org@localhost:x/v1",
    ],
)  # fmt: skip
def test_only_https_or_this_machine_is_spoken_to(url: str) -> None:
    with pytest.raises(EndpointError):
        Endpoint(url=url, model="m", key=KEY)


@pytest.mark.parametrize("url", ["https://example.org/v1", "http://localhost:8000/v1", "http://[::1]:8000/v1"])
def test_https_and_this_machine_are_accepted(url: str) -> None:
    Endpoint(url=url, model="m", key=KEY)


@pytest.mark.parametrize("key", ["a\nX-Other: b", "a b", "clé", "a\x00"])
def test_a_key_cannot_carry_another_header(key: str) -> None:
    with pytest.raises(EndpointError) as caught:
        Endpoint(url="https://example.org", model="m", key=key)
    assert key not in str(caught.value)


def test_the_key_is_in_no_text_of_the_endpoint_and_in_no_error(server: Server) -> None:
    endpoint = Endpoint(url=server.url, model="m", key=KEY)
    assert KEY not in repr(endpoint) and KEY not in str(endpoint)
    server.answer = (401, f"wrong key {KEY}".encode())
    with pytest.raises(EndpointError, match="answered 401") as caught:
        endpoint.complete("a")
    assert KEY not in str(caught.value) and "[key]" in str(caught.value)
    assert KEY not in str(caught.value.__cause__) and KEY not in str(caught.value.__context__)


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"{}", b'{"choices": []}', b"[1]", said(None), said(["a"]), b'{"choices": [{"message": 3}]}'],
)
def test_an_answer_of_another_form_is_an_error(server: Server, body: bytes) -> None:
    server.answer = (200, body)
    with pytest.raises(EndpointError):
        Endpoint(url=server.url, model="m").complete("a")


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.answer = (302, b"")
    with pytest.raises(EndpointError, match="answered 302"):
        Endpoint(url=server.url, model="m", key=KEY).complete("a")
    assert len(server.asked) == 1


def test_a_slow_absent_or_endless_endpoint_is_an_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.delay = 0.5
    with pytest.raises(EndpointError, match="did not answer within"):
        Endpoint(url=server.url, model="m", timeout_s=0.1).complete("a")
    server.delay = 0.0
    monkeypatch.setattr(module, "BYTES_MAX", 100)
    server.answer = (200, said("x" * 200))
    with pytest.raises(EndpointError, match="more than 100 bytes"):
        Endpoint(url=server.url, model="m").complete("a")
    with pytest.raises(EndpointError, match="cannot be reached"):
        Endpoint(url="http://127.0.0.1:9/v1", model="m", key=KEY).complete("a")
    for prompt in ("", "a" * 20_001):
        with pytest.raises(EndpointError, match="characters"):
            Endpoint(url=server.url, model="m").complete(prompt)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), 1e9])
def test_a_timeout_is_bounded(timeout: float) -> None:
    with pytest.raises(EndpointError):
        Endpoint(url="https://example.org", model="m", timeout_s=timeout)
    with pytest.raises(EndpointError):
        Endpoint(url="https://example.org", model=" ")


ASKED = Question(
    question_id="q", topic="t", prompt="What is in the hump?", choices=("Fat.", "Water."), is_true=(True, False)
)


def test_the_arm_of_an_endpoint_holds_texts_and_no_probability(server: Server) -> None:
    counts: list[tuple[int, int]] = []
    endpoint = Endpoint(url=server.url, model="m", key=KEY)
    texts = ask_endpoint(endpoint, [ASKED], instruction="Truth.", on_text=lambda n, of: counts.append((n, of)))
    assert (texts.plain, texts.prompted, counts) == (("yes",), ("yes",), [(2, 2)])
    assert KEY not in repr(texts)
    rows = endpoint_rows(texts, {"model_id": "x", "revision": ""}, seed=0, config_hash="h")
    assert [row.arm for row in rows] == ["endpoint, m, no instruction", "endpoint, m"]
    measured = {field.name for field in fields(rows[0]) if asdict(rows[0])[field.name] is None}
    assert {"mc1_pct", "mc2_pct", "kl_nats", "cross_entropy_nats", "capability_pct", "strength"} <= measured
    assert rows[1].generation_changed_pct == 0.0


@pytest.mark.parametrize(
    ("text", "found"),
    [("It is FAT, of course", True), ("water", False), ("fat and water", None), ("nothing", None), ("fatter", None)],
)
def test_a_text_is_told_true_only_where_it_holds_one_side(text: str, found: bool | None) -> None:
    assert holds_truth(ASKED, text) is found
