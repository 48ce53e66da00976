"""Which code made what an index keeps: what other code made is made again, not carried over.

The fingerprints are of the source files themselves, so nobody has to remember to raise a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["articles", "signatures", "terms"]

_QA = Path(__file__).parents[1]
_ARTICLES = (
    *("articles", "boilerplate", "byline", "decoding", "furniture", "index", "outline", "passages"),
    *("settings", "text", "types"),
    *("formats/*", "ingest/reading", "data/fold", "data/common_characters"),
)
_TERMS = ("words", "text", "ingest/terms", "data/fold", "data/words")
_SIGNATURES = ("text", "ingest/doubles", "data/fold")
_PARSERS = ("lxml", "openpyxl", "pypdfium2")


@cache
def articles() -> str:
    """Fingerprint of all that turns a file into articles and passages; 64 hexadecimal digits."""
    return _fingerprint(_ARTICLES, _PARSERS)


@cache
def terms() -> str:
    """Fingerprint of all that turns a passage into terms; 64 hexadecimal digits."""
    return _fingerprint(_TERMS, ("jieba",))


@cache
def signatures() -> str:
    """Fingerprint of all that turns an article into a MinHash signature; 64 hexadecimal digits."""
    return _fingerprint(_SIGNATURES, ("datasketch",))


def _fingerprint(stems: Sequence[str], libraries: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for stem in stems:
        for file in sorted(_QA.glob(f"{stem}.*")):
            digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    for library in libraries:
        digest.update(f"{library} {_version(library)}\0".encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"
