"""An index folder into a store: what is missing there is written, what is gone here is taken out.

Every row has a key of its content, so an upload that was stopped goes on where it stopped, the same
upload twice changes nothing, and several indexers fill their own shards at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from qa.errors import StoreError
from qa.index import Generation
from qa.milvus import facts, schema
from qa.milvus.address import Address
from qa.milvus.connection import Connection
from qa.milvus.facts import Shard
from qa.milvus.rows import Contents

__all__ = ["Pushed", "push"]

BATCH = 500  # passages a call: about 4 MB, and Milvus takes 64
RECORDS = 200  # pieces of articles a call: at most 13 MB
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one upload did, in passages. ``resumed``: an earlier one of this shard had been stopped."""

    store: str
    shard: str
    added: int = 0
    kept: int = 0
    removed: int = 0
    resumed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON."""
        return asdict(self)

    def line(self) -> str:
        """What a terminal shows."""
        again = "，接着上次 resumed" if self.resumed else ""
        return (
            f"{self.store}  {self.shard}  写入 written {self.added}，已有 kept {self.kept}，"
            f"移除 removed {self.removed}{again}"
        )


def push(
    folder: Path,
    address: Address,
    *,
    connection: Connection | None = None,
    on_progress: Progress | None = None,
) -> Pushed:
    """Make the shard of ``address`` equal to the index at ``folder``; other shards are left alone.

    ``connection``   one that is open, if there is; it is left open
    ``on_progress``  called with (``upload``, passages done, passages to write)
    Raises StoreError, IndexFolderError. Questions go on meanwhile: an article that changes is there in
    both versions for a while, never in neither.
    """
    generation = Generation.open(folder)
    try:
        if connection is not None:
            return _Push(generation, address, connection, on_progress).run()
        with Connection.open(address, make=True) as opened:
            return _Push(generation, address, opened, on_progress).run()
    finally:
        generation.close()


class _Push:
    """One upload."""

    def __init__(
        self,
        generation: Generation,
        address: Address,
        connection: Connection,
        on_progress: Progress | None,
    ) -> None:
        self.manifest = generation.manifest
        self.address, self.connection = address, connection
        self.contents = Contents(generation, address)
        self.progress: Progress = on_progress or _silent

    def run(self) -> Pushed:
        """Records before the passages that name them; what is gone last."""
        schema.ensure(self.connection, int(self.manifest.encoder["dim"]))
        shards = facts.read_shards(self.connection)
        before = shards.get(self.address.shard)
        self._must_agree(shards)
        shard = self.contents.shard(before)
        resumed = before is not None and before.state == "uploading"
        if before is not None and before == shard.done() and self._is_whole(shard):
            return Pushed(self.address.name, shard.name, kept=shard.counts["passages"])
        facts.write_shard(self.connection, shard)
        stale = self._records()
        added, kept, gone = self._passages()
        self._take_out(self.address.collection, gone)
        self._take_out(self.address.records, stale)
        for collection in (self.address.collection, self.address.records):
            self.connection.flush(collection)
        facts.write_shard(self.connection, shard.done())
        return Pushed(self.address.name, shard.name, added, kept, len(gone), resumed)

    def _is_whole(self, shard: Shard) -> bool:
        """Whether as many passages are there as the shard says."""
        own = f'shard == "{shard.name}"'
        return self.connection.count(self.address.collection, own) == shard.counts["passages"]

    def _must_agree(self, shards: dict[str, Shard]) -> None:
        """Raises StoreError where what is there was made with something else, or is somebody else's."""
        encoder, name = self.manifest.encoder, self.address.name
        for shard in shards.values():
            if shard.encoder["fingerprint"] != encoder["fingerprint"]:
                raise StoreError(
                    f"{name}: was filled with the encoder {shard.encoder['name']} and this index with "
                    f"{encoder['name']}; name another collection, or run "
                    f"`qa index --rebuild --encoder {shard.encoder['name']}`"
                )
            if shard.analysis != self.address.analysis:
                raise StoreError(
                    f"{name}: was made with analyzer={shard.analysis}; name that, or another collection"
                )
        own = shards.get(self.address.shard)
        roots = {root.path for root in self.manifest.roots}
        if own is not None and not roots & set(own.roots):
            raise StoreError(
                f"{name}: its shard {own.name} holds {own.roots[0]}, which this index does not; "
                f"give this index a shard of its own: --store '{name}?shard=NAME'"
            )

    def _records(self) -> list[int]:
        """Write the pieces that are missing; the ids of those that are no longer wanted."""
        present = self._present(self.address.records, 'kind != "shard"')
        wanted: set[int] = set()
        for batch in _batches(self._missing(present, wanted), RECORDS):
            self.connection.upsert(self.address.records, batch)
        return sorted(present - wanted)

    def _missing(self, present: set[int], wanted: set[int]) -> Iterator[dict[str, Any]]:
        for id_, at, piece in self.contents.record_ids():
            wanted.add(id_)
            if id_ not in present:
                yield self.contents.record_row(id_, at, piece)

    def _passages(self) -> tuple[int, int, list[int]]:
        """Write the passages that are missing: how many, how many were there, the ids to take out."""
        import numpy as np

        present = self._present(self.address.collection, "id >= 0")
        ids = self.contents.passage_ids()
        missing = [row for row, id_ in enumerate(ids) if id_ not in present]
        self.progress("upload", 0, len(missing))
        for start in range(0, len(missing), BATCH):
            rows = missing[start : start + BATCH]
            made = self.contents.passage_rows([ids[row] for row in rows], np.array(rows, dtype=np.int64))
            self.connection.upsert(self.address.collection, made)
            self.progress("upload", start + len(rows), len(missing))
        return len(missing), len(ids) - len(missing), sorted(present - set(ids))

    def _present(self, collection: str, where: str) -> set[int]:
        """The ids of this shard's rows."""
        own = f'shard == "{self.address.shard}" and {where}'
        return {int(row["id"]) for row in self.connection.all_rows(collection, own, [])}

    def _take_out(self, collection: str, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), BATCH):
            self.connection.delete(collection, ids[start : start + BATCH])


def _batches(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch


def _silent(stage: str, done: int, total: int) -> None:
    return None
