"""The HTTP API: answers to the letter, every way of asking wrongly, many at once, starting and stopping."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from fakes import passages
from live import Scripted, serving
from pydantic import BaseModel
from shelf import fill

from qa.answering import Assistant, Filters
from qa.errors import InputError, ModelError
from qa.indexing import build_index
from qa.server import AnswerBody, SearchBody, serve
from qa.types import Answer, Hit, hit_to_dict

SHANGHAI = "上海是哪一年启动区块链技术应用试点的?"
TOO_LARGE = {"error": "the body is larger than 65,536 bytes"}


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]


def call(address: str, method: str, path: str, body: bytes | object = None, **headers: str) -> Reply:
    """One request; a body that is not bytes goes as JSON, a reply that is JSON comes back parsed."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        raw = response.read().decode()
        found = {name.lower(): value for name, value in response.getheaders()}
        parsed = json.loads(raw) if found.get("content-type") == "application/json" else raw
        return Reply(response.status, parsed, found)
    finally:
        connection.close()


def untimed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "timings_ms"}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server")
    build_index(fill(folder / "articles"), folder / "index")
    return folder / "index"


@pytest.fixture(scope="module")
def assistant(index: Path) -> Iterator[Assistant]:
    with Assistant.open(index) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(assistant: Assistant) -> Iterator[str]:
    with serving(assistant) as served:
        yield served


@pytest.fixture(scope="module")
def script() -> Scripted:
    hits = tuple(Hit(passage, 1.0, {"bm25": 1}) for passage in passages("北京", "上海"))
    return Scripted(
        {
            "甲": Answer("甲", "甲", hits=hits),
            "模型": ModelError("model.onnx: is damaged;\n run `qa doctor`"),
            "错": RuntimeError("secret"),
        }
    )


@pytest.fixture(scope="module")
def scripted(script: Scripted) -> Iterator[str]:
    with serving(script) as served:
        yield served


# ---- answers


@pytest.mark.parametrize(
    ("body", "filters"),
    [
        ({"question": SHANGHAI}, None),
        ({"question": "那深圳呢?", "history": [SHANGHAI], "top_k": 2}, None),
        ({"question": SHANGHAI, "history": None, "source": "south/*"}, Filters("south/*")),
        ({"question": SHANGHAI, "after": "2021", "before": "2021-05"}, Filters(None, "2021", "2021-05")),
        ({"question": "月球上的重力是多少?"}, None),
    ],
)
def test_answers_are_those_of_the_assistant(
    address: str, assistant: Assistant, body: dict[str, Any], filters: Filters | None
) -> None:
    reply = call(address, "POST", "/api/ask", body)
    expected = assistant.ask(
        body["question"], body.get("history") or (), top_k=body.get("top_k"), filters=filters
    )
    assert reply.status == 200
    assert untimed(reply.body) == untimed(json.loads(json.dumps(expected.to_dict())))
    assert list(reply.body["timings_ms"]) == ["retrieve", "read", "total"]


def test_an_abstention_is_200(scripted: str) -> None:
    reply = call(scripted, "POST", "/api/ask", {"question": "甲"})
    assert (reply.status, reply.body["answer"], reply.body["abstained"]) == (200, None, True)
    assert [passage["text"] for passage in reply.body["passages"]] == ["北京", "上海"]


@pytest.mark.parametrize(("top_k", "shown"), [(None, 10), (3, 3), (1000, 1000)])
def test_search_gives_the_passages_of_the_assistant(
    address: str, assistant: Assistant, top_k: int | None, shown: int
) -> None:
    reply = call(address, "POST", "/api/search", {"question": SHANGHAI, "top_k": top_k})
    hits = [hit_to_dict(hit) for hit in assistant.search(SHANGHAI, k=shown)]
    assert reply[:2] == (200, {"question": SHANGHAI, "passages": hits})
    assert len(hits) == min(shown, len(assistant.passages()))


def test_health_tells_the_index(address: str, assistant: Assistant) -> None:
    expected = {"status": "ok", "passages": len(assistant.passages()), "index": assistant.index_info}
    assert call(address, "GET", "/api/health")[:2] == (200, expected)


def test_the_content_type_of_a_question_does_not_matter(scripted: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl -d says
    assert call(scripted, "POST", "/api/ask", '{"question": "甲"}'.encode(), **form).status == 200


# ---- asking wrongly


NO_JSON = r"the body: Invalid JSON: .+ at line 1 column \d+; see /docs"
BAD = {
    "empty body": (b"", NO_JSON),
    "no JSON": (b"{", NO_JSON),
    "a form": (b"question=a", NO_JSON),
    "GBK": ('{"question": "中"}'.encode("gbk"), NO_JSON),
    "UTF-16": ('{"question": "中"}'.encode("utf-16"), NO_JSON),
    "half a surrogate pair": (rb'{"question": "\ud800"}', NO_JSON),
    "deep": (b"[" * 60_000, NO_JSON),
    "a long number": (b'{"question": "a", "top_k": ' + b"1" * 6000 + b"}", NO_JSON),
    "a list": ([], "the body: Input should be an object; see /docs"),
    "null": (b"null", "the body: Input should be an object; see /docs"),
    "no question": ({}, "question: Field required; see /docs"),
    "a number for a question": ({"question": 1}, "question: Input should be a valid string; see /docs"),
    "unknown field": ({"question": "a", "k": 1}, "k: Extra inputs are not permitted; see /docs"),
    "history of numbers": (
        {"question": "a", "history": ["b", 1]},
        r"history\.1: Input should be a valid string; see /docs",
    ),
    "history a string": (
        {"question": "a", "history": "b"},
        "history: Input should be a valid array; see /docs",
    ),
    "top_k 0": (
        {"question": "a", "top_k": 0},
        "top_k: Input should be greater than or equal to 1; see /docs",
    ),
    "top_k 1001": (
        {"question": "a", "top_k": 1001},
        "top_k: Input should be less than or equal to 1000; see /docs",
    ),
    "top_k a half": ({"question": "a", "top_k": 1.5}, "top_k: Input should be a valid integer; see /docs"),
    "top_k true": ({"question": "a", "top_k": True}, "top_k: Input should be a valid integer; see /docs"),
    "top_k text": ({"question": "a", "top_k": "5"}, "top_k: Input should be a valid integer; see /docs"),
    "source a list": ({"question": "a", "source": []}, "source: Input should be a valid string; see /docs"),
    "after no date": ({"question": "a", "after": "2021-13"}, "after '2021-13': is not a date; .+"),
    "before no date": ({"question": "a", "before": "May"}, "before 'May': is not a date; .+"),
    "no article": ({"question": "上海", "source": "x"}, "no article of the index passes the filters; .+"),
    "empty question": ({"question": " \n"}, "the question is empty; .+"),
    "no words": ({"question": "?!"}, ".+ holds no words; .+"),
    "long question": ({"question": "问" * 1001}, "the question has 1,001 characters; .+"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("path", ["/api/ask", "/api/search"])
def test_bad_input_is_422_with_one_line(address: str, path: str, name: str) -> None:
    body, message = BAD[name]
    reply = call(address, "POST", path, body)
    assert reply.status == 422
    assert list(reply.body) == ["error"]
    assert re.fullmatch(message, reply.body["error"])


def test_a_body_over_64_kib_is_413(scripted: str) -> None:
    filled = b'{"question": "\xe7\x94\xb2"' + b" " * (65_536 - 19) + b"}"
    assert len(filled) == 65_536
    assert call(scripted, "POST", "/api/ask", filled).status == 200
    assert call(scripted, "POST", "/api/ask", filled + b" ")[:2] == (413, TOO_LARGE)


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/ask", 405, "/api/ask takes POST only"),
        ("OPTIONS", "/api/ask", 405, "/api/ask takes POST only"),
        ("PUT", "/api/search", 405, "/api/search takes POST only"),
        ("POST", "/api/health", 405, "/api/health takes GET only"),
        ("GET", "/api", 404, "/api does not exist; see /docs"),
        ("POST", "/api/ask/", 404, "/api/ask/ does not exist; see /docs"),
        ("DELETE", "/api/nothing/at/all", 404, "/api/nothing/at/all does not exist; see /docs"),
    ],
)
def test_unknown_paths_and_wrong_methods(
    scripted: str, method: str, path: str, status: int, error: str
) -> None:
    reply = call(scripted, method, path)
    assert reply[:2] == (status, {"error": error})
    assert reply.headers.get("allow") == (error.split()[2] if status == 405 else None)


def test_faults_of_the_server_keep_its_secrets(scripted: str) -> None:
    said = {"error": "model.onnx: is damaged; run `qa doctor`"}
    assert call(scripted, "POST", "/api/ask", {"question": "模型"})[:2] == (503, said)
    said = {"error": "the server has made a mistake; its log tells more"}
    assert call(scripted, "POST", "/api/ask", {"question": "错"})[:2] == (500, said)


# ---- many at once


def test_the_ninth_at_once_is_told_to_come_back(script: Scripted, scripted: str) -> None:
    script.open.clear()
    while script.begun.acquire(blocking=False):
        pass  # what earlier tests have asked must not be taken for one of the eight
    with ThreadPoolExecutor(8) as pool:
        try:
            waiting = [pool.submit(call, scripted, "POST", "/api/ask", {"question": "甲"}) for _ in range(8)]
            assert [script.begun.acquire(timeout=60) for _ in range(8)] == [True] * 8
            ninth = call(scripted, "POST", "/api/ask", {"question": "甲"})
            assert call(scripted, "GET", "/api/health").status == 200
        finally:
            script.open.set()
        assert ninth[:2] == (503, {"error": "busy; ask again in a moment"})
        assert ninth.headers["retry-after"] == "1"
        assert [each.result().status for each in waiting] == [200] * 8
    assert call(scripted, "POST", "/api/ask", {"question": "甲"}).status == 200


def test_twenty_at_once_get_their_own_answers(address: str, assistant: Assistant) -> None:
    questions = [SHANGHAI, "深圳哪一年开出第一张区块链电子发票?", "广州从哪一年开始试点?", "火星呢?"] * 5
    expected = {question: untimed(assistant.ask(question).to_dict()) for question in set(questions)}

    def answer(question: str) -> tuple[str, Reply]:
        return question, call(address, "POST", "/api/ask", {"question": question})

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(answer, questions))
    answered = [(question, untimed(reply.body)) for question, reply in replies if reply.status == 200]
    assert answered == [(question, expected[question]) for question, _ in answered]
    assert {reply.status for _, reply in replies} <= {200, 503}
    assert len(answered) >= 8


# ---- what the server shows to browsers


@pytest.mark.parametrize("path", ["/", "/docs", "/api/health", "/swagger/swagger-ui.css"])
def test_every_page_forbids_other_hosts(scripted: str, path: str) -> None:
    reply = call(scripted, "GET", path, Origin="http://elsewhere.example")
    assert reply.status == 200
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert "://" not in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in reply.headers


def test_another_site_may_not_ask(scripted: str) -> None:
    asked = {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"}
    reply = call(scripted, "OPTIONS", "/api/ask", **asked)
    assert reply.status == 405
    assert [name for name in reply.headers if name.startswith("access-control")] == []


def test_the_documentation_names_no_other_host(scripted: str) -> None:
    page = call(scripted, "GET", "/docs").body
    assert re.findall(r"(?:src|href|url)[=:]\s*[\"']([^\"']+)", page) == [
        "/swagger/swagger-ui.css",
        "/swagger/favicon-32x32.png",
        "/swagger/swagger-ui-bundle.js",
        "/openapi.json",
    ]
    assert "://" not in page
    for path in ("/swagger/swagger-ui.css", "/swagger/favicon-32x32.png", "/swagger/swagger-ui-bundle.js"):
        connection = http.client.HTTPConnection(urlsplit(scripted).netloc, timeout=60)
        connection.request("GET", path)
        assert connection.getresponse().status == 200
        connection.close()


def test_the_documentation_covers_requests_and_responses(scripted: str) -> None:
    described = call(scripted, "GET", "/openapi.json").body
    found = {
        (path, method): sorted(operation["responses"])
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    }
    assert found == {
        ("/api/ask", "post"): ["200", "413", "422", "503"],
        ("/api/search", "post"): ["200", "413", "422", "503"],
        ("/api/health", "get"): ["200"],
    }
    asked = described["paths"]["/api/ask"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(asked["properties"]) == ["question", "history", "top_k", "source", "after", "before"]
    assert (asked["required"], asked["additionalProperties"]) == (["question"], False)
    assert asked["properties"]["top_k"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "nullable": True,
        "title": "Top K",
        "description": "how many passages to return",
    }
    assert described["components"]["schemas"]["AnswerBody"]["properties"]["answer"] == {
        "type": "string",
        "nullable": True,
        "title": "Answer",
    }


@pytest.mark.parametrize(("path", "model"), [("/api/ask", AnswerBody), ("/api/search", SearchBody)])
def test_answers_are_as_the_documentation_says(address: str, path: str, model: type[BaseModel]) -> None:
    reply = call(address, "POST", path, {"question": SHANGHAI})
    assert model.model_validate(reply.body).model_dump() == reply.body


def test_the_page_tells_nobody_of_its_use(scripted: str) -> None:
    config = call(scripted, "GET", "/config").body
    assert config["analytics_enabled"] is False
    assert config["footer_links"] == []
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_the_page_takes_no_files(scripted: str) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert call(scripted, "POST", "/gradio_api/upload", form, **kind).status == 413


# ---- starting and stopping


def test_a_taken_port_is_told_before_anything_is_loaded(script: Scripted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = (
            f"127.0.0.1:{port}: cannot be served on (Address already in use); "
            "choose another with --host or --port"
        )
        with pytest.raises(InputError) as raised:
            serve(script, port=port)  # type: ignore[arg-type]
    assert str(raised.value) == message


def test_an_address_of_another_machine_cannot_be_served_on(script: Scripted) -> None:
    with pytest.raises(InputError, match=r"^192\.0\.2\.1:7860: cannot be served on \(.+\); choose another"):
        serve(script, host="192.0.2.1")  # type: ignore[arg-type]


def test_the_module_loads_without_gradio() -> None:
    code = "import qa.server, sys; print([name for name in sys.modules if name in ('gradio', 'uvicorn')])"
    call = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert call.stdout == "[]\n"


def test_serving_from_the_command_line_until_ctrl_c(index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["serve", "--port", str(port), "--index", str(index)]
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; from qa.cli import main; sys.exit(main({command!r}))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        said = process.stderr.readline()
        health = call(f"http://127.0.0.1:{port}", "GET", "/api/health").status
        page = call(f"http://127.0.0.1:{port}", "GET", "/").status
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    finally:
        watchdog.cancel()
        process.kill()
    assert said == f"网页问答 web chat: http://127.0.0.1:{port}\n"
    assert (health, page, process.returncode, out, err) == (200, 200, 0, "", "")
