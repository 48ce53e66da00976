"""Who wrote an article and where it was taken from, as its first and last lines say.

来源：人民网  作者：张三        本报记者 李四 王五        （记者刘仲华、张慧中）        新华社北京3月5日电
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qa.furniture import prose
from qa.outline import Outline

__all__ = ["Byline", "byline_of", "named"]

FIRST = 12  # lines from the top …
LAST = 6  # … and from the end that are looked at
SHORT = 100  # characters of a line that is nothing but a byline
LONGEST = 60  # characters of a name that markup states
OPENING = 80  # characters of a report's first line in which its reporters are named …
CLOSING = 60  # … or of its last

_NAME = r"[\u3400-\u9fff]{2,4}(?:[·•][\u3400-\u9fff]{1,6}){0,3}"
_NAMES = rf"{_NAME}(?:\s*[、，,/\s]\s*{_NAME}){{0,4}}"
_LATIN = r"[A-Z][A-Za-z.'\-]+(?:\s[A-Z][A-Za-z.'\-]+){0,3}"
_EDGE = r"(?=$|[\s)）】\]|｜，,。;；:：]|摄|报道|報道|报导)"
_WRITER = r"(?:作\s*者|撰\s*文|文|记\s*者|記\s*者|撰稿|编译|編譯|通讯员|通訊員)"
_KEYED = re.compile(
    rf"(?:^|[\s　|｜(（\[【])[\u3400-\u9fff]{{0,4}}?{_WRITER}\s*[:：/／|｜]\s*({_NAMES}|{_LATIN}){_EDGE}"
)
_REPORTER = re.compile(
    rf"(?:^|[(（\s])(?:[\u3400-\u9fff]{{0,8}}?)(?:记者|記者)\s*(?:[:：]\s*)?({_NAMES})(?=[)）\s。]|$|通讯员|通訊員|报道|報道|文/|摄)"
)
# A report signed at its end: （记者 李四 通讯员 王五）. Without a space, a common surname must tell.
_SURNAMES = (
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖田董袁潘蒋蔣蔡余杜叶葉程苏蘇"
    "魏吕呂丁沈姚卢盧姜崔钟鐘谭譚陆陸汪范金廖贾賈夏韦韋邹鄒孟熊秦邱尹薛闫閻段雷侯龙龍史陶黎贺賀顾顧毛郝龚龔邵钱錢严嚴覃武戴莫孔汤湯"
)
_SIGNED = re.compile(
    r"[(（][\u3400-\u9fff]{0,8}?(?:记者|記者|作者|撰文|撰稿)"
    rf"(?:\s*[:：\s]\s*|(?=[{_SURNAMES}]))({_NAMES})[^()（）]{{0,20}}[)）]\W*$"
)
_ORIGIN = re.compile(
    r"(?:^|[\s　|｜(（\[【])(?:文章|信息|新闻|稿件|本文)?"
    r"(?:来\s*源|來\s*源|稿源|原载|原載|转载自|轉載自|出处|出處)(?:于|於)?\s*[:：]?\s*[《“「]?("
    r"[A-Za-z0-9\u3400-\u9fff·.\-]{2,24})"
)
_ORIGIN_MARKED = re.compile(r"[:：《]|(?:转载自|轉載自|原载|原載)")
_AGENCY = re.compile(
    r"^[\s（(【\[]*([\u3400-\u9fff]{1,6}(?:社|日报|晚报|早报|时报|快报|商报|青年报|日報|晚報|時報|网|網|电视台))"
    r"[\u3400-\u9fff]{0,8}\s*(?:(?:19|20)\d\d年)?\d{1,2}月\d{1,2}日\s*(?:电|電|讯|訊|消息)"
)
# Words that stand where a name would, and what comes behind a name without a space.
_NO_NAME = re.compile(
    r"来源|來源|编辑|編輯|发布|發佈|时间|時間|日期|浏览|阅读|点击|单位|佚名|未知|不详|不詳|匿名|网络|網絡|本站|原创|管理员|通讯员|通訊員|从|表示|了解|获悉|采访|獲悉|採訪|admin",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[、，,/\s]+")


@dataclass(frozen=True, slots=True)
class Byline:
    """``author``: names with a 、 between them; ``origin``: the paper, agency or site; None where untold."""

    author: str | None = None
    origin: str | None = None


def byline_of(made: Outline, *, author: str | None = None, origin: str | None = None) -> Byline:
    """The byline of an article, from lines that are one, and from the opening of its first paragraph.

    What markup states as ``author`` and ``origin`` goes before, unless it stands for nobody.
    """
    author, origin = named(author), named(origin)
    for text, running in _lines(made):
        if running:
            author = author or _found(_REPORTER, text[:OPENING])
            agency = _AGENCY.match(text)
            origin = origin or (None if agency is None else agency[1])
        else:
            author = author or _found(_KEYED, text) or _found(_REPORTER, text)
            origin = origin or _origin(text)
    return Byline(author or _found(_SIGNED, _last(made)[-CLOSING:]), origin)


def named(text: str | None) -> str | None:
    """A name that markup states, cleaned; None where it is empty, an address, or stands for nobody."""
    name = " ".join((text or "")[:200].split())
    fits = 0 < len(name) <= LONGEST and "/" not in name and not _NO_NAME.search(name)
    return name if fits else None


def _lines(made: Outline) -> Iterator[tuple[str, bool]]:
    """The lines at both ends that can tell, with whether they are running text."""
    rows = [
        (row.line.text.strip(), kind)
        for row, kind in zip(made.placed, made.kinds, strict=True)
        if row.line.text.strip()
    ]
    opened = False
    for at, (text, kind) in enumerate(rows):
        if FIRST <= at < len(rows) - LAST:
            continue
        running = kind == "text" and prose(text)
        if running and (opened or at >= FIRST):
            continue
        opened = opened or running
        if running or len(text) <= SHORT:
            yield text, running


def _last(made: Outline) -> str:
    """The last line of the text proper; empty where there is none."""
    rows = zip(reversed(made.placed), reversed(made.kinds), strict=True)
    return next((text for row, kind in rows if kind == "text" and (text := row.line.text.strip())), "")


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    """The names that ``pattern`` finds, without words that are none."""
    found = pattern.search(text)
    if found is None:
        return None
    if found[1].isascii():
        return None if _NO_NAME.search(found[1]) else found[1]
    names = []
    for name in _PARTS.split(found[1]):
        if _NO_NAME.search(name):
            break
        names.append(name)
    return "、".join(names) or None


def _origin(text: str) -> str | None:
    found = _ORIGIN.search(text)
    if found is None or not _ORIGIN_MARKED.search(found[0]) or _NO_NAME.search(found[1]):
        return None
    return found[1].rstrip(".-·")
