"""Keys of content: who says the same has the same key, on every machine."""

from __future__ import annotations

import hashlib
import json

__all__ = ["key", "number"]


def key(*parts: object) -> str:
    """32 hexadecimal digits over ``parts``, which JSON can hold."""
    return _hash(parts, 16).hex()


def number(*parts: object) -> int:
    """A number from 0 to 2^63 - 1 over ``parts``: a row's id.

    Two of a hundred million rows share one with a chance of 1 in 1,800, of a thousand million of 1 in 18;
    the later one would replace the other.
    """
    return int.from_bytes(_hash(parts, 8), "big") >> 1


def _hash(parts: tuple[object, ...], size: int) -> bytes:
    described = json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()
    return hashlib.blake2b(described, digest_size=size).digest()
