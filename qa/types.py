"""The nouns of the system and the Protocols between its rooms.

Every value is frozen. Every offset counts characters (code points) of ``Article.text`` and every
span is half-open, ``[start, end)``. A passage has no score and a score has no passage of its own:
``Hit`` joins the two. An answer's text is computed from its citations, so no words can be shown
without their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qa.settings import AnswerSettings

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = [
    "Answer",
    "Article",
    "Block",
    "Candidate",
    "Citation",
    "CitationKind",
    "Encoder",
    "Hit",
    "Leg",
    "LegName",
    "Passage",
    "Reader",
    "Reading",
    "ScoredSpan",
    "Span",
    "TextKind",
    "Turn",
]

TextKind = Literal["query", "passage"]
CitationKind = Literal["answer", "same", "other"]
LegName = Literal["bm25", "dense"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open run of characters, ``0 <= start <= end``; the owner says of which text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"span [{self.start}, {self.end}) runs backwards or below zero")

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        """The characters of ``text`` that the span covers."""
        return text[self.start : self.end]

    def shift(self, by: int) -> Span:
        """The same run in a text that begins ``by`` characters earlier."""
        return Span(self.start + by, self.end + by)

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one character."""
        return self.start < other.end and other.start < self.end

    def covers(self, other: Span) -> bool:
        """Whether ``other`` lies wholly inside this span."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of running text that may be cut into passages: paragraphs under one heading.

    What no block covers is furniture (menus, footers, front matter) or a heading line: it stays in
    ``Article.text`` and is never quoted. ``heading`` is the path of headings above, outermost first.
    """

    span: Span
    heading: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """One article as it was read.

    ``text``      the whole decoded file, newlines as they are, or the extracted text (HTML, JSON Lines)
    ``source``    path under the PATH it was indexed with, ``/`` between parts
    ``element``   the part of the file (``line 3``), None where the file is the article
    ``sha256``    of the file's raw bytes, hexadecimal
    ``encoding``  Python codec the file was decoded with
    ``bom``       bytes before the text: a byte order mark, in a line file also the lines above
    ``exact``     ``text.encode(encoding)`` equals the file's bytes from there on, so that byte
                  offsets can be given; False for extracted text and stateful codecs
    ``date``      ISO ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``, where the article states one
    ``author``    who wrote it, as it says; names with a 、 between them
    ``origin``    the paper, agency or site that it says it was taken from
    ``blocks``    its running text in order, never overlapping
    ``warnings``  what a reader should know (damaged characters, …), one line each
    """

    id: str
    text: str
    title: str
    source: str
    sha256: str
    encoding: str
    element: str | None = None
    bom: int = 0
    exact: bool = True
    date: str | None = None
    blocks: tuple[Block, ...] = ()
    warnings: tuple[str, ...] = ()
    author: str | None = None
    origin: str | None = None

    @property
    def place(self) -> str:
        """The source as people are told it, with the element where there is one."""
        return self.source if self.element is None else f"{self.source} ({self.element})"

    def byte_span(self, span: Span) -> Span | None:
        """Where ``span`` lies in the source file, in bytes; None where bytes cannot be given."""
        if not self.exact:
            return None
        start = self.bom + len(self.text[: span.start].encode(self.encoding))
        return Span(start, start + len(span.of(self.text).encode(self.encoding)))


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences of one article, the unit that is indexed and ranked.

    ``number`` is its row in the index (0-based), -1 for a passage outside any index.
    """

    article: Article
    span: Span
    heading: tuple[str, ...] = ()
    page: int | None = None
    number: int = -1

    @property
    def text(self) -> str:
        """The passage's characters, exactly as in ``article.text``."""
        return self.span.of(self.article.text)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage as one search ranked it. ``ranks``: its 1-based rank in each leg that found it."""

    passage: Passage
    score: float
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A span of ``Article.text`` and how well it answers, higher is better."""

    span: Span
    score: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found in one passage.

    ``relevance``  whether the passage answers at all, comparable between passages of one question
    ``spans``      best first, in ``Article.text`` coordinates, inside the passage; may be empty
    """

    relevance: float
    spans: tuple[ScoredSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible answer: a span, the sentence it stands in, and the chance that it is right (0 to 1)."""

    passage: Passage
    span: Span
    sentence: Span
    score: float

    @property
    def quote(self) -> str:
        """The words themselves, as in the article."""
        return self.span.of(self.passage.article.text)


@dataclass(frozen=True, slots=True)
class Citation:
    """Words of an article with their place. ``kind``: the answer, the same elsewhere, or a further one."""

    passage: Passage
    span: Span
    sentence_span: Span
    kind: CitationKind = "answer"

    @property
    def article(self) -> Article:
        """The article that is quoted."""
        return self.passage.article

    @property
    def quote(self) -> str:
        """The quoted words, exactly as in the article."""
        return self.span.of(self.article.text)

    @property
    def sentence(self) -> str:
        """The whole sentence that the quote stands in."""
        return self.sentence_span.of(self.article.text)

    def to_dict(self) -> dict[str, Any]:
        """The citation object of the public JSON."""
        article, bytes_ = self.article, self.article.byte_span(self.span)
        return {
            "quote": self.quote,
            "start": self.span.start,
            "end": self.span.end,
            "byte_start": None if bytes_ is None else bytes_.start,
            "byte_end": None if bytes_ is None else bytes_.end,
            "kind": self.kind,
            "source": article.source,
            "element": article.element,
            "title": article.title,
            "heading": list(self.passage.heading),
            "page": self.passage.page,
            "date": article.date,
            "author": article.author,
            "origin": article.origin,
            "sentence": {
                "text": self.sentence,
                "start": self.sentence_span.start,
                "end": self.sentence_span.end,
            },
            "sha256": article.sha256,
            "encoding": article.encoding,
        }


def hit_to_dict(hit: Hit) -> dict[str, Any]:
    """The passage object of the public JSON."""
    passage = hit.passage
    return {
        "source": passage.article.source,
        "element": passage.article.element,
        "title": passage.article.title,
        "start": passage.span.start,
        "end": passage.span.end,
        "text": passage.text,
        "score": round(hit.score, 6),
        "ranks": dict(hit.ranks),
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the articles say to one question. Abstaining is the empty tuple of citations.

    ``confidence``  0 to 1, the best candidate's, also when it abstains
    ``hits``        the ranked passages that were searched, best first
    ``timings_ms``  milliseconds by stage
    ``index``       fingerprint and models of the index that answered; where it keeps a threshold that was
                    found on the team's own labels, that too
    """

    question: str
    searched: str
    citations: tuple[Citation, ...] = ()
    confidence: float = 0.0
    hits: tuple[Hit, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    index: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """The first citation's quote, exactly; None when it abstains."""
        return self.citations[0].quote if self.citations else None

    @property
    def abstained(self) -> bool:
        """Whether the articles do not tell."""
        return not self.citations

    def to_dict(self) -> dict[str, Any]:
        """The answer object of the public JSON."""
        return {
            "question": self.question,
            "searched": self.searched,
            "answer": self.text,
            "abstained": self.abstained,
            "confidence": round(self.confidence, 6),
            "citations": [citation.to_dict() for citation in self.citations],
            "passages": [hit_to_dict(hit) for hit in self.hits],
            "timings_ms": {stage: round(ms, 2) for stage, ms in self.timings_ms.items()},
            "index": dict(self.index),
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange of a conversation; ``answer`` None where only the question is known."""

    question: str
    answer: Answer | None = None


class Encoder(Protocol):
    """Texts in, unit vectors out. A fake is five lines."""

    @property
    def name(self) -> str:
        """What the user would pass as ``--encoder``."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would; kept in the manifest."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        """float32 ``(len(texts), dim)``, each row of length 1, in the order given.

        A text's vector does not depend on the other texts of the call.
        """
        ...


class Leg(Protocol):
    """One way of scoring the passages of an index by their row numbers."""

    @property
    def name(self) -> str:
        """``bm25`` or ``dense``: the key in ``Hit.ranks``."""
        ...

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        """At most ``k`` rows and their scores, best first, ties by row; only rows in ``allowed``."""
        ...

    def scores(self, question: str, rows: Rows) -> Vectors:
        """The leg's score of each of ``rows``, float32 ``(len(rows),)``."""
        ...


class Reader(Protocol):
    """Points at the words that answer."""

    @property
    def name(self) -> str:
        """Shown in ``Answer.index``."""
        ...

    @property
    def settings(self) -> AnswerSettings:
        """How answers are chosen with this reader; fitted together with its weights."""
        ...

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One ``Reading`` per passage, in order. A reading does not depend on the other passages."""
        ...
