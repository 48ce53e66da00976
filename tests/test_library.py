"""Browsing the articles of an index: the list, the search, and an article whose every character is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import article
from hypothesis import given
from hypothesis import strategies as st
from shelf import SHANGHAI, CountingEncoder
from strategies import articles as any_article
from test_collection import FirstWords

from qa.answering import Assistant
from qa.errors import InputError
from qa.indexing import build_index
from qa.library import Entry, Heading, Library, Listed, Place, Segment, place_of, reading
from qa.types import Article, Block, Span

pytest_plugins = ("shelf_fixtures",)


@pytest.fixture
def assistant(tmp_path: Path, articles: Path, model: CountingEncoder) -> Assistant:
    build_index(articles, tmp_path / "index")
    return Assistant(tmp_path / "index", reader=FirstWords())


def titles(listed: Listed) -> list[str]:
    return [entry.title for entry in listed.entries]


# ---- the list


def test_every_article_is_listed(assistant: Assistant) -> None:
    listed = Library(assistant).find()
    assert listed.total == 7
    assert listed.entries[1] == Entry(
        row=1,
        source="briefs.jsonl",
        element="line 1",
        title="武汉的短讯",
        date="2020-03-01",
        characters=30,
        passages=1,
    )
    assert [(entry.row, entry.source, entry.passages) for entry in listed.entries] == [
        (0, "beijing.txt", 1),
        (1, "briefs.jsonl", 1),
        (2, "briefs.jsonl", 1),
        (3, "shanghai.md", 2),
        (4, "shenzhen.html", 1),
        (5, "south/guangzhou.txt", 1),
        (6, "taipei.txt", 1),
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (
            "",
            [
                "北京的试点",
                "武汉的短讯",
                "南京的短讯",
                "上海的试点",
                "深圳的发票",
                "广州的试点",
                "臺北的試點",
            ],
        ),
        ("试点", ["北京的试点", "上海的试点", "广州的试点", "臺北的試點"]),
        ("試點", ["北京的试点", "上海的试点", "广州的试点", "臺北的試點"]),
        ("台北", ["臺北的試點"]),
        ("ＢＲＩＥＦＳ", ["武汉的短讯", "南京的短讯"]),
        ("2021", ["南京的短讯", "上海的试点"]),
        ("短讯\u30002021-09", ["南京的短讯"]),
        ("south", ["广州的试点"]),
        ("京 试点", ["北京的试点"]),
        ("没有", []),
    ],
)
def test_articles_are_found_by_words_in_either_script(
    assistant: Assistant, words: str, found: list[str]
) -> None:
    assert titles(Library(assistant).find(words)) == found


def test_titles_come_first_and_the_list_is_cut(assistant: Assistant, articles: Path, tmp_path: Path) -> None:
    (articles / "a-深圳.txt").write_text("别的事情\n\n这里只写别的事情，不写别的。\n", encoding="utf-8")
    build_index(articles, tmp_path / "index")
    assistant.reload()
    library = Library(assistant)
    assert titles(library.find("深圳")) == ["深圳的发票", "别的事情"]
    assert library.find("深圳", limit=1) == Listed(library.find("深圳").entries[:1], 2)
    assert titles(library.find("深圳", offset=1)) == ["别的事情"]
    assert library.find("深圳", offset=5) == Listed((), 2)


def test_a_replaced_index_is_listed_anew(assistant: Assistant, articles: Path, tmp_path: Path) -> None:
    library = Library(assistant)
    assert library.entries() is library.entries()
    assert library.sources() == (
        "beijing.txt",
        "briefs.jsonl",
        "shanghai.md",
        "shenzhen.html",
        "south/guangzhou.txt",
        "taipei.txt",
    )
    (articles / "taipei.txt").unlink()
    build_index(articles, tmp_path / "index")
    assistant.reload()
    assert len(library.entries()) == 6
    with pytest.raises(InputError, match=r"taipei\.txt；the index has no such article$"):
        library.open("taipei.txt")


# ---- one article


def test_an_article_in_segments(assistant: Assistant) -> None:
    opened = Library(assistant).open("shanghai.md")
    assert opened.text == SHANGHAI
    assert opened.segments == (
        Segment("---\ntitle: 上海的试点\ndate: 2021-05-06\n---\n\n", "aside"),
        Segment("# 上海的试点", "heading"),
        Segment("\n\n", "aside"),
        Segment("上海在2017年启动了区块链技术应用试点。主管部门说，试点先从金融业做起。", "text"),
        Segment("\n\n", "aside"),
        Segment("## 试点的目标", "heading", "h1"),
        Segment("\n\n", "aside"),
        Segment("市里希望用账本改造贸易融资，让单据少跑路。", "text"),
        Segment("\n", "aside"),
    )
    assert opened.outline == (Heading("试点的目标", 1, "h1"),)
    assert [span.of(SHANGHAI)[:4] for span in opened.passages] == ["上海在2", "市里希望"]
    assert (opened.marks, opened.stale, opened.entry.title) == ((), False, "上海的试点")


def test_a_citation_is_marked_in_its_place(assistant: Assistant) -> None:
    library = Library(assistant)
    start = SHANGHAI.index("2017年")
    sentence = Span(start - 3, start + 18)
    place = Place("shanghai.md", None, Span(start, start + 5), sentence, "2017年")
    opened = library.open_at(place)
    assert [(segment.text, segment.kind, segment.anchor) for segment in opened.segments[3:9]] == [
        ("上海在", "sentence", ""),
        ("2017年", "mark", "mark"),
        ("启动了区块链技术应用试点。", "sentence", ""),
        ("主管部门说，试点先从金融业做起。", "passage", ""),
        ("\n\n", "aside", ""),
        ("## 试点的目标", "heading", "h1"),
    ]
    assert (opened.marks, opened.stale, opened.text) == ((place.span,), False, SHANGHAI)


def test_an_answer_leads_to_its_article(assistant: Assistant) -> None:
    library = Library(assistant)
    answer = assistant.ask("南京的奖金?", threshold=0.0)
    for citation in answer.citations:
        by_value, by_json = library.open_at(citation), library.open_at(citation.to_dict())
        assert by_value == by_json
        assert [part.text for part in by_value.segments if part.kind == "mark"] == [citation.quote]
        assert by_value.entry.element == citation.article.element


def test_words_that_stand_there_no_more_are_not_marked(assistant: Assistant) -> None:
    library = Library(assistant)
    place = Place("shanghai.md", None, Span(0, 5), Span(0, 9), "2018年")
    opened = library.open_at(place)
    assert (opened.stale, opened.marks, opened.text) == (True, (), SHANGHAI)
    assert opened.segments == library.open("shanghai.md").segments
    beyond = replace(place, span=Span(10**6, 10**6 + 5), sentence=Span(10**6, 10**6 + 5))
    assert library.open_at(beyond).stale


@pytest.mark.parametrize(
    "change",
    [
        {"start": "1"},
        {"start": -1},
        {"end": 0},
        {"start": 10**9},
        {"source": None},
        {"quote": 1},
        {"element": 3},
        {"sentence": None},
        {"sentence": {"start": 0}},
        {"sentence": {"start": 0, "end": 1}},
    ],
)
def test_what_is_no_citation_is_told(assistant: Assistant, change: dict[str, object]) -> None:
    cited = assistant.ask("南京的奖金?", threshold=0.0).citations[0].to_dict()
    assert place_of(cited).quote == cited["quote"]
    with pytest.raises(InputError, match="this is no citation"):
        Library(assistant).open_at({**cited, **change})


# ---- segments of any article


ENTRY = Entry(0, "a.md", None, "", None, 0, 0)


def test_headings_of_every_depth_and_those_without_a_line() -> None:
    text = "# 甲\n一。\n## 乙\n### 丙\n二。\n## 丁\n三。"
    blocks = (
        Block(Span(4, 6), ("甲",)),
        Block(Span(18, 20), ("甲", "乙", "丙")),
        Block(Span(26, 28), ("甲", "丁", "不在文中", "也不在")),
    )
    opened = reading(article(text, blocks=blocks), ENTRY, [])
    assert opened.outline == (
        Heading("甲", 1, "h1"),
        Heading("乙", 2, "h2"),
        Heading("丙", 3, "h3"),
        Heading("丁", 2, "h4"),
        Heading("不在文中", 3, "h5"),
        Heading("也不在", 4, "h5"),
    )
    anchored = [(segment.anchor, segment.text) for segment in opened.segments if segment.anchor]
    assert anchored == [("h1", "# 甲"), ("h2", "## 乙"), ("h3", "### 丙"), ("h4", "## 丁"), ("h5", "三。")]


def test_a_mark_where_a_heading_begins_keeps_the_outline_whole() -> None:
    place = Place("a.md", None, Span(0, 2), Span(0, 5), "二零")
    opened = reading(
        article("二零一七年", blocks=(Block(Span(0, 5), ("起步",)),)), ENTRY, [Span(0, 5)], place
    )
    assert opened.outline == (Heading("起步", 1, "mark"),)
    assert opened.segments == (Segment("二零", "mark", "mark"), Segment("一七年", "sentence"))


def test_overlapping_passages_are_all_around_the_mark() -> None:
    place = Place("a.md", None, Span(4, 5), Span(4, 6), "丙")
    opened = reading(article("甲。乙。丙。丁。戊。"), ENTRY, [Span(0, 6), Span(4, 8), Span(8, 10)], place)
    assert [(segment.text, segment.kind) for segment in opened.segments] == [
        ("甲。乙。", "passage"),
        ("丙", "mark"),
        ("。", "sentence"),
        ("丁。", "passage"),
        ("戊。", "text"),
    ]


def test_an_empty_article_has_no_segments() -> None:
    assert reading(article("", blocks=()), ENTRY, []).segments == ()


@given(any_article(), st.data())
def test_segments_are_the_article_and_every_anchor_is_there(made: Article, data: st.DataObject) -> None:
    edge = st.integers(0, len(made.text))
    spans = [Span(*sorted(data.draw(st.tuples(edge, edge)))) for _ in range(4)]
    sentence = Span(min(spans[0].start, spans[1].start), max(spans[0].end, spans[1].end))
    place = Place("a", None, spans[0], sentence, spans[0].of(made.text))
    opened = reading(made, ENTRY, spans[2:], place if data.draw(st.booleans()) else None)
    assert opened.text == made.text
    assert all(segment.text for segment in opened.segments)
    marked = "".join(segment.text for segment in opened.segments if segment.kind == "mark")
    assert marked == (spans[0].of(made.text) if opened.marks else "")
    anchors = [segment.anchor for segment in opened.segments if segment.anchor]
    assert len(set(anchors)) == len(anchors)
    assert {heading.anchor for heading in opened.outline} <= set(anchors)
