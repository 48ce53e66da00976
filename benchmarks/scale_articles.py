"""Line files of any size, and questions about them: news for as long as it lasts, then its sentences anew.

The same data, size and seed give the same bytes. A recombined article has as many sentences as some article
of the news, each drawn from all of them.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.articles import find
from qa.formats.lines import read
from qa.passages import cut
from qa.types import Article

__all__ = ["Made", "clauses", "grown", "make", "questions"]

EXACT = 5_000  # passages that are counted by cutting; further ones by their characters
PER_FILE = 2_000  # articles
SHORTEST, LONGEST = 8, 120  # characters of a sentence that is used again

_SENTENCE = re.compile(r"[^。！？\s]+[。！？]?")
_CLAUSE = re.compile(r"[^，。！？；：、,;:!?\s“”‘’（）()《》【】\[\]]{8,30}")


@dataclass(frozen=True, slots=True)
class Made:
    """Where the line files of a size lie, how many articles there are, and how many are recombined."""

    folder: Path
    articles: int
    recombined: int


def make(data: Path, folder: Path, passages: int, *, seed: int = 0) -> Made:
    """Line files for about ``passages`` passages in ``folder``, kept if they were finished before.

    ``data``: a line file or a folder of them.
    """
    files = find(data).files
    told = {"files": [[path.name, path.stat().st_size] for path in files], "passages": passages, "seed": seed}
    note = folder.parent / f"{folder.name}.json"
    if note.exists() and (kept := json.loads(note.read_text(encoding="utf-8")))["of"] == told:
        return Made(folder, kept["articles"], kept["recombined"])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    counts = _write(folder, grown(_lines(files), passages, seed=seed))
    said = {"of": told, "articles": counts[0], "recombined": counts[1]}
    note.write_text(json.dumps(said, ensure_ascii=False) + "\n", encoding="utf-8")
    return Made(folder, *counts)


def _lines(files: Iterable[Path]) -> Iterator[str]:
    for path in files:
        yield from path.read_text(encoding="utf-8").split("\n")


def _write(folder: Path, rows: Iterable[tuple[str, bool]]) -> tuple[int, int]:
    """Write the lines, some to a file; how many there are, and how many of them are recombined."""
    articles = recombined = 0
    held: list[str] = []
    for line, again in rows:
        held.append(line)
        articles, recombined = articles + 1, recombined + again
        if len(held) == PER_FILE:
            _write_file(folder, articles // PER_FILE, held)
            held = []
    if held:
        _write_file(folder, articles // PER_FILE + 1, held)
    return articles, recombined


def _write_file(folder: Path, number: int, lines: Sequence[str]) -> None:
    (folder / f"news-{number:05d}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def grown(news: Iterable[str], passages: int, *, seed: int = 0) -> Iterator[tuple[str, bool]]:
    """Lines that hold about ``passages`` passages, each with whether it is recombined; none comes twice.

    Raises ValueError where the news holds no sentence.
    """
    count, seen = _Count(), set[bytes]()
    pool: list[str] = []
    sizes: list[int] = []
    for line in news:
        key = hashlib.sha256("".join(line.split()).encode()).digest()
        if not line.strip() or key in seen:
            continue
        seen.add(key)
        count.add(line)
        yield line, False
        if count.passages >= passages:
            return
        sentences = _SENTENCE.findall(line)
        pool += [each for each in sentences if SHORTEST <= len(each) <= LONGEST]
        sizes.append(max(len(sentences), 1))
    if not pool:
        raise ValueError("the news holds no sentence to make articles of")
    drawn = random.Random(seed)
    while count.passages < passages:
        line = "".join(drawn.choices(pool, k=drawn.choice(sizes)))
        count.add(line)
        yield line, True


class _Count:
    """How many passages lines have: cut as the index cuts them, and later by their characters."""

    def __init__(self) -> None:
        self.passages = 0.0
        self._cut = self._characters = 0

    def add(self, line: str) -> None:
        if self._cut >= EXACT:
            self.passages += len(line) * self._cut / self._characters
            return
        found = read(line.encode(), source="line")
        self._cut += sum(len(cut(article)) for article in found if isinstance(article, Article))
        self._characters += len(line)
        self.passages = float(self._cut)


def questions(folder: Path, number: int, *, seed: int = 0) -> list[str]:
    """At most ``number`` distinct clauses of the articles in ``folder``, strewn by their hashes."""
    wanted = (clause for path in sorted(folder.glob("*.txt")) for clause in _of_file(path))
    ranked = {(hashlib.sha256(f"{seed} {clause}".encode()).digest(), clause) for clause in wanted}
    return [f"{clause}？" for _, clause in heapq.nsmallest(number, ranked)]


def _of_file(path: Path) -> Iterator[str]:
    """A clause of every 20th article of a file, and of each where there are few."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines[:: max(1, len(lines) // 200)]:
        yield from clauses(line)


def clauses(line: str) -> list[str]:
    """The clauses of a line that can be asked for: 8 to 30 characters without a mark or a space."""
    return _CLAUSE.findall(line)
