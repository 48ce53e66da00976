"""Spans, byte offsets, and the public JSON."""

from __future__ import annotations

import codecs
import dataclasses
import json
import re
from pathlib import Path

import pytest
from fakes import article, passages
from hypothesis import given
from hypothesis import strategies as st

from qa.types import Answer, Article, Candidate, Citation, Hit, Passage, Span

INTERFACE = Path(__file__).parents[1].parent / "shared" / "INTERFACE.md"
spans = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: Span(min(ends), max(ends)))


# ---- Span


@given(spans, st.text(max_size=30))
def test_of(span: Span, text: str) -> None:
    assert span.of(text) == "".join(char for at, char in enumerate(text) if span.start <= at < span.end)


@given(spans, st.integers(0, 9), st.text(max_size=30))
def test_shift_is_the_same_run_further_right(span: Span, by: int, text: str) -> None:
    assert span.shift(by).of("x" * by + text) == span.of(text)
    assert span.shift(by).shift(-by) == span
    assert len(span.shift(by)) == len(span)


@given(spans, spans)
def test_overlaps_and_covers_as_sets(a: Span, b: Span) -> None:
    ours, theirs = set(range(a.start, a.end)), set(range(b.start, b.end))
    if ours and theirs:
        assert a.overlaps(b) == b.overlaps(a) == bool(ours & theirs)
        assert a.covers(b) == (theirs <= ours)
    assert a.covers(a)


def test_spans_order_by_start_then_end() -> None:
    assert sorted([Span(2, 3), Span(1, 9), Span(1, 2)]) == [Span(1, 2), Span(1, 9), Span(2, 3)]


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_a_span_never_runs_backwards(start: int, end: int) -> None:
    with pytest.raises(ValueError, match=rf"span \[{start}, {end}\) runs backwards or below zero"):
        Span(start, end)
    with pytest.raises(ValueError, match="below zero"):
        Span(1, 2).shift(-2)


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Span(1, 2).start = 0  # type: ignore[misc]


# ---- bytes


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("gb18030", b""),
        ("big5hkscs", b""),
    ],
)
def test_bytes_decode_to_the_quote(encoding: str, mark: bytes) -> None:
    text = "臺灣的試點，\r\n在２０１７年啟動abc。" + ("" if encoding == "big5hkscs" else "𠮷😀。")
    raw = mark + text.encode(encoding)
    cited = Article("a", text, "", "a.txt", "00", encoding, bom=len(mark))
    for start in range(len(text)):
        for end in range(start, len(text) + 1):
            found = cited.byte_span(Span(start, end))
            assert found is not None
            assert raw[found.start : found.end].decode(encoding) == text[start:end]


def test_bytes_by_hand() -> None:
    text = "a北😀京"
    assert Article("a", text, "", "a", "00", "utf-8", bom=3).byte_span(Span(1, 3)) == Span(4, 11)
    assert Article("a", text, "", "a", "00", "utf-16-le", bom=2).byte_span(Span(1, 3)) == Span(4, 10)
    assert Article("a", text, "", "a", "00", "gb18030").byte_span(Span(2, 4)) == Span(3, 9)


def test_no_bytes_where_the_text_was_extracted() -> None:
    assert Article("a", "北京", "", "a.html", "00", "utf-8", exact=False).byte_span(Span(0, 1)) is None


# ---- passages, citations, answers


def answer() -> Answer:
    text = "前言。早在2017年，上海启动试点。2017年也是元年。"
    source = article(text, source="shanghai.md", title="上海", date="2021-05-06")
    cited = Passage(source, Span(3, 29), ("一",), 2, 7)
    first = Citation(cited, Span(5, 10), Span(3, 18))
    second = Citation(cited, Span(18, 23), Span(18, 28), "same")
    return Answer(
        "那上海呢?",
        "上海哪一年启动?",
        (first, second),
        0.123_456_789,
        (Hit(cited, 1.000_000_49, {"bm25": 2, "dense": 1}),),
        {"retrieve": 3.14159, "total": 45.0},
        {"fingerprint": "f", "encoder": "e", "reader": "r"},
    )


def test_the_answer_is_the_first_quote() -> None:
    assert answer().text == "2017年" == answer().citations[0].quote
    assert not answer().abstained
    assert answer().citations[0].sentence == "早在2017年，上海启动试点。"
    assert answer().citations[0].article.source == "shanghai.md"


def test_abstaining_is_no_citation() -> None:
    silent = Answer("?", "?")
    assert (silent.text, silent.abstained, silent.confidence) == (None, True, 0.0)
    assert silent.to_dict() == {
        "question": "?",
        "searched": "?",
        "answer": None,
        "abstained": True,
        "confidence": 0.0,
        "citations": [],
        "passages": [],
        "timings_ms": {},
        "index": {},
    }


def test_the_public_json_by_hand() -> None:
    found = answer().to_dict()
    assert found["citations"][0] == {
        "quote": "2017年",
        "start": 5,
        "end": 10,
        "byte_start": 15,
        "byte_end": 22,
        "kind": "answer",
        "source": "shanghai.md",
        "element": None,
        "title": "上海",
        "heading": ["一"],
        "page": 2,
        "date": "2021-05-06",
        "author": None,
        "origin": None,
        "sentence": {"text": "早在2017年，上海启动试点。", "start": 3, "end": 18},
        "sha256": "00",
        "encoding": "utf-8",
    }
    assert found["passages"] == [
        {
            "source": "shanghai.md",
            "element": None,
            "title": "上海",
            "start": 3,
            "end": 29,
            "text": "早在2017年，上海启动试点。2017年也是元年。",
            "score": 1.0,
            "ranks": {"bm25": 2, "dense": 1},
        }
    ]
    assert [found[key] for key in ("question", "searched", "answer", "abstained", "confidence")] == [
        "那上海呢?",
        "上海哪一年启动?",
        "2017年",
        False,
        0.123457,
    ]
    assert found["timings_ms"] == {"retrieve": 3.14, "total": 45.0}
    assert json.loads(json.dumps(found)) == found


def test_the_keys_are_those_of_the_interface() -> None:
    if not INTERFACE.exists():
        pytest.skip("needs the shared interface description")
    section = INTERFACE.read_text("utf-8").partition("## The answer, as JSON")[2]
    block = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert block is not None
    wanted, found = json.loads(block.group(1)), answer().to_dict()
    assert list(found) == list(wanted)
    added = {"citations": {"author", "origin"}, "passages": set()}
    for part, more in added.items():
        assert [key for key in found[part][0] if key not in more] == list(wanted[part][0])
        assert more <= found[part][0].keys()
    assert list(found["citations"][0]["sentence"]) == list(wanted["citations"][0]["sentence"])
    assert list(found["index"]) == list(wanted["index"])


def test_passages_and_candidates_quote_their_article() -> None:
    (passage,) = passages("上海启动试点。")
    assert passage.text == "上海启动试点。"
    assert Candidate(passage, Span(0, 2), Span(0, 7), 0.5).quote == "上海"
