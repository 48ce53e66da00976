"""Arrays in files, opened by one thread at a time.

``numpy.load`` parses the header with Python's own parser, whose count of nesting is shared by all threads:
two that open arrays at the same moment may both fail with ``SystemError: AST constructor recursion depth
mismatch`` (CPython 3.11 and 3.12).
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

__all__ = ["mapped", "read"]

_ONE_AT_A_TIME = Lock()


def read(path: Path) -> Any:
    """The array in ``path``, a file of ``numpy.save``. Raises OSError, ValueError or EOFError."""
    import numpy as np

    with _ONE_AT_A_TIME:
        return np.load(path)


def mapped(path: Path) -> Any:
    """The same, memory-mapped for reading; an empty array, which cannot be mapped, is read."""
    import numpy as np

    with _ONE_AT_A_TIME:
        try:
            return np.load(path, mmap_mode="r")
        except ValueError:  # nothing to map
            return np.load(path)
