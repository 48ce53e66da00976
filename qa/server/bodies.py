"""What travels over the HTTP API, for checking and for the documentation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.answering import Filters
from qa.collection import DEFAULT

__all__ = [
    *(
        "AnswerBody",
        "ArticleBody",
        "CollectionsBody",
        "ErrorBody",
        "HealthBody",
        "QuestionBody",
        "SearchBody",
    ),
    *("ASKED", "responses"),
]


class QuestionBody(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str
    history: Annotated[list[str] | None, Field(description="earlier questions, oldest first")] = None
    top_k: Annotated[int | None, Field(ge=1, le=1000, description="how many passages to return")] = None
    source: Annotated[str | None, Field(description="only sources that fit this glob")] = None
    after: Annotated[str | None, Field(description="only articles since, YYYY[-MM[-DD]]")] = None
    before: Annotated[str | None, Field(description="only articles until, YYYY[-MM[-DD]]")] = None
    collection: Annotated[str, Field(description="the collection that is asked")] = DEFAULT

    @property
    def filters(self) -> Filters:
        """Which articles are asked. Raises InputError for a date that is none."""
        return Filters(self.source, self.after, self.before)


class SentenceBody(BaseModel):
    """The sentence that a quote stands in."""

    text: str
    start: int
    end: int


class CitationBody(BaseModel):
    """Words of an article with their place; `start` and `end` count its characters, half-open.

    `origin`: the paper, agency or site that the article says it was taken from.
    """

    quote: str
    start: int
    end: int
    byte_start: int | None
    byte_end: int | None
    kind: Literal["answer", "same", "other"]
    source: str
    element: str | None
    title: str
    heading: list[str]
    page: int | None
    date: str | None
    author: str | None
    origin: str | None
    sentence: SentenceBody
    sha256: str
    encoding: str


class PassageBody(BaseModel):
    """A ranked passage; `ranks` is its 1-based rank in each search that found it."""

    source: str
    element: str | None
    title: str
    start: int
    end: int
    text: str
    score: float
    ranks: dict[str, int]


class AnswerBody(BaseModel):
    """`answer` is `citations[0].quote`, null for an abstention; `confidence` is from 0 to 1."""

    question: str
    searched: str
    answer: str | None
    abstained: bool
    confidence: float
    citations: list[CitationBody]
    passages: list[PassageBody]
    timings_ms: dict[str, float]
    index: dict[str, str | float]


class SearchBody(BaseModel):
    """The passages nearest to the question, best first."""

    question: str
    passages: list[PassageBody]


class SegmentBody(BaseModel):
    """A run of an article's text; `anchor` is not null where the outline, or the mark, leads."""

    text: str
    kind: Literal["mark", "sentence", "passage", "text", "heading", "aside"]
    anchor: str | None


class HeadingBody(BaseModel):
    """A line of an article's outline; `level` from 1."""

    title: str
    level: int
    anchor: str


class ArticleBody(BaseModel):
    """An article to read; the segments' texts, joined, are all of it. `stale`: the cited words have moved."""

    source: str
    element: str | None
    title: str
    author: str | None
    origin: str | None
    date: str | None
    stale: bool
    warnings: list[str]
    outline: list[HeadingBody]
    segments: list[SegmentBody]


class CollectionBody(BaseModel):
    """A collection of articles; `own`: made through the page."""

    name: str
    own: bool
    articles: int
    passages: int


class CollectionsBody(BaseModel):
    """The server's own collection, and then the others by name."""

    collections: list[CollectionBody]


class HealthBody(BaseModel):
    """The index that is open."""

    status: str
    passages: int
    index: dict[str, str | float]


class ErrorBody(BaseModel):
    """What is wrong, in one line."""

    error: str


def responses(body: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The answers of an endpoint, for its documentation."""
    told: dict[int | str, dict[str, Any]] = {200: {"model": body}}
    for status, reason in ((413, "body too large"), (422, "bad input"), (503, "busy")):
        told[status] = {"model": ErrorBody, "description": reason}
    return told


ASKED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": QuestionBody.model_json_schema(),
                "example": {"question": "上海是哪一年启动区块链技术应用试点的?"},
            }
        },
    }
}
