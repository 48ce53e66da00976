"""Answers and summaries as lines for people. Nothing here prints; Chinese first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qa.text import fold

if TYPE_CHECKING:
    from qa.catalogue import Entry
    from qa.indexing import Summary
    from qa.types import Answer, Citation, Hit

__all__ = [
    *("answer_lines", "entry_lines", "explanation_lines", "hit_lines"),
    *("refresh_line", "summary_lines"),
]

_KINDS = {"answer": "答", "same": "另见", "other": "其他"}


def answer_lines(answer: Answer) -> Iterator[str]:
    """The quote first, then its sentence and place; or the plain word that the articles do not tell."""
    if answer.searched != answer.question:
        yield f"（检索：{answer.searched}）"
    if answer.abstained:
        yield f"文章里没有找到答案。（把握 {answer.confidence:.2f}，低于回答所需） The articles do not tell."
        if answer.hits:
            yield "最接近的段落 nearest passages:"
            yield from hit_lines(answer.hits[:3])
        return
    yield str(answer.text)
    told = answer.citations[0]
    again = [other for other in answer.citations[1:] if _repeats(other, told)]
    yield from _citation_lines(told)
    if again:
        places = "，".join(other.article.place for other in again)
        yield f"  [{_KINDS['same']}] 同一句还见于 the same sentence: {places}"
    for citation in answer.citations[1:]:
        if citation not in again:
            yield from _citation_lines(citation)
    yield f"  把握 confidence {answer.confidence:.2f}"


def _repeats(citation: Citation, told: Citation) -> bool:
    """Whether a citation only brings the sentence that was told, as reprints do; marks do not count."""
    return citation.kind == "same" and _bare(citation.sentence) == _bare(told.sentence)


def _bare(sentence: str) -> str:
    return "".join(char for char in fold(sentence) if char.isalnum())


def _citation_lines(citation: Citation) -> Iterator[str]:
    article = citation.article
    words = "" if citation.kind == "answer" else f"{citation.quote} —— "
    yield f"  [{_KINDS[citation.kind]}] {words}{_one_line(citation.sentence)}"
    place = [article.place, f"第 {citation.span.start + 1}–{citation.span.end} 字"]
    place += [part for part in (article.title, " > ".join(citation.passage.heading), article.date) if part]
    place += [] if article.author is None else [f"作者 {article.author}"]
    place += [] if article.origin is None else [f"来源 {article.origin}"]
    yield "       " + " · ".join(dict.fromkeys(place))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def hit_lines(hits: Sequence[Hit]) -> Iterator[str]:
    """A numbered passage each, with its place and first characters."""
    for number, hit in enumerate(hits, start=1):
        article, span = hit.passage.article, hit.passage.span
        place = f"{article.place} · 第 {span.start + 1}–{span.end} 字"
        yield f"  {number}. {place} · {article.title}"
        text = _one_line(hit.passage.text)
        yield f"     {text[:100]}{'…' if len(text) > 100 else ''}"


def explanation_lines(answer: Answer) -> Iterator[str]:
    """How the passages were ranked and where the time went."""
    yield f"  检索 searched: {answer.searched}"
    yield "  名次 rank  得分 score  bm25  dense  出处 source"
    for number, hit in enumerate(answer.hits, start=1):
        ranks = [str(hit.ranks.get(leg, "–")) for leg in ("bm25", "dense")]
        span = hit.passage.span
        source = hit.passage.article.place
        legs = f"{ranks[0]:>4}  {ranks[1]:>5}"
        yield f"  {number:>9}  {hit.score:>10.3f}  {legs}  {source} [{span.start}, {span.end})"
    timings = ", ".join(f"{stage} {ms:.1f} ms" for stage, ms in answer.timings_ms.items())
    yield f"  用时 timings: {timings}"


def summary_lines(summary: Summary) -> Iterator[str]:
    """What a run of indexing did; each refused file with its reason."""
    yield refresh_line(summary)
    size = f"共 {summary.articles} 篇 articles，{summary.passages} 段 passages"
    doubles = f"，内容相同 doubles {summary.doubles}" if summary.doubles else ""
    yield f"{size}，新嵌入 embedded {summary.embedded}{doubles}"
    for refusal in summary.refused:
        named = refusal.reason.startswith(refusal.source)
        yield f"  拒收 refused {refusal.reason if named else f'{refusal.source}: {refusal.reason}'}"


def refresh_line(summary: Summary) -> str:
    """How many files a run of indexing added, changed and so on."""
    counts = (
        f"新增 added {len(summary.added)}",
        f"更新 changed {len(summary.changed)}",
        f"未变 unchanged {len(summary.unchanged)}",
        f"移除 removed {len(summary.removed)}",
        f"拒收 refused {len(summary.refused)}",
    )
    return "，".join(counts)


def entry_lines(entry: Entry) -> Iterator[str]:
    """An article of an index, and below it its warnings and the places that say the same."""
    facts = [entry.place, entry.title, entry.date, entry.encoding]
    facts += [f"{entry.characters} 字 characters", f"{entry.passages} 段 passages"]
    yield _one_line(" · ".join(fact for fact in facts if fact))
    for warning in entry.warnings:
        yield f"  注意 warning {_one_line(warning)}"
    if entry.doubles:
        yield f"  内容相同 doubles {'，'.join(entry.doubles)}"
    if entry.reprints:
        yield f"  转载 reprints {'，'.join(entry.reprints)}"
