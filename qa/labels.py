"""Labelled question sets: three forms of file in, one kind of value out.

* JSON Lines (or one JSON array) of ``{"question", "answers", "id", "sources", "type", "history", "split",
  "standalone"}``
* reader rows, JSON Lines of ``{"context", "question", "answers": [{"text", "start"}], "unanswerable"}``
* SQuAD 1.1 or 2.0 JSON, ``data[].paragraphs[].{context, qas}``

The empty tuple of references means that the right behaviour is to abstain. Every error is a
``LabelError`` that begins with ``file:line``; inside one JSON document the message also names the
element, and the line is the one on which that begins.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qa.errors import LabelError
from qa.types import Article, Block, Span

__all__ = [
    "LabelSet",
    "Paragraph",
    "Question",
    "Reference",
    "paragraph_article",
    "paragraph_articles",
    "read",
]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A labelled paragraph. ``number``: 1-based, by order of first appearance of its text in the file."""

    number: int
    text: str
    title: str = ""

    @property
    def element(self) -> str:
        """Its name as a part of the label file."""
        return f"paragraph {self.number}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Words that count as an answer; ``start`` is their place in the paragraph, None where unknown."""

    text: str
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One labelled question; ``references`` empty means that nothing answers it.

    ``sources``    articles that answer, as the ends of their paths; empty where the labels do not say
    ``history``    earlier questions of the conversation, oldest first
    ``paragraph``  the text that was labelled, where the file carries it
    ``standalone``  a follow-up as it should be searched, without its history
    ``line``       where it stands in its file, 1-based; two questions that differ in it alone are equal
    """

    id: str
    question: str
    references: tuple[Reference, ...] = ()
    sources: tuple[str, ...] = ()
    type: str | None = None
    history: tuple[str, ...] = ()
    split: str | None = None
    paragraph: Paragraph | None = None
    standalone: str | None = None
    line: int = field(default=1, compare=False)

    @property
    def answers(self) -> tuple[str, ...]:
        """The words of the references; any one of them counts."""
        return tuple(reference.text for reference in self.references)

    @property
    def context(self) -> str | None:
        """The text of the labelled paragraph."""
        return None if self.paragraph is None else self.paragraph.text


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The questions of one file in its order. ``name``: the file's name; ``sha256``: of its bytes.

    ``part``  which of them, in words, where it is not all
    """

    name: str
    sha256: str
    questions: tuple[Question, ...]
    part: str | None = None

    @property
    def paragraphs(self) -> tuple[Paragraph, ...]:
        """The distinct labelled paragraphs, by number."""
        found = {question.paragraph for question in self.questions if question.paragraph is not None}
        return tuple(sorted(found, key=lambda paragraph: paragraph.number))

    def only(self, split: str | None = None, first: int | None = None) -> LabelSet:
        """The questions of one ``split``, of these the ``first`` so many; None leaves nothing out."""
        kept = tuple(question for question in self.questions if split in (None, question.split))
        told = [split, None if first is None else f"first {first}"]
        part = ", ".join(each for each in told if each is not None)
        return replace(self, questions=kept[:first], part=part or None)


def read(path: Path) -> LabelSet:
    """The labelled questions of a UTF-8 file, with or without a BOM.

    A question without an ``id`` is called by its place (``line 3``). Slips of public sets are read
    past: a row or a reference that is given twice is kept once, a ``start`` at which the paragraph
    does not hold the answer is dropped, and an empty question about a paragraph stays empty.

    Raises LabelError for a file that cannot be read, is empty, or holds a bad row or two questions
    of one id.
    """
    name = str(path)
    raw = _bytes(path)
    text = _decoded(raw, name)
    if not text.strip():
        raise LabelError(f"{name}:1: holds no questions; give one JSON object a line")
    found: dict[str, tuple[str, Question]] = {}
    for place, question in _questions(text, name):
        first, known = found.setdefault(question.id, (place.name, question))
        if known != question:
            raise place.error(f'id "{question.id}" is taken by {first}')
    if not found:
        raise LabelError(f"{name}:1: holds no questions")
    questions = tuple(question for _, question in found.values())
    return LabelSet(path.name, hashlib.sha256(raw).hexdigest(), questions)


def paragraph_articles(labels: LabelSet) -> tuple[Article, ...]:
    """The label file's own paragraphs as articles, one each, for an index of nothing else."""
    return tuple(paragraph_article(labels.name, paragraph) for paragraph in labels.paragraphs)


def paragraph_article(name: str, paragraph: Paragraph) -> Article:
    """A labelled paragraph as an article of the label file ``name``, its text one block.

    ``sha256`` is that of the paragraph's UTF-8 bytes: the file's own bytes are JSON and cannot be cited.
    """
    return Article(
        id=f"{name}#{paragraph.element}",
        text=paragraph.text,
        title=paragraph.title,
        source=name,
        sha256=hashlib.sha256(paragraph.text.encode()).hexdigest(),
        encoding="utf-8",
        element=paragraph.element,
        exact=False,
        blocks=(Block(Span(0, len(paragraph.text))),),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}:1: cannot be read ({error.strerror}); check the path") from error


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise LabelError(f"{name}:{line}: is not UTF-8; save the file as UTF-8") from error


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row stands. ``where`` begins its errors; ``name`` is what a row without an id is called."""

    where: str
    name: str
    line: int

    def error(self, problem: str) -> LabelError:
        return LabelError(f"{self.where} {problem}")


_Row = Mapping[str, Any]


def _questions(text: str, file: str) -> Iterator[tuple[_Place, Question]]:
    """Each question with its place, whichever form the file has."""
    if _is_lines(text):
        yield from _of_rows(_lines(text, file))
        return
    document = _parsed(text, file, 1)
    named = _Document(file, _element_lines(text))
    if isinstance(document, list):
        rows = ((named.place(f"[{n}]", f"row {n + 1}"), row) for n, row in enumerate(document))
        yield from _of_rows(rows)
    else:
        yield from _of_squad(_object(document, named.place("", "")), named)


def _is_lines(text: str) -> bool:
    """Whether the first line is a row of its own, even a broken one, and no document of all questions."""
    first = text.lstrip().split("\n", 1)[0]
    if not first.startswith("{") or '"paragraphs"' in first:
        return False
    try:
        return "data" not in json.loads(first)
    except (ValueError, RecursionError):
        return '"question"' in first


def _parsed(text: str, file: str, line: int) -> Any:
    """The JSON value of a text that begins at ``line`` of the file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        raise LabelError(f"{file}:{at}: is not JSON ({error.msg}, column {error.colno})") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise LabelError(f"{file}:{line}: is not JSON that can be read ({error})") from error


def _lines(text: str, file: str) -> Iterator[tuple[_Place, object]]:
    for number, line in enumerate(text.split("\n"), start=1):  # strings may hold other line separators
        if line.strip():
            yield (
                _Place(f"{file}:{number}:", f"line {number}", number),
                _parsed(line.rstrip("\r"), file, number),
            )


def _of_rows(rows: Iterable[tuple[_Place, object]]) -> Iterator[tuple[_Place, Question]]:
    """Questions of label objects and reader rows; a row with a ``context`` is a reader row."""
    paragraphs: dict[str, Paragraph] = {}
    for place, value in rows:
        row = _object(value, place)
        if "qas" in row and "question" not in row:
            raise place.error(
                'holds "qas" and is no question; SQuAD has {"data": [{"paragraphs": [{"context", "qas"}]}]}'
            )
        if "context" not in row:
            _text(row, "question", place)  # what has none is no label at all: that is told first
            references = tuple(map(Reference, dict.fromkeys(_texts(row, "answers", place, required=True))))
            yield place, _question(row, references, None, place)
            continue
        paragraph = _paragraph(row, _optional(row, "title", place), paragraphs, place)
        answers = [] if row.get("unanswerable") is True else _list(row, "answers", place)
        yield place, _question(row, _references(answers, "start", paragraph, place), paragraph, place)


def _of_squad(document: _Row, named: _Document) -> Iterator[tuple[_Place, Question]]:
    root = named.place("", "")
    if not isinstance(document.get("data"), list):
        raise root.error('needs a list "data", as SQuAD has it, or else one JSON object a line')
    paragraphs: dict[str, Paragraph] = {}
    total = 0
    for place, entry in named.within(document, "data", root):
        title = _optional(entry, "title", place)
        for inner, holder in named.within(entry, "paragraphs", place):
            paragraph = _paragraph(holder, title, paragraphs, inner)
            for at, row in named.within(holder, "qas", inner):
                total += 1
                answers = [] if row.get("is_impossible") is True else row.get("answers", [])
                references = _references(answers, "answer_start", paragraph, at)
                yield at, _question(row, references, paragraph, replace(at, name=f"question {total}"))


@dataclass(frozen=True, slots=True)
class _Document:
    """A file that is one JSON document. ``lines``: on which each of its parts begins, by name."""

    file: str
    lines: Mapping[str, int]

    def place(self, name: str, shown: str) -> _Place:
        """Where the part ``name`` begins; its errors call it ``shown``."""
        line = self.lines.get(name, 1)
        return _Place(f"{self.file}:{line}: {shown}".rstrip(), shown, line)

    def within(self, row: _Row, key: str, place: _Place) -> Iterator[tuple[_Place, _Row]]:
        """The objects of a list with their places: ``data[3].paragraphs[0]``, counted from 0 as in JSON."""
        for number, value in enumerate(_list(row, key, place)):
            name = f"{place.name}.{key}[{number}]".removeprefix(".")
            inner = self.place(name, name)
            yield inner, _object(value, inner)


def _element_lines(text: str) -> dict[str, int]:
    """The line of each list element of a sound JSON document by its name, such as ``data[3].paragraphs[0]``.

    Empty for a document of one line, where there is nothing to find out, and for one that is nested as
    deeply as no label file is.
    """
    ends = [match.start() for match in re.finditer("\n", text.rstrip())]
    try:
        return {name: bisect_left(ends, at) + 1 for name, at in _placed(text, 0, "")} if ends else {}
    except RecursionError:
        return {}


_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def _placed(text: str, at: int, name: str) -> Iterator[tuple[str, int]]:
    """Each list element inside the JSON value at ``at``, with its offset in ``text``."""
    at = _past_blanks(text, at)
    opening, number = text[at], 0
    if opening not in "[{":
        return
    at = _past_blanks(text, at + 1)
    while text[at] not in "]}":
        inner = f"{name}[{number}]"
        if opening == "{":
            member, at = _DECODER.raw_decode(text, at)
            at = _past_blanks(text, _past_blanks(text, at) + 1)  # the colon
            inner = f"{name}.{member}".removeprefix(".")
        else:
            yield inner, at
        yield from _placed(text, at, inner)
        at = _past_blanks(text, _DECODER.raw_decode(text, at)[1])
        at = _past_blanks(text, at + 1) if text[at] == "," else at
        number += 1


def _past_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _paragraph(row: _Row, title: str | None, known: dict[str, Paragraph], place: _Place) -> Paragraph:
    """The paragraph of a row, the same value for the same text."""
    text = _whole(_text(row, "context", place), place)
    return known.setdefault(text, Paragraph(len(known) + 1, text, title or ""))


def _references(answers: object, key: str, paragraph: Paragraph, place: _Place) -> tuple[Reference, ...]:
    """The distinct references of ``[{"text", key}]`` or of bare texts; an empty text is no answer."""
    if not isinstance(answers, list):
        raise place.error('"answers" must be a list')
    rows = [
        {"text": answer} if isinstance(answer, str) else _object(answer, place, "an answer")
        for answer in answers
    ]
    texts = [row.get("text") for row in rows]
    if not all(isinstance(text, str) for text in texts):
        raise place.error('an answer needs a string "text"')
    found = (
        Reference(text, _start(row.get(key), text, paragraph))
        for row, text in zip(rows, texts, strict=True)
        if isinstance(text, str) and text.strip()
    )
    return tuple(dict.fromkeys(found))


def _start(value: object, text: str, paragraph: Paragraph) -> int | None:
    """The place, if there is one and the paragraph does hold the answer there."""
    if not isinstance(value, int) or value < 0:
        return None
    return value if paragraph.text.startswith(text, value) else None


def _question(
    row: _Row, references: tuple[Reference, ...], paragraph: Paragraph | None, place: _Place
) -> Question:
    # A few rows of public sets have an empty question: it stays, and counts as one left unanswered.
    question = _text(row, "question", place) if row.get("question") != "" or paragraph is None else ""
    made = Question(
        id=_id(row, place),
        question=question,
        references=references,
        sources=_texts(row, "sources", place),
        type=_optional(row, "type", place),
        history=_texts(row, "history", place),
        split=_optional(row, "split", place),
        paragraph=paragraph,
        standalone=_optional(row, "standalone", place),
        line=place.line,
    )
    for text in (made.id, made.question, *made.answers, *made.sources, *made.history, made.standalone or ""):
        _whole(text, place)
    return made


def _whole(text: str, place: _Place) -> str:
    """``text``, if it can be written as UTF-8: JSON lets escapes through that are half a character."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise place.error("holds half a character (a lone surrogate); write the whole one")
    return text


def _object(value: object, place: _Place, what: str = "") -> _Row:
    if not isinstance(value, dict):
        raise place.error(f"{what} must be a JSON object".lstrip())
    return value


def _list(row: _Row, key: str, place: _Place) -> list[Any]:
    value = row.get(key)
    if not isinstance(value, list):
        raise place.error(f'needs a list "{key}"')
    return value


def _text(row: _Row, key: str, place: _Place) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise place.error(f'needs a non-empty string "{key}"')
    return value


def _texts(row: _Row, key: str, place: _Place, *, required: bool = False) -> tuple[str, ...]:
    values = _list(row, key, place) if required else row.get(key, [])
    if not isinstance(values, list) or not all(isinstance(text, str) and text.strip() for text in values):
        raise place.error(f'"{key}" must be a list of non-empty strings')
    return tuple(values)


def _optional(row: _Row, key: str, place: _Place) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise place.error(f'"{key}" must be a string')
    return value


def _id(row: _Row, place: _Place) -> str:
    value = row.get("id", place.name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise place.error('"id" must be a non-empty string')
    return str(value)
