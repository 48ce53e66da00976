"""The only door to Milvus' client: bounded waiting, and each fault as one line."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, Self

from qa.errors import StoreError
from qa.milvus.address import Address

__all__ = ["Client", "Connection"]

CONNECT = 5.0  # seconds until a server that does not answer counts as unreachable
CALL = 30.0  # seconds for one attempt of one call; the client itself reconnects meanwhile
TRIES = 3
PAGE = 4096  # rows that are listed at once; Milvus gives at most 16,384
Row = dict[str, Any]


class Client(Protocol):
    """What is used of ``pymilvus.MilvusClient``; a fake for tests wraps one and fails at will."""

    def __getattr__(self, name: str) -> Any:
        """Its methods, each with a ``timeout``."""
        ...


class Connection:
    """A Milvus that is reached. Safe to use from several threads."""

    def __init__(
        self, address: Address, client: Client, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """``sleep`` is called between attempts, with 1 and 2 seconds."""
        self.address = address
        self._client = client
        self._sleep = sleep
        self._open = True

    @classmethod
    def open(cls, address: Address, *, make: bool = False) -> Self:
        """Reach ``address``. ``make``: a file that is missing is made. Raises StoreError."""
        if address.local:
            _must_lie(Path(address.uri), make)
        return cls(address, _client(address))

    def close(self) -> None:
        """Let go of the server; of a file of Milvus Lite when nobody else in this process has it open."""
        if self._open:
            self._open = False
            self._client.close()
            if self.address.local:
                _release(self.address.uri)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading ---------------------------------------------------------------------------------

    def fields(self, collection: str) -> dict[str, Mapping[str, Any]] | None:
        """Its fields by name, each with its ``params``; None where there is no such collection."""
        if not self._call("has_collection", collection):
            return None
        described = self._call("describe_collection", collection)
        return {field["name"]: field for field in described["fields"]}

    def vector_index(self, collection: str) -> str:
        """The kind of the index over the field ``vector``."""
        return str(self._call("describe_index", collection, index_name="vector").get("index_type", ""))

    def rows(self, collection: str, where: str, fields: Sequence[str], *, most: int = 16_384) -> list[Row]:
        """The rows that ``where`` admits, at most ``most``, with these fields."""
        found = self._call(
            "query",
            collection,
            filter=where,
            output_fields=list(fields),
            limit=most,
            consistency_level="Strong",
        )
        return [dict(row) for row in found]

    def count(self, collection: str, where: str) -> int:
        """How many rows ``where`` admits."""
        (row,) = self._call("query", collection, filter=where, output_fields=["count(*)"])
        return int(row["count(*)"])

    def all_rows(self, collection: str, where: str, fields: Sequence[str]) -> Iterator[Row]:
        """All rows that ``where`` admits, by id, page after page."""
        last = -1
        while True:
            page = self._page(collection, f"id > {last} and ({where})", fields)
            yield from page
            if len(page) < PAGE:
                return
            last = int(page[-1]["id"])

    def _page(self, collection: str, where: str, fields: Sequence[str]) -> list[Row]:
        """The first rows by id. An iterator's one page, because a plain query keeps no order."""
        found = self._call(
            "query_iterator",
            collection,
            filter=where,
            output_fields=["id", *fields],
            batch_size=PAGE,
            consistency_level="Strong",
            then=_first_page,
        )
        return sorted((dict(row) for row in found), key=lambda row: int(row["id"]))

    def search(
        self,
        collection: str,
        field: str,
        query: object,
        k: int,
        *,
        where: str = "",
        fields: Sequence[str] = (),
        params: Mapping[str, Any] | None = None,
    ) -> list[tuple[Row, float]]:
        """At most ``k`` rows with Milvus' score of each, best first; ``fields`` beside the id."""
        found = self._call(
            "search",
            collection,
            data=[query],
            anns_field=field,
            limit=k,
            filter=where,
            output_fields=["id", *fields],
            search_params={"params": dict(params or {})},
        )
        return [({**hit["entity"], "id": int(hit["id"])}, float(hit["distance"])) for hit in found[0]]

    # -- writing ---------------------------------------------------------------------------------

    def create(self, collection: str, schema: Any, indexes: Any, *, channels: int) -> None:
        """Make a collection and load it; one that somebody else made meanwhile is left as it is."""
        options: dict[str, Any] = {"num_shards": channels, "consistency_level": "Bounded"}
        with self._writing():
            if self._call("has_collection", collection):
                return
            try:
                self._call("create_collection", collection, schema=schema, index_params=indexes, **options)
            except StoreError:
                if not self._call("has_collection", collection):
                    raise

    def load(self, collection: str) -> None:
        """Have Milvus load a collection for searching, if it is not."""
        self._call("load_collection", collection)

    def upsert(self, collection: str, rows: Sequence[Row]) -> None:
        """Write rows; those with the same ids are replaced."""
        with self._writing():
            self._call("upsert", collection, data=list(rows))

    def delete(self, collection: str, ids: Sequence[int]) -> None:
        """Take out the rows with these ids."""
        with self._writing():
            self._call("delete", collection, ids=list(ids))

    def flush(self, collection: str) -> None:
        """Have Milvus Lite seal what was written, so that BM25 counts it together; Milvus seals by itself."""
        if self.address.local:
            with self._writing():
                self._call("flush", collection)

    def _writing(self) -> AbstractContextManager[object]:
        """Milvus Lite takes one writer at a time."""
        return _WRITING[_path(self.address.uri)] if self.address.local else nullcontext()

    # -- faults ----------------------------------------------------------------------------------

    def _call(
        self, method: str, collection: str, then: Callable[[Any], Any] | None = None, **arguments: Any
    ) -> Any:
        """One call of the client, tried again where the server is gone. Each of ours can be repeated.

        ``then`` is applied to what it gives, within the same attempt. Raises StoreError.
        """
        if not self._open:
            raise StoreError(f"{self.address.name}: was closed; open the store again")
        for attempt in range(1, TRIES + 1):
            try:
                found = getattr(self._client, method)(collection, timeout=CALL, **arguments)
                return found if then is None else then(found)
            except _faults() as error:
                if not _is_gone(error):
                    raise StoreError(self._refused(collection, error)) from error
                if attempt == TRIES:
                    raise StoreError(self._gone(error)) from error
                self._sleep(float(attempt))
        raise AssertionError("unreachable")

    def _refused(self, collection: str, error: Exception) -> str:
        said = _said(error)
        return f"{self.address.name}: Milvus refused a call on {collection} ({said}); see its log, try again"

    def _gone(self, error: Exception) -> str:
        return (
            f"{self.address.name}: Milvus is gone ({_said(error)}), tried {TRIES} times; "
            "see that it runs, then run the same command again: it goes on where it stopped"
        )


def _first_page(iterator: Any) -> list[Row]:
    try:
        return list(iterator.next())
    finally:
        iterator.close()


# ---- the client itself

_OPEN: Counter[str] = Counter()  # how often this process has each file open
_OPENING = threading.Lock()
_WRITING: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


def _client(address: Address) -> Client:
    import os

    pymilvus = _library()
    token = "" if address.local else os.environ.get("QA_MILVUS_TOKEN", "")
    # Milvus Lite hangs up on a client that asks every ten seconds whether it still lives.
    options = {"grpc_options": {"grpc.keepalive_time_ms": 60_000}} if address.local else {}
    with _OPENING:
        try:
            client: Client = pymilvus.MilvusClient(uri=address.uri, token=token, timeout=CONNECT, **options)
        except _faults() as error:
            raise StoreError(_unreachable(address, error)) from error
        if address.local:
            _OPEN[_path(address.uri)] += 1
    return client


def _library() -> Any:
    """pymilvus, which then keeps its log to itself: what goes wrong is raised."""
    import logging
    import os

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it would write to standard error by itself
    try:
        import pymilvus
    except ImportError as error:
        raise StoreError(
            "--store: the client of Milvus is not installed; run: pip install 'qa[milvus]'"
        ) from error
    for name in ("pymilvus", "milvus_lite", "grpc._server"):  # the last is Milvus Lite's, in this process
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return pymilvus


def _must_lie(file: Path, make: bool) -> None:
    if not make and not file.exists():
        raise StoreError(f"{file}: there is no such store; make it: qa index PATH --store {file}")
    if not file.parent.is_dir():
        raise StoreError(f"{file}: its folder does not exist; make it, or name another file")


def _unreachable(address: Address, error: Exception) -> str:
    if address.local:
        return (
            f"{address.name}: cannot be opened as a file of Milvus Lite ({_said(error)}); "
            "another process may have it open: wait for that, or name another file"
        )
    return (
        f"{address.name}: no Milvus answers at {address.uri} ({_said(error)}); "
        "see that it runs and that host and port are right"
    )


def _release(file: str) -> None:
    """Close Milvus Lite's file once nobody here has it open: it takes one process at a time."""
    from milvus_lite.server_manager import server_manager_instance

    with _OPENING:
        _OPEN[_path(file)] -= 1
        if _OPEN[_path(file)] <= 0:
            server_manager_instance.release_server(file)


def _path(file: str) -> str:
    return str(Path(file).resolve())


def _faults() -> tuple[type[Exception], ...]:
    """What the client raises: its own errors, those of gRPC, and a plain ValueError for a wrong port."""
    import grpc
    from pymilvus.exceptions import MilvusException

    return MilvusException, grpc.RpcError, ValueError


def _is_gone(error: Exception) -> bool:
    """Whether the server could not be reached, so that trying again may help."""
    import grpc

    code = getattr(error, "code", None)
    return isinstance(error, grpc.RpcError) or isinstance(code, grpc.StatusCode)


def _said(error: Exception) -> str:
    """The fault in a few words, on one line."""
    text = " ".join(str(getattr(error, "message", "") or error).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
