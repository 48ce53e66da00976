"""What a run has to do: each file is carried over, taken from an interrupted run, read, or refused unread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from qa.index import Root
from qa.ingest import makers
from qa.ingest.earlier import Earlier, EarlierFile
from qa.ingest.places import Place, survey
from qa.ingest.reading import Lines, Part, Read, Task, cut_lines, read
from qa.ingest.unfinished import FileLog, LoggedFile
from qa.ingest.workers import Died, Workers
from qa.ingest.writing import File
from qa.settings import PassageSettings

__all__ = ["Step", "Work", "work"]

FEW = 16  # files, and
SMALL = 1_000_000  # bytes, that are read sooner than a process is started


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one place. Neither ``carried`` nor ``logged``: it is read, unless it is refused."""

    place: Place
    carried: EarlierFile | None = None
    logged: LoggedFile | None = None

    @property
    def job(self) -> bool:
        """Whether there is anything to do beyond copying."""
        return self.carried is None and not self.place.refused


class Work:
    """The steps of one run.

    ``fresh``    paths of the roots to look at; the files of the others are carried over unseen
    ``earlier``  what there is to carry over; None in a new index
    """

    def __init__(
        self,
        roots: Sequence[Root],
        fresh: frozenset[str],
        earlier: Earlier | None,
        log: FileLog,
        *,
        own: Path,
        passage: PassageSettings,
        rebuild: bool,
    ) -> None:
        self._roots, self._earlier, self._log, self._passage = roots, earlier, log, passage
        self._own, self._rebuild = own, rebuild
        self._current = earlier is not None and _is_current(earlier, passage)
        self.steps = [step for number, root in enumerate(roots) for step in self._steps(number, root, fresh)]

    @property
    def todo(self) -> int:
        """How many files have to be read, or cut again."""
        return sum(step.job for step in self.steps)

    @property
    def changes(self) -> bool:
        """Whether the files, what is refused and the PATHs are not all as the earlier generation has them."""
        if self._earlier is None or not self._current or self.todo:
            return True
        generation = self._earlier.generation
        now = [self._entry(step) for step in self.steps]
        return now != generation.json("files.json") or tuple(self._roots) != generation.manifest.roots

    def files(self) -> list[File]:
        """The files of a run that changes nothing."""
        return [self._carried(step, step.carried) if step.carried else _refused(step) for step in self.steps]

    def run(self, workers: Workers) -> Iterator[tuple[File, Iterator[Part], bool]]:
        """Every file with its parts, in order, and whether it was one of ``todo``."""
        results = workers.map(work, (self._task(step) for step in self.steps if step.job))
        for step in self.steps:
            if step.carried is not None:
                yield self._carried(step, step.carried), self._parts(step.carried, step.place.root), False
            elif step.place.refused:
                yield _refused(step), iter(()), False
            else:
                made = self._made(step, next(results))
                file = File(step.place.root, step.place.file, made.sha256, 0, made.refused, made.stamp)
                yield file, iter(made.parts), True

    def workers(self, count: int) -> int:
        """How many processes are worth their start, at most ``count``."""
        tasks = [step.place for step in self.steps if step.job]
        size = sum(place.stamp.size for place in tasks if place.stamp is not None)
        return 1 if len(tasks) <= FEW and size <= SMALL else min(count, len(tasks))

    def _steps(self, number: int, root: Root, fresh: frozenset[str]) -> Iterator[Step]:
        if root.path not in fresh:
            assert self._earlier is not None
            for file in self._earlier.under(root.path):
                yield Step(Place(number, file.file, Path(root.path, file.file), file.stamp), carried=file)
            return
        for place in survey(number, root, self._own):
            yield Step(place) if place.refused else self._step(place, root)

    def _step(self, place: Place, root: Root) -> Step:
        if self._earlier is not None and self._carries(root):
            carried = self._earlier.same(root.path, place)
            if carried is not None:
                trusted = place.stamp == carried.stamp or (place.stamp is not None and place.stamp.settled)
                return Step(place if trusted else replace(place, stamp=None), carried=carried)
        logged = (
            None if self._rebuild else self._log.find(str(place.path), place.stamp, [place.file, *_how(root)])
        )
        return Step(place, logged=logged)

    def _carries(self, root: Root) -> bool:
        """Whether the earlier generation's files under ``root`` were read as they would be now."""
        assert self._earlier is not None
        before = {old.path: _how(old) for old in self._earlier.generation.manifest.roots}
        return not self._rebuild and self._current and before.get(root.path) == _how(root)

    def _task(self, step: Step) -> Task | Lines:
        place, root = step.place, self._roots[step.place.root]
        if step.logged is not None:
            return Lines(step.logged.lines(), place.root, self._passage)
        file = (str(place.path), place.root, place.file, place.name)
        return Task(*file, encoding=root.encoding, lines=root.lines, passage=self._passage)

    def _made(self, step: Step, found: Read | tuple[Part, ...] | Died) -> Read:
        if isinstance(found, Died):
            return Read("", None, (), (f"{step.place.name}: what reads it broke off; look at the file",))
        if not isinstance(found, Read):
            assert step.logged is not None
            return Read(step.logged.sha256, step.place.stamp, found, step.logged.refused)
        place = step.place
        self._log.add(str(place.path), found, [place.file, *_how(self._roots[place.root])])
        return found

    def _carried(self, step: Step, file: EarlierFile) -> File:
        return File(step.place.root, file.file, file.sha256, file.count, file.refused, step.place.stamp)

    def _entry(self, step: Step) -> dict[str, object]:
        return (self._carried(step, step.carried) if step.carried else _refused(step)).to_dict()

    def _parts(self, file: EarlierFile, root: int) -> Iterator[Part]:
        assert self._earlier is not None
        parts = self._earlier.parts(file, root)
        if self._current:
            return parts
        return iter(cut_lines(Lines(tuple(part.line for part in parts), root, self._passage)))


def work(task: Task | Lines) -> Read | tuple[Part, ...]:
    """What a task asks for."""
    return cut_lines(task) if isinstance(task, Lines) else read(task)


def _is_current(earlier: Earlier, passage: PassageSettings) -> bool:
    """Whether the articles of a generation were read and cut as they would be now."""
    made_so = earlier.generation.manifest.settings["passage"] == asdict(passage)
    return made_so and earlier.made_by("articles") == makers.articles()


def _how(root: Root) -> list[object]:
    """The settings of a PATH that decide what its files hold."""
    return [root.encoding, root.lines]


def _refused(step: Step) -> File:
    return File(step.place.root, step.place.file, "", 0, (step.place.refused,))
