"""Citations held against the files they name, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import articles
from qa.errors import ArticleError, InputError, QaError

__all__ = ["Verdict", "answers", "verify"]


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
    try:
        whole = json.loads(text)
    except ValueError:
        yield from _lines(text, name)
        return
    for answer in whole["questions"] if isinstance(whole, dict) and "questions" in whole else [whole]:
        yield _checked(answer, f"{name}:1")


def _lines(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                parsed = json.loads(line)
            except ValueError as error:
                raise InputError(
                    f"{name}:{number}: is not JSON ({error}); give the output of `qa ask --json`"
                ) from error
            if not (isinstance(parsed, dict) and "error" in parsed):
                yield _checked(parsed, f"{name}:{number}")


def _checked(answer: object, where: str) -> Mapping[str, Any]:
    if not isinstance(answer, dict) or not isinstance(answer.get("citations"), list):
        raise InputError(
            f'{where}: holds no "citations"; give the output of `qa ask --json` or `qa eval --json`'
        )
    return answer


def verify(answer: Mapping[str, Any], locate: Callable[[str], Path]) -> list[Verdict]:
    """One verdict for each citation of ``answer``. ``locate`` finds the file behind a source."""
    return [_verdict(citation, locate) for citation in answer["citations"]]


def _verdict(citation: Mapping[str, Any], locate: Callable[[str], Path]) -> Verdict:
    try:
        source, quote = str(citation["source"]), str(citation["quote"])
        return Verdict(source, quote, _reason(citation, locate(source)))
    except (KeyError, TypeError) as error:
        raise InputError(f"a citation lacks {error}; give the output of `qa ask --json`") from error
    except QaError as error:
        return Verdict(source, quote, str(error))


def _reason(citation: Mapping[str, Any], path: Path) -> str:
    """Why the citation does not hold, or nothing."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    if citation["byte_start"] is not None:
        return _bytes_differ(citation, raw)
    return _text_differs(citation, path)


def _bytes_differ(citation: Mapping[str, Any], raw: bytes) -> str:
    start, end = citation["byte_start"], citation["byte_end"]
    try:
        found = raw[start:end].decode(citation["encoding"])
    except (UnicodeDecodeError, LookupError):
        found = None
    if found != citation["quote"]:
        return f"other words stand at bytes {start} to {end}"
    return ""


def _text_differs(citation: Mapping[str, Any], path: Path) -> str:
    """For extracted text: the file is read again with its reader; the text and the checksum must agree."""
    try:
        read = articles.read(path, source=citation["source"], encoding=citation["encoding"])
    except ArticleError as error:
        return str(error)
    for article in read.articles:
        if article.element == citation["element"]:
            if article.sha256 != citation["sha256"]:
                return "the file has changed since it was indexed"
            found = article.text[citation["start"] : citation["end"]]
            return "" if found == citation["quote"] else "other words stand there"
    return f"the file has no part {citation['element']!r} any more"
