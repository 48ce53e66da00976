"""`qa index`."""

from __future__ import annotations

from typing import Any

from qa.commands.options import DEFAULT_ARTICLES, add_index_option, command
from qa.commands.output import Bar, print_json, print_lines
from qa.errors import InputError

__all__ = ["add_index"]


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
    made.add_argument("--encoder", metavar="NAME", help="句向量模型 any sentence-transformers model")
    made.add_argument("--encoding", metavar="NAME", help="文件编码 encoding of the files, if known")
    made.add_argument("--dictionary", metavar="FILE", help="jieba 用户词典 jieba user dictionary")
    made.add_argument(
        "--remove", metavar="PATH", action="append", default=[], help="移除一个 PATH take a PATH out"
    )
    made.add_argument("--rebuild", action="store_true", help="全部重建 start over")
    made.add_argument("--strict", action="store_true", help="有拒收则退出码 1 exit 1 if a file was refused")
    made.add_argument("--json", action="store_true", help="以 JSON 输出 summary as JSON")


def _index(args: Any) -> int:
    from pathlib import Path

    from qa.indexing import Plan, build_index, remove_paths
    from qa.terminal import summary_lines

    if args.remove and (args.paths or args.rebuild or args.encoder or args.encoding or args.dictionary):
        raise InputError("--remove goes alone with --index; run it first, and then the rest")
    with Bar() as bar:
        if args.remove:
            summary = remove_paths(args.remove, args.index, on_progress=bar.show)
        else:
            dictionary = Path(args.dictionary) if args.dictionary else None
            plan = Plan(args.encoder, args.encoding, dictionary, args.rebuild)
            paths = args.paths or _first_articles(args.index)
            summary = build_index(paths, args.index, plan=plan, on_progress=bar.show)
    if args.json:
        print_json(summary.to_dict())
    else:
        print_lines(summary_lines(summary))
    return 1 if args.strict and summary.refused else 0


def _first_articles(index: str) -> list[str]:
    """What a new index is made of when no PATH is given."""
    from pathlib import Path

    fresh = not (Path(index) / "manifest.json").exists()
    return [DEFAULT_ARTICLES] if fresh and Path(DEFAULT_ARTICLES).is_dir() else []
