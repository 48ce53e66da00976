"""Articles and passages out of a store, fetched together and kept a while."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from qa.errors import StoreError
from qa.milvus.connection import Connection
from qa.milvus.facts import Shard
from qa.milvus.rows import RECORD_FIELDS, article_of
from qa.types import Article, Passage, Span

__all__ = ["PLACE", "Shelf", "any_of", "place_of"]

_KEPT = 1024  # articles, and eight times as many passages
_MANY = 200  # keys in one expression
_PIECES = 1024  # of articles in one answer: at most 64 MB, about what Milvus sends
PLACE = ("article", "source", "date", "part", "start", "end", "page", "heading", "text")
Row = Mapping[str, Any]
_K = TypeVar("_K")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Shelved:
    """An article with its group of reprints."""

    article: Article
    group: int


class Shelf:
    """What is in the served shards of a store. Safe to use from several threads."""

    def __init__(self, connection: Connection, shards: Sequence[Shard]) -> None:
        self._connection = connection
        self.shards = tuple(shards)
        self._articles: OrderedDict[str, _Shelved] = OrderedDict()
        self._rows: OrderedDict[int, Row] = OrderedDict()
        self._lock = threading.Lock()

    # -- what an Assistant asks of a generation --------------------------------------------------

    @property
    def passages(self) -> range:
        """As long as there are passages: nothing but their number is asked."""
        return range(sum(int(shard.counts["passages"]) for shard in self.shards))

    def passage(self, id_: int) -> Passage:
        """The passage with this id."""
        return self.fetched([id_])[0]

    def group_of(self, passage: Passage) -> int:
        """The group of reprints of the article that a passage stands in."""
        return self._shelved([self.row(passage.number)["article"]])[0].group

    def article(self, key: str) -> Article:
        """The article with this key."""
        return self._shelved([key])[0].article

    def user_words(self) -> tuple[str, ...]:
        """The words of the users' dictionaries that the shards were made with."""
        lists = (self._list(shard.dictionary) for shard in self.shards)
        return tuple(sorted({word for words in lists for word in words}))

    def refused(self) -> tuple[str, ...]:
        """The sources that were refused, whole or in part, when the shards were indexed."""
        return tuple(sorted(name for shard in self.shards for name in self._list(shard.refused)))

    def close(self) -> None:
        """Let go of the store."""
        self._connection.close()

    # -- passages and articles -------------------------------------------------------------------

    def keep(self, row: Row) -> None:
        """Remember a passage's row, which a search brought."""
        with self._lock:
            _put(self._rows, int(row["id"]), row, 8 * _KEPT)

    def row(self, id_: int) -> Row:
        """The row of a passage."""
        return self._passage_rows([id_])[id_]

    def fetched(self, ids: Sequence[int]) -> list[Passage]:
        """The passages with these ids, in order, their articles in one call. Raises StoreError."""
        rows = self._passage_rows(ids)
        keys = [rows[id_]["article"] for id_ in ids]
        return [
            self._passage(id_, rows[id_], shelved.article)
            for id_, shelved in zip(ids, self._shelved(keys), strict=True)
        ]

    def all_passages(self) -> list[Passage]:
        """All passages in order of source and place. For evaluation: they all come over the wire."""
        connection = self._connection
        rows = {
            int(row["id"]): row
            for row in connection.all_rows(connection.address.collection, self.where, PLACE)
        }
        articles = dict(self._all_articles())
        order = sorted(rows, key=lambda id_: place_of(rows[id_]))
        for id_ in order:
            self.keep(rows[id_])
        return [self._passage(id_, rows[id_], articles[rows[id_]["article"]]) for id_ in order]

    def all_articles(self) -> Iterator[Article]:
        """All articles, doubles too, by source and element."""
        found = [article for _, article in self._all_articles()]
        return iter(sorted(found, key=lambda article: (article.source, article.element or "")))

    @property
    def where(self) -> str:
        """The expression that admits the served shards."""
        return any_of("shard", [shard.name for shard in self.shards])

    def _passage(self, id_: int, row: Row, article: Article) -> Passage:
        span = Span(int(row["start"]), int(row["end"]))
        if span.of(article.text) != row["text"]:
            raise self._damaged(f"a passage of {article.place} is not in its article")
        page = None if int(row["page"]) < 0 else int(row["page"])
        return Passage(article, span, tuple(json.loads(row["heading"])), page, id_)

    def _passage_rows(self, ids: Sequence[int]) -> dict[int, Row]:
        with self._lock:
            found = {id_: self._rows[id_] for id_ in ids if id_ in self._rows}
        missing = sorted(set(ids) - found.keys())
        connection = self._connection
        for part in _parts(missing):
            for row in connection.rows(connection.address.collection, f"id in {part}", ["id", *PLACE]):
                found[int(row["id"])] = row
                self.keep(row)
        if gone := set(ids) - found.keys():
            raise self._damaged(f"the passage {min(gone)} is gone since it was found")
        return found

    def _shelved(self, keys: Sequence[str]) -> list[_Shelved]:
        """The articles with these keys, in order."""
        with self._lock:
            found = {key: self._articles[key] for key in keys if key in self._articles}
        for part in _parts(sorted(set(keys) - found.keys())):
            for key, body in self._keyed(part):
                found[key] = _Shelved(*article_of(body))
                with self._lock:
                    _put(self._articles, key, found[key], _KEPT)
        if gone := set(keys) - found.keys():
            raise self._damaged(f"the article {min(gone)} is missing or not whole")
        return [found[key] for key in keys]

    def _all_articles(self) -> Iterator[tuple[str, Article]]:
        connection = self._connection
        where = f'kind == "article" and {self.where}'
        for key, body in _bodies(connection.all_rows(connection.address.records, where, RECORD_FIELDS)):
            yield key, article_of(body)[0]

    def _list(self, key: str) -> list[str]:
        bodies = dict(self._keyed([key]))
        if key not in bodies:
            raise self._damaged("a list of a shard is missing")
        found: list[str] = json.loads(bodies[key])
        return found

    def _keyed(self, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Key and body of the whole records with these keys."""
        connection, where = self._connection, any_of("key", keys)
        rows = connection.rows(connection.address.records, where, RECORD_FIELDS, most=_PIECES)
        if len(rows) == _PIECES:
            rows = list(connection.all_rows(connection.address.records, where, RECORD_FIELDS))
        return _bodies(rows)

    def _damaged(self, what: str) -> StoreError:
        name = self._connection.address.name
        return StoreError(f"{name}: {what}; ask again, and if it stays run `qa index --store {name}`")


def _bodies(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Key and body of each whole record; while one changes there may be two, alike but for the group."""
    pieces: dict[tuple[str, str], dict[int, Row]] = {}
    for row in rows:
        pieces.setdefault((row["key"], row["version"]), {})[int(row["piece"])] = row
    for (key, _), found in sorted(pieces.items(), key=lambda each: each[0]):
        if len(found) == int(next(iter(found.values()))["pieces"]):
            yield key, "".join(found[piece]["body"] for piece in sorted(found))


def place_of(row: Row) -> tuple[str, int, int, int]:
    """The order among equals: by source, part of the file and place, as in an index folder."""
    return str(row["source"]), int(row["part"]), int(row["start"]), int(row["end"])


def any_of(field: str, values: Iterable[str]) -> str:
    """The expression that admits these values of a text field."""
    return f"{field} in [{', '.join(json.dumps(value, ensure_ascii=False) for value in values)}]"


def _parts(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(values), _MANY):
        yield values[start : start + _MANY]


def _put(kept: OrderedDict[_K, _T], key: _K, value: _T, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
