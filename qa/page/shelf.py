"""Articles and collections in the page: listed, uploaded, removed; each change tells how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from qa.collection import DEFAULT, Upload
from qa.desk import Desk, Job
from qa.errors import QaError
from qa.names import folded
from qa.page import faults
from qa.page.markup import button, escaped, item_list, line, link
from qa.page.wording import Language, say

if TYPE_CHECKING:
    from qa.collection import Collection, Collections, FileResult
    from qa.library import Entry
    from qa.page.evidence import Libraries

__all__ = ["Change", "Shelf"]

_WAITING = 16  # changes that may wait; one is made at a time, whatever its collection
_LISTED = 100  # articles shown at a time
_STATES = {"added": "added", "duplicate": "duplicate", "refused": "refused_file"}


@dataclass(frozen=True, slots=True)
class Change:
    """How far a change is: what to show, and, when it is done, the collection to go on with."""

    html: str
    done: bool = False
    collection: str = DEFAULT


class Shelf:
    """Does what the articles' tab asks for."""

    def __init__(self, collections: Collections, libraries: Libraries) -> None:
        self._collections, self._libraries = collections, libraries
        self._desk = Desk(1, _WAITING)

    def choice(self, name: str, language: Language) -> dict[str, Any]:
        """The collections as ``choices`` (words, name), and as ``value`` the one that is to be chosen."""
        listed = self._collections.listed()
        chosen = name if name in {each.name for each in listed} else DEFAULT
        return {"choices": [(_title(each, language), each.name) for each in listed], "value": chosen}

    def shown(self, name: str, words: str, language: Language) -> tuple[str, str]:
        """How much a collection holds, and its articles that fit ``words``."""
        try:
            collection = self._collections.get(name)
        except QaError as error:
            return _fault(error, language), ""
        return _about(collection, language), self._listing(collection, words, language)

    def _listing(self, collection: Collection, words: str, language: Language) -> str:
        if not collection.articles:
            return ""
        try:
            found = self._libraries.of(collection.name).find(words, limit=_LISTED)
        except QaError as error:
            return _fault(error, language)
        if not found.total:
            return line("note", escaped(say(language, "none_found")))
        return _how_many(found.total, len(found.entries), words, language) + item_list(
            _entry(entry, collection, language) for entry in found.entries
        )

    # -- changes -----------------------------------------------------------------------------------

    async def taken(
        self, paths: Sequence[str], into: str, chosen: str, language: Language
    ) -> AsyncIterator[Change]:
        """Take uploaded files into the collection that is typed, new or not, else the chosen one."""
        into = into.strip()

        def take(tell: Callable[..., None]) -> tuple[FileResult, ...]:
            try:
                return self._taken(paths, into, chosen, tell)
            finally:
                for path in map(Path, paths):  # each lies in a folder of its own
                    with suppress(OSError):
                        path.unlink()
                        path.parent.rmdir()

        async for change in self._change(take, lambda results: _results(results, language), language):
            now = self._called(into) if change.done else None
            yield Change(change.html, change.done, chosen if now is None else now)

    def _taken(
        self, paths: Sequence[str], into: str, chosen: str, tell: Callable[..., None]
    ) -> tuple[FileResult, ...]:
        uploads = [Upload(Path(path), Path(path).name) for path in paths]
        known = self._called(into) if into else chosen
        if known is not None:
            return self._collections.add(known, uploads, on_progress=tell)
        made = self._collections.create(into).name
        try:
            return self._collections.add(made, uploads, on_progress=tell)
        finally:
            # A new collection that took nothing is not left behind. No other change comes between: they
            # wait at the desk.
            if not self._collections.get(made).articles:
                self._collections.delete(made, repeated=made)

    def _called(self, name: str) -> str | None:
        """The collection of that name, if it is there: of two who make it at once, the second adds to it."""
        names = {folded(each.name): each.name for each in self._collections.listed() if each.own}
        return names.get(folded(name))

    async def rebuilt(self, name: str, language: Language) -> AsyncIterator[Change]:
        """Make the index of a collection anew."""

        def rebuild(tell: Callable[..., None]) -> Any:
            return self._collections.rebuild(name, on_progress=tell)

        def told(_: Any) -> str:
            return line("note", escaped(say(language, "rebuilt", n=self._collections.get(name).articles)))

        async for change in self._change(rebuild, told, language):
            yield Change(change.html, change.done, name)

    async def deleted(self, name: str, repeated: str, language: Language) -> Change:
        """Delete a collection whose name was typed again."""
        try:
            await self._desk.run(lambda: self._collections.delete(name, repeated=repeated))
        except Exception as error:
            return Change(_fault(error, language), True, name)
        return Change(line("note", escaped(say(language, "deleted", name=name))), True)

    async def removed(self, name: str, source: str, language: Language) -> str:
        """Remove an uploaded file; what to tell."""
        try:
            await self._desk.run(lambda: self._collections.remove(name, source))
        except Exception as error:
            return faults.told(error, language)
        return say(language, "removed", name=source)

    async def _change(
        self, work: Callable[[Callable[..., None]], Any], told: Callable[[Any], str], language: Language
    ) -> AsyncIterator[Change]:
        yield Change(line("note", escaped(say(language, "stage_wait"))))
        try:
            # What was begun is finished, whether or not somebody still looks.
            job = Job(self._desk, work, abandoned=False)
            async for stage, done, total in job:
                yield Change(line("note", escaped(_stage(str(stage), done, total, language))))
            html = told(job.result())
        except Exception as error:
            html = _fault(error, language)
        yield Change(html, done=True)


def _entry(entry: Entry, collection: Collection, language: Language) -> str:
    """An article of the list: opened by its title, asked alone, removed if it was uploaded."""
    fields = {"collection": collection.name, "source": entry.source}
    if entry.element is not None:
        fields["element"] = entry.element
    title = link(f"#article?{urlencode(fields)}", entry.title or entry.source, classes="open")
    place = entry.source if entry.element is None else f"{entry.source} ({entry.element})"
    facts = " · ".join(part for part in (place, entry.date) if part)
    acts = button("only", entry.source, say(language, "only_this"))
    if collection.removable(entry.source):
        acts += button("remove", entry.source, say(language, "remove"))
    return f'{line("title", title)}<p class="place">{escaped(facts)} <span class="acts">{acts}</span></p>'


def _title(collection: Collection, language: Language) -> str:
    return say(language, "default") if collection.name == DEFAULT else collection.name


def _about(collection: Collection, language: Language) -> str:
    return line("note own" if collection.own else "note", escaped(_state(collection, language)))


def _state(collection: Collection, language: Language) -> str:
    if collection.problem is not None:
        return say(language, "refused", reason=collection.problem)
    if not collection.articles:
        return say(language, "is_empty")
    counts = {"articles": f"{collection.articles:,}", "passages": f"{collection.passages:,}"}
    return say(language, "about", **counts)


def _how_many(total: int, shown: int, words: str, language: Language) -> str:
    """How many were found, where that is not just all of them."""
    if not words and shown == total:
        return ""
    key = "found" if shown == total else "found_some"
    return line("note", escaped(say(language, key, n=f"{total:,}", shown=shown)))


def _stage(stage: str, done: object, total: object, language: Language) -> str:
    key = f"stage_{stage}"
    try:
        return say(language, key, done=done, total=total)
    except KeyError:
        return say(language, "stage_other")


def _results(results: Sequence[FileResult], language: Language) -> str:
    """What became of each file, as a table."""
    head = "".join(f"<th>{escaped(say(language, key))}</th>" for key in ("file", "result", "reason"))
    rows = "".join(f"<tr>{_row(result, language)}</tr>" for result in results)
    ready = line("note", escaped(say(language, "ready"))) if _any_added(results) else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{ready}"


def _any_added(results: Sequence[FileResult]) -> bool:
    return any(result.state == "added" for result in results)


def _row(result: FileResult, language: Language) -> str:
    state = say(language, _STATES[result.state])
    cells = (result.name, state, result.reason)
    return "".join(f"<td>{escaped(cell)}</td>" for cell in cells)


def _fault(error: Exception, language: Language) -> str:
    return line("note fault", escaped(faults.told(error, language)))
