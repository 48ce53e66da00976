"""`qa verify` and `qa doctor`: do quotes hold, is everything there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qa.commands.options import add_index_option, command
from qa.commands.output import print_json, print_lines
from qa.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["add_doctor", "add_verify"]


def add_verify(commands: Any) -> None:
    """`qa verify`."""
    made = command(
        commands,
        "verify",
        _verify,
        "核对引文与原文件 check quotes against their files; exit 1 if one does not hold",
        "qa ask … --json | qa verify -",
    )
    made.add_argument(
        "file", metavar="FILE", help="回答或评测运行；- 为标准输入 answers or a run; - for stdin"
    )
    made.add_argument("--root", metavar="DIR", help="来源文件所在的文件夹 folder the sources lie in")
    add_index_option(made)
    made.add_argument("--json", action="store_true", help="以 JSON 输出 as JSON")


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
        print_json({"citations": len(verdicts), "broken": len(broken), "verdicts": rows})
    else:
        print_lines(f"不符 broken {v.source}: {v.quote!r}: {v.reason}" for v in broken)
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


def add_doctor(commands: Any) -> None:
    """`qa doctor`."""
    made = command(
        commands,
        "doctor",
        _doctor,
        "检查安装、模型与索引 check the installation, models and index",
        "qa doctor",
    )
    add_index_option(made)
    made.add_argument(
        "--recall", action="store_true", help="重测向量索引的召回率 measure the vector index's recall anew"
    )
    made.add_argument("--json", action="store_true", help="以 JSON 输出 as JSON")


def _doctor(args: Any) -> int:
    from pathlib import Path

    from qa.doctor import examine, healthy

    findings = examine(Path(args.index), measure=args.recall)
    if args.json:
        print_json(findings)
    else:
        for section, rows in findings.items():
            print(section)
            print_lines(f"  {name}: {value}" for name, value in rows.items())
    return 0 if healthy(findings) else 2
