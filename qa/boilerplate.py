"""What the articles of a folder share word for word at their ends: notices, advertisements, closing lines.

``furniture`` knows such lines by their shape, and what it does not know it keeps. Here articles are compared
with each other instead: ``keys`` of each one, few enough to be stored; ``repeated`` tells which of all the
keys of a folder are boilerplate; ``left_out`` finds their places in an article, and ``parted`` takes them
out of its blocks. Its text stays as it is, so that no offset moves.

Nothing that could be asked for is lost. What does not speak of the publication itself must stand in nearly
every article. A whole sentence, or a telephone number, stays in the first article that says it. A field
(主持人：李明) is never boilerplate, and reprints of one article count once, but for their notices.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qa.furniture import prose
from qa.text import fold, sentences, trim
from qa.types import Article, Block, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GONE", "keys", "left_out", "needed", "parted", "repeated"]

FIRST = 6  # sentences from the start of an article that are compared …
LAST = 12  # … and from its end
SHORTEST = 4  # letters, digits and Han characters; shorter ones say nothing and cost nothing
LEAST = 5  # articles
TIMES = 2.0  # times the square root of the folder's articles, for a notice
SHARE = 0.8  # of the folder's articles, for anything else
MOST = 0.5  # share of an article's text that may go beside notices

# What a key tells beside the words that it stands for.
NOTICE = 1  # speaks of the publication: rights, advertisements, how to reach it
KEPT = 2  # could be asked for: stays in the first article
PART = 4  # of an article that is a part of a file
GONE = 8  # is left out here; set by who stores keys
_TOLD = 15

# All patterns are for folded text: simplified, small letters, half-width marks. Each alternative begins with
# a plain letter, so that the search can skip to those letters.
_NOTICE = re.compile(
    r"版权|©|copyright|icp备|公网安备|侵权|免责|声明:|特此声明|本声明|转载|立场无关|不代表.{0,12}(?:立场|观点)|仅代表"
    r"|仅供.{0,6}(?:参考|学习|交流|内部)|不构成.{0,8}(?:建议|承诺|要约)|入市.{0,8}谨慎|投资.{0,8}谨慎"
    r"|未经.{0,8}(?:授权|许可|允许|同意)|注明(?:来源|出处)|来源:|内部资料|请勿.{0,4}(?:外传|传播|转发)|不得外传"
    r"|扫码|扫一扫|扫描|二维码|公众号|微信号|小程序|关注我们|欢迎.{0,6}(?:关注|订阅|来稿|投稿|转发)"
    r"|点击.{0,8}(?:查看|阅读|关注|下载|进入|蓝字|链接)|请点击|下载.{0,16}(?:app|客户端)|app.{0,4}下载|客户端.{0,4}下载"
    r"|分享[到至给]|阅读原文|查看更多|更多.{0,8}(?:精彩|资讯|内容|信息|新闻|报道)|相关阅读|推荐阅读|上一篇|下一篇"
    r"|返回.{0,2}(?:首页|顶部|列表|目录|搜狐)|报料|爆料|新闻线索|投稿|热线[^,。;]{0,8}[\da-z]{3}|电话[^,。;]{0,8}[\da-z]{3}|手机[^,。;]{0,8}[\da-z]{3}|传真[^,。;]{0,8}[\da-z]{3}|邮箱[^,。;]{0,8}[\da-z]{3}|邮编[^,。;]{0,8}[\da-z]{3}|邮政编码[^,。;]{0,8}[\da-z]{3}|qq[^,。;]{0,8}[\da-z]{3}"
    r"|新闻热线|客服热线|咨询热线|服务热线|举报热线|投诉热线|客服电话|咨询电话|服务电话|举报电话|投诉电话"
    r"|联系我们|联系方式|与本[站网报刊].{0,2}联系|https?:|www\."
    r"|责任编辑|责编|编辑:|校对:|广告(?:声明|投放|合作)|赞助播出"
    r"|本站|本网|本刊|本公众号|本栏目|本文(?:仅|来自|由|为|系|转|作者|内容|所)|感谢您?的?(?:阅读|观看|收看|关注)"
)
_RIGHTS = re.compile(r"版权|©|copyright|icp备|公网安备|侵权|未经.{0,8}许可")
_ASKED = re.compile(r"\d{5}|\d{3}-\d{3}|\w@\w")  # a telephone number, a post code, an address
_FIELD = re.compile(r"[^:。,]{1,12}:")
_ROW = re.compile(r"\brow \d+$")


def needed(articles: int, *, notice: bool) -> int:
    """In how many of a folder's ``articles`` a sentence stands if it is boilerplate.

    For notices the share falls as the folder grows (all of 5, 20 of 100, 350 of 30,000): a folder of many
    sites holds a few of each.
    """
    least = TIMES * math.sqrt(articles) if notice else SHARE * articles
    return max(LEAST, math.ceil(least))


def keys(article: Article) -> tuple[int, ...]:
    """A 64-bit number for each distinct sentence at the two ends of the running text that is compared.

    At most ``FIRST + LAST``, sorted. White space does not count. Rows of a table have none: what they share
    are values.
    """
    if article.element is not None and _ROW.search(article.element):
        return ()
    found = {_key(span.of(article.text), article) for span in _ends(article)}
    return tuple(sorted(found - {0}))


def repeated(
    rows: NDArray[np.int64], found: NDArray[np.uint64], folders: NDArray[np.int64], groups: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the keys ``found``, each of the article in its one of ``rows``, are left out there: bool (n,).

    ``folders``, ``groups``: by article row, numbers of its folder and of its group of reprints, from 0.
    Parts of files are compared with each other only.
    """
    import numpy as np

    gone = np.zeros(len(rows), dtype=bool)
    if not len(rows):
        return gone
    notice = (found & np.uint64(NOTICE)) != 0
    unit = folders[rows] * 2 + ((found & np.uint64(PART)) != 0)
    articles, differing = _sizes(unit, rows), _sizes(unit, groups[rows])
    group = np.where(notice, rows, groups[rows])
    order = np.lexsort((group, unit, found))
    ranked, unit, group = found[order], unit[order], group[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (ranked[1:] != ranked[:-1]) | (unit[1:] != unit[:-1])
    counted = new.copy()
    counted[1:] |= group[1:] != group[:-1]
    starts = np.flatnonzero(new)
    told = notice[order][starts]
    size = np.where(told, articles[unit[starts]], differing[unit[starts]])
    least = [needed(many, notice=one) for many, one in zip(size.tolist(), told.tolist(), strict=True)]
    shared = np.add.reduceat(counted, starts, dtype=np.int64) >= np.array(least)
    number = np.cumsum(new) - 1
    first = np.minimum.reduceat(rows[order], starts)[number]
    stays = ((ranked & np.uint64(KEPT)) != 0) & (rows[order] == first)
    gone[order] = shared[number] & ~stays
    return gone


def _sizes(unit: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many different groups each unit holds, by its number."""
    import numpy as np

    most = int(group.max()) + 1
    pairs = np.unique(unit * most + group)
    return np.bincount(pairs // most).astype(np.int64)


def left_out(article: Article, gone: Iterable[int]) -> tuple[Span, ...]:
    """The places of the sentences whose keys are ``gone``, in order.

    Filled-in forms share more than ``MOST`` of their text: from them, only notices go. An article is never
    emptied.
    """
    wanted = set(gone)
    found = [
        (span, key) for span in _ends(article) if (key := _key(span.of(article.text), article)) in wanted
    ]
    if not found:
        return ()
    whole = sum(_filled(block.span.of(article.text)) for block in article.blocks)
    if sum(_filled(span.of(article.text)) for span, _ in found) > MOST * whole:
        found = [(span, key) for span, key in found if key & NOTICE]
    if whole - sum(_filled(span.of(article.text)) for span, _ in found) < SHORTEST:
        return ()
    return tuple(span for span, _ in found)


def parted(article: Article, spans: Sequence[Span]) -> Article:
    """``article`` with its blocks parted where ``spans``, in order, are left out of them."""
    if not spans:
        return article
    return replace(article, blocks=tuple(_parted(article, spans)))


def _parted(article: Article, spans: Sequence[Span]) -> Iterator[Block]:
    for block in article.blocks:
        start = block.span.start
        for span in [*(span for span in spans if block.span.covers(span)), None]:
            end = block.span.end if span is None else span.start
            rest = trim(article.text, Span(start, max(start, end)))
            if len(rest):
                yield replace(block, span=rest)
            start = start if span is None else span.end


def _ends(article: Article) -> list[Span]:
    """The sentences at both ends of the running text, in order, each once."""
    found: dict[Block, list[Span]] = {}
    for blocks, most in ((article.blocks, FIRST), (article.blocks[::-1], LAST)):
        count = 0
        for block in blocks:
            if block not in found:
                found[block] = sentences(article.text, block.span)
            count += len(found[block])
            if count >= most:
                break
    spans = [span for block in article.blocks for span in found.get(block, ())]
    return spans if len(spans) <= FIRST + LAST else [*spans[:FIRST], *spans[-LAST:]]


def _key(sentence: str, article: Article) -> int:
    """A number that stands for the words of a sentence; 0 for one that is not compared."""
    words = "".join(sentence.split())
    if sum(map(str.isalnum, words[: 4 * SHORTEST])) < SHORTEST:
        return 0
    kind = _kind(sentence, words)
    if kind is None:
        return 0
    if article.element is not None:
        kind |= PART
    digest = int.from_bytes(
        hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )
    return digest & ~_TOLD | kind


def _kind(sentence: str, words: str) -> int | None:
    """What the key of a sentence tells beside its words; None where it is never boilerplate."""
    folded = fold(words)
    if _NOTICE.search(folded):
        asked = _ASKED.search(folded) and not _RIGHTS.search(folded)
        return NOTICE | KEPT if asked else NOTICE
    if _FIELD.match(folded):
        return None
    return KEPT if prose(sentence) else 0


def _filled(text: str) -> int:
    """How many characters are no white space."""
    return len("".join(text.split()))
