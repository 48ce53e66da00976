"""还有吗? The last question once more, for what its answers have not told yet."""

from __future__ import annotations

import re

__all__ = ["asks_on", "asks_on_for"]

_opening = r"^(?:那么|那|好的?|嗯|除此之外|除此以外|除了这[些个]|此外)?[,\s]*+"
_close = r"[呢啊呀吧]?[?.!\s]*+$"
_more = re.compile(
    rf"{_opening}(?:"
    r"(?:还有没有|有没有|还有|有|没有)?(?:别的|其他的?|其它的?|另外的?|其余的?|更多的?)(?:答案|回答|说法|内容|结果)?"
    r"|还有没有|还有|没有了|(?:再|还能|能再|可以再|请再)(?:说|讲|来|列举|举|给)(?:一|几|两)?(?:个|些|点|条|下)?"
    rf"|下一[个条]|除(?:了(?:这[些个]|它们?)|此)(?:之外|以外)?|继续(?:说|讲)?(?:下去)?)(?:哪些|什么|啥|吗|么|了|呢)*+{_close}"
)
_more_of = re.compile(
    rf"{_opening}(?:还有没有|还有|有没有)(?:哪些|哪几[个座项种条家]|什么|别的|其他的?|其它的?|更多的?)+"
    rf"(?P<noun>[\u4e00-\u9fff]{{2,6}}?)(?:吗|么)?{_close}"
)


def asks_on(folded: str) -> bool:
    """Whether a folded question asks for nothing but more: 还有吗, 还有别的吗, 其他的呢, 再说几个."""
    return bool(_more.match(folded))


def asks_on_for(folded: str, before: str) -> bool:
    """Whether a folded question asks for more of what ``before`` asked for: 还有哪些城市? after 哪些城市…?"""
    match = _more_of.match(folded)
    return match is not None and match["noun"] in before
