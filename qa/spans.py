"""A predicted span made whole: no word, number, quotation or title in half, and no marks at its ends.

Nothing here knows a model. Offsets count characters of the text that is given.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

from qa.text import HAN, fold, is_han
from qa.types import Span
from qa.words import Segmenter

__all__ = ["whole"]

_REACH = 40  # characters: no mark's partner is looked for beyond
_ROUNDS = 8  # a span that still changes then is taken as it is

_KANA = "\u3040-\u30ff"
_letter = rf"(?:[^\W\d_{HAN}{_KANA}]|[0-9０-９_\u0300-\u036f])"  # of scripts that part words by spaces
_token = re.compile(
    r"(?P<number>[$¥€£＄￥]?\s?[0-9０-９]++(?:[.．:][0-9０-９]++|[,，][0-9０-９]{3}(?![0-9０-９]))*+"
    rf"(?!{_letter})(?:\s?(?:thousand|million|billion|trillion|percent)(?!{_letter})|\s?[%％‰℃°])?)"
    rf"|{_letter}+(?:[-.'’&+@]{_letter}+)*[+#]*"
)
_run = re.compile(f"[{HAN}]+")
_BEFORE_NUMBER = ("百分之", "千分之", "万分之", "第")
_NUMERALS = frozenset("〇零一二两三四五六七八九十百千万亿")
_ROUND = frozenset("十百千万亿多余来几")  # what may stand between digits and their unit
_UNITS = frozenset(
    (
        *("年", "月", "日", "号", "时", "点", "分", "秒", "天", "周", "小时", "分钟", "个月", "年代", "世纪"),
        *("元", "美元", "欧元", "港元", "人民币", "米", "千米", "公里", "吨", "度"),
        *("个", "人", "岁", "倍", "次", "届", "任"),
    )
)

_ABOUT = frozenset(
    ("左右", "上下", "以上", "以下", "以内", "之间", "前后", "多少", "一")
)  # measures to jieba

_MARKS = " \t\r\n\u3000\u2028\u0085\ufeff\u200b。，、；：！？．｡,;:!?…—*|`"
_marker = re.compile(
    r"-+\s+|[•·●■◆▪○]+\s*|[0-9]{1,2}(?:[.．](?![0-9])|、(?![0-9])|[)）])\s*"
    r"|[（(](?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})[)）]\s*"
    r"|[一二三四五六七八九十]{1,3}(?:[.．]|、(?![一二三四五六七八九十]))\s*|[①-⑳]\s*"
)
_QUOTES = {"《": "》", "〈": "〉", "“": "”", "‘": "’", "「": "」", "『": "』"}
_BRACKETS = {"（": "）", "(": ")", "【": "】", "[": "]", "〔": "〕"}
_CLOSER = _QUOTES | _BRACKETS
_OPENER = {closer: opener for opener, closer in _CLOSER.items()}
_STRAIGHT = '"'
_title = re.compile("《[^《》]{1,80}》")


def whole(text: str, span: Span, within: Span, segmenter: Segmenter) -> Span:
    """``span`` moved to the nearest places where no word, number with its unit, quotation or title is cut.

    White space, list markers and marks at its ends are left out. It stays inside ``within``, which must cover
    it, and keeps at least one letter or digit where it had one. Doing it twice changes nothing more.
    """
    if not _holds_words(text, span):
        return span
    part = within.of(text)
    found = Span(span.start - within.start, span.end - within.start)
    seen: list[Span] = []
    while found not in seen and len(seen) < _ROUNDS:
        seen.append(found)
        uncut = _balanced(part, _uncut(part, _stripped(part, found), segmenter))
        found = _stripped(part, _titled(part, uncut))
    return found.shift(within.start)


def _holds_words(text: str, span: Span) -> bool:
    return any(char.isalnum() for char in span.of(text))


# -- ends ----------------------------------------------------------------------------------------


def _stripped(text: str, span: Span) -> Span:
    """``span`` without space, marks and list markers at its ends; unchanged where nothing else is left."""
    start, end = span.start, span.end
    while end > start and text[end - 1] in _MARKS:
        end -= 1
    while start < end and (step := _loose(text, start, end)):
        start += step
    found = Span(start, end)
    return found if _holds_words(text, found) else span


def _loose(text: str, start: int, end: int) -> int:
    """How many characters at ``start`` are a mark, or a marker at the beginning of a line or clause."""
    if text[start] in _MARKS:
        return 1
    before = text[:start].rstrip(" \t\u3000")[-1:]
    marker = _marker.match(text, start, end)
    if marker is None or (before and before.isalnum()) or not _holds_words(text, Span(marker.end(), end)):
        return 0
    return marker.end() - start


# -- words and numbers ---------------------------------------------------------------------------


def _uncut(text: str, span: Span, segmenter: Segmenter) -> Span:
    """``span`` with both ends moved out of what they cut."""
    start = _start(text, span, segmenter)
    end = _end(text, span, segmenter)
    if start >= end:  # both ends lay in one word, and both would leave it
        start, end = _word(text, span.start, segmenter).start, _word(text, span.end, segmenter).end
    return Span(start, end)


def _start(text: str, span: Span, segmenter: Segmenter) -> int:
    """Where the span begins when it leaves nothing in half."""
    at = span.start
    if _inside_run(text, at):
        number = _number_before(text, _run_start(text, at))
        if number is not None and at < _quantity_end(text, number, segmenter):
            return _number_start(text, number)
        word = _word(text, at, segmenter)
        if not word.start < at < word.end:
            return at
        kept = Span(at, min(word.end, span.end))
        return word.start if _grows(text, word, kept, segmenter) or word.end >= span.end else word.end
    number = _number_before(text, at)
    if number is not None and at < _quantity_end(text, number, segmenter):
        return _number_start(text, number)
    token = _token_around(text, at)
    return at if token is None else _number_start(text, token)


def _end(text: str, span: Span, segmenter: Segmenter) -> int:
    """Where the span ends when it leaves nothing in half."""
    at = span.end
    if _inside_run(text, at):
        number = _number_before(text, _run_start(text, at))
        if number is not None and at < (end := _quantity_end(text, number, segmenter)):
            return end
        word = _word(text, at, segmenter)
        if not word.start < at < word.end:
            return at
        kept = Span(max(word.start, span.start), at)
        return word.end if _grows(text, word, kept, segmenter) or word.start <= span.start else word.start
    number = _number_before(text, at)
    if number is not None:
        return _quantity_end(text, number, segmenter)
    token = _token_around(text, at)
    return at if token is None else _quantity_end(text, token, segmenter)


def _grows(text: str, word: Span, kept: Span, segmenter: Segmenter) -> bool:
    """Whether a word that is cut is taken in whole: a name always, others by their longer part."""
    folded = fold(word.of(text))
    if segmenter.word_class(folded) in "phozm":
        return True
    function = segmenter.word_class(fold(kept.of(text))) in "fr"
    return not function and 2 * len(kept) >= len(word)


def _inside_run(text: str, at: int) -> bool:
    """Whether ``at`` lies between two Han characters."""
    return 0 < at < len(text) and is_han(text[at - 1]) and is_han(text[at])


def _run_start(text: str, at: int) -> int:
    while at > 0 and is_han(text[at - 1]):
        at -= 1
    return at


def _word(text: str, at: int, segmenter: Segmenter) -> Span:
    """The word around ``at``, which lies between two Han characters; numerals side by side are one word."""
    start = _run_start(text, at)
    run = _run.match(text, start)
    words = _words(segmenter, run.group()) if run is not None else ()
    place = bisect_right(words, (at - start - 1, len(text))) - 1
    if place < 0:
        return Span(at, at)
    first = last = place
    if _NUMERALS.issuperset(text[start + words[place][0] : start + words[place][1]]):
        while first > 0 and _NUMERALS.issuperset(text[start + words[first - 1][0] : start + words[first][0]]):
            first -= 1
        while last + 1 < len(words) and _NUMERALS.issuperset(
            text[start + words[last][1] : start + words[last + 1][1]]
        ):
            last += 1
    return Span(start + words[first][0], start + words[last][1])


@lru_cache(maxsize=4096)
def _words(segmenter: Segmenter, run: str) -> tuple[tuple[int, int], ...]:
    """Where the words of a run of Han characters begin and end."""
    return tuple((start, start + len(word)) for start, word, _ in segmenter.tagged(run))


@lru_cache(maxsize=64)
def _tokens(text: str) -> tuple[tuple[int, int, bool], ...]:
    """Numbers and words in letters, in order; whether each is a number."""
    return tuple((*_trimmed(match), match["number"] is not None) for match in _token.finditer(text))


def _trimmed(match: re.Match[str]) -> tuple[int, int]:
    """A match without white space before it."""
    return match.start() + len(match.group()) - len(match.group().lstrip()), match.end()


def _token_around(text: str, at: int) -> Span | None:
    """The number, with what stands before it, or the word in letters that ``at`` lies inside of."""
    tokens = _tokens(text)
    place = bisect_right(tokens, (at, len(text), True)) - 1
    near = [Span(start, end) for start, end, _ in tokens[max(place, 0) : place + 2]]
    return next((token for token in near if _number_start(text, token) < at < token.end), None)


def _number_before(text: str, at: int) -> Span | None:
    """The number that ends at ``at``."""
    tokens = _tokens(text)
    place = bisect_right(tokens, (at - 1, len(text), True)) - 1
    if place < 0 or not tokens[place][2] or tokens[place][1] != at:
        return None
    return Span(*tokens[place][:2])


def _number_start(text: str, number: Span) -> int:
    """Where the number begins with 第 or 百分之 before it."""
    return next(
        (number.start - len(word) for word in _BEFORE_NUMBER if text.endswith(word, 0, number.start)),
        number.start,
    )


def _quantity_end(text: str, number: Span, segmenter: Segmenter) -> int:
    """Where the number ends with 万, 亿 and its unit behind it."""
    run = _run.match(text, number.end)
    if run is None or not text[number.end - 1].isdecimal():
        return number.end
    words = _words(segmenter, run.group())
    last = 0
    for at, (start, end) in enumerate(words):
        word = run.group()[start:end]
        unit = word.lstrip("".join(_ROUND))
        if unit and not _is_unit(word, unit, segmenter):
            break
        last = end
        if unit:
            if word == "个" and run.group().startswith("月", end) and at + 1 < len(words):
                last = words[at + 1][1]
            break
    return number.end + last


def _is_unit(word: str, unit: str, segmenter: Segmenter) -> bool:
    folded = fold(word)
    return fold(unit) in _UNITS or (folded not in _ABOUT and segmenter.word_class(folded) == "m")


# -- marks in pairs ------------------------------------------------------------------------------


def _balanced(text: str, span: Span) -> Span:
    """``span`` with the partner of each mark that stands in it alone, or without that mark at its end."""
    openers, closers = _alone(text, span)
    start, end = span.start, span.end
    for at in closers:  # the partner stands before the span
        if at == start:
            start += 1
        elif text[at] in _BRACKETS.values() and at == end - 1:
            end -= 1
        elif (found := _partner_before(text, start, text[at])) is not None:
            start = found
        elif at == end - 1:
            end -= 1
    for at in reversed(openers):
        if at == end - 1:
            end -= 1
        elif text[at] in _BRACKETS and at == start:
            start += 1
        elif (found := _partner_after(text, end, text[at])) is not None:
            end = found + 1
        elif at == start:
            start += 1
    found_span = Span(start, max(start, end))
    return found_span if _holds_words(text, found_span) else span


def _titled(text: str, span: Span) -> Span:
    """The whole 《title》 with its marks where ``span`` is the larger part of it, or all but the marks."""
    for title in _title.finditer(text, max(span.start - 2 * _REACH, 0)):
        inside = Span(title.start() + 1, title.end() - 1)
        if inside.covers(span):
            return Span(title.start(), title.end()) if len(span) >= len(inside) / 2 else span
        if title.start() >= span.end:
            break
    return span


def _alone(text: str, span: Span) -> tuple[list[int], list[int]]:
    """Where in the span an opening mark stands without its closing one, and the other way round."""
    openers: list[int] = []
    closers: list[int] = []
    for at in range(span.start, span.end):
        if text[at] in _CLOSER:
            openers.append(at)
        elif text[at] in _OPENER:
            partner = next((o for o in reversed(openers) if _CLOSER[text[o]] == text[at]), None)
            if partner is None:
                closers.append(at)
            else:
                openers.remove(partner)
    if span.of(text).count(_STRAIGHT) % 2:
        if text[span.start] == _STRAIGHT:
            openers.insert(0, span.start)
        elif text[span.end - 1] == _STRAIGHT:
            closers.append(span.end - 1)
    return openers, closers


def _partner_after(text: str, end: int, opener: str) -> int | None:
    """Where within reach behind ``end`` the mark stands that closes ``opener``, on the same line."""
    closer, depth = _CLOSER.get(opener, opener), 0
    for at in range(end, min(end + _REACH, len(text))):
        if text[at] == closer:
            if not depth:
                return at
            depth -= 1
        elif text[at] == opener:
            depth += 1
        elif text[at] == "\n":
            return None
    return None


def _partner_before(text: str, start: int, closer: str) -> int | None:
    """Where within reach before ``start`` the mark stands that opens ``closer``, on the same line."""
    opener, depth = _OPENER.get(closer, closer), 0
    for at in range(start - 1, max(start - _REACH, 0) - 1, -1):
        if text[at] == opener:
            if not depth:
                return at
            depth -= 1
        elif text[at] == closer:
            depth += 1
        elif text[at] == "\n":
            return None
    return None
