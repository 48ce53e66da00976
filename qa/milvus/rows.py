"""An index folder as rows of a store: each under a number that its content gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.dense import Dense
from qa.errors import IndexFolderError, QaError
from qa.index import Generation, Root, article_from_record
from qa.milvus.address import Address
from qa.milvus.analysis import analysed
from qa.milvus.facts import FORMAT, Shard
from qa.milvus.keys import key, number
from qa.passages import indexed_text
from qa.types import Article
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.types import Passage, Rows, Vectors

__all__ = ["RECORD_FIELDS", "Contents", "Record", "article_of"]

Row = dict[str, Any]
_PIECE = 16_000  # characters; at most 64,000 bytes, below Milvus' longest VARCHAR
RECORD_FIELDS = ("key", "version", "piece", "pieces", "body", "first")
# A stored article carries its whole source as its file, so that one PATH is enough to read it with.
_ALONE = (Root(path="", name=""),)


@dataclass(frozen=True, slots=True)
class Record:
    """A record before it is cut into pieces: an article, or a shard's dictionary or refusals.

    ``key``    of an article: of what it says and where it stands
    ``first``  of an article: the key of the first that says the same, itself unless it is a double
    """

    kind: str
    key: str
    body: str
    source: str = ""
    date: str = ""
    first: str = ""


class Contents:
    """The generation of an index folder as the rows of one shard."""

    def __init__(self, generation: Generation, address: Address) -> None:
        self.generation = generation
        self._address = address
        self._keys: list[str] = []
        self._groups: list[str] = []
        self._parts: list[int] = []
        self._number_articles()

    def _number_articles(self) -> None:
        """The key of each article, and its place in its file."""
        generation, seen, at = self.generation, "", -1
        for row, (source, _) in enumerate(self._catalogue):
            at = at + 1 if source == seen else 0
            seen = source
            self._keys.append(key(self._address.shard, self._stored(row)))
            self._parts.append(at)
        self._groups = [self._keys[generation.group(row)] for row in range(len(generation))]

    @cached_property
    def _catalogue(self) -> list[tuple[str, str | None]]:
        return self.generation.catalogue()

    def _stored(self, row: int) -> str:
        """The article in ``row`` as it is kept: its line, under its source."""
        record = {**self.generation.record(row), "root": 0, "file": self._catalogue[row][0]}
        return json.dumps(record, ensure_ascii=False, sort_keys=True)

    # -- facts -----------------------------------------------------------------------------------

    def shard(self, before: Shard | None) -> Shard:
        """The shard's facts while this is uploaded. ``before``: what it said until now."""
        manifest = self.generation.manifest
        return Shard(
            name=self._address.shard,
            state="uploading",
            fingerprint="" if before is None else before.fingerprint,
            target=manifest.fingerprint,
            encoder=dict(manifest.encoder),
            analysis=self._address.analysis,
            settings=dict(manifest.settings),
            counts=dict(manifest.counts),
            roots=tuple(root.path for root in manifest.roots),
            dictionary=self._dictionary.key,
            refused=self._refused.key,
        )

    @cached_property
    def _dictionary(self) -> Record:
        return self._beside("dictionary", list(self.generation.user_words()))

    @cached_property
    def _refused(self) -> Record:
        return self._beside("refused", list(self.generation.refused()))

    def _beside(self, kind: str, names: Sequence[str]) -> Record:
        body = json.dumps(names, ensure_ascii=False)
        return Record(kind, key(self._address.shard, kind, body), body)

    # -- records ---------------------------------------------------------------------------------

    def record_ids(self) -> Iterator[tuple[int, int, int]]:
        """Of each record's piece: its id, the record's number, and the piece's."""
        for at in range(len(self._keys) + 2):
            record = self._record(at)
            for piece in range(_pieces(record.body)):
                yield number(self._address.shard, _version(record), record.key, piece), at, piece

    def record_row(self, id_: int, at: int, piece: int) -> Row:
        """The row of one piece, as ``record_ids`` named it."""
        record = self._record(at)
        return {
            "id": id_,
            "shard": self._address.shard,
            "kind": record.kind,
            "key": record.key,
            "version": _version(record),
            "piece": piece,
            "pieces": _pieces(record.body),
            "body": record.body[piece * _PIECE : (piece + 1) * _PIECE],
            "source": record.source,
            "date": record.date,
            "first": record.first,
            "unit": [0.0, 0.0],
        }

    def _record(self, at: int) -> Record:
        """The shard's two lists, and then its articles."""
        if at < 2:
            return (self._dictionary, self._refused)[at]
        row = at - 2
        source, date = self._catalogue[row]
        body = f"{self._groups[row]}\n{self._stored(row)}"
        first = self._keys[self.generation.first(row)]
        return Record("article", self._keys[row], body, source, date or "", first)

    # -- passages --------------------------------------------------------------------------------

    def passage_ids(self) -> list[int]:
        """The id of each passage, by its row in the generation."""
        manifest = self.generation.manifest
        made_with = (FORMAT, manifest.encoder["fingerprint"], self._address.analysis, self._dictionary.key)
        headings = self.generation.headings
        return [
            number(self._keys[article], start, end, headings[heading], page, *made_with)
            for article, start, end, heading, page in self.generation.table().tolist()
        ]

    def passage_rows(self, ids: Sequence[int], rows: Rows) -> list[Row]:
        """The rows of the passages in ``rows`` of the generation, whose ids are ``ids``."""
        vectors = self._vectors(rows)
        return [
            self._passage_row(id_, self.generation.passage(int(row)), vector.tolist())
            for id_, row, vector in zip(ids, rows, vectors, strict=True)
        ]

    def _passage_row(self, id_: int, passage: Passage, vector: list[float]) -> Row:
        row = int(self.generation.article_rows()[passage.number])
        article = passage.article
        return {
            "id": id_,
            "shard": self._address.shard,
            "article": self._keys[row],
            "source": article.source,
            "date": article.date or "",
            "part": self._parts[row],
            "start": passage.span.start,
            "end": passage.span.end,
            "page": -1 if passage.page is None else passage.page,
            "heading": json.dumps(passage.heading, ensure_ascii=False),
            "text": passage.text,
            "terms": analysed(indexed_text(passage), self._segmenter, self._address.analysis),
            "vector": vector,
        }

    @cached_property
    def _segmenter(self) -> Segmenter:
        return Segmenter(self.generation.user_words())

    def _vectors(self, rows: Rows) -> Vectors:
        return self._dense.vectors_of(rows)

    @cached_property
    def _dense(self) -> Dense:
        """The vectors that were made at indexing time: nothing is embedded here."""
        path: Path = self.generation.path
        try:
            return Dense.load(path, _Named(self.generation.manifest.encoder))
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, QaError):
                raise
            raise IndexFolderError(f"{path}: cannot be opened ({error}); run `qa index --rebuild`") from error


class _Named:
    """What a manifest says of an encoder that need not be loaded."""

    def __init__(self, encoder: Any) -> None:
        self.name, self.fingerprint = str(encoder["name"]), str(encoder["fingerprint"])
        self.dim = int(encoder["dim"])

    def encode(self, texts: Sequence[str], kind: str) -> Vectors:
        raise AssertionError("nothing is embedded while an index is pushed")


def article_of(body: str) -> tuple[Article, int]:
    """The article that a record's whole body holds, and the number of its group of reprints."""
    group, _, stored = body.partition("\n")
    return article_from_record(json.loads(stored), _ALONE), int(group[:15], 16)


def _pieces(body: str) -> int:
    return max(1, -(-len(body) // _PIECE))


def _version(record: Record) -> str:
    """Changes with anything that is stored; the key does not change with the group or the first."""
    return key(record.body, record.first)
