"""The command line: results on standard output, talk and progress on standard error.

Exit status: 0 done, 1 nothing found (see each command), 2 the call, the input or the index is wrong.
Nothing heavy is imported before a command has been chosen.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qa.errors import InputError, QaError

if TYPE_CHECKING:
    from pathlib import Path

    from qa.answering import Assistant, Filters
    from qa.indexing import Progress
    from qa.labels import LabelSet

__all__ = ["main", "parser"]

DEFAULT_INDEX = "index"
DEFAULT_ARTICLES = "corpus/articles"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status. No traceback reaches the user."""
    _never_fail_to_print()
    try:
        return _run_command(arguments)
    except QaError as error:
        return _complain(str(error))
    except BrokenPipeError:  # the reader of our output has gone; nothing is left to say
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return _complain("stopped; what was there before is unchanged", 130)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}; check the path, its rights and the free space")
        _drop_output()  # what could not be written would be tried again when the process ends
        return 2


def _run_command(arguments: Sequence[str] | None) -> int:
    try:
        args = parser().parse_args(arguments)
        status: int = args.run(args)
    finally:  # also when argparse has printed its help and leaves
        sys.stdout.flush()
    return status


def _never_fail_to_print() -> None:
    """What a terminal's encoding lacks is shown as an escape; in JSON that is an escape of JSON's own."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, status: int = 2) -> int:
    print("qa: " + " ".join(message.split()), file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """argparse with errors of one line."""

    def error(self, message: str) -> Any:
        raise InputError(f"{message}; see `{self.prog} --help`")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="qa",
        description="中文问答，只引用原文。 Chinese question answering that only quotes.",
        epilog='例 example:  qa ask "上海是哪一年启动区块链技术应用试点的?"',
    )
    top.add_argument("--version", action="version", version=f"qa {_version()}")
    commands = top.add_subparsers(title="命令 commands", metavar="COMMAND", required=True)
    for add in (_add_index, _add_ask, _add_search, _add_eval, _add_verify, _add_serve, _add_doctor):
        add(commands)
    return top


def _version() -> str:
    from qa import __version__

    return __version__


def _command(commands: Any, name: str, run: Callable[[Any], int], what: str, example: str) -> Any:
    command = commands.add_parser(
        name,
        help=what,
        description=what,
        epilog=f"例 example:  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def _add_index_option(command: Any) -> None:
    command.add_argument(
        "--index",
        metavar="DIR",
        default=DEFAULT_INDEX,
        help=f"索引文件夹 index folder (default: {DEFAULT_INDEX})",
    )


def _add_reader_option(command: Any) -> None:
    command.add_argument("--reader", metavar="NAME", help="阅读模型的文件夹 folder of another reader")


# -- index -------------------------------------------------------------------------------------------


def _add_index(commands: Any) -> None:
    command = _command(
        commands,
        "index",
        _index,
        "建立或更新索引 add or update articles in the index",
        "qa index corpus/articles --index index",
    )
    command.add_argument("paths", metavar="PATH", nargs="*", help="文章文件或文件夹 article files or folders")
    _add_index_option(command)
    command.add_argument("--encoder", metavar="NAME", help="句向量模型 any sentence-transformers model")
    command.add_argument("--encoding", metavar="NAME", help="文件编码 encoding of the files, if known")
    command.add_argument("--dictionary", metavar="FILE", help="jieba 用户词典 jieba user dictionary")
    command.add_argument(
        "--remove", metavar="PATH", action="append", default=[], help="移除一个 PATH take a PATH out"
    )
    command.add_argument("--rebuild", action="store_true", help="全部重建 start over")
    command.add_argument(
        "--strict", action="store_true", help="有拒收则退出码 1 exit 1 if a file was refused"
    )
    command.add_argument("--json", action="store_true", help="以 JSON 输出 summary as JSON")


def _index(args: Any) -> int:
    from pathlib import Path

    from qa.indexing import Plan, build_index, remove_paths
    from qa.terminal import summary_lines

    if args.remove and (args.paths or args.rebuild or args.encoder or args.encoding or args.dictionary):
        raise InputError("--remove goes alone with --index; run it first, and then the rest")
    with _Bar() as bar:
        if args.remove:
            summary = remove_paths(args.remove, args.index, on_progress=bar.show)
        else:
            dictionary = Path(args.dictionary) if args.dictionary else None
            plan = Plan(args.encoder, args.encoding, dictionary, args.rebuild)
            paths = args.paths or _first_articles(args.index)
            summary = build_index(paths, args.index, plan=plan, on_progress=bar.show)
    if args.json:
        _print_json(summary.to_dict())
    else:
        _print_lines(summary_lines(summary))
    return 1 if args.strict and summary.refused else 0


def _first_articles(index: str) -> list[str]:
    """What a new index is made of when no PATH is given."""
    from pathlib import Path

    fresh = not (Path(index) / "manifest.json").exists()
    return [DEFAULT_ARTICLES] if fresh and Path(DEFAULT_ARTICLES).is_dir() else []


# -- ask, search -------------------------------------------------------------------------------------


def _add_question(command: Any, k: int, what: str) -> None:
    command.add_argument("question", metavar="QUESTION", help="问题；- 则从标准输入逐行读 the question, or -")
    _add_index_option(command)
    command.add_argument(
        "--history",
        metavar="QUESTION",
        action="append",
        default=[],
        help="先前的问题，可多次 an earlier question",
    )
    command.add_argument("--top-k", metavar="N", type=_positive, default=k, help=f"{what} (default: {k})")
    command.add_argument("--source", metavar="GLOB", help="只问这些来源 only these sources")
    command.add_argument("--after", metavar="DATE", help="只问此日期及以后的文章 only articles since")
    command.add_argument("--before", metavar="DATE", help="只问此日期及以前的文章 only articles until")
    command.add_argument("--json", action="store_true", help="以 JSON 输出 as JSON")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000")
    return int(text)


def _unit(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _add_ask(commands: Any) -> None:
    command = _command(
        commands,
        "ask",
        _ask,
        "提问，得到带出处的原文 ask; exit 1 if the articles do not tell",
        'qa ask "上海是哪一年启动区块链技术应用试点的?"',
    )
    _add_question(command, 5, "显示的段落数 passages shown")
    command.add_argument("--threshold", metavar="X", type=_unit, help="低于此把握则不答 abstain below this")
    _add_reader_option(command)
    command.add_argument("--explain", action="store_true", help="显示排名与用时 show ranks and timings")


def _ask(args: Any) -> int:
    from qa.terminal import answer_lines, explanation_lines

    if args.question == "-":
        return _ask_lines(args)
    with _assistant(args.index, args.reader) as assistant:
        answer = assistant.ask(
            args.question,
            args.history,
            top_k=args.top_k,
            threshold=args.threshold,
            filters=_filters(args),
        )
    if args.json:
        _print_json(answer.to_dict())
    else:
        _print_lines(answer_lines(answer))
        if args.explain:
            _print_lines(explanation_lines(answer))
    return 1 if answer.abstained else 0


def _ask_lines(args: Any) -> int:
    """Each line of standard input is a question or an object; each gives one line of JSON, in order."""
    filters = _filters(args)
    with _assistant(args.index, args.reader) as assistant:
        for line in sys.stdin.buffer:
            asked: dict[str, Any] = {}
            try:
                asked.update(_object(line))
                answer = assistant.ask(
                    *_asked(asked, args.history),
                    top_k=args.top_k,
                    threshold=args.threshold,
                    filters=filters,
                ).to_dict()
            except QaError as error:
                answer = {"error": " ".join(str(error).split())}
            _print_json({"id": asked["id"], **answer} if "id" in asked else answer)
            sys.stdout.flush()
    return 0


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


def _add_search(commands: Any) -> None:
    command = _command(
        commands,
        "search",
        _search,
        "只检索段落 ranked passages only; exit 1 if none",
        'qa search "区块链城市的特征"',
    )
    _add_question(command, 10, "段落数 passages")


def _search(args: Any) -> int:
    from qa.terminal import hit_lines
    from qa.types import hit_to_dict

    with _assistant(args.index) as assistant:
        hits = assistant.search(args.question, args.history, k=args.top_k, filters=_filters(args))
    if args.json:
        _print_json({"question": args.question, "passages": [hit_to_dict(hit) for hit in hits]})
    else:
        _print_lines(hit_lines(hits))
    return 0 if hits else 1


def _filters(args: Any) -> Filters:
    from qa.answering import Filters

    return Filters(args.source, args.after, args.before)


def _assistant(index: str, reader: str | None = None) -> Assistant:
    """The assistant over ``index``; the default index is built first if there is none."""
    from pathlib import Path

    from qa.answering import Assistant

    if index == DEFAULT_INDEX and not (Path(index) / "manifest.json").exists():
        _build_default()
    return Assistant.open(index, reader=reader)


def _build_default() -> None:
    from pathlib import Path

    from qa.indexing import build_index

    if not Path(DEFAULT_ARTICLES).is_dir():
        raise InputError(f"{DEFAULT_INDEX}: there is no index here; make one: qa index PATH")
    print(f"qa: 首次使用，先为 {DEFAULT_ARTICLES} 建立索引 building the index first …", file=sys.stderr)
    with _Bar() as bar:
        build_index(DEFAULT_ARTICLES, DEFAULT_INDEX, on_progress=bar.show)


# -- eval, verify --------------------------------------------------------------------------------------


def _add_eval(commands: Any) -> None:
    command = _command(
        commands,
        "eval",
        _eval,
        "用标注问题评测 evaluate on labelled questions; exit 1 if --fail-if holds",
        "qa eval corpus/questions.jsonl",
    )
    command.add_argument("labels", metavar="LABELS", help="标注问题文件 labelled questions")
    command.add_argument("--index", metavar="DIR", help=f"索引文件夹 index folder (default: {DEFAULT_INDEX})")
    command.add_argument(
        "--gold-passage",
        action="store_true",
        help="直接给出标注段落，不检索 give the reader the labelled paragraph",
    )
    command.add_argument(
        "--squad-corpus", action="store_true", help="以标注文件自己的段落为库 index the file's own paragraphs"
    )
    command.add_argument("--threshold", metavar="X", type=_unit, help="低于此把握则不答 abstain below this")
    command.add_argument("--split", metavar="NAME", help="只用这一部分 only questions of this split")
    _add_reader_option(command)
    command.add_argument(
        "--json", metavar="FILE", help="整个运行写入 FILE the whole run as JSON; - for stdout"
    )
    command.add_argument("--baseline", metavar="RUN.json", help="与此运行比较 the run to compare with")
    command.add_argument("--fail-if", metavar="EXPR", action="append", default=[], help='如 as in "F1<0.8"')


def _eval(args: Any) -> int:
    from pathlib import Path

    from qa import runs

    baseline = runs.load_run(Path(args.baseline)) if args.baseline else None
    run = _run(args)
    failed = [rule for rule in args.fail_if if runs.fail_if(run, rule, baseline)]
    if args.json == "-":
        print(runs.to_json(run), end="")
    else:
        if args.json:
            Path(args.json).write_text(runs.to_json(run), encoding="utf-8")
        print(runs.table(run))
    for rule in failed:
        print(f"qa: --fail-if {rule} 成立 holds", file=sys.stderr)
    return 1 if failed else 0


def _run(args: Any) -> dict[str, Any]:
    """The run that the options ask for."""
    from pathlib import Path

    from qa import evaluation, labels

    questions = labels.read(Path(args.labels))
    if args.split is not None:
        kept = tuple(question for question in questions.questions if question.split == args.split)
        if not kept:
            raise InputError(f"{args.labels}: no question has the split {args.split!r}")
        questions = replace(questions, questions=kept)
    with _Bar() as bar:
        progress = partial(bar.show, "eval")
        if args.gold_passage:
            from qa.answering import PassageReading

            reading = PassageReading(args.reader)
            threshold = 0.0 if args.threshold is None else args.threshold
            run = evaluation.evaluate_gold(
                questions, reading, reader=reading.reader.name, threshold=threshold, on_progress=progress
            )
        else:
            with _evaluated(args, questions, bar) as assistant:
                run = evaluation.evaluate(
                    questions, assistant, threshold=args.threshold, on_progress=progress
                )
    return run.to_dict()


@contextmanager
def _evaluated(args: Any, questions: LabelSet, bar: _Bar) -> Iterator[Assistant]:
    """The assistant over the index that is evaluated; with --squad-corpus it is made first."""
    if not args.squad_corpus:
        with _assistant(args.index or DEFAULT_INDEX, args.reader) as assistant:
            yield assistant
        return
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from qa.answering import Assistant
    from qa.indexing import index_articles
    from qa.labels import paragraph_articles

    paragraphs = paragraph_articles(questions)
    if not paragraphs:
        raise InputError(f"{args.labels}: carries no paragraphs to index; run it without --squad-corpus")
    with TemporaryDirectory() as temporary:
        folder = args.index or temporary
        index_articles(paragraphs, Path(args.labels), folder, on_progress=bar.show)
        with Assistant.open(folder, reader=args.reader) as assistant:
            yield assistant


def _add_verify(commands: Any) -> None:
    command = _command(
        commands,
        "verify",
        _verify,
        "核对引文与原文件 check quotes against their files; exit 1 if one does not hold",
        "qa ask … --json | qa verify -",
    )
    command.add_argument(
        "file", metavar="FILE", help="回答或评测运行；- 为标准输入 answers or a run; - for stdin"
    )
    command.add_argument("--root", metavar="DIR", help="来源文件所在的文件夹 folder the sources lie in")
    _add_index_option(command)
    command.add_argument("--json", action="store_true", help="以 JSON 输出 as JSON")


def _verify(args: Any) -> int:
    from pathlib import Path

    from qa.verification import answers, verify

    name = "standard input" if args.file == "-" else args.file
    raw = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is not UTF-8; give the output of `qa ask --json`") from error
    locate = _locate(args)
    verdicts = [verdict for answer in answers(text, name) for verdict in verify(answer, locate)]
    broken = [verdict for verdict in verdicts if not verdict.holds]
    if args.json:
        rows = [
            {"source": v.source, "quote": v.quote, "holds": v.holds, "reason": v.reason} for v in verdicts
        ]
        _print_json({"citations": len(verdicts), "broken": len(broken), "verdicts": rows})
    else:
        _print_lines(f"不符 broken {v.source}: {v.quote!r}: {v.reason}" for v in broken)
        print(f"引文 citations {len(verdicts)}，相符 hold {len(verdicts) - len(broken)}")
    return 1 if broken else 0


def _locate(args: Any) -> Callable[[str], Path]:
    from pathlib import Path

    from qa.index import Generation

    if args.root is None:
        return Generation.open(Path(args.index)).file_path
    root = Path(args.root)
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; name the one that the sources lie in")
    return partial(_under, root)


def _under(root: Path, source: str) -> Path:
    """Where ``source`` lies under ``root``. Raises InputError for one that leads out of it."""
    path = root / source
    if not path.is_relative_to(root) or ".." in path.parts[len(root.parts) :]:
        raise InputError(f"{source}: does not lie under {root}")
    return path


# -- serve, doctor -------------------------------------------------------------------------------------


def _add_serve(commands: Any) -> None:
    command = _command(
        commands,
        "serve",
        _serve,
        "网页问答与 HTTP 接口 the web chat and the HTTP API",
        "qa serve --port 7860",
    )
    command.add_argument("--host", metavar="H", default="127.0.0.1", help="地址 address (default: 127.0.0.1)")
    command.add_argument("--port", metavar="P", type=_port, default=7860, help="端口 port (default: 7860)")
    _add_index_option(command)
    _add_reader_option(command)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _serve(args: Any) -> int:
    from qa.server import serve

    with _assistant(args.index, args.reader) as assistant:
        serve(assistant, host=args.host, port=args.port)
    return 0


def _add_doctor(commands: Any) -> None:
    command = _command(
        commands,
        "doctor",
        _doctor,
        "检查安装、模型与索引 check the installation, models and index",
        "qa doctor",
    )
    _add_index_option(command)
    command.add_argument("--json", action="store_true", help="以 JSON 输出 as JSON")


def _doctor(args: Any) -> int:
    from pathlib import Path

    from qa.doctor import examine, healthy

    findings = examine(Path(args.index))
    if args.json:
        _print_json(findings)
    else:
        for section, rows in findings.items():
            print(section)
            _print_lines(f"  {name}: {value}" for name, value in rows.items())
    return 0 if healthy(findings) else 2


# -- output ------------------------------------------------------------------------------------------


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_json(value: object) -> None:
    import json

    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not unicode))


class _Bar:
    """Progress on standard error, only where that is a terminal."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def show(self) -> Progress:
        """Called with stage, done, total."""
        return self._show

    def _show(self, stage: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        if stage != self._stage:
            self._close()
            from tqdm import tqdm

            self._stage = stage
            self._bar = tqdm(total=total, desc=stage, file=sys.stderr, leave=False)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
