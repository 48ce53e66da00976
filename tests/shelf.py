"""Small articles of every form, and an encoder that remembers what it was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fakes import CharacterEncoder

from qa.types import TextKind

if TYPE_CHECKING:
    from qa.types import Vectors

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "corpus"

SHANGHAI = """---
title: 上海的试点
date: 2021-05-06
---

# 上海的试点

上海在2017年启动了区块链技术应用试点。主管部门说，试点先从金融业做起。

## 试点的目标

市里希望用账本改造贸易融资，让单据少跑路。
"""
BEIJING = """北京的试点

2022年，北京把区块链写进了城市的行动计划。计划要求各区每年报告一次进展。

海淀区承担了其中的政务服务部分，由区里的大数据中心负责建设。
"""
GUANGZHOU = """广州的试点

广州从2019年开始试点，重点放在司法存证上。法院和公证处把证据的摘要写进同一条链，开庭时当场核对。

试点的经费由市财政承担，每年大约两千万元，由工业和信息化部门统一管理和使用。
"""
TAIPEI = """臺北的試點

臺北在2018年開始把學歷證明寫進區塊鏈，由學校和市政府一起維護。畢業生求職的時候，公司可以自己核對證書。

這項服務不收費用，經費由教育局支付，每年大約三百萬元。
"""
SHENZHEN = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>深圳的发票</title></head><body>
<nav><a href="/">首页</a> <a href="/news">新闻</a></nav>
<article><h1>深圳的发票</h1>
<p>2018年8月，深圳开出了全国第一张区块链电子发票。开票的是一家餐厅，金额不大。</p>
<p>税务局说，电子发票省去了排队和报销的麻烦。</p></article>
<footer>版权所有</footer></body></html>
"""
BRIEFS = (
    '{"title": "武汉的短讯", "date": "2020-03-01", '
    '"text": "武汉在2020年成立了区块链产业联盟，首批成员有四十家企业。"}\n'
    '{"title": "南京的短讯", "date": "2021-09-10", '
    '"text": "南京在2021年举办了区块链大赛，一等奖的奖金是五十万元。"}\n'
)


@dataclass
class CountingEncoder:
    """A ``CharacterEncoder`` that remembers which passages it was given."""

    inner: CharacterEncoder = field(default_factory=CharacterEncoder)
    embedded: list[str] = field(default_factory=list)
    on_embed: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def fingerprint(self) -> str:
        return self.inner.fingerprint

    @property
    def dim(self) -> int:
        return self.inner.dim

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        if kind == "passage":
            self.embedded += texts
            if self.on_embed is not None:
                self.on_embed()
        return self.inner.encode(texts, kind)


def fill(folder: Path) -> Path:
    """Write the articles above into ``folder``, each in its own encoding."""
    (folder / "south").mkdir(parents=True)
    (folder / "shanghai.md").write_text(SHANGHAI, encoding="utf-8")
    (folder / "beijing.txt").write_text(BEIJING, encoding="utf-16")
    (folder / "south" / "guangzhou.txt").write_text(GUANGZHOU, encoding="gb18030")
    (folder / "taipei.txt").write_text(TAIPEI, encoding="big5")
    (folder / "shenzhen.html").write_text(SHENZHEN, encoding="utf-8")
    (folder / "briefs.jsonl").write_text(BRIEFS, encoding="utf-8")
    return folder


SOURCES = (
    "beijing.txt",
    "briefs.jsonl",
    "shanghai.md",
    "shenzhen.html",
    "south/guangzhou.txt",
    "taipei.txt",
)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an index by its name, but for the lock and what depends on times: a run that was stopped
    keeps what it had finished.
    """
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".lock", "seen.json") and path.parent.name != "unfinished"
    }
