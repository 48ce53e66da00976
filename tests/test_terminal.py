"""Lines for people: reprints of one sentence take one line."""

from __future__ import annotations

from fakes import article

from qa.terminal import answer_lines
from qa.types import Answer, Citation, CitationKind, Passage, Span


def cited(text: str, source: str, kind: CitationKind) -> Citation:
    whole = Span(0, len(text))
    return Citation(Passage(article(text, source=source), whole), Span(3, 8), whole, kind)


def test_the_same_sentence_elsewhere_is_folded_into_one_line() -> None:
    answer = Answer(
        "何时?",
        "何时?",
        (
            cited("上海在2017年试点。", "b.md", "answer"),
            cited("上海在2017年試點。", "c.md", "same"),
            cited("试点从2017年开始。", "e.md", "same"),
            cited("上海在2017年试点", "a.md", "same"),
        ),
        0.5,
    )
    assert list(answer_lines(answer)) == [
        "2017年",
        "  [答] 上海在2017年试点。",
        "       b.md · 第 4–8 字",
        "  [另见] 同一句还见于 the same sentence: c.md，a.md",
        "  [另见] 2017年 —— 试点从2017年开始。",
        "       e.md · 第 4–8 字",
        "  把握 confidence 0.50",
    ]
