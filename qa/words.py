"""Words and index terms of folded text: the only door to jieba.

jieba finds the words; its dictionary is ours (``qa/data/words.marisa``, made from jieba's own by
``training/make_words.py``), opened where it lies: no second-long start, no cache file in a shared
folder, no dependence on what another user's jieba did.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

from qa.errors import InputError
from qa.text import HAN, fold

__all__ = ["Segmenter", "WordClass"]

# place, person, organisation, other name, noun, verb, adjective, number or measure, pronoun, function, other
WordClass = Literal["p", "h", "o", "z", "n", "v", "a", "m", "r", "f", "x"]

_runs = re.compile(rf"(?P<han>[{HAN}]+)|[a-z0-9]+(?:[.\-_+#%&][a-z0-9]+)*[+#%]*|\w")
_LONGEST = 16  # characters; no entry of jieba's dictionary is longer
# Frequency given to a user's word: high enough that it wins over its parts (jieba's total is 6.0e7).
_USER_COUNT = 100_000


class Segmenter:
    """Cuts folded text into words. ``user_words``: more words, as in a jieba dictionary file."""

    def __init__(self, user_words: tuple[str, ...] = ()) -> None:
        self.user_words = tuple(sorted({fold(word) for word in user_words if word.strip()}))
        self._user = frozenset(self.user_words)
        self._user_lengths = tuple(sorted({len(word) for word in self._user}))

    @classmethod
    def from_file(cls, path: Path) -> Segmenter:
        """A segmenter with the words of a jieba dictionary (UTF-8; a line: word, optional count and tag)."""
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{path}: cannot be read as a jieba dictionary ({error}); give a UTF-8 file"
            ) from error
        return cls(tuple(line.split()[0] for line in lines if line.strip()))

    def words(self, folded: str) -> list[str]:
        """The words of ``folded`` in order; together they are ``folded`` again."""
        return list(self._jieba.cut(folded, HMM=False))

    def terms(self, text: str) -> list[str]:
        """The index terms of ``text`` (folded here): its words, and each Han run's 1- and 2-grams.

        A Han word is marked by a space before it, so that it is another term than the gram of the same
        characters (better than one shared term on the tuning sets, see ``benchmarks/README.md``).
        Order carries no meaning.
        """
        folded = fold(text)
        found: list[str] = []
        for match in _runs.finditer(folded):
            run = match.group()
            if match.lastgroup == "han":
                found += [f" {word}" for word in self.words(run)]
                found += run
                found += [run[at : at + 2] for at in range(len(run) - 1)]
            else:
                found.append(run)
        return found

    def content_words(self, text: str) -> Iterator[str]:
        """Words of two or more characters, and numbers or Latin words of any length, folded."""
        for match in _runs.finditer(fold(text)):
            if match.lastgroup == "han":
                yield from (word for word in self.words(match.group()) if len(word) > 1)
            else:
                yield match.group()

    def tagged(self, text: str) -> Iterator[tuple[int, str, WordClass]]:
        """The words of ``text`` with their offsets and classes; marks and spaces are left out.

        The word is folded; its offset and length are those in ``text``.
        """
        for match in _runs.finditer(fold(text)):
            start = match.start()
            for word in self.words(match.group()) if match.lastgroup == "han" else [match.group()]:
                yield start, word, self.word_class(word)
                start += len(word)

    def word_class(self, word: str) -> WordClass:
        """The class of a folded word; a user's word is a name, what no dictionary knows is ``x``."""
        if word in self._user:
            return "z"
        if word[0].isdigit():
            return "m"
        found = self._trie.get(word)
        return cast("WordClass", found[0][1].decode()) if found else "x"

    def weight(self, word: str) -> float:
        """How much a folded word tells: ln(total / its count), 0 to about 18; an unknown word is rare."""
        found = self._trie.get(word)
        count = found[0][0] if found and word not in self._user else 0
        return math.log(_TOTAL / max(count, 1))

    @cached_property
    def _trie(self) -> Any:
        import marisa_trie

        trie = marisa_trie.RecordTrie("<Ic")
        with resources.as_file(resources.files("qa") / "data" / "words.marisa") as path:
            trie.mmap(str(path))
        return trie

    @cached_property
    def _jieba(self) -> Any:
        base: Any = _import_jieba().Tokenizer
        trie, user, user_lengths = self._trie, self._user, self._user_lengths

        class Counts:
            """What jieba asks its frequency table for."""

            def get(self, word: str, default: int | None = None) -> int | None:
                if word in user:
                    return _USER_COUNT
                found = trie.get(word)
                return found[0][0] if found else default

        class Tokenizer(base):  # type: ignore[misc]
            """jieba's own path search over the words that the trie knows."""

            def get_DAG(self, sentence: str) -> dict[int, list[int]]:  # noqa: N802 - jieba's name
                dag = {}
                for at in range(len(sentence)):
                    ends = {at + len(word) - 1 for word in trie.prefixes(sentence[at : at + _LONGEST])}
                    sizes = (size for size in user_lengths if at + size <= len(sentence))
                    ends.update(at + size - 1 for size in sizes if sentence[at : at + size] in user)
                    dag[at] = sorted(ends) or [at]
                return dag

        tokenizer = Tokenizer()
        tokenizer.FREQ, tokenizer.total, tokenizer.initialized = Counts(), _TOTAL, True
        return tokenizer


_TOTAL = 60_101_967  # the sum of jieba's counts, printed by training/make_words.py


def _import_jieba() -> Any:
    """jieba without ``pkg_resources``, which warns, is slow, and is needed for nothing here."""
    missing = "pkg_resources" not in sys.modules
    if missing:
        sys.modules["pkg_resources"] = None  # type: ignore[assignment]  # makes the import fail softly
    try:
        import jieba
    finally:
        if missing:
            del sys.modules["pkg_resources"]
    return jieba
