"""Citations held against their files: those we make hold, and every way of breaking one is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shelf import CORPUS, GUANGZHOU, SHANGHAI, TAIPEI, CountingEncoder

from qa.answering import Assistant
from qa.errors import InputError
from qa.index import Generation
from qa.indexing import build_index
from qa.types import Article, Citation, Passage, Span
from qa.verification import answers, verify

pytest_plugins = ("shelf_fixtures",)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def built(tmp_path: Path, articles: Path, model: CountingEncoder) -> Path:
    build_index(articles, tmp_path / "index")
    return tmp_path / "index"


def cited(folder: Path, source: str, quote: str) -> dict[str, Any]:
    """The citation of the first ``quote`` in a source, as the public JSON has it."""
    for passage in Generation.open(folder).passages:
        if passage.article.source == source and quote in passage.text:
            start = passage.article.text.index(quote, passage.span.start)
            span = Span(start, start + len(quote))
            return Citation(passage, span, span).to_dict()
    raise AssertionError(f"{source} does not hold {quote}")


def reasons(folder: Path, *citations: dict[str, Any]) -> list[str]:
    locate = Generation.open(folder).file_path
    return [verdict.reason for verdict in verify({"citations": list(citations)}, locate)]


QUOTES = (
    ("shanghai.md", "2017年", "utf-8"),
    ("beijing.txt", "各区每年报告一次进展", "utf-16-le"),
    ("south/guangzhou.txt", "两千万元", "gb18030"),
    ("taipei.txt", "每年大約三百萬元", "cp950"),
    ("shenzhen.html", "一家餐厅", "utf-8"),
    ("briefs.jsonl", "五十万元", "utf-8"),
)


@pytest.mark.parametrize(("source", "quote", "encoding"), QUOTES)
def test_a_citation_holds_in_every_form_and_encoding(
    built: Path, articles: Path, source: str, quote: str, encoding: str
) -> None:
    citation = cited(built, source, quote)
    assert citation["encoding"] == encoding
    assert reasons(built, citation) == [""]
    if source.endswith((".html", ".jsonl")):
        assert (citation["byte_start"], citation["byte_end"]) == (None, None)
    else:
        raw = (articles / source).read_bytes()[citation["byte_start"] : citation["byte_end"]]
        assert raw.decode(encoding) == quote


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "big5", "utf-16-be"])
def test_every_passage_of_a_file_can_be_cited(tmp_path: Path, model: CountingEncoder, encoding: str) -> None:
    text = TAIPEI if encoding == "big5" else GUANGZHOU
    (tmp_path / "a.txt").write_text(text, encoding=encoding)
    build_index(tmp_path / "a.txt", tmp_path / "index")
    passages = Generation.open(tmp_path / "index").passages
    citations = [Citation(passage, passage.span, passage.span).to_dict() for passage in passages]
    assert reasons(tmp_path / "index", *citations) == [""] * len(passages)


def test_every_passage_of_the_shipped_corpus_can_be_cited(shipped: Path) -> None:
    generation = Generation.open(shipped)
    citations = [Citation(p, p.span, p.span).to_dict() for p in generation.passages]
    verdicts = verify({"citations": citations}, generation.file_path)
    assert [verdict for verdict in verdicts if not verdict.holds] == []
    assert len(verdicts) > 300


def test_what_is_answered_to_the_shipped_questions_holds(shipped: Path) -> None:
    rows = [json.loads(line) for line in (CORPUS / "questions.jsonl").read_text("utf-8").splitlines()]
    with Assistant.open(shipped) as assistant:
        for row in rows[::30]:
            answer = assistant.ask(row["question"], row["history"], threshold=0.0).to_dict()
            assert answer["answer"] == answer["citations"][0]["quote"]
            verdicts = verify(answer, assistant.generation.file_path)
            assert [verdict for verdict in verdicts if not verdict.holds] == []
            for citation in answer["citations"]:
                assert citation["quote"] in citation["sentence"]["text"]


# ---- changed files


def test_a_changed_quote_is_found(built: Path, articles: Path) -> None:
    citation = cited(built, "shanghai.md", "2017年")
    path = articles / "shanghai.md"
    path.write_text(SHANGHAI.replace("2017年", "2018年"), encoding="utf-8")
    start, end = citation["byte_start"], citation["byte_end"]
    assert reasons(built, citation) == [f"other words stand at bytes {start} to {end}"]


def test_a_moved_quote_is_found(built: Path, articles: Path) -> None:
    citation = cited(built, "shanghai.md", "2017年")
    (articles / "shanghai.md").write_text("\n" + SHANGHAI, encoding="utf-8")
    assert reasons(built, citation)[0].startswith("other words stand at bytes")


def test_a_change_elsewhere_leaves_the_quote_standing(built: Path, articles: Path) -> None:
    citation = cited(built, "shanghai.md", "2017年")
    (articles / "shanghai.md").write_text(SHANGHAI + "后记。\n", encoding="utf-8")
    assert reasons(built, citation) == [""]


def test_bytes_that_stand_at_another_character_are_found(built: Path, articles: Path) -> None:
    """Three letters in place of one Han character: the same bytes, two characters further on."""
    citation = cited(built, "shanghai.md", "2017年")
    (articles / "shanghai.md").write_text(SHANGHAI.replace("上", "abc", 1), encoding="utf-8")
    at = citation["start"]
    assert reasons(built, citation) == [f"the words stand at character {at + 2}, not {at}"]


@pytest.mark.parametrize("source", ["shenzhen.html", "briefs.jsonl"])
def test_a_changed_file_whose_text_was_extracted_is_found(built: Path, articles: Path, source: str) -> None:
    citation = cited(built, source, {"shenzhen.html": "一家餐厅", "briefs.jsonl": "五十万元"}[source])
    path = articles / source
    path.write_bytes(path.read_bytes() + b"\n")
    assert reasons(built, citation) == ["the file has changed since it was indexed"]
    if source == "briefs.jsonl":
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        assert reasons(built, citation) == ["the file has no part 'line 2' any more"]


def test_a_missing_or_unreadable_file_is_found(built: Path, articles: Path) -> None:
    citations = [cited(built, source, quote) for source, quote, _ in QUOTES]
    for source, _, _ in QUOTES:
        (articles / source).unlink()
    assert reasons(built, *citations) == [
        f"{articles / source}: cannot be read (No such file or directory)" for source, _, _ in QUOTES
    ]


# ---- citations made by hand


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quote": "2018年"}, "other words stand at bytes"),
        ({"quote": "2017年启动"}, "are not as many as the quote has"),
        ({"quote": "", "end": 0, "start": 0}, "are not as many as the quote has"),
        ({"start": -5, "end": 0}, "are not as many as the quote has"),
        ({"start": 0, "end": 5}, "the words stand at character"),
        ({"byte_start": 0, "byte_end": 7}, "other words stand at bytes 0 to 7"),
        ({"byte_start": -9, "byte_end": -2}, "other words stand at bytes -9 to -2"),
        ({"byte_end": 10**12}, "other words stand at bytes"),
        ({"encoding": "gb18030"}, "other words stand at bytes"),
        ({"encoding": "klingon"}, "other words stand at bytes"),
        ({"encoding": "idna"}, "other words stand at bytes"),
        ({"encoding": "hex"}, "other words stand at bytes"),
        ({"encoding": "utf\0-8"}, "other words stand at bytes"),
        ({"source": "elsewhere.md"}, "elsewhere.md: this index holds no such source"),
        ({"source": "beijing.txt"}, "other words stand at bytes"),
        ({"source": "../articles/shanghai.md"}, "this index holds no such source"),
        ({"byte_start": None, "byte_end": None, "sha256": "00"}, "the file has changed since it was indexed"),
        ({"byte_start": None, "byte_end": None, "element": "line 9"}, "the file has no part 'line 9'"),
        ({"byte_start": None, "byte_end": None, "start": 0, "end": 5}, "other words stand there"),
        ({"byte_start": None, "byte_end": None, "element": "paragraph 1"}, "shanghai.md:1:"),
    ],
)
def test_a_citation_made_by_hand_does_not_hold(built: Path, changes: dict[str, Any], reason: str) -> None:
    citation = cited(built, "shanghai.md", "2017年")
    assert reason in reasons(built, citation | changes)[0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"quote": None}, 'a citation has a "quote" of the wrong kind'),
        ({"start": "3"}, 'a citation has a "start" of the wrong kind'),
        ({"end": True}, 'a citation has a "end" of the wrong kind'),
        ({"byte_start": 1.5}, 'a citation has a "byte_start" of the wrong kind'),
        ({"encoding": None}, 'a citation has a "encoding" of the wrong kind'),
        ({"element": 3}, 'a citation has a "element" of the wrong kind'),
    ],
)
def test_a_citation_of_the_wrong_shape_is_an_error(
    built: Path, changes: dict[str, Any], problem: str
) -> None:
    citation = cited(built, "shanghai.md", "2017年")
    with pytest.raises(InputError, match=problem):
        reasons(built, citation | changes)
    for name in changes:
        lacking = {key: value for key, value in citation.items() if key != name}
        with pytest.raises(InputError, match=f'a citation has no "{name}"; give the output of `qa ask'):
            reasons(built, lacking)


# ---- what is read


def test_answers_come_from_one_object_lines_or_a_run() -> None:
    one, two = {"citations": [], "n": 1}, {"citations": [], "n": 2}
    assert list(answers(json.dumps(one), "f")) == [one]
    assert list(answers(json.dumps(one, indent=2), "f")) == [one]
    assert list(answers(f"{json.dumps(one)}\n\n{json.dumps(two)}\r\n", "f")) == [one, two]
    assert list(answers(json.dumps({"run": {}, "questions": [one, two]}), "f")) == [one, two]
    error = '{"error": "the question is empty"}'
    assert list(answers(f"{error}\n{json.dumps(two)}\n", "f")) == [two]
    assert list(answers(error, "f")) == []


def test_other_line_separators_inside_an_answer_end_no_line() -> None:
    one = {"citations": [], "question": "a\u2028b\u0085c\u2029d"}
    text = "\n".join(json.dumps(one, ensure_ascii=False) for _ in range(2))
    assert list(answers(text, "f")) == [one, one]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f: is empty; give the output of `qa ask --json` or `qa eval --json`"),
        (" \n", "f: is empty"),
        ("上海", "f:1: is not JSON"),
        ('{"citations": []}\n{"cit', "f:2: is not JSON"),
        ('{"citations": []}\n[]\n', 'f:2: holds no "citations"'),
        ("[" * 100_000, "f:1: is not JSON"),
        ("5", 'f:1: holds no "citations"'),
        ("[]", 'f:1: holds no "citations"'),
        ('{"answer": "x"}', 'f:1: holds no "citations"'),
        ('{"citations": 5}', 'f:1: holds no "citations"'),
        ('{"citations": ["x"]}', 'f:1: holds no "citations"'),
        ('{"questions": 5}', 'f:1: holds no "citations"'),
        ('{"questions": [5]}', 'f:1: holds no "citations"'),
        ('{"questions": [{"citations": null}]}', 'f:1: holds no "citations"'),
    ],
)
def test_what_is_no_answer_is_told_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        list(answers(text, "f"))


# ---- the command


def test_the_command_reads_a_file_standard_input_lines_and_runs(
    built: Path, tmp_path: Path, qa: Command
) -> None:
    index = ("--index", built)
    status, answer, _ = qa("ask", "上海在哪一年启动了试点?", "--threshold", "0", "--json", *index)
    assert status == 0
    count = len(json.loads(answer)["citations"])
    said = f"引文 citations {count}，相符 hold {count}\n"
    (tmp_path / "answer.json").write_text(answer, encoding="utf-8")
    (tmp_path / "bom.json").write_text(answer, encoding="utf-8-sig")
    assert qa("verify", tmp_path / "answer.json", *index) == (0, said, "")
    assert qa("verify", tmp_path / "bom.json", *index) == (0, said, "")
    assert qa("verify", "-", *index, stdin=answer.encode()) == (0, said, "")
    twice = f"引文 citations {2 * count}，相符 hold {2 * count}\n"
    assert qa("verify", "-", *index, stdin=(answer + '{"error": "x"}\n' + answer).encode()) == (0, twice, "")
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"question": "上海在哪一年启动了试点?", "answers": ["2017年"]}\n', encoding="utf-8")
    status, run, _ = qa("eval", labels, "--threshold", "0", "--json", "-", *index)
    assert (status, qa("verify", "-", *index, stdin=run.encode())) == (0, (0, said, ""))


def test_the_command_tells_what_is_broken(built: Path, articles: Path, qa: Command) -> None:
    good, bad = cited(built, "shanghai.md", "2017年"), cited(built, "beijing.txt", "2022年")
    raw = json.dumps({"citations": [good, bad]}).encode()
    (articles / "beijing.txt").write_text("改写了。\n", encoding="utf-16")
    reason = f"other words stand at bytes {bad['byte_start']} to {bad['byte_end']}"
    status, out, err = qa("verify", "-", "--index", built, stdin=raw)
    assert (status, err) == (1, "")
    assert out == f"不符 broken beijing.txt: '2022年': {reason}\n引文 citations 2，相符 hold 1\n"
    status, out, err = qa("verify", "-", "--index", built, "--json", stdin=raw)
    assert (status, err) == (1, "")
    assert json.loads(out) == {
        "citations": 2,
        "broken": 1,
        "verdicts": [
            {"source": "shanghai.md", "quote": "2017年", "holds": True, "reason": ""},
            {"source": "beijing.txt", "quote": "2022年", "holds": False, "reason": reason},
        ],
    }


def test_a_root_stands_in_for_the_index(built: Path, articles: Path, tmp_path: Path, qa: Command) -> None:
    citation = cited(built, "south/guangzhou.txt", "两千万元")
    raw = json.dumps({"citations": [citation]}).encode()
    articles.rename(tmp_path / "moved")
    assert qa("verify", "-", "--root", tmp_path / "moved", "--index", "none", stdin=raw)[0] == 0
    assert qa("verify", "-", "--root", tmp_path, stdin=raw)[0] == 1
    for source in ("../moved/south/guangzhou.txt", "south/../../moved/south/guangzhou.txt", "/etc/passwd"):
        raw = json.dumps({"citations": [citation | {"source": source}]}).encode()
        status, out, _ = qa("verify", "-", "--root", tmp_path / "moved", stdin=raw)
        assert status == 1
        assert f"{source}: does not lie under {tmp_path / 'moved'}" in out


def test_malformed_input_is_one_line(built: Path, qa: Command) -> None:
    for raw, told in (
        (b"\xff\xfe", "standard input: is not UTF-8; give the output of `qa ask --json`"),
        (b"", "standard input: is empty"),
        (b"{", "standard input:1: is not JSON"),
        (b'{"citations": [{}]}', 'a citation has no "source"'),
    ):
        status, out, err = qa("verify", "-", "--index", built, stdin=raw)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"qa: {told}")


def test_citations_of_a_label_files_own_paragraphs_hold(
    tmp_path: Path, model: CountingEncoder, qa: Command
) -> None:
    rows = tmp_path / "rows.jsonl"
    row = {"id": "1", "context": "上海在2017年启动了试点。", "question": "上海在哪一年启动了试点?"}
    rows.write_text(
        json.dumps({**row, "answers": [{"text": "2017年", "start": 3}], "unanswerable": False}) + "\n",
        encoding="utf-8",
    )
    index = ("--index", tmp_path / "kept")
    status, run, _ = qa("eval", rows, "--squad-corpus", *index, "--threshold", "0", "--json", "-")
    assert status == 0
    assert json.loads(run)["questions"][0]["citations"][0]["element"] == "paragraph 1"
    assert qa("verify", "-", *index, stdin=run.encode())[0] == 0
    rows.write_text(rows.read_text("utf-8").replace("2017", "2016"), encoding="utf-8")
    status, out, _ = qa("verify", "-", *index, stdin=run.encode())
    assert status == 1
    assert "the file has changed since it was indexed" in out


def test_a_stateful_encoding_is_verified_through_its_reader(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / "hz.txt").write_text(GUANGZHOU, encoding="hz")
    build_index(tmp_path / "hz.txt", tmp_path / "index")
    citation = cited(tmp_path / "index", "hz.txt", "两千万元")
    assert (citation["encoding"], citation["byte_start"]) == ("hz", None)
    assert reasons(tmp_path / "index", citation) == [""]


def test_a_quote_without_a_place_cannot_be_made() -> None:
    """The quote is computed from the span: there is no field to put other words in."""
    article = Article("a", "上海在2017年试点。", "题", "a.md", "00", "utf-8")
    citation = Citation(Passage(article, Span(0, 12)), Span(3, 8), Span(0, 12))
    assert (citation.quote, citation.sentence) == ("2017年", "上海在2017年试点。")
    assert list(Citation.__dataclass_fields__) == ["passage", "span", "sentence_span", "kind"]
