"""What is in an index: each article with what was found out about it, its doubles and its reprints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from qa.index import Generation
from qa.types import Article

__all__ = ["Entry", "entries"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One article of an index.

    ``characters``  of its text
    ``passages``    that it was cut into
    ``warnings``    what a reader of it should know, one line each
    ``doubles``     places of the articles that say the same and are not searched by themselves
    ``reprints``    places of the articles that say nearly the same
    """

    source: str
    element: str | None
    title: str
    date: str | None
    encoding: str
    characters: int
    passages: int
    warnings: tuple[str, ...] = ()
    doubles: tuple[str, ...] = ()
    reprints: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The source, with the element where there is one."""
        return self.source if self.element is None else f"{self.source} ({self.element})"

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON."""
        return asdict(self)


def entries(generation: Generation) -> Iterator[Entry]:
    """The articles of a generation by their rows; a double is told with the first that says the same."""
    import numpy as np

    passages = np.bincount(generation.article_rows(), minlength=len(generation)).tolist()
    doubles = _others(generation, [generation.first(row) for row in range(len(generation))])
    firsts = [row for row in range(len(generation)) if generation.first(row) == row]
    groups = _members(firsts, [generation.group(row) for row in firsts])
    for row in firsts:
        reprints = [other for other in groups[generation.group(row)] if other != row]
        yield _entry(generation.article(row), passages[row], doubles.get(row, []), reprints, generation)


def _entry(
    article: Article, passages: int, doubles: list[int], reprints: list[int], generation: Generation
) -> Entry:
    return Entry(
        article.source,
        article.element,
        article.title,
        article.date,
        article.encoding,
        len(article.text),
        passages,
        article.warnings,
        tuple(generation.article(row).place for row in doubles),
        tuple(generation.article(row).place for row in reprints),
    )


def _others(generation: Generation, firsts: list[int]) -> dict[int, list[int]]:
    """The doubles of each first, in order."""
    found: dict[int, list[int]] = {}
    for row, first in enumerate(firsts):
        if row != first:
            found.setdefault(first, []).append(row)
    return found


def _members(rows: list[int], groups: list[int]) -> dict[int, list[int]]:
    """The rows of each group, in order."""
    found: dict[int, list[int]] = {}
    for row, group in zip(rows, groups, strict=True):
        found.setdefault(group, []).append(row)
    return found
