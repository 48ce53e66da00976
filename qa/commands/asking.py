"""`qa ask` and `qa search`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from qa.commands.opening import opened
from qa.commands.options import (
    add_index_option,
    add_leg_option,
    add_reader_option,
    command,
    positive,
    unit,
)
from qa.commands.output import print_json, print_lines, say
from qa.errors import InputError, QaError

if TYPE_CHECKING:
    from qa.answering import Assistant, Filters

__all__ = ["add_ask", "add_search"]


def _add_question(command: Any, k: int, what: str) -> None:
    command.add_argument("question", metavar="QUESTION", help="问题；- 则从标准输入逐行读 the question, or -")
    add_index_option(command)
    command.add_argument(
        "--history",
        metavar="QUESTION",
        action="append",
        default=[],
        help="先前的问题，可多次 an earlier question",
    )
    command.add_argument("--top-k", metavar="N", type=positive, default=k, help=f"{what} (default: {k})")
    command.add_argument("--source", metavar="GLOB", help="只问这些来源 only these sources")
    command.add_argument("--after", metavar="DATE", help="只问此日期及以后的文章 only articles since")
    command.add_argument("--before", metavar="DATE", help="只问此日期及以前的文章 only articles until")
    add_leg_option(command)
    command.add_argument("--json", action="store_true", help="以 JSON 输出 as JSON")


def add_ask(commands: Any) -> None:
    """`qa ask`."""
    made = command(
        commands,
        "ask",
        _ask,
        "提问，得到带出处的原文 ask; exit 1 if the articles do not tell",
        'qa ask "上海是哪一年启动区块链技术应用试点的?"',
    )
    _add_question(made, 5, "显示的段落数 passages shown")
    made.add_argument("--threshold", metavar="X", type=unit, help="低于此把握则不答 abstain below this")
    add_reader_option(made)
    made.add_argument("--explain", action="store_true", help="显示排名与用时 show ranks and timings")


def _ask(args: Any) -> int:
    from qa.terminal import answer_lines, explanation_lines

    if args.question == "-":
        return _ask_lines(args)
    with opened(args.index, args.reader, args.leg) as assistant:
        answer = assistant.ask(
            args.question,
            args.history,
            top_k=args.top_k,
            threshold=args.threshold,
            filters=_filters(args),
        )
    if args.json:
        print_json(answer.to_dict())
    else:
        print_lines(answer_lines(answer))
        if args.explain:
            print_lines(explanation_lines(answer))
    return 1 if answer.abstained else 0


def _ask_lines(args: Any) -> int:
    """Each line of standard input is a question or an object; each gives one line of JSON, in order."""
    from functools import partial
    from time import perf_counter

    from qa.commands.lines import told_in_order
    from qa.onnx import available_threads

    filters = _filters(args)
    with opened(args.index, args.reader, args.leg) as assistant:
        began = perf_counter()
        answer = partial(_line_answered, assistant, args, filters)
        # One more than processors: while one question waits for its reading, another is searched for.
        asked = told_in_order(sys.stdin.buffer, answer, _print_line, available_threads() + 1)
        if asked:
            rate = asked / (perf_counter() - began)
            say(f"qa: {asked:,} 个问题，每秒 {rate:.1f} 个 questions, {rate:.1f} a second")
    return 0


def _line_answered(assistant: Assistant, args: Any, filters: Filters, line: bytes) -> dict[str, Any]:
    """What is printed for one line: an answer, or why there is none."""
    asked: dict[str, Any] = {}
    try:
        asked.update(_object(line))
        answer = assistant.ask(
            *_asked(asked, args.history), top_k=args.top_k, threshold=args.threshold, filters=filters
        ).to_dict()
    except QaError as error:
        answer = {"error": " ".join(str(error).split())}
    return {"id": asked["id"], **answer} if "id" in asked else answer


def _print_line(row: dict[str, Any]) -> None:
    print_json(row)
    sys.stdout.flush()


def _object(line: bytes) -> dict[str, Any]:
    """One input line as an object; a plain line is a question. Raises InputError."""
    import json

    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"the line is not UTF-8 ({error.reason} at byte {error.start})") from error
    if not text.startswith("{"):
        return {"question": text}
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the line is not JSON ({error})") from error
    return found


def _asked(asked: dict[str, Any], before: list[str]) -> tuple[str, list[str]]:
    """The question and its history, what the command line gave first. Raises InputError."""
    question, history = asked.get("question"), asked.get("history", [])
    if (
        not isinstance(question, str)
        or not isinstance(history, list)
        or not all(isinstance(turn, str) for turn in history)
    ):
        raise InputError('the object needs a "question" string, and "history" as a list of strings')
    return question, [*before, *history]


def add_search(commands: Any) -> None:
    """`qa search`."""
    made = command(
        commands,
        "search",
        _search,
        "只检索段落 ranked passages only; exit 1 if none",
        'qa search "区块链城市的特征"',
    )
    _add_question(made, 10, "段落数 passages")


def _search(args: Any) -> int:
    from qa.terminal import hit_lines
    from qa.types import hit_to_dict

    with opened(args.index, leg=args.leg, answers=False) as assistant:
        hits = assistant.search(args.question, args.history, k=args.top_k, filters=_filters(args))
    if args.json:
        print_json({"question": args.question, "passages": [hit_to_dict(hit) for hit in hits]})
    else:
        print_lines(hit_lines(hits))
    return 0 if hits else 1


def _filters(args: Any) -> Filters:
    from qa.answering import Filters

    return Filters(args.source, args.after, args.before)
