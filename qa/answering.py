"""Questions in, cited quotes out: the ``Assistant`` joins search, reading and the decision to answer."""

from __future__ import annotations

import fnmatch
import math
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from qa import encoder
from qa.conversation import FollowUp, follow_up, names_in
from qa.dense import Dense
from qa.errors import IndexFolderError, InputError, ModelError
from qa.index import Generation, read_manifest
from qa.lexical import BM25
from qa.reader import load as load_reader
from qa.retrieval import Hybrid
from qa.settings import RetrievalSettings
from qa.text import fold, sentences
from qa.types import Answer, Candidate, Citation, CitationKind, Hit, LegName, Passage, Reader, Span
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.settings import AnswerSettings
    from qa.types import Article, Encoder, Mask

__all__ = [
    *("LONGEST_QUESTION", "Assistant", "Filters", "PassageReading", "Stage"),
    *("answer_from", "checked_question"),
]

LONGEST_QUESTION = 1000  # characters
# Names are looked for in the best passages of BM25 for a follow-up and for each of the questions before it.
_NAMING = 3  # questions
_NAMED = 10  # passages of each
_DEEPEST = 3  # times as many passages are read at most when further answers are asked for
Stage = Literal["search", "read"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which articles a question is asked of.

    ``source``           glob over the citation's source, ``*`` also across ``/``
    ``after``, ``before``  ISO dates (``2021``, ``2021-05``, ``2021-05-06``), both inclusive; an article
                         without a date is outside
    """

    source: str | None = None
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        for name, bound in (("after", self.after), ("before", self.before)):
            if bound is not None and not _is_date(bound):
                raise InputError(f"{name} {bound!r}: is not a date; give YYYY, YYYY-MM or YYYY-MM-DD")

    def admits(self, source: str, date: str | None) -> bool:
        """Whether an article with this source and date is asked."""
        if self.source is not None and not fnmatch.fnmatchcase(source, self.source):
            return False
        if self.after is not None and (date is None or _cut(date, self.after) < _cut(self.after, date)):
            return False
        return self.before is None or (
            date is not None and _cut(date, self.before) <= _cut(self.before, date)
        )

    @property
    def empty(self) -> bool:
        """Whether every article is admitted."""
        return self == Filters()


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}(?:-\d{2}){0,2}", text, re.ASCII):
        return False  # strptime also takes 2021-5, which does not compare as text
    for form in ("%Y", "%Y-%m", "%Y-%m-%d"):
        try:
            time.strptime(text, form)
        except ValueError:
            continue
        return True
    return False


def _cut(date: str, other: str) -> str:
    """``date`` as far as ``other`` is known: 2021 and 2021-05-06 are compared by their years."""
    return date[: min(len(date), len(other))]


def checked_question(question: str) -> str:
    """``question`` if it can be asked; raises InputError for one that is empty, too long or only marks."""
    if not question.strip():
        raise InputError("the question is empty; ask something, as in: qa ask 上海是哪一年启动试点的?")
    if len(question) > LONGEST_QUESTION:
        raise InputError(
            f"the question has {len(question):,} characters; at most {LONGEST_QUESTION:,} can be asked"
        )
    if not any(char.isalnum() for char in question):
        raise InputError(f"{question.strip()[:20]!r} holds no words; ask a question in Chinese")
    return question


def _silent(stage: Stage, passages: int) -> None:
    """Nobody asked how far it is."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """One generation with all that searches it."""

    generation: Generation
    lexical: BM25
    hybrid: Hybrid
    reader: Reader
    settings: AnswerSettings
    segmenter: Segmenter
    info: Mapping[str, str | float]


def _follow_up(question: str, history: Sequence[str], opened: _Opened) -> FollowUp:
    """What is searched. Raises InputError for a question, or an earlier one, that cannot be asked."""
    checked_question(question)
    if any(len(turn) > LONGEST_QUESTION for turn in history):
        raise InputError(f"an earlier question has more than {LONGEST_QUESTION:,} characters; leave it out")
    names = _known_names((*history[-_NAMING:], question), opened) if history else ()
    return follow_up(question, history, opened.segmenter, names=names)


def _known_names(questions: Sequence[str], opened: _Opened) -> Container[str]:
    """The articles' own names that ``questions`` may hold: those in the passages that each finds by words.

    BM25 sees titles and headings too, so that a name brings its article up, however large the index is.
    """
    rows = {int(row) for each in questions for row in opened.lexical.search(each, _NAMED)[0]}
    found = [opened.generation.passage(row) for row in sorted(rows)]
    heads = [head for passage in found for head in (passage.article.title, *passage.heading)]
    return names_in(heads, [passage.text for passage in found], opened.segmenter)


class Assistant:
    """Answers questions from one index. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        *,
        model: Encoder | None = None,
        reader: Reader | str | None = None,
        settings: AnswerSettings | None = None,
        retrieval: RetrievalSettings | None = None,
    ) -> None:
        """Open the index at ``folder``.

        ``model``     the encoder, if it is already loaded
        ``reader``    a reader or the folder of one; None for the one that ships
        ``settings``  how answers are chosen; None for what was fitted with the reader, with the threshold
                      that the index keeps for this reader, if it does

        Raises IndexFolderError, ModelError.
        """
        self._folder = folder
        self._model, self._reader = model, reader
        self._settings = settings
        self._retrieval = RetrievalSettings() if retrieval is None else retrieval
        self._lock = threading.Lock()
        self._opened = self._open()

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str] = "index",
        *,
        reader: str | None = None,
        leg: LegName | None = None,
    ) -> Self:
        """The assistant over the index at ``folder``.

        ``reader``  another reader's folder
        ``leg``     search with this leg alone, to see what the other adds
        Raises IndexFolderError, ModelError.
        """
        alone = None if leg is None else RetrievalSettings(bm25_weight=1.0 if leg == "bm25" else 0.0)
        return cls(Path(folder), reader=reader, retrieval=alone)

    @property
    def threshold(self) -> float:
        """Confidence below which it abstains, 0 to 1."""
        return self._opened.settings.threshold

    @property
    def index_info(self) -> dict[str, str | float]:
        """``fingerprint`` of the index, names of ``encoder`` and ``reader``.

        And its own ``threshold``, where it keeps one that was found with this reader, and the ``leg``
        that it is searched with, where that is one alone.
        """
        return dict(self._opened.info)

    @property
    def generation(self) -> Generation:
        """The open generation of the index."""
        return self._opened.generation

    def passages(self) -> Sequence[Passage]:
        """All passages of the index, by row."""
        return self._opened.generation.passages

    @property
    def read(self) -> int:
        """How many of the best passages are read for an answer."""
        return self._opened.settings.read

    def articles(self) -> Iterator[Article]:
        """All articles of the index, by row."""
        generation = self._opened.generation
        return (generation.article(row) for row in range(len(generation)))

    def refused(self) -> tuple[str, ...]:
        """The sources that were refused, whole or in part, when they were indexed."""
        return self._opened.generation.refused()

    def leg_ranks(self, searched: str, rows: Collection[int], k: int) -> dict[str, int | None]:
        """The best rank of any of ``rows`` in ``bm25`` and ``dense`` by themselves; None beyond ``k``."""
        return self._opened.hybrid.leg_ranks(searched, rows, k)

    def reload(self) -> bool:
        """Open the index anew if it was replaced or given a threshold; True if it was.

        Questions under way are not disturbed.
        """
        with self._lock:
            manifest = read_manifest(self._folder)
            if manifest is not None and manifest == self._opened.generation.manifest:
                return False
            self._opened = self._open()  # the old one is let go when the last question on it is done
        return True

    def close(self) -> None:
        """Let go of the index."""
        self._opened.generation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- asking ----------------------------------------------------------------------------------

    def ask(
        self,
        question: str,
        history: Sequence[str] = (),
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        others: int | None = None,
        filters: Filters | None = None,
        on_stage: Callable[[Stage, int], None] | None = None,
    ) -> Answer:
        """The answer of the articles, or an abstention.

        ``history``    earlier questions, oldest first, for follow-ups; to one that asks for more (还有吗?)
                       what the answers before it left out, each taken to have cited as many places as
                       the reader's settings say
        ``top_k``      passages kept on the answer (the reading looks at a fixed number)
        ``threshold``  0 to 1; None for the index's own or else the reader's
        ``others``     further citations at most; None for the reader's own number
        ``on_stage``   called when a stage begins, with the passages it has to do with
        Raises InputError for a question that cannot be asked.
        """
        began = time.perf_counter()
        opened, settings = self._opened, self._opened.settings
        settings = settings if others is None else replace(settings, others=others)
        tell = on_stage if on_stage is not None else _silent
        tell("search", len(opened.generation.passages))
        asked = _follow_up(question, history, opened)
        show = settings.show if top_k is None else top_k
        depth = settings.read * min(1 + asked.skip, _DEEPEST)
        hits = self._hits(opened, asked.searched, max(show, depth), filters)
        found = time.perf_counter()
        read = [hit.passage for hit in hits[:depth]]
        tell("read", len(read))
        limit, group = settings.threshold if threshold is None else threshold, opened.generation.group_of
        first = partial(answer_from, threshold=limit, others=opened.settings.others, group=group)
        candidates = _read(opened.reader, asked.searched, read, settings)
        untold = _untold(candidates, read, asked.skip, settings.read, first)
        citations, confidence = answer_from(untold, limit, settings.others, group)
        done = time.perf_counter()
        timings = {"retrieve": found - began, "read": done - found, "total": done - began}
        return Answer(
            question=question,
            searched=asked.searched,
            citations=citations,
            confidence=confidence,
            hits=hits[:show],
            timings_ms={stage: 1000 * seconds for stage, seconds in timings.items()},
            index=opened.info,
        )

    def standalone(self, question: str, history: Sequence[str] = ()) -> str:
        """What is searched for ``question`` after ``history``. Raises InputError."""
        return _follow_up(question, history, self._opened).searched

    def search(
        self,
        question: str,
        history: Sequence[str] = (),
        *,
        k: int = 10,
        filters: Filters | None = None,
    ) -> tuple[Hit, ...]:
        """The ``k`` best passages, best first. Raises InputError."""
        opened = self._opened
        return self._hits(opened, _follow_up(question, history, opened).searched, k, filters)

    def _hits(self, opened: _Opened, searched: str, k: int, filters: Filters | None) -> tuple[Hit, ...]:
        if filters is None or filters.empty:
            return opened.hybrid.search(searched, k, None)
        allowed, named = _allowed(opened.generation, filters)
        hits = opened.hybrid.search(searched, k, allowed)
        return tuple(replace(hit, passage=named(hit.passage)) for hit in hits)

    def _open(self) -> _Opened:
        generation = Generation.open(self._folder)
        if self._model is None:
            self._model = encoder.load(str(generation.manifest.encoder["name"]))
        model, manifest = self._model, generation.manifest
        if model.fingerprint != manifest.encoder["fingerprint"]:
            raise ModelError(
                f"{self._folder}: was indexed with another encoder ({manifest.encoder['name']}, "
                f"{str(manifest.encoder['fingerprint'])[:12]}); "
                f"run `qa index --rebuild --index {self._folder}`"
            )
        segmenter = Segmenter(generation.user_words())
        lexical, hybrid = self._legs(generation, model, segmenter)
        reader = _reader(self._reader, segmenter)
        settings = reader.settings if self._settings is None else self._settings
        info: dict[str, str | float] = {
            "fingerprint": manifest.fingerprint,
            "encoder": model.name,
            "reader": reader.name,
        }
        if len(hybrid.legs) == 1:
            info["leg"] = hybrid.legs[0]
        own = manifest.threshold
        if self._settings is None and own is not None and own.reader == reader.name:
            settings = replace(settings, threshold=own.threshold)
            info["threshold"] = own.threshold
        return _Opened(generation, lexical, hybrid, reader, settings, segmenter, info)

    def _legs(self, generation: Generation, model: Encoder, segmenter: Segmenter) -> tuple[BM25, Hybrid]:
        size = len(generation.passages)
        try:
            lexical = BM25.load(generation.path, size, segmenter)
            dense = Dense.load(generation.path, model)
        except (OSError, RuntimeError, ValueError) as error:
            raise IndexFolderError(
                f"{generation.path}: cannot be opened ({error}); run `qa index --rebuild`"
            ) from error
        weight = self._retrieval.bm25_weight
        legs: dict[str, tuple[Any, float]] = {"bm25": (lexical, weight), "dense": (dense, 1 - weight)}
        legs = {name: (leg, share) for name, (leg, share) in legs.items() if share > 0}
        return lexical, Hybrid(legs, generation.passages, pool=self._retrieval.pool)


class PassageReading:
    """Answers from passages that are given, without any index."""

    def __init__(self, reader: Reader | str | None = None, settings: AnswerSettings | None = None) -> None:
        """``reader`` and ``settings`` as for ``Assistant``. Raises ModelError."""
        self.reader = _reader(reader, Segmenter())
        self._settings = self.reader.settings if settings is None else settings

    def __call__(
        self, question: str, passages: Sequence[Passage], *, threshold: float | None = None
    ) -> Answer:
        """The answer that the passages give; abstains below ``threshold``."""
        began = time.perf_counter()
        checked_question(question)
        citations, confidence = _decided(self.reader, question, passages, self._settings, threshold)
        spent = 1000 * (time.perf_counter() - began)
        timings = {"retrieve": 0.0, "read": spent, "total": spent}
        return Answer(question, question, citations, confidence, timings_ms=timings)


def _reader(given: Reader | str | None, segmenter: Segmenter) -> Reader:
    """The reader itself where one is given, else the one in the folder of that name."""
    return load_reader(given, segmenter=segmenter) if given is None or isinstance(given, str) else given


def _allowed(generation: Generation, filters: Filters) -> tuple[Mask, Callable[[Passage], Passage]]:
    """Which passages ``filters`` admit, bool (passages,), and how such a passage is to be cited.

    Of articles that say the same one alone has passages; where another one is admitted, that is cited.
    """
    import numpy as np

    admits = [filters.admits(source, date) for source, date in generation.catalogue()]
    if not any(admits):
        raise InputError("no article of the index passes the filters; widen --source, --after or --before")
    named: dict[int, int] = {}
    for row in np.flatnonzero(admits).tolist():
        named.setdefault(generation.first(row), row)
    reached = np.zeros(len(generation), dtype=bool)
    reached[list(named)] = True
    mask: Mask = reached[generation.article_rows()]
    return mask, lambda passage: generation.cited_as(passage, named)


def _untold(
    candidates: Sequence[Candidate],
    passages: Sequence[Passage],
    answers: int,
    read: int,
    answer: Callable[[Sequence[Candidate]], tuple[tuple[Citation, ...], float]],
) -> Sequence[Candidate]:
    """The ``candidates`` that say something else, elsewhere, than the first ``answers`` answers said.

    ``answer`` made the first of these from the first ``read`` of ``passages``, the second from what it left
    of twice as many, and so on.
    """
    place = {id(passage): at for at, passage in enumerate(passages)}
    for size in range(read, read * (answers + 1), read):
        told, _ = answer([each for each in candidates if place[id(each.passage)] < size])
        if not told and size >= len(passages):
            break
        candidates = [each for each in candidates if not any(_tells(each, cited) for cited in told)]
    return candidates


def _decided(
    reader: Reader,
    question: str,
    passages: Sequence[Passage],
    settings: AnswerSettings,
    threshold: float | None,
) -> tuple[tuple[Citation, ...], float]:
    """Citations and confidence of what ``passages`` say; ``threshold`` None for that of ``settings``."""
    limit = settings.threshold if threshold is None else threshold
    return answer_from(_read(reader, question, passages, settings), limit, settings.others)


def _read(
    reader: Reader, question: str, passages: Sequence[Passage], settings: AnswerSettings
) -> list[Candidate]:
    """All spans the reader points at, best first; ties keep the order of the passages.

    A candidate's score is the chance that it is right: the reader's log-odds and what the passage's
    rank adds, through the logistic function.
    """
    readings = reader.read(question, passages)
    found = [
        Candidate(
            passage,
            scored.span,
            cited_sentence(passage, scored.span),
            _logistic(scored.score + settings.rank_weight / rank),
        )
        for rank, (passage, reading) in enumerate(zip(passages, readings, strict=True), start=1)
        for scored in reading.spans
    ]
    return sorted(found, key=lambda candidate: -candidate.score)


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(log_odds, -700.0)))


def cited_sentence(passage: Passage, span: Span) -> Span:
    """The whole sentence, or sentences, of the passage that ``span`` stands in."""
    inside = [each for each in sentences(passage.article.text, passage.span) if each.overlaps(span)]
    if not inside:
        return span
    return Span(min(inside[0].start, span.start), max(inside[-1].end, span.end))


Group = Callable[[Passage], int]


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
