"""The first reader: the sentence that answers, narrowed to a span where the question's kind allows.

Each sentence is scored by a logistic model over a few facts (how close its meaning is, how much of the
question it and its passage name, whether it holds what the question asks for). The weights are fitted
by ``training/fit_sentence_reader.py``. Spans come back in ``Article.text`` coordinates.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from qa import questions
from qa.text import fold, sentences, trim
from qa.types import Encoder, Passage, Reading, ScoredSpan, Span

if TYPE_CHECKING:
    from qa.types import Vectors
    from qa.words import Segmenter

__all__ = ["FEATURES", "Question", "Sentence", "SentenceReader"]

FEATURES = (
    "bias", "cosine", "named", "named_under", "named_around",
    "rival_place", "rival_year", "typed", "untyped", "cue", "length",
)  # fmt: skip
_PER_PASSAGE = 3  # sentences of a passage that are compared by meaning

_CUES: dict[questions.Kind, re.Pattern[str]] = {
    "reason": re.compile(r"因为|由于|因此|原因|所以|从而|导致|源于|得益于|为了|旨在|是为"),
    "way": re.compile(r"通过|利用|借助|采用|运用|依托|以.{1,12}方式|可以|需要|首先|办法|措施"),
    "definition": re.compile(r"是指|指的是|是一种|是一|称为|称作|即|就是|定义"),
    "list": re.compile(r"包括|包含|涵盖|涉及|分别|以及|等|,.{1,12},|和"),
    "yesno": re.compile(r"不|没有|未|可以|能够|已|仍"),
    "person": re.compile(r"提出|担任|主持|发明|创始|任|由"),
}
_DEFINED = re.compile(
    r"(?:指的是|是指|就是指?|被?称为|称作|叫做?|即)(?P<rest>.+)|(?:,|^|[^,]{1,20}?)是(?P<plain>一.+)"
)
_LISTED = re.compile(
    r"(?:主要)?(?:包括|包含|涵盖|涉及|分别[是为]|有以下|例如|比如|如|即|为|有|是|:)(?P<rest>[^.;]*[,和与及][^.;]+)"
)
_YEAR = re.compile(r"\d{4}(?=年)")
_ASKING = re.compile(r"[什么哪几谁何怎吗呢如为多少]")
_END_MARKS = "。！？；….!?;,，：: "
_PLACE_ENDS = "省市区县"  # 深圳市 is 深圳
_GENERIC_PLACES = frozenset(
    {"城市", "地方", "地区", "国家", "中国", "全国", "省", "市", "国内", "全球", "世界"}
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart once: its kind, its content words with weights, its places and years."""

    text: str
    folded: str
    kind: questions.Kind
    weights: dict[str, float]
    places: frozenset[str]
    years: frozenset[str]

    @classmethod
    def parse(cls, text: str, segmenter: Segmenter) -> Question:
        """``text`` as a reader sees it. A word weighs what it tells: ln(total / its count)."""
        folded = fold(text)
        words = [word for _, word, word_class in segmenter.tagged(text) if word_class not in "fr"]
        weights = {
            word: segmenter.weight(word)
            for word in words
            if (len(word) > 1 or not word.isascii()) and not _ASKING.search(word)
        }
        places = frozenset(_places(text, segmenter))
        return cls(text, folded, questions.kind(text), weights, places, frozenset(_YEAR.findall(folded)))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a passage with what is known of it before any model is asked."""

    passage: Passage
    span: Span
    answers: tuple[Span, ...]  # spans of the kind asked for, best first
    named: float  # share of the question's words, by weight, that stand in it
    named_under: float  # … in it, its title and headings
    named_around: float  # … in its whole passage, title and headings
    rival_place: float  # 1 if the question names a place, and it, its title and headings only others
    rival_year: float  # 1 if the question names a year, and they only others


class SentenceReader:
    """Satisfies ``Reader``. ``weights``: one number for each of ``FEATURES``; None for the shipped ones."""

    name = "sentence"

    def __init__(
        self, encoder: Encoder, segmenter: Segmenter, weights: Sequence[float] | None = None
    ) -> None:
        self._encoder, self._segmenter = encoder, segmenter
        self._weights = tuple(_shipped() if weights is None else weights)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One reading per passage; ``relevance`` and span scores are log-odds of being right."""
        asked = Question.parse(question, self._segmenter)
        chosen = [self.candidates(asked, passage) for passage in passages]
        scored = iter(self._scores(asked, [sentence for group in chosen for sentence in group]))
        return [self._reading(asked, [(next(scored), sentence) for sentence in group]) for group in chosen]

    def candidates(self, asked: Question, passage: Passage) -> list[Sentence]:
        """The sentences of ``passage`` that share most with the question, in text order."""
        above = fold(" ".join((passage.article.title, *passage.heading)))
        named_around = _share(asked.weights, f"{above} {fold(passage.text)}")
        found = [
            self._sentence(asked, passage, span, above, named_around)
            for span in sentences(passage.article.text, passage.span)
        ]
        best = sorted(found, key=lambda s: (-(s.named + 0.3 * bool(s.answers)), s.span.start))
        return sorted(best[:_PER_PASSAGE], key=lambda s: s.span.start)

    def features(self, asked: Question, found: Sequence[Sentence]) -> list[tuple[float, ...]]:
        """A row of ``FEATURES`` for each sentence."""
        return [
            self._row(asked, sentence, cosine)
            for sentence, cosine in zip(found, self._cosines(asked, found), strict=True)
        ]

    def _scores(self, asked: Question, found: Sequence[Sentence]) -> list[float]:
        rows = self.features(asked, found)
        return [sum(w * x for w, x in zip(self._weights, row, strict=True)) for row in rows]

    def _sentence(
        self, asked: Question, passage: Passage, span: Span, above: str, named_around: float
    ) -> Sentence:
        folded = fold(span.of(passage.article.text))
        under = f"{above} {folded}"
        places = _places(under, self._segmenter) if asked.places else []
        return Sentence(
            passage=passage,
            span=span,
            answers=tuple(self._answers(asked, passage, span)),
            named=_share(asked.weights, folded),
            named_under=_share(asked.weights, under),
            named_around=named_around,
            rival_place=_rival(asked.places, under, places),
            rival_year=_rival(asked.years, under, _YEAR.findall(under)),
        )

    def _row(self, asked: Question, sentence: Sentence, cosine: float) -> tuple[float, ...]:
        narrow = asked.kind in questions.NARROW
        cue = _CUES.get(asked.kind)
        text = fold(sentence.span.of(sentence.passage.article.text))
        return (
            1.0,
            10 * (cosine - 0.85),  # cosines of this family of encoders lie between 0.7 and 1
            sentence.named,
            sentence.named_under,
            sentence.named_around,
            sentence.rival_place,
            sentence.rival_year,
            float(narrow and bool(sentence.answers)),
            float(narrow and not sentence.answers),
            float(cue is not None and cue.search(text) is not None),
            min(len(sentence.span), 120) / 60,
        )

    def _cosines(self, asked: Question, found: Sequence[Sentence]) -> list[float]:
        if not found:
            return []
        vector: Vectors = self._encoder.encode([asked.text], "query")[0]
        texts = [_in_context(sentence) for sentence in found]
        return [float(row @ vector) for row in self._encoder.encode(texts, "passage")]

    def _reading(self, asked: Question, scored: Sequence[tuple[float, Sentence]]) -> Reading:
        best = sorted(scored, key=lambda pair: (-pair[0], pair[1].span.start))
        spans = [ScoredSpan(self._narrowed(asked, sentence), score) for score, sentence in best]
        return Reading(best[0][0] if best else -math.inf, tuple(spans))

    # -- spans -----------------------------------------------------------------------------------

    def _narrowed(self, asked: Question, sentence: Sentence) -> Span:
        text = sentence.passage.article.text
        if sentence.answers:
            return sentence.answers[0]
        pattern = {"definition": _DEFINED, "list": _LISTED}.get(asked.kind)
        match = pattern.search(fold(sentence.span.of(text))) if pattern else None
        if match is None or match.lastgroup is None:
            return _without_end(text, _without_marker(text, sentence.span))
        return _without_end(text, Span(*match.span(match.lastgroup)).shift(sentence.span.start))

    def _answers(self, asked: Question, passage: Passage, span: Span) -> list[Span]:
        """Spans of the kind asked for, those nearest to the question's words first; no word is cut."""
        text = passage.article.text
        if asked.kind in ("place", "person"):
            found = self._names(asked, text, span)
        else:
            ends = self._word_ends(text, span) if asked.kind == "number" else {}
            typed = questions.typed_spans(asked.text, asked.kind, text, span)
            found = [Span(each.start, ends.get(each.end, each.end)) for each in typed]
        folded = fold(span.of(text))
        places = [
            span.start + match.start()
            for word in asked.weights
            for match in re.finditer(re.escape(word), folded)
        ]
        return sorted(found, key=lambda each: (-_closeness(each, places), each.start))

    def _word_ends(self, text: str, span: Span) -> dict[int, int]:
        """For each place inside a word of ``span`` the word's end, so that 3.5亿立 becomes 3.5亿立方米."""
        return {
            span.start + inside: span.start + start + len(word)
            for start, word, word_class in self._segmenter.tagged(span.of(text))
            if word_class in "mn"
            for inside in range(start + 1, start + len(word))
        }

    def _names(self, asked: Question, text: str, span: Span) -> list[Span]:
        """Runs of place words, or of person words, that the question does not name itself."""
        wanted = "p" if asked.kind == "place" else "h"
        return [
            Span(span.start + start, span.start + start + len(word))
            for start, word, word_class in self._segmenter.tagged(span.of(text))
            if word_class == wanted
            and len(word) > 1
            and word.rstrip(_PLACE_ENDS) not in asked.folded
            and word not in _GENERIC_PLACES
        ]


def _places(text: str, segmenter: Segmenter) -> list[str]:
    """The places that ``text`` names, folded, without 市 and the like."""
    return [
        word.rstrip(_PLACE_ENDS)
        for _, word, word_class in segmenter.tagged(text)
        if word_class == "p" and len(word.rstrip(_PLACE_ENDS)) > 1 and word not in _GENERIC_PLACES
    ]


def _rival(asked: frozenset[str], text: str, named: Sequence[str]) -> float:
    """1 where ``text`` names others of a kind and none of those that the question asks about."""
    return float(bool(asked) and bool(named) and not any(each in text for each in asked))


def _share(weights: dict[str, float], folded: str) -> float:
    total = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in folded) / total if total else 0.0


def _closeness(span: Span, places: Sequence[int]) -> float:
    """How near the question's words stand to ``span``: each adds 1 / (5 + characters between)."""
    return sum(1 / (5 + min(abs(place - span.start), abs(place - span.end))) for place in places)


def _in_context(sentence: Sentence) -> str:
    passage = sentence.passage
    above = passage.heading[-1] if passage.heading else passage.article.title
    text = sentence.span.of(passage.article.text)
    return f"{above} {text}" if above else text


_marker = re.compile(r"^\s*(?:[-*•]\s+|\d{1,2}[.、]\s*|[（(]?[一二三四五六七八九十]{1,2}[)）、]\s*)")


def _without_marker(text: str, span: Span) -> Span:
    """``span`` without a list marker at its start."""
    match = _marker.match(span.of(text))
    return span if match is None else Span(span.start + match.end(), span.end)


def _without_end(text: str, span: Span) -> Span:
    """``span`` without white space and a sentence's end mark, unless nothing else is left."""
    inside = span.of(text).rstrip(_END_MARKS)
    return trim(text, Span(span.start, span.start + len(inside))) if inside.strip() else span


def _shipped() -> list[float]:
    raw = json.loads((resources.files("qa") / "data" / "sentence-reader.json").read_text(encoding="utf-8"))
    return [float(raw["weights"][name]) for name in FEATURES]
