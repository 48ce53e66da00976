"""The two legs, each searched by Milvus, and their fusion, which is that of an index folder.

Milvus' own rankers fuse by rank, or by scores that it squeezes in its own way, and otherwise in Milvus
Lite. What the legs propose is therefore scored by both, there, and summed as z-scores, here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.milvus.analysis import analysed
from qa.milvus.connection import Connection
from qa.milvus.schema import SEARCHING
from qa.milvus.shelf import PLACE, Shelf, place_of
from qa.retrieval import fuse
from qa.types import Hit, LegName

if TYPE_CHECKING:
    from qa.milvus.address import Analysis
    from qa.types import Encoder, Mask, Rows, Vectors
    from qa.words import Segmenter

__all__ = ["StoreHybrid", "StoreLeg", "bm25", "dense"]


class StoreLeg:
    """One leg. ``query`` makes of a question what Milvus searches for; None where there is nothing."""

    def __init__(
        self,
        name: LegName,
        shelf: Shelf,
        connection: Connection,
        query: Callable[[str], Any],
        *,
        field: str,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self._shelf, self._connection, self._query = shelf, connection, query
        self._field, self._params = field, params or {}

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        """At most ``k`` ids and their scores, best first, ties by place. ``allowed`` is not for a store."""
        assert allowed is None
        found = self.found(question, k, self._shelf.where)
        return np.array([id_ for id_, _ in found], np.int64), np.array([s for _, s in found], np.float32)

    def found(self, question: str, k: int, where: str) -> list[tuple[int, float]]:
        """At most ``k`` ids and their scores among the rows that ``where`` admits."""
        query = self._query(question)
        if query is None:
            return []
        collection = self._connection.address.collection
        hits = self._connection.search(
            *(collection, self._field, query, k), where=where, fields=PLACE, params=self._params
        )
        for row, _ in hits:
            self._shelf.keep(row)
        # Milvus Lite gives BM25, which is never negative, with a minus before it.
        scored = [(row, abs(score) if self.name == "bm25" else score) for row, score in hits]
        ordered = sorted(scored, key=lambda hit: (-hit[1], place_of(hit[0])))
        return [(int(row["id"]), score) for row, score in ordered]

    def scores(self, question: str, ids: Sequence[int]) -> dict[int, float]:
        """The leg's score of each of ``ids``; 0 for those it does not find."""
        if not ids:
            return {}
        found = dict(self.found(question, len(ids), f"id in {list(ids)}"))
        return {id_: found.get(id_, 0.0) for id_ in ids}


def bm25(shelf: Shelf, connection: Connection, segmenter: Segmenter, analysis: Analysis) -> StoreLeg:
    """The lexical leg: Milvus' BM25 function."""
    return StoreLeg(
        "bm25",
        shelf,
        connection,
        lambda question: analysed(question, segmenter, analysis) or None,
        field="sparse",
    )


def dense(shelf: Shelf, connection: Connection, model: Encoder) -> StoreLeg:
    """The dense leg: the inner product of unit vectors."""
    params = SEARCHING.get(connection.vector_index(connection.address.collection))
    return StoreLeg(
        "dense",
        shelf,
        connection,
        lambda question: model.encode([question], "query")[0].tolist(),
        field="vector",
        params=params,
    )


class StoreHybrid:
    """Ranks the passages of a store by its legs together, as ``qa.retrieval.Hybrid`` does a folder's."""

    def __init__(self, legs: Mapping[str, tuple[StoreLeg, float]], shelf: Shelf, *, pool: int) -> None:
        self._legs, self._shelf, self._pool = legs, shelf, pool

    @property
    def legs(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._legs)

    def search(self, question: str, k: int, where: str | None = None) -> tuple[Hit, ...]:
        """At most ``k`` hits, best first, ties by place. ``where``: an expression; None for all served."""
        admitted = self._shelf.where if where is None else where
        with ThreadPoolExecutor(len(self._legs)) as both:
            found = both.map(lambda leg: leg.found(question, max(self._pool, k), admitted), self._each())
            proposed = [dict(each) for each in found]
            ids = sorted({id_ for each in proposed for id_ in each})
            if not ids:
                return ()
            scored = both.map(lambda leg, known: _scores(leg, question, ids, known), self._each(), proposed)
            weights = [weight for _, weight in self._legs.values()]
            total = fuse(list(zip(scored, weights, strict=True)))
        order = sorted(range(len(ids)), key=lambda at: (-total[at], place_of(self._shelf.row(ids[at]))))[:k]
        passages = self._shelf.fetched([ids[at] for at in order])
        ranks = dict(zip(self._legs, map(_ranks, proposed), strict=True))
        return tuple(
            Hit(passage, float(total[at]), _of(passage.number, ranks))
            for at, passage in zip(order, passages, strict=True)
        )

    def _each(self) -> list[StoreLeg]:
        return [leg for leg, _ in self._legs.values()]

    def leg_ranks(self, question: str, rows: Collection[int], k: int) -> dict[str, int | None]:
        """The best rank, 1-based, of any of the ids ``rows`` in each leg; None beyond the first ``k``."""
        best: dict[str, int | None] = {}
        for name, (leg, _) in self._legs.items():
            ids, _ = leg.search(question, k)
            found = [rank for rank, id_ in enumerate(ids.tolist(), 1) if id_ in rows]
            best[name] = min(found, default=None)
        return best


def _scores(leg: StoreLeg, question: str, ids: Sequence[int], known: Mapping[int, float]) -> Vectors:
    """The leg's score of each of ``ids``, of which it proposed those in ``known``."""
    missing = leg.scores(question, [id_ for id_ in ids if id_ not in known])
    return np.array([known[id_] if id_ in known else missing[id_] for id_ in ids], dtype=np.float32)


def _ranks(found: Mapping[int, float]) -> dict[int, int]:
    """The rank of each id, best first, from 1."""
    return {id_: rank for rank, id_ in enumerate(found, 1)}


def _of(id_: int, ranks: Mapping[str, Mapping[int, int]]) -> dict[str, int]:
    """The rank of one id in each leg that found it."""
    return {name: found[id_] for name, found in ranks.items() if id_ in found}
