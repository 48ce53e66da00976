"""Judged answers into their files, and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from qa.labelling.files import LabelFile, PendingFile
from qa.labelling.judging import Fate, Filed, Judged, Replaced, label

__all__ = ["file_feedback", "file_one", "report_lines"]


def file_feedback(judged: Iterable[Judged], labels: LabelFile, pending: PendingFile) -> tuple[Filed, ...]:
    """Each judged answer as a label or as pending, in order; give what ``merged`` left.

    Raises OSError if a line cannot be written; the lines before it are in their files.
    """
    return tuple(file_one(each, labels, pending) for each in judged)


def file_one(judged: Judged, labels: LabelFile, pending: PendingFile) -> Filed:
    """One judged answer as a label or as pending. Raises OSError if a line cannot be written."""
    made = label(judged)
    if made is not None:
        return Filed(judged, labels.add(made))
    there = labels.answers(judged.asked)
    if there is not None:
        return Filed(judged, "differs" if not there or _quote(judged.response) in there else "known")
    pending.add(judged)
    return Filed(judged, "pending")


def _quote(response: Mapping[str, Any]) -> str | None:
    """The words of an answer; None where it refuses."""
    citations = response.get("citations", [])
    return str(citations[0]["quote"]) if citations else None


def report_lines(filed: Sequence[Filed], replaced: Sequence[Replaced] = ()) -> Iterator[str]:
    """What was done, for people: the counts, then each line that somebody should look at."""
    fates = Counter(each.fate for each in filed)
    counts = [f"{_FATES[fate]} {fate} {fates[fate]}" for fate in get_args(Fate)]
    yield "，".join([*counts, f"合并 merged {len(replaced)}"])
    for pair in replaced:
        earlier, later = pair.earlier, pair.later
        yield (
            f"  合并 merged {_place(earlier)}: {earlier.judgement} → {later.judgement}，"
            f"以后者为准 the later judgement counts{_at(later)}"
        )
    for each in filed:
        if each.fate in _ADVICE:
            yield f"  {_FATES[each.fate]} {each.fate} {_place(each.judged)}: {_ADVICE[each.fate]}"


_FATES: Mapping[Fate, str] = {"added": "新增", "known": "已有", "differs": "不符", "pending": "待定"}
_ADVICE: Mapping[Fate, str] = {
    "differs": "标注文件里另有说法，未改动 the label file says otherwise and stays; change it there",
    "pending": '缺正确的原文 put the right words into "answers" of its label',
}


def _place(judged: Judged) -> str:
    """Its file and line where it has one, and its question."""
    return f"{judged.where} {judged.asked.question}".lstrip()


def _at(judged: Judged) -> str:
    return f" ({judged.where})" if judged.where else ""
