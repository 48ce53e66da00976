"""Results on standard output, progress on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa.indexing import Progress

__all__ = ["Bar", "print_json", "print_lines", "say"]


def say(line: str) -> None:
    """One line of talk on standard error."""
    print(line, file=sys.stderr)


def print_lines(lines: Iterable[str]) -> None:
    """One line each on standard output."""
    for line in lines:
        print(line)


def print_json(value: object) -> None:
    """One line of JSON, escaped where the terminal cannot show it."""
    import json

    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not unicode))


_STAGES = {
    "read": "读取 read",
    "doubles": "查重 doubles",
    "terms": "分词 terms",
    "embed": "嵌入 embed",
    "write": "写入 write",
}
_BAR = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} 剩余 left {remaining}"


class Bar:
    """Progress on standard error with an estimate of the time left, only where that is a terminal."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def show(self) -> Progress:
        """Called with stage, done, total."""
        return self._show

    def _show(self, stage: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        if stage != self._stage:
            self._close()
            from tqdm import tqdm

            self._stage = stage
            named = _STAGES.get(stage, stage)
            self._bar = tqdm(total=total, desc=named, bar_format=_BAR, file=sys.stderr, leave=False)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
