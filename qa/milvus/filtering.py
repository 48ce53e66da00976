"""Filters as Milvus' expressions, and articles that are cited in the place of their doubles."""

from __future__ import annotations

import json

from qa.answering import Filters
from qa.errors import InputError, StoreError
from qa.milvus.connection import Connection
from qa.milvus.shelf import any_of

__all__ = ["admitted", "expression"]

_MOST = 10_000  # doubles; more make an expression that Milvus takes long over


def expression(filters: Filters) -> str:
    """What ``filters.admits`` admits, over the fields ``source`` and ``date``. Raises InputError."""
    parts = []
    if filters.source is not None:
        parts.append(_source(filters.source))
    if filters.after is not None:
        parts.append(_after(filters.after))
    if filters.before is not None:
        parts.append(f'date != "" and (date <= "{filters.before}" or date like "{filters.before}%")')
    return " and ".join(f"({part})" for part in parts)


def _source(glob: str) -> str:
    if "[" in glob:
        raise InputError(f"--source {glob}: with --store only * and ? can stand for other characters")
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"source like {json.dumps(escaped.replace('*', '%').replace('?', '_'), ensure_ascii=False)}"


def _after(bound: str) -> str:
    """A date that says less than the bound is compared as far as it goes: 2021 is not before 2021-05."""
    shorter = [bound[:size] for size in (4, 7) if size < len(bound)]
    return f'date >= "{bound}"' + (f" or {any_of('date', shorter)}" if shorter else "")


def admitted(connection: Connection, shards: str, filters: Filters) -> tuple[str, dict[str, str]]:
    """The expression for the passages that may be found, and the key of the double to cite, by its first's.

    Of articles that say the same the first alone has passages; where only another one is admitted, that
    is cited.
    """
    own = expression(filters)
    doubles = f'kind == "article" and piece == 0 and first != key and {shards} and {own}'
    found = connection.rows(connection.address.records, doubles, ["key", "first", "source"], most=_MOST + 1)
    if len(found) > _MOST:
        raise StoreError(
            f"{connection.address.name}: the filters admit more than {_MOST:,} reprints; narrow them"
        )
    cited: dict[str, str] = {}
    for row in sorted(found, key=lambda row: (row["source"], row["key"])):
        cited.setdefault(row["first"], row["key"])
    passages = own if not cited else f"({own} or {any_of('article', sorted(cited))})"
    return f"{shards} and {passages}", cited
