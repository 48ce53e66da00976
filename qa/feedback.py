"""Judgements from the page, kept as lines that ``qa label`` reads: a file for each collection.

    feedback/NAME.jsonl    a judged answer a line, in the form that ``qa.labelling`` describes

A question that is judged again gets another line; of the lines of one question, with its history, the last
one counts (``labelling.merged``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from qa.errors import IndexFolderError, InputError
from qa.labelling import Asked, Judged, Judgement, append_line, locked
from qa.names import collection_name
from qa.types import Answer

__all__ = ["Feedback", "offered"]

_LARGEST = 1_000_000  # characters of one line; an answer has some thousands
_PARTS = (("citations", ("quote", "source")), ("passages", ("source", "text")))


def offered(answer: Answer | Mapping[str, Any]) -> tuple[Judgement, ...]:
    """The judgements that make sense of an answer: it was given or refused, rightly or not."""
    response = answer.to_dict() if isinstance(answer, Answer) else answer
    return ("right", "wrong", "should_refuse") if response.get("citations") else ("right", "should_answer")


class Feedback:
    """The feedback files under one folder. Safe to use from several threads and processes."""

    def __init__(self, folder: str | os.PathLike[str] = "feedback") -> None:
        """Nothing is made before the first judgement."""
        self._folder = Path(folder)

    def path(self, collection: str) -> Path:
        """The file of a collection, for ``qa label``; it may not be there yet. Raises InputError."""
        return self._folder / f"{collection_name(collection)}.jsonl"

    def record(
        self,
        collection: str,
        judgement: Judgement,
        answer: Answer | Mapping[str, Any],
        *,
        history: Sequence[str] = (),
        answers: Sequence[str] = (),
        sources: Sequence[str] = (),
    ) -> None:
        """Append one judged answer; it is on the disk when this returns.

        ``answer``   the answer, or its public JSON, kept whole
        ``history``  the earlier questions of its conversation, oldest first
        ``answers``, ``sources``  the right words and their files, as far as the person gave them

        Raises InputError for what ``qa label`` could not read, IndexFolderError where it cannot be written.
        """
        response = answer.to_dict() if isinstance(answer, Answer) else answer
        judged = Judged(
            Asked(_question(response), _words(history, "history")),
            _judgement(judgement, response, answers),
            answers=_words(answers, "answers"),
            sources=_words(sources, "sources"),
            response=response,
        )
        _append(self.path(collection), _line(judged))


# ---- what qa label takes


def _question(response: Mapping[str, Any]) -> str:
    """The question of an answer object whose parts are what labels need."""
    for name, keys in _PARTS:
        rows = response.get(name, [])
        if not isinstance(rows, list) or not all(_has_texts(row, keys) for row in rows):
            raise InputError(f'反馈里的回答不完整；"{name}" of the answer must hold {" and ".join(keys)}')
    return _text(response.get("question"), "question")


def _has_texts(row: object, keys: Sequence[str]) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), str) and row[key].strip() for key in keys)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f'反馈里缺少文字；"{name}" must be a string that is not empty')
    return value


def _words(values: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(_text(value, name) for value in values)


def _judgement(value: str, response: Mapping[str, Any], answers: Sequence[str]) -> Judgement:
    known: tuple[Judgement, ...] = get_args(Judgement)
    if value not in known:
        raise InputError(f"没有这样的评价；a judgement is one of {', '.join(known)}")
    if value == "right" and "citations" not in response:
        raise InputError('没有可以评为正确的回答；the answer has no "citations" to be right')
    if value == "right" and not response["citations"] and answers:
        raise InputError(
            "拒答不能既评为正确又给出答案；a refusal is right only where there are no right words"
        )
    return next(judgement for judgement in known if judgement == value)


def _line(judged: Judged) -> str:
    try:
        line = judged.line()
        json.loads(line, parse_constant=_refuse)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"反馈无法记录；the answer cannot be written as JSON ({error})") from error
    if len(line) > _LARGEST:
        raise InputError(f"反馈太长；the answer has more than {_LARGEST:,} characters as JSON")
    return line


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


# ---- the file


def _append(path: Path, line: str) -> None:
    """Write one whole line at the end of a file, synced, or nothing; several writers take turns."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path) as handle:
            append_line(handle, line)
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexFolderError(f"{path}: 反馈没有存下来；cannot be written ({reason})") from error
