"""How the peers' best configurations cut Chinese for BM25: words and pairs of characters in one field.

Of the cuts that were measured on public sets this one ranks best (``benchmarks/README.md``, index terms).
"""

from __future__ import annotations

import itertools
import logging
import re

__all__ = ["terms"]

_RUN = re.compile(r"[\u3400-\u9fff]+")


def terms(text: str) -> list[str]:
    """The jieba words of ``text``, lower-cased, marks left out, then each pair of Han neighbours."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    words = [word for word in jieba.cut(text.lower()) if any(char.isalnum() for char in word)]
    pairs = (first + second for run in _RUN.findall(text) for first, second in itertools.pairwise(run))
    return [*words, *pairs]
