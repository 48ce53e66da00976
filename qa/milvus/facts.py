"""What each shard of a store says of itself: with what it was made, and whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from qa.errors import StoreError
from qa.milvus.address import Analysis
from qa.milvus.connection import Connection
from qa.milvus.keys import number

__all__ = ["FORMAT", "Shard", "read_shards", "write_shard"]

FORMAT = 1  # raised whenever the rows change their meaning
State = Literal["uploading", "complete"]


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard's facts.

    ``state``        ``uploading`` from an upload's first row to its last
    ``fingerprint``  of the index folder that it last held whole; empty before the first upload is done
    ``target``       of the one that is, or was, uploaded
    ``encoder``      name, fingerprint and dimension, as in a manifest
    ``settings``     as in a manifest
    ``counts``       articles and passages of ``target``
    ``roots``        the index's PATHs
    ``dictionary``, ``refused``  keys of the records that hold them
    """

    name: str
    state: State
    fingerprint: str
    target: str
    encoder: Mapping[str, Any]
    analysis: Analysis
    settings: Mapping[str, Any]
    counts: Mapping[str, int]
    roots: tuple[str, ...]
    dictionary: str
    refused: str
    format: int = field(default=FORMAT)

    @property
    def served(self) -> bool:
        """Whether questions are asked of it: it has been whole once."""
        return bool(self.fingerprint)

    def done(self) -> Shard:
        """The same, with its upload behind it."""
        return replace(self, state="complete", fingerprint=self.target)


def read_shards(connection: Connection) -> dict[str, Shard]:
    """The shards of a store by name. Raises StoreError for those of another version."""
    address = connection.address
    rows = connection.rows(address.records, 'kind == "shard"', ["shard", "body"])
    return {row["shard"]: _read(row["body"], address.name) for row in sorted(rows, key=lambda r: r["shard"])}


def _read(body: str, name: str) -> Shard:
    try:
        raw = json.loads(body)
        if raw["format"] != FORMAT:
            raise ValueError(f"format {raw['format']}, this version reads {FORMAT}")
        return Shard(**{**raw, "roots": tuple(raw["roots"])})
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{name}: a shard's facts cannot be read ({error}); fill a new collection"
        ) from error


def write_shard(connection: Connection, shard: Shard) -> None:
    """Put a shard's facts in the place of those it had."""
    body = json.dumps(asdict(shard), ensure_ascii=False, sort_keys=True)
    row = {
        "id": number("shard", shard.name),
        "shard": shard.name,
        "kind": "shard",
        "key": shard.name,
        "version": "",
        "piece": 0,
        "pieces": 1,
        "body": body,
        "source": "",
        "date": "",
        "first": "",
        "unit": [0.0, 0.0],
    }
    connection.upsert(connection.address.records, [row])
