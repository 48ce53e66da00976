"""Texts to count or to measure on: plain files by line, JSON and JSON Lines by their string values."""

from __future__ import annotations

import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["read_texts"]


def read_texts(patterns: Iterable[str]) -> Iterator[str]:
    """Every text of the files that match ``patterns``, by file name; repeats within a file once.

    Raises FileNotFoundError where a pattern matches nothing.
    """
    for pattern in patterns:
        paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute patterns are allowed)
        if not paths:
            raise FileNotFoundError(f"{pattern}: no file matches")
        for path in paths:
            yield from dict.fromkeys(_texts(Path(path)))


def _texts(path: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        yield from _strings(json.loads(text))
    else:
        for line in filter(str.strip, text.splitlines()):
            yield from _strings(json.loads(line)) if path.suffix == ".jsonl" else [line]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
