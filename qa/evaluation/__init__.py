"""A labelled question set run through the system, and what came of it as numbers.

asking     each question asked as a user would ask it
rereading  a reader that knows its last question still, so that asking again costs no reading
outcome    what came of one question, and why it was missed
run        means over the questions, and the public JSON

Confidence is judged by what a threshold of 0 would have shown, so ``AUROC``, ``AURC`` and ``ECE`` do not
depend on the threshold, and a refusal that cost a right answer can be told from one that had nothing to
lose.
"""

from __future__ import annotations

from qa.evaluation.asking import LEG_DEPTH, Answerer, PassageAnswerer, evaluate, evaluate_gold, unanswered
from qa.evaluation.outcome import TOP_K, Outcome
from qa.evaluation.run import Run

__all__ = [
    "LEG_DEPTH",
    "TOP_K",
    "Answerer",
    "Outcome",
    "PassageAnswerer",
    "Run",
    "evaluate",
    "evaluate_gold",
    "unanswered",
]
