"""The HTTP API: answers to the letter, every way of asking wrongly, many at once, starting and stopping."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from fakes import passages
from live import OneCollection, Scripted, parts, serving
from pydantic import BaseModel
from shelf import SHANGHAI as ARTICLE
from shelf import fill

from qa.answering import Assistant, Filters
from qa.cli import main
from qa.collection import Limits
from qa.desk import Desk
from qa.errors import InputError, ModelError
from qa.indexing import build_index
from qa.server import AnswerBody, ArticleBody, CollectionsBody, Login, SearchBody, Serving, serve
from qa.types import Answer, Hit, hit_to_dict

DESK = Desk(2, 6)
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
    """Two questions are worked on at a time, and six wait."""
    with serving(parts(script, desk=DESK)) as served:
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
    "unknown collection": ({"question": "a", "collection": "x"}, "没有名为“x”的合集"),
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
        ("POST", "/api/article", 405, "/api/article takes GET only"),
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
    failed = call(scripted, "POST", "/api/ask", {"question": "错"})
    assert failed.status == 500
    told = r"the server has made a mistake; its log tells more under [0-9a-f]{8}"
    assert re.fullmatch(told, failed.body["error"])


# ---- many at once


def test_the_ninth_at_once_is_told_to_come_back(script: Scripted, scripted: str) -> None:
    script.open.clear()
    while script.begun.acquire(blocking=False):
        pass  # what earlier tests have asked must not be taken for one of the eight
    with ThreadPoolExecutor(8) as pool:
        try:
            waiting = [pool.submit(call, scripted, "POST", "/api/ask", {"question": "甲"}) for _ in range(8)]
            assert [script.begun.acquire(timeout=60) for _ in range(2)] == [True] * 2
            while not DESK.full:
                time.sleep(0.01)
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
        "swagger/swagger-ui.css",
        "swagger/favicon-32x32.png",
        "swagger/swagger-ui-bundle.js",
        "openapi.json",
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
        ("/api/article", "get"): ["200", "413", "422", "503"],
        ("/api/collections", "get"): ["200"],
        ("/api/health", "get"): ["200"],
    }
    asked = described["paths"]["/api/ask"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(asked["properties"]) == [
        *("question", "history", "top_k", "source", "after", "before", "collection"),
    ]
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


def test_a_file_over_the_limit_is_refused_while_it_arrives(script: Scripted) -> None:
    small = OneCollection(script, Limits(file_bytes=1000))
    with serving(parts(small)) as address:
        for size, status in ((900, 200), (5000, 413)):
            form = (
                b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
                + b"a" * size
                + b"\r\n--x--\r\n"
            )
            kind = {"Content-Type": "multipart/form-data; boundary=x"}
            assert call(address, "POST", "/gradio_api/upload", form, **kind).status == status


# ---- articles and collections


def test_an_article_comes_in_pieces_with_the_quote_marked(address: str) -> None:
    start = ARTICLE.index("2017年")
    fields = {"source": "shanghai.md", "start": start, "end": start + 5, "quote": "2017年"}
    reply = call(address, "GET", f"/api/article?{urlencode(fields)}")
    assert reply.status == 200
    assert ArticleBody.model_validate(reply.body).model_dump() == reply.body
    assert "".join(piece["text"] for piece in reply.body["segments"]) == ARTICLE
    assert [piece["text"] for piece in reply.body["segments"] if piece["kind"] == "mark"] == ["2017年"]
    assert (reply.body["title"], reply.body["date"], reply.body["stale"]) == (
        "上海的试点",
        "2021-05-06",
        False,
    )
    assert [each["title"] for each in reply.body["outline"]] == ["试点的目标"]
    moved = call(address, "GET", f"/api/article?{urlencode({**fields, 'quote': '2018年'})}").body
    assert moved["stale"] is True
    assert {piece["kind"] for piece in moved["segments"]} & {"mark", "sentence"} == set()
    whole = call(address, "GET", "/api/article?source=shanghai.md").body
    assert whole["stale"] is False


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "source: Field required; see /docs"),
        ("source=gone.md", "这篇文章不在索引里，可能已被删除：gone.md；the index has no such article"),
        (
            "source=../../etc/passwd",
            "这篇文章不在索引里，可能已被删除：../../etc/passwd；the index has no such article",
        ),
        ("source=shanghai.md&start=-1&end=2", "start: Input should be greater than or equal to 0; see /docs"),
        ("source=shanghai.md&start=x&end=2", "start: Input should be a valid integer, .+"),
        (
            "source=shanghai.md&start=9&end=2",
            "the quote or its sentence runs backwards; give its start before its end",
        ),
        ("source=shanghai.md&collection=x", "没有名为“x”的合集"),
    ],
)
def test_an_article_that_cannot_be_shown_is_422_with_one_line(address: str, query: str, error: str) -> None:
    reply = call(address, "GET", f"/api/article?{query}")
    assert reply.status == 422
    assert re.fullmatch(error, reply.body["error"])


def test_the_collections_are_listed(address: str, assistant: Assistant) -> None:
    reply = call(address, "GET", "/api/collections")
    assert CollectionsBody.model_validate(reply.body).model_dump() == reply.body
    (only,) = reply.body["collections"]
    assert (only["name"], only["own"], only["passages"]) == ("default", False, len(assistant.passages()))


# ---- protection


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_everything_but_health_needs_the_password(script: Scripted) -> None:
    with serving(script, login=Login("甲", "密码:1")) as address:
        for path in ("/", "/docs", "/openapi.json", "/config", "/page/script.js", "/api/collections", "/x"):
            reply = call(address, "GET", path)
            assert (path, reply.status) == (path, 401)
            assert reply.headers["www-authenticate"] == 'Basic realm="qa", charset="UTF-8"'
            assert reply.headers["content-security-policy"].startswith("default-src 'self'")
        assert call(address, "POST", "/gradio_api/queue/join", {}).status == 401
        assert call(address, "POST", "/gradio_api/upload", b"").status == 401
        assert call(address, "GET", "/api/health").status == 200
        assert call(address, "GET", "/", **basic("甲", "密码:1")).status == 200
        assert call(address, "GET", "/docs", **basic("甲", "密码:1")).status == 200
        for wrong in (
            basic("甲", "密码"),
            basic("", ""),
            {"Authorization": "Basic %%"},
            {"Authorization": "x"},
        ):
            assert call(address, "GET", "/", **wrong).status == 401


@pytest.mark.parametrize(
    ("method", "path", "mode", "status"),
    [
        ("POST", "/api/ask", "cors", 403),
        ("POST", "/gradio_api/upload", "no-cors", 403),
        ("GET", "/api/collections", "no-cors", 403),
        ("GET", "/", "navigate", 200),
    ],
)
def test_what_another_site_makes_a_browser_send_is_refused(
    scripted: str, method: str, path: str, mode: str, status: int
) -> None:
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode}
    assert (
        call(scripted, method, path, {"question": "甲"} if method == "POST" else None, **sent).status
        == status
    )


def test_a_root_path_is_told_to_the_page_and_taken_by_the_api(script: Scripted) -> None:
    with serving(script, root_path="/qa") as address:
        config = re.search(r"window\.gradio_config = (\{.*?\});", call(address, "GET", "/").body)
        assert config is not None
        assert urlsplit(json.loads(config[1])["root"]).path == "/qa"
        assert call(address, "GET", "/api/health").status == 200
        assert call(address, "GET", "/api/x")[:2] == (404, {"error": "/api/x does not exist; see /docs"})
        assert call(address, "GET", "/openapi.json").body["servers"] == [{"url": "/qa"}]


def test_the_page_begins_with_its_own_head_and_names_no_other_host(scripted: str) -> None:
    page = call(scripted, "GET", "/").body
    head = page[page.index("<head>") : page.index("<style>")]
    assert 'src="page/script.js"' in head
    assert 'href="page/style.css"' in head
    assert '<html\n\tlang="zh-CN"' in page
    assert re.findall(r"<(?:meta|link|script)[^>]*(?:og:|twitter:|//[a-z])[^>]*>", page) == []
    for name in ("script.js", "style.css", "icon.svg"):
        assert call(scripted, "GET", f"/page/{name}").status == 200
    assert call(scripted, "GET", "/page/../layout.py").status == 404


# ---- starting and stopping


def test_a_taken_port_is_told_before_anything_is_loaded(script: Scripted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = (
            f"127.0.0.1:{port}: cannot be served on (Address already in use); "
            "choose another with --host or --port"
        )
        with pytest.raises(InputError) as raised:
            serve(lambda: parts(script), Serving(port=port))
    assert str(raised.value) == message


def test_an_address_of_another_machine_cannot_be_served_on(script: Scripted) -> None:
    with pytest.raises(InputError, match=r"^192\.0\.2\.1:7860: cannot be served on \(.+\); choose another"):
        serve(lambda: parts(script), Serving("192.0.2.1"))


def test_the_module_loads_without_gradio() -> None:
    code = "import qa.server, sys; print([name for name in sys.modules if name in ('gradio', 'uvicorn')])"
    call = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert call.stdout == "[]\n"


@contextmanager
def command(*options: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`qa serve` in a process of its own; its address is the first line on standard error."""
    arguments = ["serve", *map(str, options)]
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; from qa.cli import main; sys.exit(main({arguments!r}))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    watchdog = threading.Timer(180, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def started(address: str, path: str = "/api/health") -> Reply:
    """The first reply of a server that has loaded everything."""
    while True:
        reply = call(address, "GET", path)
        if reply.status != 503:
            return reply
        assert reply.body == {"status": "starting", "error": "starting; ask again in a moment"}
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_serving_from_the_command_line_until_ctrl_c(index: Path, tmp_path: Path) -> None:
    port = free_port()
    kept = ("--collections", tmp_path / "collections", "--feedback", tmp_path / "feedback")
    with command("--port", port, "--index", index, "--user", "甲", *kept, QA_PASSWORD="密") as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        address = f"http://127.0.0.1:{port}"
        at_once = call(address, "GET", "/", **basic("甲", "密")).body
        health = started(address).status
        page = call(address, "GET", "/", **basic("甲", "密")).body
        locked = call(address, "GET", "/").status
        answer = call(address, "POST", "/api/ask", {"question": SHANGHAI}, **basic("甲", "密")).body
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert said == f"网页问答 web chat: http://127.0.0.1:{port}\n"
    assert "正在载入模型和文章" in at_once or "gradio_config" in at_once
    assert "gradio_config" in page
    assert (health, locked, answer["answer"]) == (200, 401, "2017年")
    assert (process.returncode, out, err) == (0, "", "")


def test_an_index_that_cannot_be_opened_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with command("--port", free_port(), "--index", tmp_path / "index") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.splitlines()[1:] == [
        f"qa: {tmp_path}/index: holds no index; make one: qa index PATH --index {tmp_path}/index"
    ]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            ["--user", "a"],
            "--user needs a name without colon, and a password in QA_PASSWORD or in --password-file",
        ),
        (["--user", "a:b"], "--user needs a name without colon, .+"),
        (["--password-file", "x"], "--password-file goes with --user; give the name to log in with"),
        (["--user", "a", "--password-file", "/no/such"], "/no/such: the password cannot be read from it .+"),
    ],
)
def test_a_login_that_is_no_login(
    options: list[str], error: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QA_PASSWORD", raising=False)
    assert main(["serve", *options]) == 2
    assert re.fullmatch(f"qa: {error}\n", capsys.readouterr().err)


def test_a_password_from_a_file(tmp_path: Path) -> None:
    from qa.commands.serving import _login

    (tmp_path / "password").write_text("密 码 \n第二行\n", encoding="utf-8")
    assert _login("甲", str(tmp_path / "password")) == Login("甲", "密 码")
