"""`qa eval`: a labelled question set in; a table, a run, a report, a comparison and a gate out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.commands import opening
from qa.commands.options import DEFAULT_INDEX, add_leg_option, add_reader_option, command, positive, unit
from qa.commands.output import Bar, say
from qa.errors import InputError

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.evaluation import Run
    from qa.labels import LabelSet
    from qa.relevance import Doubt
    from qa.runs import Rule

__all__ = ["add_eval"]

_STDOUT = "-"
_MOST_DOUBTS = 20  # labels to look at that are listed one by one


def add_eval(commands: Any) -> None:
    """`qa eval`."""
    made = command(
        commands,
        "eval",
        _eval,
        "用标注问题评测 evaluate on labelled questions; exit 1 if --fail-if holds",
        "qa eval corpus/questions.jsonl --report run.html",
    )
    made.add_argument("labels", metavar="LABELS", help="标注问题文件 labelled questions")
    made.add_argument("--index", metavar="DIR", help=f"索引文件夹 index folder (default: {DEFAULT_INDEX})")
    made.add_argument(
        "--gold-passage",
        action="store_true",
        help="直接给出标注段落，不检索 give the reader the labelled paragraph",
    )
    made.add_argument(
        "--squad-corpus", action="store_true", help="以标注文件自己的段落为库 index the file's own paragraphs"
    )
    made.add_argument("--threshold", metavar="X", type=unit, help="低于此把握则不答 abstain below this")
    made.add_argument("--split", metavar="NAME", help="只用这一部分 only questions of this split")
    made.add_argument("--limit", metavar="N", type=positive, help="只用前 N 题 only the first N questions")
    add_reader_option(made)
    add_leg_option(made)
    _add_outputs(made)
    made.add_argument("--baseline", metavar="RUN.json", help="与此运行比较 the run to compare with")
    made.add_argument("--fail-if", metavar="EXPR", action="append", default=[], help='如 as in "F1<0.8"')
    made.add_argument(
        "--set-threshold-at-error",
        metavar="X",
        type=unit,
        help="按容许的错误率定门槛并存入索引 keep in the index the threshold of this error",
    )


def _add_outputs(made: Any) -> None:
    outputs = {
        "--json": "整个运行写入 FILE，- 为标准输出 the whole run as JSON; - for stdout",
        "--report": "网页报告，单个文件 a report as one HTML file",
        "--predictions": "SQuAD 格式的回答 answers as SQuAD predictions",
        "--run": "TREC 格式的排名 rankings as a TREC run",
        "--qrels": "TREC 格式的相关判断 relevance as TREC qrels",
    }
    for name, what in outputs.items():
        kept = "run_file" if name == "--run" else name[2:]  # `run` is the command's function
        made.add_argument(name, dest=kept, metavar="FILE", help=what)


@dataclass(frozen=True, slots=True)
class _Ran:
    """A run with what only an open index can tell of it. ``qrels``: None unless they are wanted."""

    run: Run
    qrels: str | None


def _eval(args: Any) -> int:
    from qa import comparison, labels

    _check(args)
    everything = labels.read(Path(args.labels))
    questions = _part(args, everything)
    baseline = _baseline(args, questions)
    rules = _rules(args, questions, baseline)
    ran = _run(args, questions, everything)
    written = ran.run.to_dict()
    compared = None
    if baseline is not None:
        compared = comparison.compare(written, baseline, name=args.baseline)
        written["comparison"] = compared.to_dict()
    _write_all(args, ran, written)
    _tell_doubts(ran.run.doubts)
    tell = say if _STDOUT in _outputs(args) else print
    if tell is print:
        print("\n\n".join(_tables(written, compared)))
    if args.set_threshold_at_error is not None:
        tell(_keep_threshold(args, ran.run))
    failed = [rule for rule in rules if rule.holds(written, baseline)]
    for rule in failed:
        say(f"qa: --fail-if {rule.text} 成立 holds")
    return 1 if failed else 0


# ---- before anything is asked


def _check(args: Any) -> None:
    """Raises InputError for options that do not go together, before anything is asked."""
    if _outputs(args).count(_STDOUT) > 1:
        raise InputError("only one output can be written to standard output (-); name files for the others")
    for file in _outputs(args):
        if not Path(file).parent.is_dir():
            raise InputError(f"{file}: there is no folder to write it to; make {Path(file).parent} first")
    if _in_store(args) and (args.squad_corpus or args.set_threshold_at_error is not None):
        raise InputError(
            "--squad-corpus and --set-threshold-at-error write to an index folder; leave --store out"
        )
    if args.gold_passage and (args.qrels or args.run_file):
        raise InputError("--gold-passage searches nothing, so there is nothing for --run and --qrels")
    if args.leg and args.gold_passage:
        raise InputError("--gold-passage searches nothing; leave --leg out")
    if args.set_threshold_at_error is None:
        return
    if args.leg:
        raise InputError("--set-threshold-at-error is for how the index is used; leave --leg out")
    if args.gold_passage:
        raise InputError("--set-threshold-at-error is for an index; leave --gold-passage out")
    if args.squad_corpus and not args.index:
        raise InputError("--set-threshold-at-error keeps the threshold in an index; name it with --index")


def _in_store(args: Any) -> bool:
    """Whether --store took the place of --index."""
    return args.index is not None and not isinstance(args.index, str)


def _part(args: Any, everything: LabelSet) -> LabelSet:
    """The questions that are asked, enough of them for what is wanted."""
    from qa.thresholds import require_enough

    questions = everything.only(args.split, args.limit)
    if not questions.questions:
        raise InputError(f"{args.labels}: no question has the split {args.split!r}")
    if args.set_threshold_at_error is not None:
        require_enough(len(questions.questions))
    return questions


def _baseline(args: Any, questions: LabelSet) -> dict[str, Any] | None:
    """The baseline as far as it is of these questions; None where none is asked for."""
    from qa import comparison, runs

    if args.baseline is None:
        return None
    whole = runs.load_run(Path(args.baseline))
    baseline = comparison.baseline_for(questions, whole, name=args.baseline)
    there, here = len(whole["questions"]), len(questions.questions)
    if there != here:
        say(f"qa: {args.baseline}: 只取本次的 {here} 题 of its {there} questions only those of this run")
    return baseline


def _rules(args: Any, questions: LabelSet, baseline: dict[str, Any] | None) -> list[Rule]:
    """What --fail-if says, each of a measure that the run will have, signed ones with a baseline's."""
    from qa import runs
    from qa.evaluation import unanswered

    rules = [runs.Rule.parse(text) for text in args.fail_if]
    blank = unanswered(questions).to_dict() if rules else {}
    for rule in rules:
        rule.require_known(blank)
        if rule.signed:
            rule.before(baseline)
    return rules


def _outputs(args: Any) -> list[str]:
    """The files that are asked for."""
    return [file for file in (args.json, args.report, args.predictions, args.run_file, args.qrels) if file]


# ---- after


def _tables(written: dict[str, Any], compared: Any) -> Iterator[str]:
    from qa import comparison, runs

    yield runs.table(written)
    if compared is not None:
        yield comparison.table(compared)


def _keep_threshold(args: Any, run: Run) -> str:
    """Finds a threshold and keeps it in the index; the line that tells of it."""
    from qa.thresholds import set_threshold

    return set_threshold(run, args.set_threshold_at_error, Path(args.index or DEFAULT_INDEX)).line()


def _write_all(args: Any, ran: _Ran, written: dict[str, Any]) -> None:
    from qa import exports, runs

    if args.json:
        _write(args.json, runs.to_json(written))
    if args.report:
        _write(args.report, _report(ran.run, written))
    if args.predictions:
        _write(args.predictions, exports.predictions(ran.run))
    if args.run_file:
        _write(args.run_file, exports.trec_run(ran.run))
    if ran.qrels is not None:
        _write(args.qrels, ran.qrels)


def _report(run: Run, written: dict[str, Any]) -> str:
    from qa import comparison, report

    return report.html(run, intervals=comparison.intervals(written), comparison=written.get("comparison"))


def _write(file: str, text: str) -> None:
    if file == _STDOUT:
        print(text, end="")
    else:
        Path(file).write_text(text, encoding="utf-8")


def _tell_doubts(doubts: Sequence[Doubt]) -> None:
    """Labels that no answer of this index can be right by: their number, and at most ``_MOST_DOUBTS``."""
    if not doubts:
        return
    say(f"qa: 有 {len(doubts)} 处标注可疑，仍然计分 doubtful labels, which still count:")
    for doubt in doubts[:_MOST_DOUBTS]:
        say(f"qa: {doubt}")
    if len(doubts) > _MOST_DOUBTS:
        say(f"qa: 另有 {len(doubts) - _MOST_DOUBTS} 条 … and {len(doubts) - _MOST_DOUBTS} more")


# ---- the run


def _run(args: Any, questions: LabelSet, everything: LabelSet) -> _Ran:
    """The run that the options ask for. ``everything``: the whole label file, for --squad-corpus."""
    with Bar() as bar:
        progress = partial(bar.show, "eval")
        if args.gold_passage:
            return _given(args, questions, progress)
        with _evaluated(args, everything, bar) as assistant:
            return _searched(args, questions, assistant, progress)


def _given(args: Any, questions: LabelSet, progress: Any) -> _Ran:
    """Each question with its labelled paragraph."""
    from qa import evaluation
    from qa.answering import PassageReading
    from qa.evaluation.rereading import Rereading
    from qa.reader import load

    reading = PassageReading(Rereading(load(args.reader)))
    threshold = 0.0 if args.threshold is None else args.threshold
    run = evaluation.evaluate_gold(
        questions, reading, reader=reading.reader.name, threshold=threshold, on_progress=progress
    )
    return _Ran(run, None)


def _searched(args: Any, questions: LabelSet, assistant: Assistant, progress: Any) -> _Ran:
    """Each question asked of the index."""
    from qa import evaluation, exports
    from qa.relevance import Relevance

    run = evaluation.evaluate(questions, assistant, threshold=args.threshold, on_progress=progress)
    if not args.qrels:
        return _Ran(run, None)
    return _Ran(run, exports.qrels(run, Relevance(assistant.passages()).passages))


@contextmanager
def _evaluated(args: Any, everything: LabelSet, bar: Bar) -> Iterator[Assistant]:
    """The assistant over the index that is evaluated; with --squad-corpus it is made first."""
    from tempfile import TemporaryDirectory

    from qa.evaluation.rereading import opened

    if _in_store(args):
        with opening.opened(args.index, args.reader, args.leg) as assistant:
            yield assistant
        return
    with TemporaryDirectory() as temporary:
        folder = args.index or (temporary if args.squad_corpus else DEFAULT_INDEX)
        if args.squad_corpus:
            _index_paragraphs(args, everything, folder, bar)
        else:
            opening.ensured(folder)
        with opened(Path(folder), reader=args.reader, leg=args.leg) as assistant:
            yield assistant


def _index_paragraphs(args: Any, everything: LabelSet, folder: str, bar: Bar) -> None:
    from qa.indexing import index_articles
    from qa.labels import paragraph_articles

    paragraphs = paragraph_articles(everything)
    if not paragraphs:
        raise InputError(f"{args.labels}: carries no paragraphs to index; run it without --squad-corpus")
    index_articles(paragraphs, Path(args.labels), folder, on_progress=bar.show)
