"""An answer as HTML for the chat, made from its public JSON: the same whether it is new or restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from qa import transcript
from qa.errors import InputError
from qa.feedback import offered
from qa.page.markup import button, escaped, item_list, line, link
from qa.page.wording import Language, say

__all__ = ["answer_html", "citation_href", "confidence_word", "note", "place"]

_LARGE = 20  # characters of the longest quote in the largest letters
_SHOWN = 100  # characters of a passage that is near
_NEAREST = 3
Json = Mapping[str, Any]


def answer_html(
    key: str,
    answer: Json,
    language: Language,
    *,
    collection: str,
    filters: Mapping[str, str],
    more: bool = False,
) -> str:
    """``answer`` on one line of HTML: the quote large, its sentence, its place; the rest folded.

    ``key``   names the turn, for what is done with it
    ``more``  it goes on where the last answer stopped
    Raises KeyError, TypeError, ValueError for JSON that is no answer.
    """
    parts = [*_asked(answer, language, filters)]
    if answer["citations"]:
        parts += _citations(answer, language, collection, more)
    elif more:
        parts.append(line("quote", escaped(say(language, "no_more"))))
        told = say(language, "no_more_note", searched=answer["searched"])
        parts.append(line("note", escaped(told)))
    else:
        parts += _abstention(answer, language, collection)
    if answer["citations"] or not more:
        parts.append(_acts(key, answer, language, collection))
    return f'<div class="answer done" id="{escaped(key)}">{"".join(parts)}</div>'


def note(text: str) -> str:
    """One line of talk in place of an answer."""
    return f'<div class="answer">{line("note", escaped(text))}</div>'


def _asked(answer: Json, language: Language, filters: Mapping[str, str]) -> Iterator[str]:
    """What was searched, where it is not the question itself, and among which articles."""
    searched = str(answer["searched"])
    if searched != answer["question"]:
        edit = button(
            "edit", searched, say(language, "edit"), classes="edit", title=say(language, "edit_title")
        )
        told = f'<span class="words">{escaped(searched)}</span>'
        yield line("note searched", f"{escaped(say(language, 'searched'))}{told} {edit}")
    if any(filters.values()):
        named = {"source": "", "after": say(language, "after"), "before": say(language, "before")}
        parts = [f"{named[name]} {value}".strip() for name, value in filters.items() if value]
        yield line("note", escaped(say(language, "among") + " · ".join(parts)))


def _citations(answer: Json, language: Language, collection: str, more: bool) -> Iterator[str]:
    first, *further = answer["citations"]
    if more:
        yield line("under", escaped(say(language, "further")))
    if _whole_sentence(first):
        yield line("quote long words", _marked(first))
        yield _placed(first, language, collection)
    else:
        size = "quote words" if len(first["quote"]) <= _LARGE else "quote long words"
        yield line(size, escaped(first["quote"]))
        yield _cited(first, language, collection)
    yield line("note confidence", escaped(_confidence(answer["confidence"], language)))
    for kind in ("same", "other"):
        group = [citation for citation in further if citation["kind"] == kind]
        if group:
            summary = escaped(say(language, kind, n=len(group)))
            listed = item_list(_cited(citation, language, collection) for citation in group)
            yield f"<details><summary>{summary}</summary>{listed}</details>"


def _whole_sentence(citation: Json) -> bool:
    """Whether the sentence has no words but the quote's, so that showing both would say it twice."""
    return not any(char.isalnum() for char in "".join(_around(citation)))


def _around(citation: Json) -> tuple[str, str]:
    """What of the sentence stands before the quote, and behind it."""
    sentence = citation["sentence"]
    text, begin = str(sentence["text"]), int(sentence["start"])
    return text[: max(citation["start"] - begin, 0)], text[max(citation["end"] - begin, 0) :]


def _cited(citation: Json, language: Language, collection: str) -> str:
    """The sentence with the quote marked, and where it stands."""
    return line("sentence words", _marked(citation)) + _placed(citation, language, collection)


def _marked(citation: Json) -> str:
    before, after = _around(citation)
    return f"{escaped(before)}<mark>{escaped(citation['quote'])}</mark>{escaped(after)}"


def _placed(citation: Json, language: Language, collection: str) -> str:
    sentence = citation["sentence"]
    href = citation_href(
        citation,
        collection,
        quote=(citation["start"], citation["end"]),
        sentence=(sentence["start"], sentence["end"]),
    )
    return _place_line(href, citation, language)


def _place_line(href: str, cited: Json, language: Language) -> str:
    """Title and heading lead to the place; what else is told of it stands behind them."""
    head, rest = _title(cited), _details(cited, language)
    details = f'<span class="facts">{escaped(" · " + " · ".join(rest))}</span>'
    return line("place", link(href, " · ".join(head), classes="cite") + details)


def place(cited: Json, language: Language) -> str:
    """Title, heading, author, origin, date, page, source and characters of a citation, in one line."""
    return " · ".join([*_title(cited), *_details(cited, language)])


def _title(cited: Json) -> list[str]:
    """Title and heading, which may repeat the title; the source where there is neither."""
    known = dict.fromkeys(part for part in (cited["title"], " > ".join(cited.get("heading", ()))) if part)
    return [str(part) for part in known] or [_source(cited)]


def _details(cited: Json, language: Language) -> list[str]:
    told = [
        *(say(language, key, name=cited[key]) for key in ("author", "origin") if cited.get(key)),
        cited.get("date"),
        None if cited.get("page") is None else say(language, "page", n=cited["page"]),
        _source(cited),
    ]
    known = dict.fromkeys(str(part) for part in told if part and str(part) not in _title(cited))
    characters = say(language, "characters", start=int(cited["start"]) + 1, end=int(cited["end"]))
    return [*known, characters]


def _source(cited: Json) -> str:
    element = cited.get("element")
    return str(cited["source"]) if element is None else f"{cited['source']} ({element})"


def citation_href(
    cited: Json, collection: str, *, quote: tuple[int, int] | None, sentence: tuple[int, int]
) -> str:
    """Where the page's script finds the words: everything that ``/api/article`` is asked with."""
    fields: dict[str, object] = {"collection": collection, "source": cited["source"]}
    if cited.get("element") is not None:
        fields["element"] = cited["element"]
    start, end = sentence if quote is None else quote
    if quote is None:  # tints the passage and marks no words
        end = start
    fields |= {"start": int(start), "end": int(end)}
    fields |= {"sentence_start": int(sentence[0]), "sentence_end": int(sentence[1])}
    if quote is not None:
        fields["quote"] = cited["quote"]
    return f"#article?{urlencode(fields)}"


def _abstention(answer: Json, language: Language, collection: str) -> Iterator[str]:
    yield line("quote plain", escaped(say(language, "abstained")))
    told = say(language, "abstained_note", percent=_percent(answer["confidence"], language))
    yield line("note confidence", escaped(told))
    nearest: Sequence[Json] = answer["passages"][:_NEAREST]
    if nearest:
        yield line("under", escaped(say(language, "nearest")))
        yield item_list(_near(passage, language, collection) for passage in nearest)


def _near(passage: Json, language: Language, collection: str) -> str:
    text = str(passage["text"]).strip()
    shown = escaped(text[:_SHOWN]) + ("……" if len(text) > _SHOWN else "")
    href = citation_href(passage, collection, quote=None, sentence=(passage["start"], passage["end"]))
    return line("sentence words", shown) + _place_line(href, passage, language)


def _acts(key: str, answer: Json, language: Language, collection: str) -> str:
    """What may be done with the answer: copied, linked to, judged."""
    kept = button("copy", key, say(language, "copy"))
    with suppress(InputError):  # not every question fits into a link
        kept += button("share", transcript.link(answer["searched"], collection), say(language, "share"))
    judged = "".join(
        button("judge", f"{verdict}:{key}", say(language, verdict), classes="act verdict")
        for verdict in offered(answer)
    )
    asked = f'<span class="judged">{escaped(say(language, "judge"))}</span>'
    return line("acts", f'{kept}<span class="verdicts">{asked}{judged}</span>')


def _confidence(confidence: float, language: Language) -> str:
    word = say(language, confidence_word(confidence))
    return say(language, "confidence", percent=_percent(confidence, language), word=word)


def confidence_word(confidence: float) -> str:
    """``sure``, ``fairly`` or ``hardly`` for a confidence from 0 to 1."""
    return next(word for least, word in _SURE if confidence >= least)


_SURE = ((0.8, "sure"), (0.6, "fairly"), (0.0, "hardly"))


def _percent(confidence: float, language: Language) -> str:
    """Rounded down, so that nothing short of certain reads as 100%."""
    return say(language, "hardly_any") if confidence < 0.01 else f"{int(confidence * 100)}%"
