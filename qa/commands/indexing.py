"""`qa index` and `qa articles`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from qa.commands.options import DEFAULT_ARTICLES, add_index_option, add_store_option, command
from qa.commands.output import Bar, print_json, print_lines, say
from qa.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from qa.errors import QaError
    from qa.indexing import Plan, Summary
    from qa.milvus.pushing import Pushed

__all__ = ["add_articles", "add_index"]


def add_index(commands: Any) -> None:
    """`qa index`."""
    made = command(
        commands,
        "index",
        _index,
        "建立或更新索引 add or update articles in the index",
        "qa index corpus/articles --index index",
    )
    made.add_argument("paths", metavar="PATH", nargs="*", help="文章文件或文件夹 article files or folders")
    add_index_option(made)
    add_store_option(made, dest="store")
    made.add_argument(
        "--encoder",
        metavar="NAME",
        help="句向量模型 static（快而弱 quick, weaker）, any sentence-transformers model",
    )
    made.add_argument("--encoding", metavar="NAME", help="文件编码 encoding of the files, if known")
    made.add_argument(
        "--lines",
        action=argparse.BooleanOptionalAction,
        help="纯文本每行一篇 each line of a plain text file is an article",
    )
    made.add_argument("--dictionary", metavar="FILE", help="jieba 用户词典 jieba user dictionary")
    made.add_argument(
        "--remove", metavar="PATH", action="append", default=[], help="移除一个 PATH take a PATH out"
    )
    made.add_argument("--rebuild", action="store_true", help="全部重读重建 read everything, start over")
    made.add_argument(
        "--dry-run", action="store_true", help="只说明会做什么 tell what would happen, write nothing"
    )
    made.add_argument("--watch", action="store_true", help="持续跟随文件变化 go on as the files change")
    made.add_argument("--strict", action="store_true", help="有拒收则退出码 1 exit 1 if a file was refused")
    made.add_argument("--json", action="store_true", help="以 JSON 输出 summary as JSON")


def add_articles(commands: Any) -> None:
    """`qa articles`."""
    made = command(
        commands,
        "articles",
        _articles,
        "列出索引中的文章 list what is in the index",
        "qa articles --index index",
    )
    add_index_option(made)
    made.add_argument("--json", action="store_true", help="每篇一行 JSON one JSON object an article")


def _index(args: Any) -> int:
    from pathlib import Path

    from qa.indexing import Plan

    dictionary = Path(args.dictionary) if args.dictionary else None
    plan = Plan(args.encoder, args.encoding, dictionary, args.rebuild, lines=args.lines, dry_run=args.dry_run)
    if args.remove and (args.paths or args.watch or plan != Plan(dry_run=args.dry_run)):
        raise InputError("--remove goes alone with --index; run it first, and then the rest")
    if args.watch and args.dry_run:
        raise InputError("--watch and --dry-run do not go together; leave one out")
    if args.store and (args.watch or args.dry_run):
        raise InputError("--store does not go with --watch or --dry-run; leave one out")
    if args.watch:
        return _watch(args, plan)
    with Bar() as bar:
        summary = _summary(args, plan, bar)
        pushed = _pushed(args, bar)
    _print(summary, args.json, dry=args.dry_run, pushed=pushed)
    return 1 if args.strict and summary.refused else 0


def _summary(args: Any, plan: Plan, bar: Bar) -> Summary:
    from qa.indexing import build_index, remove_paths

    if args.remove:
        return remove_paths(args.remove, args.index, plan=plan, on_progress=bar.show)
    paths = args.paths or _first_articles(args.index)
    return build_index(paths, args.index, plan=plan, on_progress=bar.show)


def _pushed(args: Any, bar: Bar) -> Pushed | None:
    """The index into the store, if one is named."""
    if not args.store:
        return None
    from pathlib import Path

    from qa.milvus.pushing import push

    return push(Path(args.index), args.store, on_progress=bar.show)


def _print(summary: Summary, json: bool, *, dry: bool = False, pushed: Pushed | None = None) -> None:
    from qa.terminal import summary_lines

    if json:
        print_json(summary.to_dict() | ({} if pushed is None else {"store": pushed.to_dict()}))
        return
    if dry:
        print_lines(["试运行，什么也没有写 dry run, nothing was written:"])
    print_lines(summary_lines(summary))
    if pushed is not None:
        print_lines([pushed.line()])


def _watch(args: Any, plan: Plan) -> int:
    """Until it is interrupted, which is how it ends well."""
    from pathlib import Path

    from qa.watching import watch

    paths: list[Path] = [Path(path) for path in args.paths or _first_articles(args.index)]

    def report(told: Summary | QaError) -> None:
        import sys

        _report(told, args.json)
        sys.stdout.flush()

    try:
        watch(paths, Path(args.index), plan=plan, report=report)
    except KeyboardInterrupt:
        say("qa: 不再跟随 stopped watching")
    return 0


def _report(told: Summary | QaError, json: bool) -> None:
    from datetime import datetime

    from qa.indexing import Summary
    from qa.terminal import refresh_line

    if not isinstance(told, Summary):
        say("qa: " + " ".join(str(told).split()))
    elif json:
        print_json(told.to_dict())
    else:
        now = datetime.now().astimezone()
        print_lines([f"{now:%H:%M:%S}  {refresh_line(told)}"])


def _articles(args: Any) -> int:
    from pathlib import Path

    from qa.catalogue import entries
    from qa.index import Generation
    from qa.terminal import entry_lines

    generation = Generation.open(Path(args.index))
    try:
        for entry in entries(generation):
            if args.json:
                print_json(entry.to_dict())
            else:
                print_lines(entry_lines(entry))
        if not args.json:
            counts = generation.manifest.counts
            print_lines([f"共 {counts['articles']} 篇 articles，{counts['passages']} 段 passages"])
    finally:
        generation.close()
    return 0


def _first_articles(index: str) -> list[str]:
    """What a new index is made of when no PATH is given."""
    from pathlib import Path

    fresh = not (Path(index) / "manifest.json").exists()
    return [DEFAULT_ARTICLES] if fresh and Path(DEFAULT_ARTICLES).is_dir() else []
