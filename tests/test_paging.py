"""还有吗: what earlier answers did not tell yet, page by page, until nothing is left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from shelf import CountingEncoder

from qa.answering import Assistant
from qa.indexing import build_index
from qa.settings import AnswerSettings
from qa.types import Passage, Reading, ScoredSpan, Span

pytest_plugins = ("shelf_fixtures",)

CITIES = ("上海", "北京", "深圳", "上海", "广州", "武汉", "成都", "南京")
ASKED = "哪些城市启动了试点？"
MORE = "还有吗？"


@dataclass(frozen=True)
class Beginnings:
    """Points at the first two characters of every passage; a passage's rank decides its confidence."""

    settings: AnswerSettings
    name: str = "beginnings"

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        return [Reading(0.0, (ScoredSpan(Span(p.span.start, p.span.start + 2), 0.0),)) for p in passages]


@pytest.fixture
def index(tmp_path: Path, model: CountingEncoder) -> Path:
    """Eight articles that begin with a city each, 上海 twice."""
    folder = tmp_path / "articles"
    folder.mkdir()
    for number, city in enumerate(CITIES):
        text = f"{city}在201{number}年启动了试点，试点办公室有{number + 3}个人。\n"
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    build_index(folder, tmp_path / "index")
    return tmp_path / "index"


def opened(index: Path, *, others: int, threshold: float = 0.0, read: int = 2) -> Assistant:
    settings = AnswerSettings(read=read, rank_weight=1.0, threshold=threshold, others=others)
    return Assistant(index, reader=Beginnings(settings))


def pages(assistant: Assistant, count: int) -> list[list[str]]:
    """The quotes of ``count`` answers: to the question, then each time to 还有吗."""
    history = [ASKED, *[MORE] * (count - 1)]
    answers = [assistant.ask(history[at], history[:at]) for at in range(count)]
    assert {answer.searched for answer in answers} == {ASKED}
    return [[citation.quote for citation in answer.citations] for answer in answers]


def ranked(assistant: Assistant, count: int) -> list[str]:
    """The cities of the first ``count`` passages as they are ranked, each once."""
    return list(dict.fromkeys(hit.passage.text[:2] for hit in assistant.search(ASKED, k=count)))


def test_each_page_tells_what_no_earlier_one_told(index: Path) -> None:
    with opened(index, others=0) as assistant:
        first, *rest = pages(assistant, 7)
        cities = ranked(assistant, 6)  # three times the two passages that one answer reads
        assert first == cities[:1]
        assert rest[: len(cities) - 1] == [[city] for city in cities[1:]]
        assert rest[len(cities) - 1 :] == [[]] * (7 - len(cities))


def test_a_page_has_as_many_citations_as_an_answer(index: Path) -> None:
    with opened(index, others=1, read=4) as assistant:
        found = pages(assistant, 5)
        cities = ranked(assistant, 8)
    assert set(found[0]) <= set(cities[:4])
    assert len(found[0]) == 2
    assert sorted({quote for page in found for quote in page}) == sorted(cities)
    assert all(set(page).isdisjoint(other) for at, page in enumerate(found) for other in found[:at])
    assert found[4] == []


def test_below_the_threshold_nothing_further_is_told(index: Path) -> None:
    with opened(index, others=0, threshold=0.6, read=8) as assistant:
        answers = [assistant.ask(MORE, [ASKED, *[MORE] * count]) for count in range(3)]
    assert [answer.abstained for answer in answers] == [False, True, True]
    assert answers[0].confidence == pytest.approx(1 / (1 + math.exp(-1 / 2)), abs=1e-12)
    assert answers[1].confidence < 0.6
    assert len(answers[1].hits) == 5


def test_pages_are_the_same_each_time_and_begin_anew_with_another_question(index: Path) -> None:
    with opened(index, others=0) as assistant:
        assert pages(assistant, 3) == pages(assistant, 3)
        first = assistant.ask(ASKED)
        again = assistant.ask(ASKED, [ASKED, MORE, MORE])
        assert (again.text, again.confidence) == (first.text, first.confidence)
        other = assistant.ask("那北京呢？", [ASKED, MORE])
        assert other.text is not None


def test_more_of_nothing_is_a_question_like_any_other(index: Path) -> None:
    with opened(index, others=0) as assistant:
        assert assistant.ask(MORE).searched == MORE
        assert assistant.ask(MORE, [MORE, "谢谢"]).searched == MORE


def test_headings_and_titles_of_the_index_are_names(tmp_path: Path, model: CountingEncoder) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.md").write_text("# 云梯链\n\n云梯链由三家公司维护，每年升级一次。\n", encoding="utf-8")
    (folder / "b.md").write_text("# 桥\n\n石桥建于一九五八年，归市里管。\n", encoding="utf-8")
    build_index(folder, tmp_path / "index")
    with opened(tmp_path / "index", others=0) as assistant:
        before = ["石桥归谁管？"]
        assert assistant.standalone("云梯链谁在管？", before) == "云梯链谁在管？"
        assert assistant.standalone("雾灯链谁在管？", before) == "石桥，雾灯链谁在管？"
