"""Make ``qa/data/words.marisa``: jieba's dictionary, folded, in a trie that opens in a millisecond.

    python -m training.make_words

jieba (MIT) reads its 5 MB text dictionary for most of a second and caches it under a fixed name in the
shared temporary folder. The trie holds the same words and frequencies, is read where it lies, and is
never written at run time. Words that fold to one another add up. Each word keeps one letter for its
part of speech: p place, h person, o organisation, z other name, n noun, v verb, a adjective, m number or
measure, r pronoun, f function word, x anything else.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from qa.text import fold

TARGET = Path(__file__).parents[1] / "qa" / "data" / "words.marisa"


# jieba's tags by their beginnings, the longer first, onto our letters.
CLASSES = {
    "ns": "p", "nr": "h", "nt": "o", "nz": "z", "n": "n", "v": "v", "a": "a", "b": "a",
    "m": "m", "q": "m", "t": "m", "r": "r",
}  # fmt: skip
FUNCTION = tuple("ucpdfyeok")


def main() -> None:
    """Read jieba's own dictionary file and write the trie."""
    import jieba
    import marisa_trie

    counts: Counter[str] = Counter()
    classes: dict[str, tuple[int, str]] = {}
    with (Path(jieba.__file__).parent / "dict.txt").open(encoding="utf-8") as lines:
        for line in lines:
            word, count, tag = line.split()
            counts[fold(word)] += int(count)
            classes[fold(word)] = max(classes.get(fold(word), (-1, "")), (int(count), word_class(tag)))
    rows = ((word, (count, classes[word][1].encode())) for word, count in sorted(counts.items()))
    marisa_trie.RecordTrie("<Ic", rows).save(str(TARGET))
    print(
        f"{len(counts)} words, {sum(counts.values())} in all, {TARGET.stat().st_size} bytes", file=sys.stderr
    )


def word_class(tag: str) -> str:
    """The letter for one of jieba's tags."""
    for beginning, letter in CLASSES.items():
        if tag.startswith(beginning):
            return letter
    return "f" if tag.startswith(FUNCTION) else "x"


if __name__ == "__main__":
    main()
