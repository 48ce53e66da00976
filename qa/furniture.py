"""Which lines of a page are its text, which are headings, and which are the site's own furniture.

The rules look at shapes (a notice of rights, a record number, a run of menu words, a lone timestamp), not
at the words of one site, and they err towards text: a menu that stays costs a little, a sentence that
goes is lost. Formats that know more than the characters (HTML, Markdown) say so in the fields of ``Line``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "Line", "kinds", "numbering", "prose"]

Kind = Literal["text", "heading", "furniture"]

LONGEST = 160  # characters; a longer line is text whatever it holds
HEADING = 40  # characters of a numbered heading
SHORT_HEADING = 28  # characters of a heading that only its shortness shows
LONG_PROSE = 40  # characters of a line that is certainly running text
KEY_WITHIN = 25  # characters from the start in which the first key of a line of metadata stands
MENU_WORD = 8  # characters of a menu entry
MENU_RUN = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line as a format found it, without its newline.

    ``level``  1 to 6 where markup says that it is a heading
    ``kind``   furniture or text where markup settles it, else None
    ``item``   an entry of a list or a table, so that shortness makes no heading of it
    ``bold``   wholly emphasised, as old pages write headings
    ``prose``  inside markup that holds running text only: shortness alone makes no heading of it
    """

    text: str
    level: int | None = None
    kind: Kind | None = None
    item: bool = False
    bold: bool = False
    prose: bool = False


_BULLET = re.compile(r"^[\s•·●○▪■◆◇▶►➤※*+\-–—>]+(?=\S)")
_SPACES = re.compile(r"\s{2,}")
_SENTENCE_END = re.compile(r"[。！？!?；;…][”’」』）)\"']*")
_POINT_END = re.compile(r"[\u3400-\u9fff]\.(?:[\u3400-\u9fff]|\s*$)")  # a full stop typed as a point
_ENDS_OPEN = re.compile(r"[。！!；;,，、:：…?？.][”’」』）)\"']*$")
_HAN = re.compile(r"[\u3400-\u9fff]")
_DATE = r"(?:19|20)\d\d\s*[-/.年]\s*\d{1,2}\s*(?:[-/.月]\s*\d{1,2}\s*日?|月)"
_TIME = r"\d{1,2}:\d{2}(?::\d{2})?"
_STAMP = re.compile(rf"^{_DATE}(?:\s*(?:星期|周)[一二三四五六日])?(\s*{_TIME})?$")

# Words that are only ever buttons and menus. A line made of nothing else is furniture.
_BUTTON_WORDS = """
    首页 首頁 主页 登录 登錄 登入 注册 註冊 退出 搜索 搜尋 打印 列印 关闭 關閉 打印本页 关闭窗口 返回
    返回顶部 返回首页 返回列表 顶部 分享 分享到 收藏 赞 讚 点赞 在看 评论 評論 留言 回复 回覆 取消
    取消回复 发表评论 转发 举报 上一篇 下一篇 上一页 下一页 上一頁 下一頁 上一版 下一版 上一章 下一章
    目录 目錄 放大 缩小 默认 大 中 小 字体 字号 字號 微信 微博 朋友圈 关于我们 關於我們 联系我们
    聯絡我們 网站地图 網站地圖 隐私政策 隱私政策 免责声明 免責聲明 服务条款 广告服务 会员中心 设为首页
    加入收藏 客户端 客户端下载 手机版 电脑版 繁体 简体 繁體 簡體 阅读原文 閱讀原文 查看更多 更多 展开
    收起 全文 友情链接 诚聘英才 招聘信息 版权声明 网站首页 新闻中心 联系方式 QQ空间 English END default
    o 索引
"""
_BUTTONS = frozenset(_BUTTON_WORDS.split())
_ICON_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_BUTTON_SPLIT = re.compile(r"[\s|｜·•,，、/+\-—<>›»:：\[\]【】()（）“”\"«=*]+")

# "key: value" lines that describe the page; values are short and hold no sentence.
_META_KEY = (
    "责任编辑|责编|责任校对|编辑|編輯|校对|审核|监制|排版|美编|来源|來源|稿源|文章来源|信息来源|图片来源|图源|作者|记者|发布人"
    "|发布时间|發佈時間|发布日期|發佈日期|发表时间|发表于|發表於|更新时间|最后更新|时间|日期|浏览次数|浏览量|浏览|瀏覽|阅读次数"
    "|阅读量|阅读|閱讀|点击数|点击量|点击|點擊|评论|评论数|人气|访问量|字体|字号|字體|投稿邮箱|投稿|新闻热线|广告热线|举报电话|站长信箱"
    "|联系邮箱|客服电话|主办|主办单位|承办|承办单位|技术支持|网站标识码|邮编|主编|副主编|策划|终审|二审|一审|初审"
)
_META = re.compile(rf"(?:^|[\s　|(（\[【])(?:{_META_KEY})\s*[:：]")
_META_ALONE = re.compile(
    r"^[(（\[【]?(?:责任编辑|责编|编辑|校对|审核|来源|來源|稿源|文章来源|信息来源|图片来源|图源|作者单位|发布时间|發佈時間|发布日期|發佈日期"
    r"|更新时间|浏览次数|浏览量|阅读次数|阅读量|点击数|点击量|访问量|投稿邮箱|新闻热线|广告热线|站长信箱|主办单位|主办|承办"
    r"|技术支持|网站标识码)\s*[:：]"
)
_COUNT = re.compile(
    r"^(?:(?:阅读|浏览|点击|评论|点赞|赞|在看|转发|收藏|分享|喜欢|人气|播放)\s*[\d.,]+\s*[万wWkK]?\+?\s*次?\s*|(?:分享|收藏|赞|在看)\s*)+$"
)
_CATALOGUE = re.compile(
    r"^(?:索\s*引\s*号|发文机构|发文机关|发文字号|文\s*号|主题分类|信息分类|体裁分类|组配分类|成文日期|公开(?:方式|形式|范围|时限)|有\s*效\s*性)\s*[:：\t]"
)

_RIGHTS = re.compile(
    r"版权所有|版權所有|©|\(c\)\s*(?:19|20)\d\d|^copyright\b|all rights reserved|powered by|自豪地使用",
    re.IGNORECASE,
)
_RECORD = re.compile(
    r"ICP\s*[备備证證]|公网安备|公安备案|许可证编号|网络视听许可证|增值电信业务", re.IGNORECASE
)
_POINTER = re.compile(
    r"^(?:本文|文章|原文|本页|转载自|本文永久|永久|固定)?(?:地址|链接|鏈接|连结|网址|出处|永久链接|来源地址)\s*[:：]\s*\S*(?:https?://|www\.)"
    r"|^(?:https?://|www\.)\S+$"
)
_NEIGHBOUR = re.compile(
    r"^(?:上|下|前|后)一(?:篇|页|頁|章|条|则|版)\s*(?:[:：\s]|$)|^(?:相邻|相关)?文章导航$"
)
_PLACE = re.compile(
    r"^(?:您?(?:现在|当前|目前)?的?(?:所在)?位置|当前位置|現在位置)\s*(?:是|在)?\s*[:：]|^(?:首页|首頁|主页)\s*(?:>|›|»|/|->)"
)
_REPRINT = re.compile(
    r"(?:转载|轉載|摘编|引用)\S{0,8}(?:注明|註明|标明|联系|授权|授權|出处)|(?:未经|未經)\S{0,8}(?:授权|许可|允許|同意)"
)
_STATEMENT = re.compile(
    r"^[(（【\[*]*(?:版权|免责|特别|郑重|本站|本网|法律)?(?:声明|聲明|提示|说明)[】\])）]?\s*[:：]"
)
_STATEMENT_ABOUT = re.compile(r"转载|轉載|版权|版權|侵权|本站|本网|本報|本报|观点|投资建议|不代表")
_FOLLOW = re.compile(
    r"^(?:长按|扫码|扫一扫|扫描|识别).{0,16}(?:二维码|关注|加群|下载)|^(?:点击|點擊).{0,6}(?:蓝字|上方|下方|右上角)"
    r"|^点击.{0,10}(?:关注|阅读原文|查看原文|下载)|^(?:欢迎)?(?:关注|订阅)(?:我们|本号|本公众号)|^分享(?:到|至)\s*[:：]?$"
    r"|^分享(?:到|至)\s*[:：]|^点个.{0,4}(?:在看|赞)|^(?:喜欢此内容的人还喜欢|阅读原文|閱讀原文|收录于)"
    r"|^(?:我要)?(?:分享|收藏|打印|纠错)$"
)
_TAGS = re.compile(
    r"^(?:文章)?(?:tags?|标签|標籤|关键词|關鍵字|关键字|分类|分類|话题|所属分类|filed under)\s*(?:[:：]|$)",
    re.IGNORECASE,
)
_TAGS_ALONE = re.compile(r"^(?:tags?|标签|標籤|文章标签|关键词)\s*[:：]?$", re.IGNORECASE)
_HASHTAGS = re.compile(r"^(?:#[^\s#]{1,20}#?(?:\s+\d+\s*[个篇])?\s*)+$")
_SECTION = re.compile(
    r"^(?:相关|相關|推荐|推薦|热门|熱門|延伸|往期|最新|精彩|猜你|更多|本类|同类|栏目)"
    r"(?:阅读|閱讀|文章|新闻|新聞|链接|链結|推荐|推薦|资讯|文档|内容|喜欢|回顾|精选|精彩|排行|图文|评论|导航)\s*[:：]?$"
    r"|^(?:友情链接|合作伙伴|热门标签|标签云|文章归档|近期文章|近期评论|网友评论|最新评论|发表评论|导航)\s*[:：]?$"
)
_SITE = re.compile(
    r"^(?:友情链接|合作媒体)\s*[:：]|建议使用.{0,16}(?:分辨率|浏览器)|最佳(?:浏览|分辨率)|^您是(?:第|本站).{0,14}(?:访客|位)"
    r"|^(?:附件|文件|相关)下载\s*[:：]|电子邮件地址不会被公开|電子郵件地址不會被公開|^(?:除非另有|除另有).{0,6}(?:声明|说明|注明)"
    r"|^本(?:页|頁|页面|條目).{0,4}最后(?:编辑|修订|更新)|^最后(?:更新|修改|编辑)于|第\s*\d{1,3}\s*版\s*[:：]"
)
_BYLINE = re.compile(
    r"^(?:本报|本刊|本网|本站|本報)?(?:特约|见习|实习)?(?:记者|記者|通讯员|评论员)(?:$|[\s　:：])"
    r"|^(?:本报|本刊|本网|本報)(?:记者|通讯员|评论员|讯)$|^原创\s"
)
_CLOSING = re.compile(r"^[-—–=*·~\s]*(?:end|the end|完|全文完|本文完|未完待续)[-—–=*·~\s]*$", re.IGNORECASE)
_BRACKETED = re.compile(r"^[【〖][^】〗。]{1,16}[】〗]$")
_MARKED = re.compile(r"[✔✓√☑★☆◎【\[|>*]")
_RULE = re.compile(r"^[-=_*~—–─━·.#＊…\s]{2,}$")
_NOTE = re.compile(
    r"^[.…。\s]*[(（【\[][^()（）]{0,12}(?:根据需要|根据实际|视情况|待补充|待完善|此处|在此|请自行|可自行|继续添加|省略)[^()（）]{0,40}[)）】\]][.…。]?$"
    r"|^…+\s*[(（][^()（）]{1,40}[)）]$"
)
_DRAFT = re.compile(
    r"^(?:以上|上述|上面|这)(?:就|仅)?(?:为|是|内容)\S*(?:框架|概述|大纲|提纲|初稿|草稿|示例|模板)\S*(?:\d+\s*字|进一步|扩展|补充|完善|展开|修改)"
)
_PATTERNS = (
    _POINTER,
    _NEIGHBOUR,
    _PLACE,
    _FOLLOW,
    _TAGS,
    _HASHTAGS,
    _SITE,
    _CLOSING,
    _RULE,
    _NOTE,
    _COUNT,
    _CATALOGUE,
)

# What stands behind a measured number, so that "3.5米" is no section of a text.
_UNITS = "[米亿万倍元公千吨度分秒个年级寸英厘毫平立小天折成版克升点里亩斤月日人次倍寸层座]"
_NUMBERING = (
    ("part", re.compile(r"^第[一二三四五六七八九十百零〇\d]{1,4}[编篇部卷]")),
    ("chapter", re.compile(r"^第[一二三四五六七八九十百零〇\d]{1,4}[章回讲课]")),
    ("第一", re.compile(r"^第[一二三四五六七八九十]{1,2}[^，。,.\s]{0,2}[:：、]")),
    ("section", re.compile(r"^第[一二三四五六七八九十百零〇\d]{1,4}[节節]")),
    ("han", re.compile(r"^[一二三四五六七八九十]{1,3}\s*[、.．,，]")),
    ("(han)", re.compile(r"^[(（][一二三四五六七八九十]{1,3}[)）]")),
    ("1.1.1", re.compile(r"^\d{1,2}[.．]\d{1,2}[.．]\d{1,2}[.．、]?(?=\D)")),
    (
        "1.1",
        re.compile(
            rf"^\d{{1,2}}[.．]\d{{1,2}}(?:[.．、]\s*|\s+|(?=[\u3400-\u9fff])(?!{_UNITS}))(?=[^\d\s%％.])"
        ),
    ),
    ("1.", re.compile(r"^\d{1,2}\s*[.．、)）]\s*(?=\D)")),
    ("(1)", re.compile(r"^[(（]\d{1,2}[)）]")),
    ("①", re.compile(r"^[①-⑳]")),
    ("01", re.compile(r"^\d{1,2}$")),
)


def kinds(lines: Sequence[Line]) -> list[Kind]:
    """What each line is, in order. Blank lines count as text: they part nothing."""
    found: list[Kind | None] = [_alone(line) for line in lines]
    _lists_after_titles(lines, found)
    _menus(lines, found)
    for at, line in enumerate(lines):
        if found[at] is None:
            found[at] = "heading" if _heading(lines, found, at, line) else "text"
    _numbers_before_headings(lines, found)
    _dateline(lines, found)
    return [kind if kind is not None else "text" for kind in found]


def numbering(text: str) -> str | None:
    """The style in which a line is numbered (``han`` for ``一、``, ``1.1``, …), None where it is not."""
    return next((style for style, pattern in _NUMBERING if pattern.match(text)), None)


def prose(text: str) -> bool:
    """Whether a line holds at least one whole sentence."""
    end = _SENTENCE_END.search(text) or _POINT_END.search(text)
    return end is not None and len(_HAN.findall(text[: LONGEST + 1])) >= 6


def _alone(line: Line) -> Kind | None:
    """What a line is without its neighbours; None where they must help."""
    text = line.text.strip()
    if not text:
        return "text"
    if line.level is not None:
        return "furniture" if line.kind == "furniture" else "heading"
    if line.kind is not None:
        return line.kind
    if len(text) > LONGEST:
        return "text"
    # With one space between words no pattern has two ways of matching a run of them.
    bare = _SPACES.sub(" ", _BULLET.sub("", text))
    return "furniture" if _is_furniture(bare, text) else None


def _is_furniture(bare: str, whole: str) -> bool:
    return (
        any(pattern.search(bare) for pattern in _PATTERNS if pattern is not _RULE)
        or _RULE.match(whole) is not None
        or _legal(bare)
        or _describes_page(bare)
        or _only_buttons(bare)
        or _icons(bare)
        or _DRAFT.match(bare) is not None
        or (_BYLINE.match(bare) is not None and len(bare) <= HEADING and not _SENTENCE_END.search(bare))
    )


def _legal(text: str) -> bool:
    """Notices of rights, record numbers and statements; running text that speaks of rights is longer."""
    sentences = len(_SENTENCE_END.findall(text))
    if _RECORD.search(text) or (_STATEMENT.match(text) and _STATEMENT_ABOUT.search(text)):
        return sentences <= 2
    if _RIGHTS.search(text):
        return sentences <= 1 and len(_HAN.findall(text)) <= 50
    return (
        sentences <= 1
        and len(text) <= 60
        and _REPRINT.search(text) is not None
        and text.startswith(("本", "转", "如", "未", "版", "欢", "文"))
    )


def _describes_page(text: str) -> bool:
    """A date, a source, a count of readers: two of them, or one that only ever describes a page."""
    if _SENTENCE_END.search(text) or len(text) > 100:
        return False
    keys = _META.findall(text[:KEY_WITHIN]) and _META.findall(text)
    clock = re.search(_TIME, text) is not None
    dated = clock or (re.search(_DATE, text) is not None and not text.startswith(("时间", "日期")))
    stamp = _STAMP.match(text)
    return (
        len(keys) >= 2
        or (len(keys) == 1 and dated)
        or (_META_ALONE.match(text) is not None and len(text) <= 50)
        or (stamp is not None and stamp[1] is not None)
    )


def _only_buttons(text: str) -> bool:
    """Every word a button, or a ``|`` list of short names with a button among them."""
    words = [word for word in _BUTTON_SPLIT.split(text) if word]
    if words and all(word in _BUTTONS or word.rstrip(_ICON_LETTERS) in _BUTTONS for word in words):
        return len(words) > 1 or len(words[0]) > 1
    parts = [part.strip() for part in re.split(r"[|｜]", text)]
    return (
        len(parts) >= 3
        and all(0 < len(part) <= 2 * MENU_WORD for part in parts)
        and any(part in _BUTTONS or _RIGHTS.search(part) for part in parts)
    )


def _icons(text: str) -> bool:
    """Names of an icon font, left over where the icons were: few words, over and over, no Chinese."""
    words = text.split()
    return (
        len(words) >= 3
        and _HAN.search(text) is None
        and 2 * len(set(words)) <= len(words)
        and all(re.fullmatch(r"[a-z][a-z-]*", word) for word in words)
    )


def _lists_after_titles(lines: Sequence[Line], found: list[Kind | None]) -> None:
    """“Related reading”, “Tags” and the like, and the short lines that belong to them."""
    inside = False
    for at, line in enumerate(lines):
        text = _BULLET.sub("", line.text.strip())
        if found[at] == "text" and not text:
            inside = inside and at > 0 and bool(lines[at - 1].text.strip())
        elif _SECTION.match(text) or _TAGS_ALONE.match(text):
            inside, found[at] = True, "furniture"
        elif inside and found[at] is None and len(text) <= SHORT_HEADING + 12 and not prose(text):
            found[at] = "furniture"
        else:
            inside = inside and found[at] == "furniture"


def _menus(lines: Sequence[Line], found: list[Kind | None]) -> None:
    """Runs of very short lines with a button among them."""
    run: list[int] = []
    for at, line in [*enumerate(lines), (len(lines), Line("。"))]:
        text = _BULLET.sub("", line.text.strip())
        if 0 < len(text) <= MENU_WORD and not re.search(r"[\d。，,；;：:？?！!]", text):
            run.append(at)
        elif text:
            if len(run) >= MENU_RUN and any(lines[one].text.strip() in _BUTTONS for one in run):
                for one in run:
                    found[one] = "furniture"
            run = []


def _heading(lines: Sequence[Line], found: Sequence[Kind | None], at: int, line: Line) -> bool:
    text = line.text.strip()
    if len(text) > HEADING or _SENTENCE_END.search(text[:-1]) or "\t" in text:
        return False
    if text.startswith(("——", "—")) and at > 0 and found[at - 1] == "heading" and not prose(text):
        return True
    before, after = _near(lines, found, at, -1), _near(lines, found, at, 1)
    style = numbering(text)
    if style is not None and "**" not in text:
        return not _ENDS_OPEN.search(text) and _numbered(style, before, after)
    blank = at > 0 and (found[at - 1] == "furniture" or not lines[at - 1].text.strip())
    return _short(text, line, before, after, blank)


def _numbered(style: str, before: Line | None, after: Line | None) -> bool:
    """A numbered line heads what follows, unless one numbered alike stands beside it in a list."""
    beside = [numbering(near.text.strip()) for near in (before, after) if near is not None]
    return after is not None and style not in beside


def _short(text: str, line: Line, before: Line | None, after: Line | None, blank: bool) -> bool:
    """A short line with no stop at its end, set apart from what is above, heads the lines that follow."""
    if line.item or (line.prose and not line.bold) or re.match(rf"[(（]?{_DATE}", text):
        return False
    if _BRACKETED.match(text):
        return after is not None and prose(after.text)
    if _BULLET.match(text) or _MARKED.match(text):
        return False
    if len(text) > SHORT_HEADING or not _HAN.search(text) or after is None:
        return False
    if before is not None and re.search("[,，:：]", text):
        return False
    if _ENDS_OPEN.search(text) and not text.endswith(("?", "？")):
        return False
    apart = line.bold or blank or before is None or _between_paragraphs(before, after)
    return apart and _begins(after.text.strip(), line, before)


def _begins(after: str, line: Line, before: Line | None) -> bool:
    """Whether a line can be the first below a heading; below a title there are more kinds."""
    if (
        prose(after)
        or line.bold
        or after.endswith((":", "："))
        or _BULLET.match(after)
        or _MARKED.match(after)
    ):
        return True
    return before is None and (numbering(after) is not None or after.startswith("——") or _dated(after))


def _dated(text: str) -> bool:
    """Whether a line is little more than a date."""
    return len(text) <= HEADING and not _SENTENCE_END.search(text) and re.search(_DATE, text) is not None


def _between_paragraphs(before: Line, after: Line) -> bool:
    """Whether both neighbours are so long that a short line between them is no line of a list or a chat."""
    texts = (before.text.strip(), after.text.strip())
    number = re.fullmatch(r"\d{1,2}", texts[0]) is not None
    return number or all(len(text) >= LONG_PROSE and _SENTENCE_END.search(text) for text in texts)


def _near(lines: Sequence[Line], found: Sequence[Kind | None], at: int, step: int) -> Line | None:
    """The nearest line before or after that holds something and is no furniture."""
    at += step
    while 0 <= at < len(lines):
        if found[at] != "furniture" and lines[at].text.strip():
            return lines[at]
        at += step
    return None


def _numbers_before_headings(lines: Sequence[Line], found: list[Kind | None]) -> None:
    """A number alone on its line belongs to the heading below it."""
    for at in range(len(lines) - 2, -1, -1):
        if (
            re.fullmatch(r"\d{1,2}", lines[at].text.strip())
            and found[at] == "text"
            and found[at + 1] == "heading"
        ):
            found[at] = "heading"


def _dateline(lines: Sequence[Line], found: list[Kind | None]) -> None:
    """A date alone between the title and the text says when the page was written.

    Further down it may be the date of a signature, or a fact.
    """
    headed = False
    for at, line in enumerate(lines):
        text = _BULLET.sub("", line.text.strip()) if found[at] == "text" else ""
        headed = headed or found[at] == "heading"
        if text:
            if not headed or not _dated(text):
                return
            found[at] = "furniture"
