"""From what a reader points at to what is cited: candidates, how far reading goes, answers, citations.

Nothing here knows an index. Confidences are chances from 0 to 1; candidates come best first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qa.text import fold, sentences
from qa.types import Candidate, Citation, CitationKind, Passage, Reader, Reading, Span

if TYPE_CHECKING:
    from qa.settings import AnswerSettings

__all__ = ["Group", "answer_from", "cited_sentence", "read", "untold"]

Group = Callable[[Passage], int]
Answering = Callable[[Sequence[Candidate]], tuple[tuple[Citation, ...], float]]


# -- reading -------------------------------------------------------------------------------------


def read(
    reader: Reader,
    question: str,
    passages: Sequence[Passage],
    settings: AnswerSettings,
    group: Group | None = None,
) -> list[Candidate]:
    """All spans the reader points at, best first; ties keep the order of the passages.

    A candidate's score is the chance that it is right: the reader's log-odds and what the passage's
    rank adds, through the logistic function.
    """
    first = range(len(passages) if settings.early_stop is None else settings.early_stop.first)
    near = _candidates(reader, question, passages, first[: len(passages)], settings)
    further = _reached(near, passages, settings, group)[len(first) :]
    found = [*near, *_candidates(reader, question, passages, further, settings)]
    return sorted(found, key=lambda candidate: -candidate.score)


def _candidates(
    reader: Reader,
    question: str,
    passages: Sequence[Passage],
    places: Sequence[int],
    settings: AnswerSettings,
) -> list[Candidate]:
    """The candidates of the passages at ``places``, from one call of the reader."""
    chosen = [passages[at] for at in places]
    readings = reader.read(question, chosen) if chosen else []
    return [
        Candidate(passage, scored.span, sentence, _logistic(scored.score + settings.rank_weight / (1 + at)))
        for at, passage, reading in zip(places, chosen, readings, strict=True)
        for scored, sentence in zip(reading.spans, _sentences(passage, reading), strict=True)
    ]


def _reached(
    near: Sequence[Candidate], passages: Sequence[Passage], settings: AnswerSettings, group: Group | None
) -> Sequence[int]:
    """The places in ``passages`` that are read, given the candidates of those that are read first.

    All of them, unless the best of ``near`` is as good as the reader's rule asks for; then, beside the first
    ones, reprints of its article alone, of which the earliest is cited. The rule looks at scores, which no
    other passage changes, so that a question is always read equally far.
    """
    rule, every = settings.early_stop, range(len(passages))
    best = max(near, key=lambda candidate: candidate.score, default=None)
    if rule is None or best is None or best.score < rule.confidence:
        return every
    reprints = [at for at in every[rule.first :] if group and group(passages[at]) == group(best.passage)]
    return [*every[: rule.first], *reprints]


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(log_odds, -700.0)))


def _sentences(passage: Passage, reading: Reading) -> list[Span]:
    """The cited sentence of each span of a reading; the passage is cut into sentences once for all."""
    if not reading.spans:
        return []
    cut = sentences(passage.article.text, passage.span)
    return [_around(cut, scored.span) for scored in reading.spans]


def cited_sentence(passage: Passage, span: Span) -> Span:
    """The whole sentence, or sentences, of the passage that ``span`` stands in."""
    return _around(sentences(passage.article.text, passage.span), span)


def _around(cut: Sequence[Span], span: Span) -> Span:
    inside = [each for each in cut if each.overlaps(span)]
    if not inside:
        return span
    return Span(min(inside[0].start, span.start), max(inside[-1].end, span.end))


# -- citing --------------------------------------------------------------------------------------


def answer_from(
    candidates: Sequence[Candidate], threshold: float, others: int, group: Group | None = None
) -> tuple[tuple[Citation, ...], float]:
    """The citations of the candidates at or above ``threshold``, and the best candidate's score.

    ``candidates`` come best first. The first is the answer; those that say the same follow as ``same``,
    at most ``others`` in all, further ones as ``other``. None at the threshold means no citations.
    ``group`` tells the group of reprints that a passage's article is in: of reprints that say the same the
    earliest is cited, and the others of the answer's follow at once and count for nothing.
    """
    confidence = candidates[0].score if candidates else 0.0
    chosen: list[Citation] = []
    reprints: list[list[Citation]] = []  # of each chosen one, itself among them
    for candidate in candidates:
        if candidate.score < threshold:
            break
        if any(_same_place(candidate, citation) for printed in reprints for citation in printed):
            continue
        kind = _kind(candidate, chosen)
        citation = Citation(candidate.passage, candidate.span, candidate.sentence, kind)
        known = [at for at, other in enumerate(chosen) if group and _is_reprint(citation, other, group)]
        if known:
            reprints[known[0]].append(citation)
        elif len(chosen) <= others:
            chosen.append(citation)
            reprints.append([citation])
    return tuple(sorted(_folded(reprints), key=lambda citation: _ORDER.index(citation.kind))), confidence


_ORDER: tuple[CitationKind, ...] = ("answer", "same", "other")


def _is_reprint(citation: Citation, other: Citation, group: Group) -> bool:
    return group(citation.passage) == group(other.passage) and _says(citation.quote, other.quote)


def _folded(reprints: Sequence[Sequence[Citation]]) -> Iterator[Citation]:
    """Of each set of reprints the earliest; of the answer's the others too."""
    for printed in reprints:
        first, *further = sorted(printed, key=_earliest)
        yield replace(first, kind=printed[0].kind)
        if printed[0].kind == "answer":
            yield from (replace(citation, kind="same") for citation in further)


def _earliest(citation: Citation) -> tuple[str, str]:
    """Order of publication, then of names; what bears no date comes last."""
    return citation.article.date or "~", citation.article.place


def _kind(candidate: Candidate, chosen: Sequence[Citation]) -> CitationKind:
    if not chosen:
        return "answer"
    return "same" if _says(candidate.quote, chosen[0].quote) else "other"


def untold(
    candidates: Sequence[Candidate],
    passages: Sequence[Passage],
    answers: int,
    settings: AnswerSettings,
    answer: Answering,
    group: Group | None = None,
) -> Sequence[Candidate]:
    """The ``candidates`` that say something else, elsewhere, than the first ``answers`` answers said.

    ``answer`` made the first of these from what is read for an answer of the first ``read`` passages, the
    second from what it left of twice as many, and so on.
    """
    place = {id(passage): at for at, passage in enumerate(passages)}
    for number in range(1, answers + 1):
        size = settings.read * number
        known = [each for each in candidates if place[id(each.passage)] < size]
        told, _ = answer(_first_told(known, passages[:size], settings, group) if number == 1 else known)
        if not told and size >= len(passages):
            break
        candidates = [each for each in candidates if not any(_tells(each, cited) for cited in told)]
    return candidates


def _first_told(
    candidates: Sequence[Candidate],
    passages: Sequence[Passage],
    settings: AnswerSettings,
    group: Group | None,
) -> Sequence[Candidate]:
    """Those of ``candidates`` that there would be if ``passages`` had been read for one answer alone."""
    if settings.early_stop is None:
        return candidates
    first = {id(passage) for passage in passages[: settings.early_stop.first]}
    near = [each for each in candidates if id(each.passage) in first]
    reached = {id(passages[at]) for at in _reached(near, passages, settings, group)}
    return [each for each in candidates if id(each.passage) in reached]


def _tells(candidate: Candidate, citation: Citation) -> bool:
    """Whether a candidate says what was cited, in this place or in another."""
    return _same_place(candidate, citation) or _says(candidate.quote, citation.quote)


def _same_place(candidate: Candidate, citation: Citation) -> bool:
    """A sentence is shown once, though overlapping passages and several spans bring it up again."""
    same_article = candidate.passage.article.id == citation.article.id
    return same_article and candidate.sentence.overlaps(citation.sentence_span)


def _says(quote: str, other: str) -> bool:
    """Whether two quotes are the same words but for script, width, case and marks."""
    return _bare(quote) == _bare(other)


def _bare(quote: str) -> str:
    return "".join(char for char in fold(quote) if char.isalnum())
