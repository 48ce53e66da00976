"""Questions to suggest: each has been asked, and its own words came back first, above the threshold.

The rules of ``proposals`` make them from the articles. A background thread asks them one by one and fills a
pool; ``take`` only chooses from the pool, so it returns at once. The work is bounded: so many questions are
asked for one state of the index, with a rest after each as long as the asking took.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from qa.errors import QaError
from qa.proposals import Form, Proposal, proposals
from qa.text import fold
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.index import Generation
    from qa.types import Answer, Article

__all__ = ["Asker", "Suggestion", "Suggestions", "found_itself"]

_ASKED = 400  # questions that are tried for one state of the index
_POOL = 120  # suggestions that are kept
_A_ARTICLE = 6  # questions of one article at most, so that a long one does not fill the pool
_LOOK = 2.0  # seconds between two looks at whether the index was replaced or more is wanted
# A follow-up would be rewritten after this; what stands alone is left as it is.
_BEFORE = "火星上的第一座城市叫什么名字？"


class Asker(Protocol):
    """What suggestions need of an ``Assistant``."""

    @property
    def generation(self) -> Generation:
        """The open generation of the index."""
        ...

    def ask(self, question: str) -> Answer:
        """The answer of the articles, or an abstention."""
        ...

    def standalone(self, question: str, history: Sequence[str] = ()) -> str:
        """What is searched for ``question`` after ``history``."""
        ...


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that the index can answer, and the article that does."""

    question: str
    form: Form
    source: str
    element: str | None
    title: str
    confidence: float


def found_itself(answer: Answer, article: Article, proposal: Proposal) -> bool:
    """Whether the first citation is what the question was made from: the article, the place, the words."""
    if answer.abstained:
        return False
    first = answer.citations[0]
    if first.article.id != article.id or not proposal.home.overlaps(first.span):
        return False
    return proposal.answer is None or proposal.answer.overlaps(first.span)


class Suggestions:
    """A pool of suggestions over one index. Safe to use from several threads.

    >>> with Suggestions(assistant) as suggestions:                              # doctest: +SKIP
    ...     suggestions.take(3, near="shanghai.md", shown=["什么是区块链？"])
    """

    def __init__(
        self, assistant: Asker, *, seed: int = 0, most: int = _ASKED, rest: Callable[[], float] = lambda: 1.0
    ) -> None:
        """``seed``: decides the order in which articles are tried and suggestions chosen.

        ``most``  questions asked for one state of the index
        ``rest``  seconds of rest for each second of asking, said anew after each question
        """
        self._assistant, self._seed, self._most, self._rest = assistant, seed, most, rest
        self._segmenter = Segmenter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._wanted: list[str] = []
        self._begin("")

    def _begin(self, fingerprint: str) -> None:
        """Forget what was found: the index is another."""
        with self._lock:
            self._fingerprint = fingerprint
            self._pool: list[Suggestion] = []
            self._asked: dict[str, int] = {}  # questions by article, in all
            self._tried: set[str] = set()
            self._left = self._most

    # -- choosing ----------------------------------------------------------------------------------

    def take(
        self, n: int = 3, *, near: str | None = None, shown: Iterable[str] = (), seed: int | None = None
    ) -> tuple[Suggestion, ...]:
        """At most ``n`` suggestions, of different articles as far as possible; fewer until the pool fills.

        ``near``   a source: its questions come first, but one place is left to another article
        ``shown``  questions that were asked or shown before; none comes again
        ``seed``   decides among equals; the same pool, ``shown`` and seed give the same. None: the number of
                   questions that were shown
        """
        seen = {_bare(question) for question in shown}
        with self._lock:
            open_ = [each for each in self._pool if _bare(each.question) not in seen]
            if near is not None and near not in self._wanted:
                self._wanted.append(near)
        random.Random(f"{self._seed}:{len(seen) if seed is None else seed}").shuffle(open_)
        return tuple(_chosen(open_, n, near))

    def known(self) -> tuple[Suggestion, ...]:
        """All that the pool holds, in the order in which they were found."""
        with self._lock:
            return tuple(self._pool)

    # -- filling -----------------------------------------------------------------------------------

    def fill(self) -> int:
        """Ask until the pool is full or as many were asked as may be; how many suggestions it holds.

        What the background thread does, without rest, for tests and measurements.
        """
        for _ in self._steps():
            pass
        return len(self.known())

    def start(self) -> None:
        """Begin to fill the pool in the background."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="suggestions", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread, after the question that it is asking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Suggestions:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                for spent in self._steps():
                    if self._stop.wait(spent * self._rest()):
                        return
            except Exception:  # the page is whole without suggestions
                logging.getLogger(__name__).exception("suggestions could not be made")
            self._stop.wait(_LOOK)

    def _steps(self) -> Iterator[float]:
        """Ask one question after another; yields the seconds that each took."""
        generation = self._assistant.generation
        if generation.manifest.fingerprint != self._fingerprint:
            self._begin(generation.manifest.fingerprint)
        for row in self._rows(generation):
            article = generation.article(row)
            for proposal in proposals(article, self._segmenter):
                if not self._may_ask(article, proposal):
                    continue
                began = time.perf_counter()
                self._try(article, proposal)
                yield time.perf_counter() - began
                if generation.manifest.fingerprint != self._assistant.generation.manifest.fingerprint:
                    return

    def _rows(self, generation: Generation) -> Iterator[int]:
        """Rows of articles in an order of chance; those of a source that is wanted come at once."""
        left = list(range(len(generation)))
        random.Random(self._seed).shuffle(left)
        sources = [source for source, _ in generation.catalogue()]
        while left:
            with self._lock:
                wanted = self._wanted.pop(0) if self._wanted else None
                if self._left <= 0 or len(self._pool) >= _POOL:
                    return
            rows = [row for row in left if sources[row] == wanted] or left[:1]
            left = [row for row in left if row not in rows]
            yield from rows

    def _may_ask(self, article: Article, proposal: Proposal) -> bool:
        with self._lock:
            if self._left <= 0 or len(self._pool) >= _POOL or _bare(proposal.question) in self._tried:
                return False
            if self._asked.get(article.id, 0) >= _A_ARTICLE:
                return False
            self._left -= 1
            self._tried.add(_bare(proposal.question))
            return True

    def _try(self, article: Article, proposal: Proposal) -> None:
        """Ask the question, and keep it if the system finds what it was made from."""
        try:
            if self._assistant.standalone(proposal.question, [_BEFORE]) != proposal.question:
                return
            answer = self._assistant.ask(proposal.question)
        except QaError:
            return
        if not found_itself(answer, article, proposal):
            return
        made = Suggestion(
            proposal.question,
            proposal.form,
            article.source,
            article.element,
            article.title,
            answer.confidence,
        )
        with self._lock:
            self._pool.append(made)
            self._asked[article.id] = self._asked.get(article.id, 0) + 1


def _chosen(open_: Sequence[Suggestion], n: int, near: str | None) -> Iterator[Suggestion]:
    """The first ``n`` in turn: of ``near`` (all but one), then one of each further article, then the rest."""
    close = [each for each in open_ if each.source == near][: max(n - 1, 1)]
    once: dict[tuple[str, str | None], Suggestion] = {}
    for each in open_:
        if each.source != near:
            once.setdefault((each.source, each.element), each)
    order = dict.fromkeys([*close, *once.values(), *open_])
    yield from list(order)[: max(n, 0)]


def _bare(question: str) -> str:
    """What two wordings of one question have in common: no marks, one script, no capitals."""
    return "".join(char for char in fold(question) if char.isalnum())
