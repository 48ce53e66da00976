"""After the reader's calibration: when its first passages are enough, so that the rest need not be read.

    python -m training.early_stop --data PATH [--reader DIR] [--limit X] [--write]

The rule is ``{"first": N, "confidence": X}``: N passages are read, and where the best span in them has at
least the confidence X, it is the answer. A passage's score does not depend on the others, so the rule is
tried on the candidates that ``calibrate_reader`` has kept, without reading again: ``pool`` and ``shipped``,
the questions that have the form in which the reader is used, a few with many passages. An answer counts as
changed where another span would have been the best, be it the same words in another place, and where a
passage would have been left out that holds a span at the reader's threshold, which could be cited beside it.

For each N the lowest confidence is taken at which no more than ``--limit`` of these questions change, and of
all N the one that is soonest done on two cores, each of which reads a passage at a time, if no more than that
change where each fifth of the questions is judged by the confidence found on the others. With ``--write`` the
rule goes under ``settings`` of ``DIR/config.json``, where the next calibration drops it with the numbers it
rests on; without one all passages are read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qa.reader import EARLY_STOP
from qa.settings import EarlyStop
from training.calibrate_reader import BUNDLED, USED, asked, cases_of
from training.reader_calibration import FEATURES, FOLDS, Candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qa.reader import SpanReader

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

__all__ = ["Tried", "best_by_place", "confidences", "found", "lowest", "main", "write"]

CORES = 2
LIMIT = 0.0025  # share of questions whose answer may change


def main(arguments: Sequence[str] | None = None) -> None:
    """Try all rules, print the table, and write the best one if that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m training.early_stop")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--reader", metavar="DIR", type=Path, default=BUNDLED)
    parser.add_argument("--labels", type=Path, default=Path("corpus/questions.jsonl"))
    parser.add_argument("--articles", type=Path, default=Path("corpus/articles"))
    parser.add_argument("--limit", metavar="X", type=float, default=LIMIT, help="share that may change")
    parser.add_argument("--write", action="store_true", help="put the rule into DIR/config.json")
    args = parser.parse_args(arguments)
    from qa import reader

    loaded = reader.load(str(args.reader))
    cases = cases_of(args.data, args.labels, args.articles, loaded)
    candidates, _ = asked(loaded, args.reader, cases)
    used = np.array([case.kind in USED for case in cases])
    best = best_by_place(candidates, confidences(candidates, loaded), len(cases), loaded.settings.read)
    folds = np.array([case.fold for case in cases])[used]
    rows = tried(best[used], folds, args.limit, loaded.settings.threshold)
    print(table(rows, int(used.sum())))
    chosen = found(rows, args.limit)
    print(json.dumps({EARLY_STOP: None if chosen is None else rule(chosen)}))
    if args.write:
        write(args.reader / "config.json", chosen)


# ---- what the rule looks at


def confidences(candidates: Candidates, reader: SpanReader) -> Floats:
    """Of each candidate by the numbers of the reader's folder, 0 to 1, float ``(rows,)``."""
    calibration = reader.calibration
    weights = [getattr(calibration, name) for name in FEATURES if name != "rank"]
    at = FEATURES.index("rank")
    log_odds = calibration.bias + np.delete(candidates.features, at, axis=1) @ np.array(weights)
    log_odds += reader.settings.rank_weight * candidates.features[:, at]
    chances: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
    return chances


def best_by_place(candidates: Candidates, chances: Floats, cases: int, read: int) -> Floats:
    """The best chance in each of the first ``read`` passages of each case, float ``(cases, read)``.

    -1 where a passage has no candidate, or there is none.
    """
    place = np.rint(1 / candidates.features[:, FEATURES.index("rank")]).astype(np.int64) - 1
    inside = place < read
    best = np.full((cases, read), -1.0)
    np.maximum.at(best, (candidates.case[inside], place[inside]), chances[inside])
    return best


# ---- trying rules


@dataclass(frozen=True, slots=True)
class Tried:
    """What a rule does to the tuning questions; all shares of them.

    ``stopped``   for which reading ends early
    ``read``      mean number of passages read
    ``rounds``    mean number of passages read one after another on two cores
    ``changed``   with another best span, or without a further citation
    ``held_out``  the same, each fifth of the questions by the confidence found on the others
    """

    rule: EarlyStop
    stopped: float
    read: float
    rounds: float
    changed: float
    held_out: float


def tried(best: Floats, folds: Rows, limit: float, threshold: float) -> list[Tried]:
    """The lowest confidence for each number of passages that is less than all.

    ``threshold``  from which on a span may be cited
    """
    return [_tried(best, folds, first, limit, threshold) for first in range(1, best.shape[1])]


def _tried(best: Floats, folds: Rows, first: int, limit: float, threshold: float) -> Tried:
    confidence = lowest(best, first, limit, threshold)
    read, stopped = best.shape[1], float(_stopped(best, first, confidence).mean())
    elsewhere = []
    for fold in range(FOLDS):
        found_there = lowest(best[folds != fold], first, limit, threshold)
        elsewhere.append(_changed(best[folds == fold], first, found_there, threshold).sum())
    return Tried(
        EarlyStop(first, confidence),
        stopped,
        first + (1 - stopped) * (read - first),
        -(-first // CORES) + (1 - stopped) * -(-(read - first) // CORES),
        float(_changed(best, first, confidence, threshold).mean()),
        float(sum(elsewhere) / len(best)),
    )


def lowest(best: Floats, first: int, limit: float, threshold: float) -> float:
    """The lowest whole hundredth at which at most ``limit`` of the questions change; 1 where none is."""
    hundredths = (number / 100 for number in range(101))
    allowed = limit * len(best)
    changes = ((each, _changed(best, first, each, threshold).sum()) for each in hundredths)
    return next((each for each, changed in changes if changed <= allowed), 1.0)


def _stopped(best: Floats, first: int, confidence: float) -> NDArray[np.bool_]:
    enough: NDArray[np.bool_] = best[:, :first].max(axis=1) >= confidence
    return enough


def _changed(best: Floats, first: int, confidence: float, threshold: float) -> NDArray[np.bool_]:
    unread = best[:, first:].max(axis=1)
    missed: NDArray[np.bool_] = (unread > best[:, :first].max(axis=1)) | (unread >= threshold)
    return _stopped(best, first, confidence) & missed


def found(rows: Sequence[Tried], allowed: float = LIMIT) -> Tried | None:
    """The one that is soonest done of those that change little held out too; None where none is worth it."""
    whole = -(-(len(rows) + 1) // CORES)
    worth = [row for row in rows if row.rounds < whole and row.held_out <= allowed]
    return min(worth, key=lambda row: (row.rounds, row.read), default=None)


# ---- telling


def table(rows: Sequence[Tried], questions: int) -> str:
    """A line for each rule."""
    names = "first, confidence, stopped, passages read, in turn on two cores, changed, changed held out"
    lines = [f"{questions} questions: {names}"]
    for row in rows:
        first, confidence = row.rule.first, row.rule.confidence
        shares = f"{row.stopped:.3f}  {row.read:.2f}  {row.rounds:.2f}  {row.changed:.4f}  {row.held_out:.4f}"
        lines.append(f"{first}  {confidence:.2f}  {shares}")
    return "\n".join(lines)


def rule(row: Tried) -> dict[str, float]:
    """What stands in ``config.json``."""
    return {"first": row.rule.first, "confidence": row.rule.confidence}


def write(path: Path, chosen: Tried | None) -> None:
    """Put the rule into the settings of ``config.json``, or take the one that is there out."""
    content = json.loads(path.read_text("utf-8"))
    content["settings"].pop(EARLY_STOP, None)
    if chosen is not None:
        content["settings"][EARLY_STOP] = rule(chosen)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
