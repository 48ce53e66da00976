"""The PATHs of an index: joined with those that a run names, and told apart by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qa.errors import InputError
from qa.index import Root
from qa.ingest.places import unfit

__all__ = ["joined", "named", "touched"]


def joined(
    old: Sequence[Root], paths: Sequence[Path], encoding: str | None = None, lines: bool | None = None
) -> tuple[Root, ...]:
    """The index's PATHs with ``paths`` among them; a new one swallows those inside it.

    ``encoding`` and ``lines`` are for ``paths``; None: as remembered. Raises InputError for one that is
    meant for a part of a PATH: a PATH has one for all its files.
    """
    roots = list(old)
    for path in (path.resolve() for path in paths):
        _printable(path)
        inside = [root for root in roots if path.is_relative_to(root.path)]
        if inside:  # refreshed with the PATH that holds it
            roots[roots.index(inside[0])] = _set(inside[0], path, encoding, lines)
            continue
        roots = [root for root in roots if not Path(root.path).is_relative_to(path)]
        roots.append(Root(str(path), path.name or "root", encoding, lines is True))
    return named(roots)


def _printable(path: Path) -> None:
    if problem := unfit(str(path)):
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise InputError(f"{shown}: {problem}")


def _set(root: Root, path: Path, encoding: str | None, lines: bool | None) -> Root:
    wanted = replace(
        root,
        encoding=root.encoding if encoding is None else encoding,
        lines=root.lines if lines is None else lines,
    )
    if str(path) != root.path and wanted != root:
        option = "--encoding" if wanted.encoding != root.encoding else "--lines"
        raise InputError(
            f"{path}: is a part of {root.path}, whose files share one {option}; keep them in another folder"
        )
    return wanted


def named(roots: Sequence[Root]) -> tuple[Root, ...]:
    """PATHs in order of their paths; equal names are told apart by a number."""
    found: list[Root] = []
    for root in sorted(roots, key=lambda root: root.path):
        plain = Path(root.path).name or "root"
        taken = {other.name for other in found}
        names = (plain, *(f"{plain}-{n}" for n in range(2, len(roots) + 2)))
        found.append(replace(root, name=next(name for name in names if name not in taken)))
    return tuple(found)


def touched(roots: Sequence[Root], paths: Sequence[Path]) -> frozenset[str]:
    """The paths of the roots that have to be looked at."""
    wanted = [path.resolve() for path in paths]
    return frozenset(
        root.path
        for root in roots
        if any(path.is_relative_to(root.path) or Path(root.path).is_relative_to(path) for path in wanted)
    )
