"""What names too little to be understood alone, and what is put in front of it."""

from __future__ import annotations

import re

from qa.conversation import topics
from qa.conversation.parsed import ASKING, DEFINED, YEAR, Parsed, span_of
from qa.types import Span

__all__ = ["asks", "behind", "leans", "thanks"]

# How much a question must tell to stand alone, by ``Words.told``. Chosen on the tuning half of the shipped
# questions (benchmarks/conversation.py).
_ENOUGH = 23.0
_ENOUGH_CLAUSES = 18.0  # a clause before a comma says what it is about
_ENOUGH_MARKED = 32.0  # says 还, 又, 后来 ...
_LONGEST = 100  # characters; whoever writes more says what it is about
_marked = re.compile(
    r"还(?!是)|又|再|也|这样|那样|^(?:后来|最后|总共|一共|原来|另外|其余|其中|接下来|然后|之后|对|在|跟|和|与|比)"
)
# This or that one of something: nothing but the earlier questions can say of what.
_points = re.compile(
    r"^(?:那么|那)?(?:请问)?(?:该|此(?!外)|这|那(?!么|种|时|年|天))(?!里|边)[个份座项种条家位次部套款张块段笔批些]?"
)
_thanks = re.compile(
    r"^(?:谢谢|多谢|感谢|好|嗯|哦|噢|明白|知道|懂|收到|清楚|行|ok)"
    r"(?:[,.!\s]|谢谢|你|您|们|了|的|啦|吧|嗯|好|明白|知道|懂|清楚)*+$"
)
_compared = re.compile(r"^(?:跟|和|与|同|比)")
_named = re.compile(r"[“”\"「『《a-z]")
_wonders = re.compile(r"呢[?.!\s]*+$")


def thanks(turn: Parsed) -> bool:
    """Whether a turn is 谢谢, 好的 and their like."""
    return bool(_thanks.match(turn.folded))


def asks(turn: Parsed) -> bool:
    """Whether an earlier turn asks or names something, so that later ones can lean on it."""
    if thanks(turn):
        return False
    known = any(each.search(turn.folded) for each in (ASKING, _named, _wonders)) or bool(turn.names())
    return known or turn.words.told(turn.tokens) >= _ENOUGH


def leans(now: Parsed) -> bool:
    """Whether a question names nothing of its own and tells little."""
    clause = now.folded.rstrip("?.! ")
    if (
        len(clause) > _LONGEST
        or not ASKING.search(clause)
        or _named.search(clause)
        or DEFINED.match(now.folded)
    ):
        return False
    own = [span for span in now.names() if not YEAR.fullmatch(span.of(now.folded))]
    if own and not (_compared.match(clause) and own[0].start <= 1 and len(own) == 1):
        return False
    asked = [Span(*match.span()) for match in ASKING.finditer(clause)]
    said = [token for token in now.tokens if not any(span.overlaps(span_of(token)) for span in asked)]
    marked = _ENOUGH_MARKED if _marked.search(clause) else _ENOUGH
    enough = _ENOUGH_CLAUSES if "," in clause else marked
    return bool(_points.match(clause)) or now.words.told(said) < enough


def behind(now: Parsed, before: Parsed) -> str:
    """``now`` behind what the last question was about; a comma keeps the two apart."""
    subject = topics.subject(before)
    joins = not subject or _compared.match(now.folded)
    return f"{subject}{now.text}" if joins else f"{subject}，{now.text}"
