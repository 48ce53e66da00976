"""A run in the forms that outside scorers read: SQuAD predictions, TREC runs and TREC relevance judgements.

TREC files have one line a passage, its parts between blanks. A passage is called by its article and its
place, ``cities/shanghai.md:540-760`` or ``notes.jsonl#line%203:0-50``: the same name as long as the
article and the way it is cut stay the same. Blanks, ``%`` and what cannot be printed are written as
``%`` and two hexadecimal digits a byte of UTF-8, in names of questions too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from qa.errors import InputError
from qa.relevance import key

if TYPE_CHECKING:
    from qa.evaluation import Run
    from qa.labels import Question
    from qa.relevance import Key

__all__ = ["passage_name", "predictions", "qrels", "question_name", "trec_run"]

TAG = "qa"
"""The name of the system in the last column of a TREC run."""


def predictions(run: Run) -> str:
    """SQuAD 2.0 predictions: one JSON object of each question's answer by its id, ``""`` for a refusal."""
    answers = {outcome.question.id: outcome.answer.text or "" for outcome in run.outcomes}
    return json.dumps(answers, ensure_ascii=False, indent=1) + "\n"


def trec_run(run: Run) -> str:
    """A TREC run: ``question Q0 passage rank score tag``, each question's hits best first.

    The score is how many places are left below: scorers sort by it alone and break ties by name, which
    would change a ranking whose own scores tie.

    Raises InputError for a run that searched nothing.
    """
    _require_search(run)
    lines = (
        f"{question_name(outcome.question.id)} Q0 {passage_name(key(hit.passage))} "
        f"{rank} {len(outcome.answer.hits) - rank + 1} {TAG}"
        for outcome in run.outcomes
        for rank, hit in enumerate(outcome.answer.hits, start=1)
    )
    return _text(lines)


def qrels(run: Run, relevant: Callable[[Question], Collection[Key]]) -> str:
    """TREC judgements: ``question 0 passage 1`` for each relevant passage of the index.

    ``relevant`` gives them all, retrieved or not (``Relevance.passages``). Questions that nothing
    answers are left out, as they are from the means. One whose answer is in no passage has the line
    ``question 0 none 0``, so that it counts, with 0.

    Raises InputError for a run that searched nothing.
    """
    _require_search(run)
    lines = (
        f"{question_name(outcome.question.id)} 0 {judged}"
        for outcome in run.outcomes
        if outcome.answerable
        for judged in [f"{passage_name(each)} 1" for each in sorted(relevant(outcome.question))] or ["none 0"]
    )
    return _text(lines)


def passage_name(passage: Key) -> str:
    """A passage in one word: the article's source, its element where it has one, and the span."""
    article, start, end = passage
    return f"{_word(article)}:{start}-{end}"


def question_name(name: str) -> str:
    """A question's id in one word: ``line 3`` is ``line%203``."""
    return _word(name)


def _word(text: str) -> str:
    """Different texts stay different, and a readable one stays readable."""
    kept = (char if char.isprintable() and char not in " %" else _escaped(char) for char in text)
    return "".join(kept)


def _escaped(char: str) -> str:
    return quote(char, safe="", errors="surrogatepass")


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _require_search(run: Run) -> None:
    if any(outcome.relevant is None for outcome in run.outcomes):
        raise InputError("--run and --qrels need a search; leave out --gold-passage")
