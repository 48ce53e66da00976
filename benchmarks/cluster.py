"""How large a Milvus has to be: bytes a passage, counted in an index, made into nodes, disks and costs.

``python -m benchmarks.cluster --index DIR`` prints the tables of ``benchmarks/cluster.md``. What is counted
and what is assumed is told apart there; whoever has other nodes or prices gives them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Assumed", "Cluster", "PerPassage", "counted", "main", "sized"]

GIB = 2**30
Kind = Literal["HNSW", "IVF_SQ8", "DISKANN"]
SIZES: tuple[tuple[int, Kind], ...] = (
    (10_000_000, "HNSW"),
    (100_000_000, "IVF_SQ8"),
    (1_000_000_000, "DISKANN"),
)


@dataclass(frozen=True, slots=True)
class PerPassage:
    """Bytes that one passage takes, on the average.

    ``dim``       numbers of its vector
    ``fields``    its row in the store without vector and terms: text, offsets, heading, source, keys
    ``terms``     the field that BM25 is made of
    ``postings``  distinct terms, each a cell of BM25's index
    ``article``   its share of its article's record
    """

    dim: int
    fields: float
    terms: float
    postings: float
    article: float

    @property
    def vector(self) -> int:
        """The vector as it is written, float32."""
        return 4 * self.dim

    @property
    def stored(self) -> float:
        """All that is written once, before anything is compressed."""
        return self.vector + self.fields + self.terms + self.article


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is not counted here but taken on; the defaults' reasons stand in ``benchmarks/cluster.md``.

    ``links``        of a graph's node: HNSW's lowest layer has 2 M, 4 bytes each, and M is 30 here
    ``cell``         bytes of a posting: a row's number and a count
    ``compressed``   what compression leaves of text, terms and articles in the object store
    ``overhead``     what a query node needs beside the indexes, as a factor
    ``node``         GiB of a query node's memory that may be filled
    ``disk``         GiB of a query node's own fast disk
    ``replicas``     copies that answer, so that one may fail
    ``price``        of a query node an hour, in your money
    ``rate``         questions a second that one replica answers at half load
    """

    links: int = 60
    cell: int = 8
    compressed: float = 0.4
    overhead: float = 1.3
    node: int = 48
    disk: int = 1000
    replicas: int = 2
    price: float = 0.5
    rate: float = 20.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster. GiB are of all replicas together, but for ``store``, which is there once."""

    kind: Kind
    passages: int
    memory: float
    disk: float
    store: float
    channels: int
    nodes: int
    cost: float


def sized(per: PerPassage, passages: int, kind: Kind, assumed: Assumed | None = None) -> Cluster:
    """The cluster for so many passages with this index over the vectors."""
    with_ = Assumed() if assumed is None else assumed
    memory, disk = _held(per, kind, with_)
    memory *= passages * with_.overhead / GIB
    disk *= passages / GIB
    a_replica = max(1, math.ceil(memory / with_.node), math.ceil(disk / with_.disk))
    nodes = with_.replicas * a_replica
    text = with_.compressed * (per.fields + per.terms + per.article)
    return Cluster(
        kind,
        passages,
        memory * with_.replicas,
        disk * with_.replicas,
        passages * (per.vector + text) / GIB,
        channels=min(16, max(1, passages // 25_000_000)),
        nodes=nodes,
        cost=1000 * nodes * with_.price / (3600 * with_.rate * with_.replicas),
    )


def _held(per: PerPassage, kind: Kind, assumed: Assumed) -> tuple[float, float]:
    """Bytes a passage of a query node's memory and of its disk, in one replica."""
    links, postings = 4.0 * assumed.links, assumed.cell * per.postings
    if kind == "HNSW":  # all in memory
        return per.vector + links + postings, 0.0
    if kind == "IVF_SQ8":  # one byte a number; BM25's index and what is fetched are mapped from the disk
        return per.dim + 0.25 * postings, postings + per.fields + per.terms
    # Codes of an eighth of the vectors in memory; graph, vectors and all else on the disk.
    return per.vector / 8 + 0.1 * postings, per.vector + links + postings + per.fields + per.terms


def counted(folder: Path, analysis: Literal["terms", "jieba"] = "terms") -> PerPassage:
    """What the passages of the index at ``folder`` take in a store, on the average."""
    import numpy as np

    from qa.index import Generation
    from qa.milvus.address import Address
    from qa.milvus.rows import Contents

    generation = Generation.open(folder)
    contents = Contents(generation, Address("count", "count.db", analysis=analysis))
    ids = contents.passage_ids()
    rows = contents.passage_rows(ids, np.arange(len(ids)))
    records = [contents.record_row(*each) for each in contents.record_ids()]
    found = PerPassage(
        dim=int(generation.manifest.encoder["dim"]),
        fields=_mean(_bytes(row, ("terms", "vector")) for row in rows),
        terms=_mean(len(row["terms"].encode()) for row in rows),
        postings=_mean(len(set(_terms(row["terms"], analysis))) for row in rows),
        article=sum(_bytes(record, ("unit",)) for record in records) / len(rows),
    )
    generation.close()
    return found


def _terms(field: str, analysis: str) -> list[str]:
    """The terms that an analyzer makes of the field."""
    if analysis == "terms":
        return field.split()
    from qa.words import Segmenter

    return Segmenter().words(field)


def _bytes(row: dict[str, object], without: tuple[str, ...]) -> int:
    """Text in UTF-8, numbers in 8 bytes."""
    values = [value for name, value in row.items() if name not in without]
    return sum(len(value.encode()) if isinstance(value, str) else 8 for value in values)


def _mean(values: Iterator[int]) -> float:
    found = list(values)
    return sum(found) / len(found)


def table(per: PerPassage, assumed: Assumed) -> Iterator[str]:
    """The table of the page, in Markdown."""
    yield "| passages | index | memory | disk | object store | channels | query nodes | 1,000 questions |"
    yield "|---|---|---|---|---|---|---|---|"
    for passages, kind in SIZES:
        made = sized(per, passages, kind, assumed)
        yield (
            f"| {passages:,} | `{kind}` | {made.memory:,.0f} GiB | {made.disk:,.0f} GiB | "
            f"{made.store:,.0f} GiB | {made.channels} | {made.nodes} | {made.cost:.3f} |"
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="how large a Milvus has to be")
    parser.add_argument("--index", type=Path, default=Path("index"))
    parser.add_argument("--price", type=float, default=Assumed().price, help="of a query node an hour")
    parser.add_argument("--rate", type=float, default=Assumed().rate, help="questions a second and replica")
    args = parser.parse_args()
    assumed = Assumed(price=args.price, rate=args.rate)
    analyses: tuple[Literal["terms", "jieba"], ...] = ("terms", "jieba")
    for analysis in analyses:
        per = counted(args.index, analysis)
        print(
            f"analyzer={analysis}: vector {per.vector} B, fields {per.fields:.0f} B, "
            f"terms {per.terms:.0f} B, postings {per.postings:.0f}, article {per.article:.0f} B, "
            f"in all {per.stored:.0f} B\n"
        )
        print("\n".join(table(per, assumed)), end="\n\n")


if __name__ == "__main__":
    main()
