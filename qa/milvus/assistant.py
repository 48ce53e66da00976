"""The ``Assistant`` over a store: it searches there; reading and deciding are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from qa import encoder
from qa.answering import Assistant, Filters, _Answers, _NoReader, _Opened, _reader
from qa.errors import InputError, ModelError, StoreError
from qa.index import Generation, _standing_in
from qa.milvus import facts, filtering, schema
from qa.milvus.address import Address
from qa.milvus.connection import Connection
from qa.milvus.facts import Shard
from qa.milvus.keys import key
from qa.milvus.searching import StoreHybrid, StoreLeg, bm25, dense
from qa.milvus.shelf import Shelf
from qa.settings import OwnThreshold, RetrievalSettings
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.answering import _Admitted
    from qa.lexical import BM25
    from qa.retrieval import Hybrid
    from qa.settings import AnswerSettings
    from qa.types import Article, Encoder, LegName, Mask, Passage, Reader

__all__ = ["StoreAssistant"]


class StoreAssistant(Assistant):
    """Answers questions from a store."""

    def __init__(
        self,
        address: Address,
        *,
        connection: Connection | None = None,
        model: Encoder | None = None,
        reader: Reader | str | None = None,
        settings: AnswerSettings | None = None,
        retrieval: RetrievalSettings | None = None,
    ) -> None:
        """Open the store at ``address``; the rest as for ``Assistant``.

        ``connection``  one that is open, if there is; it is closed with the assistant
        Raises StoreError, ModelError.
        """
        self._address = address
        self._connection = Connection.open(address) if connection is None else connection
        try:
            super().__init__(
                Path(address.name), model=model, reader=reader, settings=settings, retrieval=retrieval
            )
        except BaseException:
            self._connection.close()
            raise

    @classmethod
    def at(
        cls,
        address: Address,
        *,
        reader: str | None = None,
        leg: LegName | None = None,
        answers: bool = True,
    ) -> Self:
        """The assistant over the store at ``address``; options as for ``Assistant.open``."""
        chosen = reader if answers else _NoReader()
        return cls(address, reader=chosen, retrieval=RetrievalSettings.of_leg(leg))

    def unfinished(self) -> list[str]:
        """A line for each shard whose upload was stopped, or is under way."""
        shards = facts.read_shards(self._connection).values()
        return [self._unfinished(shard) for shard in shards if shard.state != "complete"]

    def _unfinished(self, shard: Shard) -> str:
        asked = "is asked as far as it goes" if shard.served else "is not asked until it is whole"
        return (
            f"{self._address.name}: shard {shard.name} is half-uploaded and {asked}; if nobody is at it, "
            f"run its `qa index … --store '{self._address.name}?shard={shard.name}'` again"
        )

    @property
    def shelf(self) -> Shelf:
        """The served shards."""
        return cast("Shelf", self._opened.generation)

    def passages(self) -> Sequence[Passage]:
        """All passages; they all come over the wire."""
        return self.shelf.all_passages()

    def articles(self) -> Iterator[Article]:
        """All articles."""
        return self.shelf.all_articles()

    def reload(self) -> bool:
        """Look at the shards anew; True if one was filled or given up since."""
        with self._lock:
            if self._served() == self.shelf.shards:
                return False
            self._opened = self._open()
        return True

    # -- how it is opened ------------------------------------------------------------------------

    def _served(self) -> tuple[Shard, ...]:
        """The shards that were whole once. Raises StoreError where there is none."""
        shards = facts.read_shards(self._connection)
        served = tuple(shard for shard in shards.values() if shard.served)
        if not served:
            name = self._address.name
            what = "is half-uploaded" if shards else "holds nothing"
            raise StoreError(
                f"{name}: {what}; run `qa index PATH --store {name}` again: it goes on where it stopped"
            )
        return served

    def _open(self) -> _Opened:
        schema.verified(self._connection)
        served = self._served()
        model = self._encoder(served)
        schema.verified(self._connection, model.dim)
        shelf = Shelf(self._connection, served)
        segmenter = Segmenter(shelf.user_words())
        lexical = bm25(shelf, self._connection, segmenter, served[0].analysis)
        hybrid = self._hybrid(shelf, lexical, model)
        reader = _reader(self._reader, segmenter)
        settings = reader.settings if self._settings is None else self._settings
        info: dict[str, str | float] = {
            "fingerprint": _fingerprint(served),
            "encoder": model.name,
            "reader": reader.name,
            "store": self._address.name,
        }
        if len(hybrid.legs) == 1:
            info["leg"] = hybrid.legs[0]
        own = _threshold(served)
        if self._settings is None and own is not None and own.reader == reader.name:
            settings = replace(settings, threshold=own.threshold)
            info["threshold"] = own.threshold
        # A shelf and its legs do what is asked of a generation and its legs: rows are ids here.
        opened = _Opened(
            cast("Generation", shelf),
            cast("BM25", lexical),
            cast("Hybrid", hybrid),
            *(reader, settings, segmenter, info),
            _Answers(0),
        )
        object.__setattr__(opened, "admitted", partial(self._admitted, shelf))  # an expression, not a mask
        return opened

    def _encoder(self, served: Sequence[Shard]) -> Encoder:
        """The encoder that the shards were filled with."""
        made_with = served[0].encoder
        if self._model is None:
            self._model = encoder.load(str(made_with["name"]))
        if self._model.fingerprint != made_with["fingerprint"]:
            raise ModelError(
                f"{self._address.name}: was filled with another encoder ({made_with['name']}, "
                f"{str(made_with['fingerprint'])[:12]}); install that, or fill a new collection"
            )
        return self._model

    def _hybrid(self, shelf: Shelf, lexical: StoreLeg, model: Encoder) -> StoreHybrid:
        weight = self._retrieval.bm25_weight
        legs = {"bm25": (lexical, weight), "dense": (dense(shelf, self._connection, model), 1 - weight)}
        used = {name: leg for name, leg in legs.items() if leg[1] > 0}
        return StoreHybrid(used, shelf, pool=self._retrieval.pool)

    def _admitted(self, shelf: Shelf, filters: Filters) -> _Admitted:
        """The expression for what ``filters`` admit, and how such a passage is to be cited.

        Raises InputError where they admit nothing.
        """
        where, cited = filtering.admitted(self._connection, shelf.where, filters)
        if not self._connection.rows(self._address.collection, where, ["id"], most=1):
            raise InputError(
                "no article of the store passes the filters; widen --source, --after or --before"
            )
        named = partial(_named, shelf=shelf, filters=filters, cited=cited)
        return cast("Mask", where), named


def _named(passage: Passage, *, shelf: Shelf, filters: Filters, cited: Mapping[str, str]) -> Passage:
    """``passage`` as it is to be cited: in its own article, or in a double that the filters admit."""
    article = passage.article
    if filters.admits(article.source, article.date):
        return passage
    return _standing_in(passage, shelf.article(cited[str(shelf.row(passage.number)["article"])]))


def _fingerprint(served: Sequence[Shard]) -> str:
    """Of one shard its index folder's, so that the two can be told to be the same."""
    found = [shard.fingerprint for shard in served]
    return found[0] if len(found) == 1 else key(*found)


def _threshold(served: Sequence[Shard]) -> OwnThreshold | None:
    """The threshold of a team's own labels, where all shards keep the same."""
    kept: list[Any] = [shard.settings.get("threshold") for shard in served]
    return OwnThreshold(**kept[0]) if kept[0] is not None and all(each == kept[0] for each in kept) else None
