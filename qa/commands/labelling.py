"""`qa label`: judged answers become labels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.commands.opening import opened
from qa.commands.options import add_index_option, add_reader_option, command
from qa.commands.output import print_lines, say

if TYPE_CHECKING:
    from qa.answering import Assistant

__all__ = ["add_label"]


def add_label(commands: Any) -> None:
    """`qa label`."""
    made = command(
        commands,
        "label",
        _label,
        "把判过的回答变成标注 turn judged answers into labels",
        "qa label labels.jsonl --feedback feedback.jsonl",
    )
    made.add_argument("labels", metavar="LABELS", help="续写的标注文件 the label file to add to")
    given = made.add_mutually_exclusive_group()
    given.add_argument("--feedback", metavar="FILE", help="判过的回答 judged answers, one a line")
    given.add_argument(
        "--questions", metavar="FILE", help="要问的问题，缺省为键入 questions to ask; else they are typed"
    )
    made.add_argument(
        "--pending",
        metavar="FILE",
        help="缺正确原文的存到这里 keeps what lacks its right words (default: LABELS.pending.jsonl)",
    )
    add_index_option(made)
    add_reader_option(made)


def _label(args: Any) -> int:
    from qa import labelling

    labels = labelling.LabelFile(Path(args.labels))
    pending = labelling.PendingFile(Path(args.pending or f"{args.labels}.pending.jsonl"))
    if args.feedback:
        kept, replaced = labelling.merged(labelling.feedback(Path(args.feedback)))
        print_lines(labelling.report_lines(labelling.file_feedback(kept, labels, pending), replaced))
        return 0
    asked = labelling.questions(Path(args.questions)) if args.questions else labelling.typed(_hear)
    filed: list[labelling.Filed] = []
    with opened(args.index, args.reader) as assistant:

        def ask(question: str, history: Sequence[str]) -> dict[str, Any]:
            return assistant.ask(question, history).to_dict()

        desk = labelling.Desk(labels, pending, say, _hear, _source_text(assistant))
        try:
            filed.extend(labelling.interview(asked, ask, desk))
        except KeyboardInterrupt:  # every judgement is in its file already
            say("")
    print_lines(labelling.report_lines(filed))
    return 0


def _hear(prompt: str) -> str | None:
    """A typed line; None at the end of the input."""
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    return line.rstrip("\r\n") if line else None


def _source_text(assistant: Assistant) -> Callable[[str], str | None]:
    """The text of an indexed source, its parts one after another."""
    parts: dict[str, dict[str, str]] = {}
    for passage in assistant.passages():
        parts.setdefault(passage.article.source, {})[passage.article.id] = passage.article.text
    texts = {source: "\n".join(found.values()) for source, found in parts.items()}
    return texts.get
