"""Count how often Chinese characters are used and write the table that `qa.decoding` scores with.

    python training/make_character_table.py articles/*.txt train/drcd_trad.*.jsonl

Text files (one article a line) count as simplified, JSON Lines files (field ``context``) as
traditional. Each script is normalised on its own and the two halves are averaged, so that neither
outweighs the other however much text there was. Of DRCD only the articles whose sha1 is even are
counted: the others are for reporting.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

TABLE = Path(__file__).parents[1] / "qa" / "data" / "common_characters.txt"
RAREST = 18  # bits; rarer than one in 2**18 tells nothing that the floor does not
HEADER = """\
# How rare each non-ASCII character is in Chinese text: one line a class, "BITS<TAB>CHARACTERS",
# BITS = round(-log2 p), p the mean of its share in simplified news and in traditional encyclopedia text.
# Counts only, made by training/make_character_table.py from CRUD-RAG news (simplified, 2023)
# and DRCD paragraphs (traditional, articles with an even sha1).
"""


def news(path: Path) -> Iterator[str]:
    """The articles of a text file, one a line."""
    with path.open(encoding="utf-8") as lines:
        yield from lines


def contexts(path: Path) -> Iterator[str]:
    """The distinct paragraphs of a reader-row file whose article may be trained on."""
    seen: set[str] = set()
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            article = str(row["id"]).split("-")[0]
            even = int(hashlib.sha1(article.encode()).hexdigest(), 16) % 2 == 0
            if even and row["context"] not in seen:
                seen.add(row["context"])
                yield row["context"]


def shares(texts: Iterable[str]) -> dict[str, float]:
    """Share of each non-ASCII character among the non-ASCII characters of ``texts``."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    kept = {char: count for char, count in counts.items() if ord(char) > 0x7F and char.isprintable()}
    total = sum(kept.values())
    return {char: count / total for char, count in kept.items()}


def table(simplified: dict[str, float], traditional: dict[str, float]) -> str:
    """The table as text; classes from common to rare, characters of a class by code point."""
    classes: dict[int, list[str]] = {}
    for char in sorted(simplified.keys() | traditional.keys()):
        bits = round(-math.log2((simplified.get(char, 0.0) + traditional.get(char, 0.0)) / 2))
        if bits <= RAREST:
            classes.setdefault(bits, []).append(char)
    return HEADER + "".join(f"{bits}\t{''.join(classes[bits])}\n" for bits in sorted(classes))


def main() -> None:
    """Read the PATHs given and replace the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    paths: list[Path] = parser.parse_args().paths
    simplified = shares(text for path in paths if path.suffix == ".txt" for text in news(path))
    traditional = shares(text for path in paths if path.suffix == ".jsonl" for text in contexts(path))
    TABLE.write_text(table(simplified, traditional), encoding="utf-8")
    print(f"{TABLE.name}: {len(simplified)} simplified, {len(traditional)} traditional characters counted")


if __name__ == "__main__":
    main()
