"""Where a store is: ``milvus://HOST:PORT/COLLECTION`` or a file of Milvus Lite, with options after ``?``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import parse_qsl, urlsplit

from qa.errors import InputError

__all__ = ["Address", "Analysis", "VectorIndex", "parse"]

Analysis = Literal["terms", "jieba"]
VectorIndex = Literal["AUTOINDEX", "FLAT", "HNSW", "IVF_SQ8", "DISKANN"]

PORT = 19530  # Milvus' own
_SHAPES = "milvus://HOST:PORT/COLLECTION, milvus+tls://HOST:PORT/COLLECTION or FILE.db"
_SCHEMES = {"milvus": "http", "milvus+tls": "https"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")  # Milvus allows 255; ours get a suffix
_SHARD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Address:
    """A store and how it is used.

    ``name``      as it was given, without its options: what messages call it
    ``uri``       what Milvus' client takes
    ``shard``     the part of the store that one indexer fills and empties; the others' it leaves alone
    ``analysis``  what BM25 sees: our own index terms, or folded text that Milvus cuts with jieba
    ``index``     the index over the vectors; counts when the collection is made
    ``channels``  over how many of its nodes Milvus spreads what is written; counts then too
    """

    name: str
    uri: str
    collection: str = "qa"
    shard: str = "main"
    analysis: Analysis = "terms"
    index: VectorIndex = "AUTOINDEX"
    channels: int = 1

    def __fspath__(self) -> str:
        """A store is no folder: who makes a path of one is told so. Raises InputError."""
        raise InputError(
            f"{self.name}: this needs an index folder; name it with --index in the place of --store"
        )

    @property
    def local(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return "://" not in self.uri

    @property
    def records(self) -> str:
        """The collection of the articles and of the shards' facts."""
        return f"{self.collection}_records"


def parse(text: str) -> Address:
    """The address that ``text`` gives. Raises InputError for one of another shape.

    Options: ``shard=NAME``, ``analyzer=jieba``, ``index=HNSW`` and so on, ``channels=4``.
    """
    place, _, asked = text.partition("?")
    options = _options(asked, text)
    shard, channels = options.get("shard", "main"), options.get("channels", "1")
    if not _SHARD.fullmatch(shard):
        raise InputError(f"{text}: no shard can be called {shard!r}; use letters, digits and . _ -")
    if not channels.isascii() or not channels.isdigit() or not 1 <= int(channels) <= 64:
        raise InputError(f"{text}: channels is a whole number from 1 to 64")
    name, uri, collection = _place(place, text)
    return Address(
        name,
        uri,
        collection,
        shard,
        cast("Analysis", _one_of("analyzer", options, get_args(Analysis), text)),
        cast("VectorIndex", _one_of("index", options, get_args(VectorIndex), text)),
        int(channels),
    )


def _options(asked: str, text: str) -> dict[str, str]:
    known = ("shard", "analyzer", "index", "channels")
    options = dict(parse_qsl(asked, keep_blank_values=True))
    if unknown := sorted(options.keys() - set(known)):
        raise InputError(f"{text}: {unknown[0]!r} is no option of a store; there are: {', '.join(known)}")
    return options


def _one_of(name: str, options: dict[str, str], values: tuple[str, ...], text: str) -> str:
    """The value of an option of a closed set; the first of the set where it is not given."""
    value = options.get(name, values[0])
    if value not in values:
        raise InputError(f"{text}: {name}={value} is not known; there are: {', '.join(values)}")
    return value


def _place(place: str, text: str) -> tuple[str, str, str]:
    """Name, URI and collection."""
    if "://" not in place:
        if not place.endswith(".db") or place == ".db":
            raise InputError(f"{text}: is not the address of a store; give {_SHAPES}")
        return place, place, "qa"
    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{text}: is not the address of a store ({error}); give {_SHAPES}") from error
    collection = parts.path.strip("/")
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.fragment:
        raise InputError(f"{text}: is not the address of a store; give {_SHAPES}")
    if parts.username is not None:
        raise InputError(f"{parts.hostname}: leave user and password out of the address; set QA_MILVUS_TOKEN")
    if not _NAME.fullmatch(collection):
        raise InputError(f"{text}: names no collection (letters, digits and _); give {_SHAPES}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = PORT if port is None else port
    return (
        f"{parts.scheme}://{host}:{port}/{collection}",
        f"{_SCHEMES[parts.scheme]}://{host}:{port}",
        collection,
    )
