"""Labels from use: judged answers become lines of a label file, so that a team's set grows as it works.

A feedback file holds a judged answer a line, ``{"label": {…}, "judgement": …, "response": {…}}``:

* ``label``      ``question`` (else the response's), ``history``; where known ``answers``, ``sources``,
                 ``type``, ``split``
* ``judgement``  ``right``, ``wrong``, ``should_answer`` or ``should_refuse``
* ``response``   the answer object of the public JSON

judging       a judgement, and the label that it amounts to
reading       feedback and questions from their files
files         label files and pending files, which grow by whole lines
filing        judged answers into these files, and what became of each
interviewing  the judgement asked for in the terminal

What needs right words that nobody has given yet is pending: kept, counted, and told.
"""

from __future__ import annotations

from qa.labelling.files import LabelFile, PendingFile, append_line, locked
from qa.labelling.filing import file_feedback, report_lines
from qa.labelling.interviewing import Desk, interview, typed
from qa.labelling.judging import (
    Asked,
    Fate,
    Filed,
    Judged,
    Judgement,
    Replaced,
    label,
    label_id,
    label_line,
    merged,
)
from qa.labelling.reading import feedback, questions

__all__ = [
    "Asked",
    "Desk",
    "Fate",
    "Filed",
    "Judged",
    "Judgement",
    "LabelFile",
    "PendingFile",
    "Replaced",
    "append_line",
    "feedback",
    "file_feedback",
    "interview",
    "label",
    "label_id",
    "label_line",
    "locked",
    "merged",
    "questions",
    "report_lines",
    "typed",
]
