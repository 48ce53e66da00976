"""Questions in, cited quotes out: the ``Assistant`` joins search, reading and the decision to answer."""

from __future__ import annotations

import fnmatch
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from qa import encoder
from qa.conversation import FollowUp, follow_up, names_in
from qa.dense import Dense
from qa.errors import IndexFolderError, InputError, ModelError
from qa.index import Generation, read_manifest
from qa.lexical import BM25
from qa.quoting import answer_from, cited_sentence, read, untold
from qa.reader import load as load_reader
from qa.retrieval import Hybrid
from qa.settings import AnswerSettings, RetrievalSettings
from qa.types import Answer, Citation, Hit, LegName, Passage, Reader, Reading
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.types import Article, Encoder, Mask

    _Admitted = tuple[Mask, Callable[[Passage], Passage]]

__all__ = [
    "LONGEST_QUESTION",
    "Assistant",
    "Filters",
    "PassageReading",
    "Stage",
    "answer_from",
    "checked_question",
    "cited_sentence",
]

LONGEST_QUESTION = 1000  # characters
# Names are looked for in the best passages of BM25 for a follow-up and for each of the questions before it.
_NAMING = 3  # questions
_NAMED = 10  # passages of each
_FILTERED = 8  # filters whose passages are remembered: to find them all articles are gone through
_DEEPEST = 3  # times as many passages are read at most when further answers are asked for
_WARMING = "这是哪一年开始的?"
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
    answers: _Answers
    admitted: Callable[[Filters], _Admitted] = field(init=False)

    def __post_init__(self) -> None:
        admitted = lru_cache(maxsize=_FILTERED)(partial(_admitted, self.generation))
        object.__setattr__(self, "admitted", admitted)


@dataclass(frozen=True, slots=True)
class _Asked:
    """All that an answer depends on, beside the index and the models; as ``Assistant.ask`` takes it."""

    question: str
    history: tuple[str, ...] = ()
    top_k: int | None = None
    threshold: float | None = None
    others: int | None = None
    filters: Filters | None = None


class _Answers:
    """The last answers of one generation, the least recently asked going first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[_Asked, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: _Asked) -> Answer | None:
        """The answer that was kept for ``asked``."""
        with self._lock:
            if asked in self._known:
                self._known.move_to_end(asked)
            return self._known.get(asked)

    def keep(self, asked: _Asked, answer: Answer) -> None:
        """Keep ``answer``, in the place of the one that nobody has asked for the longest time."""
        with self._lock:
            self._known[asked] = answer
            self._known.move_to_end(asked)
            while len(self._known) > self._most:
                self._known.popitem(last=False)


def _told_again(answer: Answer, began: float) -> Answer:
    """A kept answer; only its times are those of this asking, which neither searched nor read."""
    return replace(answer, timings_ms={"retrieve": 0.0, "read": 0.0, "total": _milliseconds(began)})


def _milliseconds(began: float, ended: float | None = None) -> float:
    return 1000 * ((time.perf_counter() if ended is None else ended) - began)


def _answered(opened: _Opened, asked: _Asked, tell: Callable[[Stage, int], None], began: float) -> Answer:
    """Search, read, cite. Raises InputError for a question that cannot be asked."""
    tell("search", len(opened.generation.passages))
    followed = _follow_up(asked.question, asked.history, opened)
    show = opened.settings.show if asked.top_k is None else asked.top_k
    depth = opened.settings.read * min(1 + followed.skip, _DEEPEST)
    hits = _hits(opened, followed.searched, max(show, depth), asked.filters)
    found = time.perf_counter()
    tell("read", min(len(hits), depth))
    citations, confidence = _cited(opened, asked, followed, [hit.passage for hit in hits[:depth]])
    return Answer(
        question=asked.question,
        searched=followed.searched,
        citations=citations,
        confidence=confidence,
        hits=hits[:show],
        timings_ms={
            "retrieve": _milliseconds(began, found),
            "read": _milliseconds(found),
            "total": _milliseconds(began),
        },
        index=opened.info,
    )


def _hits(opened: _Opened, searched: str, k: int, filters: Filters | None) -> tuple[Hit, ...]:
    """The ``k`` best passages of what ``filters`` admit, best first."""
    if filters is None or filters.empty:
        return opened.hybrid.search(searched, k, None)
    allowed, named = opened.admitted(filters)
    hits = opened.hybrid.search(searched, k, allowed)
    return tuple(replace(hit, passage=named(hit.passage)) for hit in hits)


def _cited(
    opened: _Opened, asked: _Asked, followed: FollowUp, passages: Sequence[Passage]
) -> tuple[tuple[Citation, ...], float]:
    """Citations and confidence of what ``passages`` say that earlier answers did not tell."""
    settings, group = opened.settings, opened.generation.group_of
    limit = settings.threshold if asked.threshold is None else asked.threshold
    others = settings.others if asked.others is None else asked.others
    if not followed.skip:
        return answer_from(
            read(opened.reader, followed.searched, passages, settings, group), limit, others, group
        )
    every = read(opened.reader, followed.searched, passages, replace(settings, early_stop=None))
    earlier = partial(answer_from, threshold=limit, others=settings.others, group=group)
    return answer_from(untold(every, passages, followed.skip, settings, earlier, group), limit, others, group)


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
        cache: int = 0,
    ) -> None:
        """Open the index at ``folder``.

        ``model``     the encoder, if it is already loaded
        ``reader``    a reader or the folder of one; None for the one that ships
        ``settings``  how answers are chosen; None for what was fitted with the reader, with the threshold
                      that the index keeps for this reader, if it does
        ``cache``     how many answers are kept, until the index is replaced, to be given again to the same
                      question with the same options; all but their times are the same

        Raises IndexFolderError, ModelError.
        """
        self._folder = folder
        self._model, self._reader = model, reader
        self._settings = settings
        self._retrieval = RetrievalSettings() if retrieval is None else retrieval
        self._cache = cache
        self._lock = threading.Lock()
        self._opened = self._open()

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str] = "index",
        *,
        reader: str | None = None,
        leg: LegName | None = None,
        answers: bool = True,
        cache: int = 0,
    ) -> Self:
        """The assistant over the index at ``folder``.

        ``reader``   another reader's folder
        ``leg``      search with this leg alone, to see what the other adds
        ``answers``  False for one that only searches: no reader is loaded, and asking raises ModelError
        ``cache``    how many answers are kept to be given again
        Raises IndexFolderError, ModelError.
        """
        chosen: Reader | str | None = reader if answers else _NoReader()
        return cls(Path(folder), reader=chosen, retrieval=RetrievalSettings.of_leg(leg), cache=cache)

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
        opened = self._opened
        only = None if filters is None or filters.empty else filters
        asked = _Asked(question, tuple(history), top_k, threshold, others, only)
        known = opened.answers.get(asked)
        if known is not None:
            return _told_again(known, began)
        answer = _answered(opened, asked, _silent if on_stage is None else on_stage, began)
        opened.answers.keep(asked, answer)
        return answer

    def warm(self) -> None:
        """Ask something, so that the first question of a visitor finds all that it needs in memory.

        One that was opened without a reader searches for it.
        """
        if isinstance(self._opened.reader, _NoReader):
            self.search(_WARMING)
        else:
            _answered(self._opened, _Asked(_WARMING), _silent, time.perf_counter())

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
        return _hits(opened, _follow_up(question, history, opened).searched, k, filters)

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
        answers = _Answers(self._cache)
        return _Opened(generation, lexical, hybrid, reader, settings, segmenter, info, answers)

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
        settings = self._settings
        candidates = read(self.reader, question, passages, settings)
        limit = settings.threshold if threshold is None else threshold
        citations, confidence = answer_from(candidates, limit, settings.others)
        spent = 1000 * (time.perf_counter() - began)
        timings = {"retrieve": 0.0, "read": spent, "total": spent}
        return Answer(question, question, citations, confidence, timings_ms=timings)


class _NoReader:
    """Stands in for a reader where nothing is read."""

    name = "none"
    settings = AnswerSettings()

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Raises ModelError."""
        raise ModelError("this assistant was opened without a reader; open another one to ask")


def _reader(given: Reader | str | None, segmenter: Segmenter) -> Reader:
    """The reader itself where one is given, else the one in the folder of that name."""
    return load_reader(given, segmenter=segmenter) if given is None or isinstance(given, str) else given


def _admitted(generation: Generation, filters: Filters) -> _Admitted:
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
