"""Citations held against the files they name, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import articles, labels
from qa.errors import InputError, QaError
from qa.types import Article

__all__ = ["Verdict", "answers", "verify"]

_GIVE = "give the output of `qa ask --json` or `qa eval --json`"

_PARAGRAPH = re.compile(r"paragraph [1-9]\d*")
_LINE = re.compile(r"line [1-9]\d*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one citation holds; ``reason`` says why not, empty where it does."""

    source: str
    quote: str
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether the quote stands where the citation says."""
        return not self.reason


def answers(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The answer objects in ``text``: one answer, an eval run, or JSON Lines of answers.

    Raises InputError naming ``name`` and the line.
    """
    if not text.strip():
        raise InputError(f"{name}: is empty; {_GIVE}")
    for where, answer in _objects(text, name):
        if not isinstance(answer, dict) or not ("error" in answer or _has_citations(answer)):
            raise InputError(f'{where}: holds no "citations"; {_GIVE}')
        if "error" not in answer:  # a line that `qa ask -` could not answer cites nothing
            yield answer


def _objects(text: str, name: str) -> Iterator[tuple[str, Any]]:
    """Each answer with its place. JSON may hold other line separators than the line feed."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield f"{name}:{number}", _parsed(line, f"{name}:{number}")
        return
    asked = whole.get("questions") if isinstance(whole, dict) else None
    for answer in asked if isinstance(asked, list) else [whole]:
        yield f"{name}:1", answer


def _parsed(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is not JSON ({error}); {_GIVE}") from error


def _has_citations(answer: Mapping[str, Any]) -> bool:
    citations = answer.get("citations")
    return isinstance(citations, list) and all(isinstance(each, dict) for each in citations)


def verify(answer: Mapping[str, Any], locate: Callable[[str], Path]) -> list[Verdict]:
    """One verdict for each citation of ``answer``. ``locate`` finds the file behind a source."""
    return [_verdict(citation, locate) for citation in answer["citations"]]


def _verdict(citation: Mapping[str, Any], locate: Callable[[str], Path]) -> Verdict:
    if problem := _misshapen(citation):
        raise InputError(f"a citation {problem}; {_GIVE}")
    source, quote = citation["source"], citation["quote"]
    try:
        return Verdict(source, quote, _reason(citation, locate(source)))
    except QaError as error:
        return Verdict(source, quote, str(error))


def _misshapen(citation: Mapping[str, Any]) -> str:
    """What a citation lacks to be one, or nothing."""
    kinds: dict[str, Any] = {
        **dict.fromkeys(("source", "quote", "encoding", "sha256"), str),
        **dict.fromkeys(("start", "end"), int),
        **dict.fromkeys(("byte_start", "byte_end"), int | None),
        "element": str | None,
    }
    for name, kind in kinds.items():
        if name not in citation:
            return f'has no "{name}"'
        if not isinstance(citation[name], kind) or isinstance(citation[name], bool):
            return f'has a "{name}" of the wrong kind'
    return ""


def _reason(citation: Mapping[str, Any], path: Path) -> str:
    """Why the citation does not hold, or nothing."""
    start, end = citation["start"], citation["end"]
    if not 0 <= start < end or end - start != len(citation["quote"]):
        return f"characters {start} to {end} are not as many as the quote has"
    try:
        raw = path.read_bytes()
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    if citation["byte_start"] is not None and citation["byte_end"] is not None:
        return _bytes_differ(citation, raw)
    return _text_differs(citation, path)


def _bytes_differ(citation: Mapping[str, Any], raw: bytes) -> str:
    """The words must stand at their bytes, and as many characters before them as ``start`` says."""
    start, end, encoding = citation["byte_start"], citation["byte_end"], citation["encoding"]
    try:
        found = raw[start:end].decode(encoding) if 0 <= start < end else None
        before = raw[: max(start, 0)].decode(encoding).removeprefix("\ufeff")
    except (LookupError, ValueError):
        found, before = None, ""
    if found != citation["quote"]:
        return f"other words stand at bytes {start} to {end}"
    if citation["element"] is not None:
        return _line_differs(citation, before)
    if len(before) != citation["start"]:
        return f"the words stand at character {len(before)}, not {citation['start']}"
    return ""


def _line_differs(citation: Mapping[str, Any], before: str) -> str:
    """In a line file the characters are counted from the start of the line that the element names."""
    above = re.split(r"\r\n|\n|\r", before)
    if citation["element"] != f"line {len(above)}":
        return f"the words stand in line {len(above)}, not in {citation['element']}"
    if len(above[-1]) != citation["start"]:
        return f"the words stand at character {len(above[-1])} of the line, not {citation['start']}"
    return ""


def _text_differs(citation: Mapping[str, Any], path: Path) -> str:
    """For extracted text: the file is read again with its reader; the text and the checksum must agree."""
    try:
        read = _parts(citation, path)
    except QaError as error:
        return str(error)
    for article in read:
        if article.element == citation["element"]:
            if article.sha256 != citation["sha256"]:
                return "the file has changed since it was indexed"
            found = article.text[citation["start"] : citation["end"]]
            return "" if found == citation["quote"] else "other words stand there"
    return f"the file has no part {citation['element']!r} any more"


def _parts(citation: Mapping[str, Any], path: Path) -> Sequence[Article]:
    """The articles of the file, or of a label file the paragraphs that `qa eval --squad-corpus` indexed."""
    element = citation["element"] or ""
    if _PARAGRAPH.fullmatch(element):  # a member of an archive may begin so, but has a suffix
        return labels.paragraph_articles(labels.read(path))
    lines = _LINE.fullmatch(element) is not None
    return articles.read(path, source=citation["source"], encoding=citation["encoding"], lines=lines).articles
