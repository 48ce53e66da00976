"""Whatever goes wrong, people get one kind sentence; the server's faults have a number, in its log too."""

from __future__ import annotations

import logging
import secrets

from qa.answering import LONGEST_QUESTION, Filters
from qa.desk import BusyError
from qa.errors import InputError, QaError
from qa.page.wording import Language, say

__all__ = ["told", "unaskable"]

_log = logging.getLogger("qa.page")


def told(error: Exception, language: Language) -> str:
    """What ``error`` is told as. What is not the visitor's doing is logged with the number that is told."""
    if isinstance(error, BusyError):
        return say(language, "busy")
    if isinstance(error, InputError):
        return say(language, "refused", reason=str(error))
    number = secrets.token_hex(4)
    if isinstance(error, QaError):
        _log.error("%s: %s", number, error)
    else:
        # The traceback names no question: those are kept only where the server was told to.
        _log.error("%s: %s", number, type(error).__name__, exc_info=error)
    return say(language, "failed", id=number)


def unaskable(question: str, filters: Filters | dict[str, str], language: Language) -> str | None:
    """Why a question cannot be asked; None where it can."""
    if not question.strip():
        return say(language, "empty")
    if len(question) > LONGEST_QUESTION:
        return say(language, "too_long", n=f"{len(question):,}", most=f"{LONGEST_QUESTION:,}")
    if not any(char.isalnum() for char in question):
        return say(language, "no_words")
    for name in ("after", "before"):
        date = filters.get(name) if isinstance(filters, dict) else getattr(filters, name)
        if date and not _is_date(date):
            return say(language, "bad_date", date=date[:30])
    return None


def _is_date(text: str) -> bool:
    try:
        Filters(after=text)
    except InputError:
        return False
    return True
