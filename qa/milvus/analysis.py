"""What BM25 in Milvus sees: our index terms, each as one token that no analyzer takes apart.

Milvus' analyzers would cut and drop what ours keeps: grams, words marked as words, ``c++``. So a term is
spelt in letters and digits of ASCII alone. The mapping is one to one, so the store's BM25 counts what ours
counts.
"""

from __future__ import annotations

import re

from qa.milvus.address import Analysis
from qa.text import fold
from qa.words import Segmenter

__all__ = ["ANALYZERS", "LONGEST", "analysed", "spelt"]

LONGEST = 65_535  # bytes; Milvus' longest VARCHAR
# ``standard`` cuts at what is neither letter nor digit, in Milvus and in Milvus Lite alike.
ANALYZERS: dict[Analysis, dict[str, str]] = {
    "terms": {"tokenizer": "standard"},
    "jieba": {"tokenizer": "jieba"},
}
_PLAIN = re.compile(r"[a-z0-9]+")
_FIRST = 0x3400  # the first ideograph
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def analysed(text: str, segmenter: Segmenter, analysis: Analysis) -> str:
    """What the field that BM25 is made of holds for ``text``; at most ``LONGEST`` bytes, cut at a space."""
    if analysis == "jieba":
        return _cut(fold(text))
    return _cut(" ".join(map(spelt, segmenter.terms(text))))


def spelt(term: str) -> str:
    """A term in ``[a-z0-9]+``: ``w…`` a word of ideographs, ``g…`` a gram, ``x…`` plain, ``y…`` any other."""
    if _PLAIN.fullmatch(term):
        return f"x{term}"
    word = term.removeprefix(" ")
    if all(0 <= ord(char) - _FIRST < 36**3 for char in word) and word:
        return ("g" if word == term else "w") + "".join(map(_three, word))
    return f"y{term.encode().hex()}"


def _three(char: str) -> str:
    """Three digits of base 36 for a character of the plane that nearly all ideographs are in."""
    high, low = divmod(ord(char) - _FIRST, 36 * 36)
    return _DIGITS[high] + "".join(_DIGITS[digit] for digit in divmod(low, 36))


def _cut(text: str) -> str:
    raw = text.encode()
    if len(raw) <= LONGEST:
        return text
    whole = raw[: LONGEST + 1].decode(errors="ignore").rpartition(" ")[0]
    return whole or raw[:LONGEST].decode(errors="ignore")
