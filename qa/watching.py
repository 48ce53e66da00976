"""An index that follows its folders: it looks every few seconds and refreshes when something has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from qa.errors import InputError, QaError
from qa.index import Root, read_manifest
from qa.indexing import Plan, Summary, build_index
from qa.ingest.places import survey

__all__ = ["EVERY", "watch"]

EVERY = 3.0  # seconds between two looks
View = tuple[object, ...]


def watch(
    paths: Sequence[Path],
    folder: Path,
    *,
    plan: Plan | None = None,
    report: Callable[[Summary | QaError], None],
    every: float = EVERY,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Index ``paths`` into ``folder`` (see ``build_index``), and go on whenever their files change.

    ``report``  is told of each refresh, and of one that could not be done
    ``every``   seconds between two looks. Files are taken in once two looks find them the same, so that
                one that is still being written is left alone
    ``sleep``   called with ``every`` before each look; what it raises ends the watch

    Raises as ``build_index`` does for the first time. An index that cannot be refreshed stays as it is.
    """
    told: Summary | QaError = build_index(paths, folder, plan=plan)
    report(told)
    indexed: View = ()  # not known: what changed during the first run is found by the next look
    before: View = ()
    while True:
        sleep(every)
        now = _view(folder)
        if now != indexed and now == before:
            told, done = _refreshed(folder, told, report)
            indexed = now if done else indexed
        before = now


def _refreshed(
    folder: Path, told: Summary | QaError, report: Callable[[Summary | QaError], None]
) -> tuple[Summary | QaError, bool]:
    """Refresh the index, and report what is new against what was ``told`` last.

    Also whether it need not be tried again before the next change.
    """
    found: Summary | QaError
    done = True
    try:
        found = build_index([], folder)
    except QaError as error:  # a PATH is gone, nothing can be read, or somebody else is at work here
        found, done = error, isinstance(error, InputError)
    if _gist(found) != _gist(told):
        report(found)
    return found, done


def _gist(told: Summary | QaError) -> str:
    return told.fingerprint if isinstance(told, Summary) else str(told)


def _view(folder: Path) -> View:
    """What tells whether anything has changed: every file of every PATH with its stamp."""
    try:
        manifest = read_manifest(folder)
    except QaError:
        return ()
    roots = () if manifest is None else manifest.roots
    return tuple(_below(number, root, folder) for number, root in enumerate(roots))


def _below(number: int, root: Root, folder: Path) -> View:
    try:
        return (
            root.path,
            *((place.file, place.stamp, place.refused) for place in survey(number, root, folder)),
        )
    except InputError:
        return (root.path,)
