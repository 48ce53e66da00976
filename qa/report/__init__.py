"""A run of ``qa eval`` as one page that opens from disk: no network, light and dark, phone and desk.

Words of labels and articles reach the page through the template's escaping only, and the page allows
no script but its own and loads nothing, so that no article can do more than be read.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from qa.report import figures, wording
from qa.report.changes import changes
from qa.report.questions import Row, row
from qa.runs import CHINESE

if TYPE_CHECKING:
    from jinja2 import Template

    from qa.evaluation import Run
    from qa.types import Passage, Span

__all__ = ["html"]


def html(
    run: Run,
    *,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> str:
    """The whole page. The same run gives the same text, but for its times.

    ``intervals``   95% intervals ``(low, high)`` by the dotted name of a measure (``F1``,
                    ``abstention.AUROC``, ``by_type.date.F1``); a measure without one is shown bare
    ``comparison``  of the run with its baseline, as ``Comparison.to_dict()`` gives it
    """
    written, intervals = run.to_dict(), intervals or {}
    keys = _type_keys(written["questions"])
    script = _file("script.js")
    return _template().render(
        style=_trusted(_file("style.css")),
        script=_trusted(script),
        script_hash=_hash(script),
        wording=wording,
        labels=written["run"]["labels"],
        facts=figures.facts(written["run"]),
        measures=figures.measures(written["summary"], intervals),
        intervals=intervals,
        type_keys=keys,
        types=figures.types(written, keys, intervals),
        risk=figures.risk(run),
        calibration=figures.calibration(run.outcomes, written["summary"]["abstention"]["ECE"]),
        latency=figures.latency(run.outcomes),
        causes=figures.causes(written["questions"]),
        changes=None if comparison is None else changes(comparison, written["run"]),
        numbers={facts["id"]: number for number, facts in enumerate(written["questions"], start=1)},
        chinese=CHINESE,
        questions=_questions(run, written),
    )


def _questions(run: Run, written: Mapping[str, Any]) -> list[Row]:
    doubts: dict[str, list[str]] = {}
    for doubt in run.doubts:
        doubts.setdefault(doubt.question, []).append(doubt.problem)
    pairs = zip(run.outcomes, written["questions"], strict=True)
    return [
        row(number, outcome, facts, labels=written["run"]["labels"], doubts=doubts.get(facts["id"], ()))
        for number, (outcome, facts) in enumerate(pairs, start=1)
    ]


def _type_keys(questions: Iterable[Mapping[str, Any]]) -> dict[str | None, str]:
    """What the filter calls each type: names of types are foreign text, and one may be empty."""
    found = {question["type"] for question in questions}
    ordered = sorted(found - {None}) + [None] * (None in found)
    return {name: f"t{number}" for number, name in enumerate(ordered, start=1)}


# ---- the template


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "words": _words,
        "plain": _plain,
        "breakable": _breakable,
        "percent": lambda share: f"{100 * share:.2f}%",
        "three": lambda value: f"{value:.3f}",
    }
    environment.globals["place_parts"] = _place
    return environment.from_string(_file("page.html"))


def _file(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def _trusted(ours: str) -> Any:
    """Text of our own that is HTML already."""
    from markupsafe import Markup

    return Markup(ours)


def _hash(script: str) -> str:
    """How the page's policy names the one script that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


# Characters that act instead of showing: controls, marks and overrides of direction, and halves of
# surrogate pairs, which UTF-8 cannot hold. Tab and newline stay.
_ACTING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def _words(text: object) -> Any:
    """Foreign text as HTML that shows it: escaped, and characters that act are named instead."""
    shown = escape(str(text)).replace("\r\n", "\n").replace("\r", "\n")
    return _trusted(_ACTING.sub(lambda match: f'<span class="control">{_named(match)}</span>', shown))


def _plain(text: object) -> str:
    """The same where no element may stand; still to be escaped."""
    return _ACTING.sub(_named, str(text))


def _breakable(name: str) -> Any:
    """A measure's name that may go on in the next line of a narrow column."""
    return _trusted(re.sub(r"(?<=[._@])", "<wbr>", escape(name)))


def _named(match: re.Match[str]) -> str:
    return f"U+{ord(match.group()):04X}"


def _place(passage: Passage, span: Span) -> list[str]:
    article = passage.article
    page = None if passage.page is None else f"第 {passage.page} 页"
    title = None if passage.heading[:1] == (article.title,) else article.title
    known = [title, " > ".join(passage.heading), article.date, page, article.place]
    return [*dict.fromkeys(part for part in known if part), f"第 {span.start + 1}–{span.end} 字"]
