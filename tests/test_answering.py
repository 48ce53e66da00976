"""Candidates to citations, filters, and an assistant that many ask at once."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import article, passages
from hypothesis import given
from hypothesis import strategies as st
from shelf import CountingEncoder

from qa.answering import Assistant, Filters, PassageReading, answer_from, checked_question
from qa.errors import IndexFolderError, InputError, ModelError
from qa.index import Generation
from qa.indexing import build_index
from qa.settings import AnswerSettings
from qa.types import Answer, Article, Candidate, Passage, Reading, ScoredSpan, Span

pytest_plugins = ("shelf_fixtures",)

SHELF = passages("上海在2017年试点。", "上海的试点从２０１７年开始。", "上海在2018年试点。")


def candidate(row: int, quote: str, score: float) -> Candidate:
    passage = SHELF[row]
    start = passage.text.index(quote)
    return Candidate(passage, Span(start, start + len(quote)), passage.span, score)


SAID = (candidate(0, "2017年", 0.9), candidate(2, "2018年", 0.8), candidate(1, "２０１７年", 0.7))


# ---- candidates to citations


def test_the_best_candidate_is_the_answer_and_those_that_say_the_same_follow() -> None:
    citations, confidence = answer_from(SAID, 0.5, 4)
    assert [(citation.kind, citation.quote) for citation in citations] == [
        ("answer", "2017年"),
        ("same", "２０１７年"),
        ("other", "2018年"),
    ]
    assert confidence == 0.9


@pytest.mark.parametrize(
    ("threshold", "quotes"),
    [
        (0.0, ["2017年", "２０１７年", "2018年"]),
        (0.7, ["2017年", "２０１７年", "2018年"]),
        (0.75, ["2017年", "2018年"]),
        (0.9, ["2017年"]),
        (0.91, []),
        (1.0, []),
    ],
)
def test_what_is_below_the_threshold_is_not_cited(threshold: float, quotes: list[str]) -> None:
    citations, confidence = answer_from(SAID, threshold, 4)
    assert [citation.quote for citation in citations] == quotes
    assert confidence == 0.9


def test_no_candidate_is_an_abstention_with_confidence_zero() -> None:
    assert answer_from((), 0.0, 4) == ((), 0.0)


@pytest.mark.parametrize("others", [0, 1, 2])
def test_further_citations_are_limited(others: int) -> None:
    assert len(answer_from(SAID, 0.0, others)[0]) == 1 + others


def test_one_place_is_cited_once() -> None:
    twice = (SAID[0], candidate(0, "17年试", 0.8), SAID[2])
    assert [citation.quote for citation in answer_from(twice, 0.0, 4)[0]] == ["2017年", "２０１７年"]


def test_of_reprints_the_earliest_is_cited_and_the_others_count_for_nothing() -> None:
    paper, copy, undated, other = (
        article("上海在2017年试点。", source=source, date=date)
        for source, date in (("b.md", "2020-05-01"), ("c.md", "2019-03"), ("a.md", None), ("z.md", None))
    )
    groups = {"b.md": 0, "c.md": 0, "a.md": 0, "z.md": 3}

    def said(made: Article, start: int, end: int, score: float) -> Candidate:
        whole = Span(0, len(made.text))
        return Candidate(Passage(made, whole), Span(start, end), whole, score)

    found = (
        said(paper, 3, 8, 0.9),
        said(undated, 3, 8, 0.8),
        said(other, 0, 2, 0.7),
        said(other, 3, 8, 0.6),
        said(copy, 3, 8, 0.5),
    )

    def cited(*, others: int, threshold: float = 0.0) -> list[tuple[str, str]]:
        group = answer_from(found, threshold, others, lambda passage: groups[passage.article.source])
        return [(citation.article.source, citation.kind) for citation in group[0]]

    folded = [("c.md", "answer"), ("b.md", "same"), ("a.md", "same")]
    assert cited(others=0) == folded
    assert cited(others=4) == [*folded, ("z.md", "other")]
    assert cited(others=4, threshold=0.55) == [("b.md", "answer"), ("a.md", "same"), ("z.md", "other")]
    assert [citation.article.source for citation in answer_from(found, 0.0, 4)[0]] == [
        "b.md", "a.md", "c.md", "z.md",
    ]  # fmt: skip


def test_reprints_that_say_otherwise_are_further_answers() -> None:
    one, two = (article("上海在2017年试点。", source=source) for source in ("a.md", "b.md"))
    whole = Span(0, 11)
    found = [
        Candidate(Passage(one, whole), Span(3, 8), whole, 0.9),
        Candidate(Passage(two, whole), Span(0, 2), whole, 0.8),
    ]
    citations, _ = answer_from(found, 0.0, 4, lambda passage: 0)
    assert [(citation.quote, citation.kind) for citation in citations] == [
        ("2017年", "answer"),
        ("上海", "other"),
    ]


@given(scores=st.lists(st.floats(0, 1), max_size=8), threshold=st.floats(0, 1), others=st.integers(0, 4))
def test_an_answer_cites_its_best_candidate_or_nothing(
    scores: list[float], threshold: float, others: int
) -> None:
    ranked = sorted(scores, reverse=True)
    found = [candidate(at % 3, ("上海", "试点")[at % 2], score) for at, score in enumerate(ranked)]
    citations, confidence = answer_from(found, threshold, others)
    answer = Answer("?", "?", citations, confidence)
    assert confidence == (ranked[0] if ranked else 0.0)
    assert answer.abstained == (not ranked or ranked[0] < threshold)
    assert [citation.kind for citation in citations][:1] == ([] if answer.abstained else ["answer"])
    assert len(citations) <= 1 + others
    assert answer.text == (None if answer.abstained else found[0].quote)


# ---- questions


@pytest.mark.parametrize("question", ["上海?", "a", "1", " 上海 \n", "上" * 1000, "？a！"])
def test_a_question_with_a_word_can_be_asked(question: str) -> None:
    assert checked_question(question) == question


@pytest.mark.parametrize("question", ["", " ", "\u3000\n", "？", "！。，", "上" * 1001, "\ud800", "😀"])
def test_a_question_without_one_cannot(question: str) -> None:
    with pytest.raises(InputError):
        checked_question(question)


# ---- filters


@pytest.mark.parametrize(
    ("after", "before", "date", "admitted"),
    [
        ("2021", None, "2021-05-06", True),
        ("2021", None, "2020-12-31", False),
        ("2021-05-06", None, "2021-05-06", True),
        ("2021-05-07", None, "2021-05-06", False),
        ("2021-05-07", None, "2021", True),
        ("2021-05-07", None, "2021-05", True),
        (None, "2021", "2021-12-31", True),
        (None, "2021", "2022-01-01", False),
        (None, "2021-05-06", "2021-05-06", True),
        (None, "2021-05-05", "2021-05-06", False),
        ("2021", "2021", "2021-05-06", True),
        ("2021", None, None, False),
        (None, "2021", None, False),
        (None, None, None, True),
    ],
)
def test_dates_are_inclusive_and_compared_as_far_as_they_go(
    after: str | None, before: str | None, date: str | None, admitted: bool
) -> None:
    assert Filters(after=after, before=before).admits("a.md", date) is admitted


@pytest.mark.parametrize("date", ["", "去年", "21", "2021-13", "2021-02-30", "2021/05/06", "2021-05-06T00"])
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(InputError, match="is not a date; give YYYY, YYYY-MM or YYYY-MM-DD"):
        Filters(after=date)


@pytest.mark.parametrize(
    ("glob", "admitted"),
    [("*", True), ("a/*", True), ("*.md", True), ("b.md", False), ("A/*", False), ("a/b/c.m?", True)],
)
def test_a_glob_is_over_the_whole_source(glob: str, admitted: bool) -> None:
    assert Filters(source=glob).admits("a/b/c.md", None) is admitted


# ---- the assistant


@pytest.fixture
def built(tmp_path: Path, articles: Path, model: CountingEncoder) -> Path:
    build_index(articles, tmp_path / "index")
    return tmp_path / "index"


QUESTIONS = (
    "上海在哪一年启动了试点?",
    "广州的经费由谁承担?",
    "深圳哪一天开出了发票?",
    "臺北的服務收費嗎?",
    "南京的奖金是多少?",
    "武汉成立了什么?",
    "什么?",
)


def essence(answer: Answer) -> tuple[object, ...]:
    """All of an answer but for the time it took."""
    return answer.searched, answer.citations, answer.confidence, answer.hits, answer.index


def test_threads_that_ask_at_once_get_the_same_answers(built: Path) -> None:
    with Assistant.open(built) as assistant:
        alone = [essence(assistant.ask(question, threshold=0.0)) for question in QUESTIONS]
    with Assistant.open(built) as assistant, ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda question: essence(assistant.ask(question, threshold=0.0)), QUESTIONS * 10)
        assert list(asked) == alone * 10


def test_asking_again_and_opening_again_change_nothing(built: Path) -> None:
    runs = []
    for _ in range(2):
        with Assistant.open(built) as assistant:
            runs += [[essence(assistant.ask(q, threshold=0.0)) for q in QUESTIONS] for _ in range(2)]
    assert runs[0] == runs[1] == runs[2] == runs[3]


def test_top_k_changes_what_is_shown_but_not_what_is_answered(built: Path) -> None:
    with Assistant.open(built) as assistant:
        few, many = (assistant.ask(QUESTIONS[0], top_k=k, threshold=0.0) for k in (1, 50))
    assert (len(few.hits), len(many.hits)) == (1, 8)
    assert few.citations == many.citations
    assert few.hits == many.hits[:1]


def test_a_citation_lies_in_its_sentence_and_its_passage(built: Path) -> None:
    with Assistant.open(built) as assistant:
        for question in QUESTIONS:
            for citation in assistant.ask(question, threshold=0.0).citations:
                assert citation.sentence_span.covers(citation.span)
                assert citation.passage.span.covers(citation.sentence_span)
                assert citation.quote
                assert citation.quote == citation.quote.strip()


def test_filters_hold_for_answers_too(built: Path) -> None:
    with Assistant.open(built) as assistant:
        only = Filters(source="south/*")
        answer = assistant.ask(QUESTIONS[0], filters=only, threshold=0.0)
        assert {hit.passage.article.source for hit in answer.hits} == {"south/guangzhou.txt"}
        assert {citation.article.source for citation in answer.citations} <= {"south/guangzhou.txt"}
        with pytest.raises(InputError, match="no article of the index passes the filters; widen --source"):
            assistant.search(QUESTIONS[0], filters=Filters(after="2030"))


def test_articles_are_gone_through_once_for_a_filter(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Generation.catalogue
    calls: list[Generation] = []

    def counted(generation: Generation) -> list[tuple[str, str | None]]:
        calls.append(generation)
        return catalogue(generation)

    monkeypatch.setattr(Generation, "catalogue", counted)
    with Assistant.open(built, answers=False) as assistant:
        south = [assistant.search("试点?", filters=Filters(source="south/*")) for _ in range(3)]
        assert len(calls) == 1
        assert assistant.search("试点?", filters=Filters(after="2021")) != south[0]
    assert len(calls) == 2
    assert south[0] == south[1] == south[2]


def test_a_double_is_cited_where_only_it_passes_the_filter(tmp_path: Path, model: CountingEncoder) -> None:
    for name, text in (
        ("a/bridge.md", "# 桥\n\n石桥建于一九五八年。\n"),
        ("b/copy.md", "# 桥\r\n\r\n石桥建于一九五八年。\r\n"),
    ):
        (tmp_path / "docs" / name).parent.mkdir(parents=True)
        (tmp_path / "docs" / name).write_bytes(text.encode())
    summary = build_index(tmp_path / "docs", tmp_path / "index")
    assert (summary.articles, summary.passages, summary.doubles) == (2, 1, 1)
    with Assistant.open(tmp_path / "index") as assistant:
        for source, filters in (("a/bridge.md", None), ("a/bridge.md", "*"), ("b/copy.md", "b/*")):
            chosen = None if filters is None else Filters(source=filters)
            (hit,) = assistant.search("石桥建于哪一年?", filters=chosen)
            assert hit.passage.article.source == source
            assert hit.passage.text == "石桥建于一九五八年。"


def test_one_leg_alone_ranks_as_that_leg_does(built: Path) -> None:
    with Assistant.open(built) as both:
        assert "leg" not in both.index_info
    for name in ("bm25", "dense"):
        with Assistant.open(built, leg=name) as alone:
            assert alone.index_info["leg"] == name
            hits = alone.search(QUESTIONS[0], k=3)
            assert [dict(hit.ranks) for hit in hits] == [{name: rank} for rank in range(1, len(hits) + 1)]
            assert hits


def test_what_cannot_be_opened_is_told(tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IndexFolderError, match="holds no index; make one: qa index PATH"):
        Assistant.open(tmp_path / "nowhere")
    monkeypatch.setattr(CountingEncoder, "fingerprint", "another")
    with pytest.raises(ModelError, match=r"was indexed with another encoder \(characters, "):
        Assistant.open(built)


def test_a_generation_that_is_dropped_is_let_go_of_at_once(
    tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(said: str) -> int:
        (tmp_path / "more" / "a.md").write_text(f"{said}试点。\n", encoding="utf-8")
        build_index(tmp_path / "more", built)
        return sum(entry.name.startswith("generation-") for entry in built.iterdir())

    (tmp_path / "more").mkdir()
    gc.disable()  # which would let go of it at some time or other
    try:
        with Assistant.open(built) as assistant:
            assert assistant.ask(QUESTIONS[0], filters=Filters(source="*")).hits
            assert changed("首次") == 2
            assert assistant.reload()
            assert changed("再次") == 2
        with monkeypatch.context() as other:
            other.setattr(CountingEncoder, "fingerprint", "another")
            with pytest.raises(ModelError):
                Assistant.open(built)
        assert changed("三次") == 1
    finally:
        gc.enable()


def test_the_index_names_what_answered(built: Path) -> None:
    with Assistant.open(built) as assistant:
        info = assistant.index_info
        assert sorted(info) == ["encoder", "fingerprint", "reader"]
        assert info["encoder"] == "characters"
        assert assistant.ask(QUESTIONS[0]).index == info
        assert len(assistant.passages()) == 8


# ---- answers that are kept


def test_a_kept_answer_is_given_again_with_its_own_times(built: Path) -> None:
    reader = Counting()
    with Assistant(built, reader=reader, cache=8) as assistant:
        first = assistant.ask(QUESTIONS[0], ["武汉成立了什么?"])
        again = assistant.ask(QUESTIONS[0], ["武汉成立了什么?"])
    assert reader.calls == 1
    assert replace(again, timings_ms=first.timings_ms) == first
    assert list(again.timings_ms) == list(first.timings_ms)
    assert (again.timings_ms["retrieve"], again.timings_ms["read"]) == (0.0, 0.0)
    assert 0 < again.timings_ms["total"] < 1000


def test_whatever_changes_an_answer_is_told_apart(built: Path) -> None:
    ways: tuple[dict[str, Any], ...] = (
        {},
        {"history": ["深圳哪一天开出了发票?"]},
        {"top_k": 1},
        {"threshold": 0.9},
        {"others": 0},
        {"filters": Filters(source="south/*")},
    )
    reader = Counting()
    with Assistant(built, reader=reader) as fresh, Assistant(built, reader=reader, cache=8) as keeping:
        expected = [essence(fresh.ask(QUESTIONS[1], **way)) for way in ways]
        for _ in range(2):
            assert [essence(keeping.ask(QUESTIONS[1], **way)) for way in ways] == expected
        assert keeping.ask(QUESTIONS[1], filters=Filters()).citations == expected[0][1]
    assert reader.calls == 2 * len(ways)


def test_the_answer_that_nobody_asked_for_goes_first(built: Path) -> None:
    reader = Counting()
    with Assistant(built, reader=reader, cache=2) as assistant:
        for at in (0, 1, 0, 2, 0, 1):  # the third pushes out the second, the last one the third
            assistant.ask(QUESTIONS[at])
        assert reader.calls == 4


def test_without_a_cache_every_question_is_read(built: Path) -> None:
    reader = Counting()
    with Assistant(built, reader=reader) as assistant:
        for _ in range(2):
            assistant.ask(QUESTIONS[0])
    assert reader.calls == 2


def test_a_replaced_index_forgets_what_was_kept(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / "docs").mkdir()
    page, reader = tmp_path / "docs" / "a.md", Counting()
    page.write_text("石桥建于一九五八年。\n", encoding="utf-8")
    build_index(tmp_path / "docs", tmp_path / "index")
    with Assistant(tmp_path / "index", reader=reader, cache=8) as assistant:
        assert assistant.ask("石桥?").text == "石桥"
        page.write_text("木桥建于一九五九年。\n", encoding="utf-8")
        build_index(tmp_path / "docs", tmp_path / "index")
        assert assistant.ask("石桥?").text == "石桥"
        assert assistant.reload()
        assert assistant.ask("石桥?").text == "木桥"
    assert reader.calls == 2


def test_warming_up_reads_once_and_keeps_nothing(built: Path) -> None:
    reader = Counting()
    with Assistant(built, reader=reader, cache=8) as assistant:
        assistant.warm()
        assert reader.calls == 1
        assistant.ask("这是哪一年开始的?")
    assert reader.calls == 2


def test_one_that_only_searches_loads_no_reader(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Assistant.open(built) as assistant:
        expected = assistant.search(QUESTIONS[0])
    monkeypatch.setattr("qa.answering.load_reader", None)
    with Assistant.open(built, answers=False) as searching:
        searching.warm()
        assert searching.search(QUESTIONS[0]) == expected
        with pytest.raises(ModelError, match="opened without a reader; open another one to ask"):
            searching.ask(QUESTIONS[0])


# ---- passages that are given


class FirstWords:
    """Points at the first two characters of every passage."""

    name = "first words"
    settings = AnswerSettings(threshold=0.0)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        return [Reading(0.0, (ScoredSpan(Span(p.span.start, p.span.start + 2), 0.0),)) for p in passages]


class Counting(FirstWords):
    """Counts how often it is asked to read."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.calls += 1
        return super().read(question, passages)


def test_given_passages_are_read_without_an_index() -> None:
    read = PassageReading(FirstWords())
    answer = read("上海?", SHELF)
    assert (answer.text, answer.hits, answer.index) == ("上海", (), {})
    assert [citation.kind for citation in answer.citations] == ["answer", "same", "same"]
    assert read("上海?", SHELF, threshold=1.0).text is None
    assert read("上海?", ()).abstained
    with pytest.raises(InputError, match="the question is empty"):
        read("", SHELF)
