"""The store's two collections.

``COLLECTION``          a row is a passage: offsets, text, vector, and what BM25 is made of
``COLLECTION_records``  a row is a piece of an article as it was read, or of a shard's facts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa.errors import StoreError
from qa.milvus.address import Address, VectorIndex
from qa.milvus.analysis import ANALYZERS, LONGEST
from qa.milvus.connection import Connection
from qa.settings import RetrievalSettings

__all__ = ["SEARCHING", "ensure", "verified"]

_TEXT, _NUMBER = "VARCHAR", "INT64"
# Longest values in bytes; a path of Linux has at most 4,096.
_KEY, _SHORT, _PATH = 64, 32, 8192
PASSAGES: dict[str, tuple[str, int]] = {
    "id": (_NUMBER, 0),
    "shard": (_TEXT, _KEY),
    "article": (_TEXT, _KEY),
    "source": (_TEXT, _PATH),
    "date": (_TEXT, _SHORT),
    "part": (_NUMBER, 0),
    "start": (_NUMBER, 0),
    "end": (_NUMBER, 0),
    "page": (_NUMBER, 0),
    "heading": (_TEXT, LONGEST),
    "text": (_TEXT, LONGEST),
    "terms": (_TEXT, LONGEST),
    "sparse": ("SPARSE_FLOAT_VECTOR", 0),
    "vector": ("FLOAT_VECTOR", 0),
}
RECORDS: dict[str, tuple[str, int]] = {
    "id": (_NUMBER, 0),
    "shard": (_TEXT, _KEY),
    "kind": (_TEXT, _SHORT),
    "key": (_TEXT, _KEY),
    "version": (_TEXT, _KEY),
    "piece": (_NUMBER, 0),
    "pieces": (_NUMBER, 0),
    "body": (_TEXT, LONGEST),
    "source": (_TEXT, _PATH),
    "date": (_TEXT, _SHORT),
    "first": (_TEXT, _KEY),
    "unit": ("FLOAT_VECTOR", 2),  # Milvus wants a vector in every collection; nobody searches by this one
}
# How a vector index is built, and how widely it is searched; the values that Milvus' documents begin with.
_BUILDING: dict[VectorIndex, dict[str, int]] = {
    "AUTOINDEX": {},
    "FLAT": {},
    "HNSW": {"M": 30, "efConstruction": 360},
    "IVF_SQ8": {"nlist": 1024},
    "DISKANN": {},
}
SEARCHING: dict[str, dict[str, int]] = {
    "HNSW": {"ef": 256},
    "IVF_SQ8": {"nprobe": 64},
    "DISKANN": {"search_list": 200},
}


def ensure(connection: Connection, dim: int) -> None:
    """Make the collections if they are missing. Raises StoreError for foreign ones, or another dimension."""
    address = connection.address
    for collection, fields in ((address.collection, PASSAGES), (address.records, RECORDS)):
        found = connection.fields(collection)
        if found is None:
            schema, indexes = _made(address, fields, dim)
            channels = address.channels if fields is PASSAGES else 1
            connection.create(collection, schema, indexes, channels=channels)
        else:
            _check(address, collection, fields, found, dim)
        connection.load(collection)


def verified(connection: Connection, dim: int | None = None) -> None:
    """Raises StoreError where the collections are missing, foreign or hold vectors of another length."""
    address = connection.address
    for collection, fields in ((address.collection, PASSAGES), (address.records, RECORDS)):
        found = connection.fields(collection)
        if found is None:
            raise StoreError(
                f"{address.name}: there is no collection {collection}; "
                f"make it: qa index PATH --store {address.name}"
            )
        _check(address, collection, fields, found, dim)
        connection.load(collection)


def _check(
    address: Address,
    collection: str,
    fields: Mapping[str, tuple[str, int]],
    found: Mapping[str, Mapping[str, Any]],
    dim: int | None,
) -> None:
    """``dim`` None: any."""
    if missing := [name for name in fields if name not in found]:
        raise StoreError(
            f"{address.name}: the collection {collection} was not made by qa "
            f"(it has no field {missing[0]!r}); name another collection"
        )
    for name, (kind, size) in fields.items():
        has = int(found[name].get("params", {}).get("dim", 0))
        wanted = size or dim
        if kind == "FLOAT_VECTOR" and wanted is not None and has != wanted:
            raise StoreError(
                f"{address.name}: holds vectors of {has} numbers, and the encoder makes {wanted}; "
                "name another collection, or the encoder it was filled with: qa index --encoder NAME"
            )


def _made(address: Address, fields: Mapping[str, tuple[str, int]], dim: int) -> tuple[Any, Any]:
    """Schema and indexes of a new collection."""
    from pymilvus import DataType, Function, FunctionType, MilvusClient

    schema: Any = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    indexes: Any = MilvusClient.prepare_index_params()
    for name, (kind, size) in fields.items():
        schema.add_field(name, getattr(DataType, kind), **_params(address, name, kind, size or dim))
    if fields is RECORDS:
        indexes.add_index("unit", index_name="unit", index_type="FLAT", metric_type="L2")
        indexes.add_index("key", index_name="key", index_type="INVERTED")
        return schema, indexes
    schema.add_function(
        Function(
            name="bm25",
            function_type=FunctionType.BM25,
            input_field_names=["terms"],
            output_field_names=["sparse"],
        )
    )
    for field, built in _searched(address).items():
        indexes.add_index(field, index_name=field, **built)
    for name in ("shard", "source", "date"):
        indexes.add_index(name, index_name=name, index_type="INVERTED")
    return schema, indexes


def _searched(address: Address) -> dict[str, dict[str, Any]]:
    """The indexes over what is searched. BM25's two numbers are those of an index folder."""
    bm25 = RetrievalSettings()
    shape: dict[str, Any] = {"bm25_k1": bm25.k1, "bm25_b": bm25.b}
    exact = address.local and address.index == "AUTOINDEX"
    sizes: dict[str, Any] = dict(_BUILDING[address.index])
    if address.local:  # it reads them from one level further down than the client writes them
        shape, sizes = {"params": shape}, {"params": sizes}
    return {
        "sparse": {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25", "params": shape},
        "vector": {"index_type": "FLAT" if exact else address.index, "metric_type": "IP", "params": sizes},
    }


def _params(address: Address, name: str, kind: str, size: int) -> dict[str, Any]:
    if name == "id":
        return {"is_primary": True}
    if name == "terms":
        analyzer = {"enable_analyzer": True, "analyzer_params": ANALYZERS[address.analysis]}
        return {"max_length": size, **analyzer}
    if kind == _TEXT:
        return {"max_length": size}
    return {"dim": size} if kind == "FLOAT_VECTOR" else {}
