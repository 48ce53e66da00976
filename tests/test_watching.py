"""An index that follows its folders: what is reported, what is left alone, and how it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from shelf import CountingEncoder

from qa import index
from qa.errors import QaError
from qa.indexing import Summary
from qa.watching import watch

pytest_plugins = ("shelf_fixtures",)


class EndError(Exception):
    pass


def followed(folder: Path, articles: Path, looks: Sequence[Callable[[], object]]) -> list[str]:
    """What is reported while before each look one of ``looks`` happens."""
    told: list[str] = []
    steps = iter(looks)

    def sleep(_: float) -> None:
        step = next(steps, None)
        if step is None:
            raise EndError
        step()

    def report(one: Summary | QaError) -> None:
        told.append(" ".join((*one.added, *one.changed)) if isinstance(one, Summary) else str(one))

    with pytest.raises(EndError):
        watch([articles], folder, report=report, sleep=sleep)
    return told


def nothing() -> None:
    return None


def test_what_is_new_is_taken_in_once_it_has_stopped_changing(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    def write(text: str) -> Callable[[], object]:
        return lambda: (articles / "wuxi.md").write_text(text, encoding="utf-8")

    looks = [
        nothing,
        nothing,
        write("# 无锡\n\n无锡"),
        write("# 无锡\n\n无锡在2023年才开始试点。\n"),
        nothing,
        nothing,
    ]
    told = followed(tmp_path / "index", articles, looks)
    assert told[1:] == ["wuxi.md"]
    assert told[0].split()[0] == "beijing.txt"
    assert [text for text in model.embedded if "无锡" in text] == ["无锡\n无锡在2023年才开始试点。"]


def test_what_cannot_be_refreshed_is_told_once_and_tried_again(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    held = index.lock(tmp_path / "index")
    looks: list[Callable[[], object]] = [
        nothing, nothing,
        lambda: shutil.move(articles, tmp_path / "away"), nothing, nothing,
        lambda: shutil.move(tmp_path / "away", articles), nothing,
        lambda: (articles / "taipei.txt").unlink(), held.__enter__, nothing,
        lambda: held.__exit__(None, None, None), nothing,
    ]  # fmt: skip
    told = followed(tmp_path / "index", articles, looks)
    assert told[1].startswith(f"{articles}: is gone; bring it back")
    assert told[2] == ""
    assert told[3].endswith("another `qa index` is at work here; try again when it is done")
    assert told[4:] == [""]
