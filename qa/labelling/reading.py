"""Feedback and questions from their files; every error begins with ``file:line``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from qa.errors import InputError
from qa.labelling.judging import Asked, Judged, Judgement, distinct

__all__ = ["feedback", "judged_in", "questions", "rows_of", "string", "strings"]

_T = TypeVar("_T")


def feedback(path: Path) -> tuple[Judged, ...]:
    """The judged answers of a feedback file, in its order; empty lines are passed over.

    Raises InputError, ``file:line`` first, for a file that cannot be read or holds none, and for the
    first bad line.
    """
    return _some([judged_in(row, where) for where, row in rows_of(path)], path, "judged answers")


def questions(path: Path) -> tuple[Asked, ...]:
    """The questions of a file: one a line, plain or ``{"question", "history"}``; a label line will do.

    Raises InputError, ``file:line`` first, for a file that cannot be read or holds none, and for the
    first bad line.
    """
    found = [
        Asked(string(row, "question", where), strings(row, "history", where))
        for where, row in rows_of(path, plain=True)
    ]
    return _some(found, path, "questions")


def _some(found: Sequence[_T], path: Path, what: str) -> tuple[_T, ...]:
    if not found:
        raise InputError(f"{path}:1: holds no {what}; give one a line")
    return tuple(found)


def rows_of(path: Path, *, plain: bool = False) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The object of each line with ``file:line``; with ``plain`` a line of words is a question."""
    for number, line in enumerate(_read(path).split("\n"), start=1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        if plain and not line.lstrip().startswith("{"):
            yield where, {"question": line.strip()}
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: is not a line of JSON ({error}); mend or remove it") from error
        yield where, _object(row, "the line", where)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from error


def judged_in(row: Mapping[str, Any], where: str) -> Judged:
    """The judged answer of a line at ``file:line``. Raises InputError, ``where`` first."""
    given = _object(row.get("label"), '"label"', where)
    response = _response(row.get("response", {}), where)
    judged = Judged(
        asked=Asked(string({**response, **given}, "question", where), strings(given, "history", where)),
        judgement=_judgement(row.get("judgement"), where),
        answers=strings(given, "answers", where),
        sources=strings(given, "sources", where),
        type=_optional(given, "type", where),
        split=_optional(given, "split", where),
        response=response,
        where=where,
    )
    if judged.judgement == "right":
        _check_right(judged)
    return judged


def _judgement(value: object, where: str) -> Judgement:
    known: tuple[Judgement, ...] = get_args(Judgement)
    for judgement in known:
        if value == judgement:
            return judgement
    raise InputError(f'{where}: "judgement" must be one of {", ".join(known)}')


def _check_right(judged: Judged) -> None:
    """What is judged right must be there: words that are quoted, or a refusal of what has no answer."""
    if "citations" not in judged.response:
        raise InputError(
            f'{judged.where}: is judged right, and has no "response" with "citations" to be right'
        )
    if not judged.response["citations"] and judged.answers:
        raise InputError(
            f"{judged.where}: a refusal is judged right, and the label has answers; drop one of them"
        )


def _response(value: object, where: str) -> Mapping[str, Any]:
    """An answer object, as far as labels need it: quotes, sources and texts are strings."""
    response = _object(value, '"response"', where)
    for name, keys in (("citations", ("quote", "source")), ("passages", ("source", "text"))):
        rows = response.get(name, [])
        if not isinstance(rows, list):
            raise InputError(f'{where}: "{name}" of the response must be a list')
        for row in rows:
            for key in keys:
                string(_object(row, f'each of "{name}"', where), key, where)
    return response


def _object(value: object, what: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: {what} must be a JSON object")
    return value


def string(row: Mapping[str, Any], key: str, where: str) -> str:
    """The non-empty string under ``key``. Raises InputError, ``where`` first."""
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f'{where}: needs a non-empty string "{key}"')
    return value


def strings(row: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """The non-empty strings under ``key``, none where it is missing. Raises InputError, ``where`` first."""
    values = row.get(key, [])
    if not isinstance(values, list) or not all(isinstance(text, str) and text.strip() for text in values):
        raise InputError(f'{where}: "{key}" must be a list of non-empty strings')
    return distinct(values) if key != "history" else tuple(values)


def _optional(row: Mapping[str, Any], key: str, where: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f'{where}: "{key}" must be a string')
    return value
