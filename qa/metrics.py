"""Measures of answers, rankings and confidences: plain numbers in, plain numbers out.

Every measure is a share from 0 to 1. One that is undefined (no references, no such question, one
class only) is None, never NaN. What belongs to one question is measured first, means are taken
second, and a refusal or a missing answer counts 0.

``EM`` and ``F1`` are those of the CMRC 2018 evaluation script (github.com/ymcui/cmrc2018): text is
lower-cased, a set of Chinese and a few Latin punctuation marks is dropped, Han characters stand one
by one and whatever lies between them is cut into words as NLTK's ``word_tokenize`` cuts it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from qa.text import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "NDCG",
    "RANKING",
    "RIGHT",
    "RankMeasure",
    "aurc",
    "auroc",
    "calibration_error",
    "character_f1",
    "confidence_bins",
    "enumerated",
    "exact_match",
    "f1",
    "first_rank",
    "holds",
    "list_precision",
    "list_recall",
    "mean",
    "ndcg",
    "percentile",
    "recall",
    "reciprocal_rank",
    "risk_coverage",
    "segments",
    "sentence_hit",
    "share",
    "without_punctuation",
]

RIGHT = 0.8
"""The F1 from which an answer counts as right where a yes or no is needed (AURC, ECE, causes, lists)."""

# The script's list also names a two-character "……", which no single character can equal, and lacks
# "‘", "…" and most half-width marks: those stay, as they do there.
_DROPPED = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")

# The Latin words of a run, as the Penn Treebank rules behind ``word_tokenize`` cut them: marks stand
# alone, a comma holds only before a digit, a full stop splits off only where the run ends, and
# English endings ('s, n't) are words. Older contractions (``gonna``) are left whole.
_ENDS = r"""(?=[\])}>"'»]*\s*$)"""
_MARKS = r""";@#$%&?!()\[\]{}<>"«»‘„–—"""
_SUFFIX = rf"""(?:'(?:s|m|d|ll|re|ve)|n't)(?![^\s.,{_MARKS}])"""
_CLOSING = rf"""'(?=[\s{_MARKS}]|$)"""
_LETTER = rf"""[^\s.,'{_MARKS}] | ,(?=\d) | \.(?!\.)(?!{_ENDS}) | (?!{_CLOSING})'"""
_WORDS = re.compile(
    rf"""\.{{2,}} | [{_MARKS}] | ,(?!\d) | \.{_ENDS} | {_SUFFIX} | {_CLOSING}
    | (?:(?!{_SUFFIX})(?:{_LETTER}))+""",
    re.VERBOSE,
)
_RUNS = re.compile("([\u4e00-\u9fa5])")  # the script's range; other Han characters go with the words


def without_punctuation(text: str) -> str:
    """``text`` lower-cased, trimmed, and without the punctuation that the CMRC 2018 script drops."""
    return text.lower().strip().translate(_DROPPED)


def segments(text: str) -> list[str]:
    """The units that F1 counts: single Han characters, and the words of what lies between them.

    Punctuation is dropped before words are cut, so ``A-1：B`` is the one word ``a1b``.
    """
    runs = _RUNS.split(without_punctuation(text))
    return [word for run in runs for word in _WORDS.findall(run)]


def longest_common_run(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest run of units, without gaps, that both sequences hold."""
    longest, previous = 0, [0] * (len(right) + 1)
    for unit in left:
        current = [0] * (len(right) + 1)
        for column, other in enumerate(right, start=1):
            if unit == other:
                current[column] = previous[column - 1] + 1
        longest = max(longest, *current)
        previous = current
    return longest


def exact_match(prediction: str | None, references: Sequence[str]) -> float | None:
    """EM of CMRC 2018: 1.0 if the prediction equals a reference once punctuation is gone, else 0.0.

    None without references; 0.0 for a refusal (``prediction`` None).
    """
    if not references:
        return None
    if prediction is None:
        return 0.0
    wanted = without_punctuation(prediction)
    return float(any(without_punctuation(reference) == wanted for reference in references))


def holds(text: str | None, references: Sequence[str]) -> bool:
    """Whether ``text`` holds one of the references once punctuation and blanks are gone.

    Never where there is none, or none but marks.
    """
    if text is None:
        return False
    inside = _run_together(text)
    return any(wanted in inside for each in references if (wanted := _run_together(each)))


def _run_together(text: str) -> str:
    return "".join(without_punctuation(text).split())


def sentence_hit(sentence: str | None, references: Sequence[str]) -> float | None:
    """1.0 if the cited sentence holds a reference (:func:`holds`), else 0.0: whether it is the right place.

    Precision at 1 of answer sentence selection (Yang et al. 2015, WikiQA), with holding a reference
    for a judgement. None without references; 0.0 for a refusal (``sentence`` None).
    """
    return float(holds(sentence, references)) if references else None


def f1(prediction: str | None, references: Sequence[str]) -> float | None:
    """F1 of CMRC 2018, the best over the references: ``2PR / (P + R)``.

    With ``c`` the length of the longest common run of :func:`segments`, ``P = c / len(prediction)``
    and ``R = c / len(reference)``. None without references; 0.0 for a refusal.
    """
    if not references:
        return None
    if prediction is None:
        return 0.0
    found = segments(prediction)
    return max(_overlap(found, segments(reference)) for reference in references)


def _overlap(found: Sequence[str], wanted: Sequence[str]) -> float:
    common = longest_common_run(found, wanted)
    return 2 * common / (len(found) + len(wanted)) if common else 0.0  # equals 2PR / (P + R)


def character_f1(prediction: str | None, references: Sequence[str]) -> float | None:
    """F1 over the characters that both hold, the best over the references: ``2PR / (P + R)``.

    With ``c`` the size of the overlap of the two bags of characters, ``P = c / len(prediction)`` and
    ``R = c / len(reference)``: the F1 of SQuAD (Rajpurkar et al. 2016) with a character for a word.
    Characters are folded first (width, case, script), and all but letters, digits and symbols go
    (Unicode categories P, Z and C). Unlike :func:`f1` it forgives a word put in between and another
    script. None without references; 0.0 for a refusal.
    """
    if not references:
        return None
    if prediction is None:
        return 0.0
    found = _characters(prediction)
    return max(_bag_overlap(found, _characters(reference)) for reference in references)


def _characters(text: str) -> Counter[str]:
    return Counter(char for char in fold(text) if unicodedata.category(char)[0] not in "PZC")


def _bag_overlap(found: Counter[str], wanted: Counter[str]) -> float:
    common = (found & wanted).total()
    return 2 * common / (found.total() + wanted.total()) if common else 0.0


# Between two items stands a mark (no comma inside a number), or a conjunction with two characters on
# either side of it: with fewer it is more often part of a word (参与, 和平, 及时).
_BETWEEN = re.compile(
    r"(?:[、，；;\r\n]|,(?!\d)|(?<!\d),)+(?:以及|或者)?|(?<=\w\w)(?:以及|或者|[和与與及或])(?=\w\w)"
)


def enumerated(text: str) -> tuple[str, ...]:
    """The distinct items of a list in running text, in its order: ``金融、物流和贸易`` has three.

    A rule of thumb: marks and conjunctions part items whatever they mean, so it fits texts that are
    lists, not sentences.
    """
    parts = (part.strip() for part in _BETWEEN.split(text))
    return tuple(dict.fromkeys(part for part in parts if segments(part)))


def list_precision(quotes: Sequence[str], references: Sequence[str]) -> float | None:
    """Of the items that are given, the share that is wanted; the best over the references.

    For questions that ask for several things. The items (:func:`enumerated`) of all ``quotes`` are the
    given ones, those of one reference the wanted ones, and two are the same if their :func:`f1` is at
    least ``RIGHT``: precision of MultiSpanQA (Li et al. 2022) with that likeness for equality. Where
    the wanted things are references of their own, join them with ``、`` to one. None without
    references; 0.0 for a refusal (no ``quotes``).
    """
    given = _given(quotes)
    return max((_known(given, enumerated(reference)) for reference in references), default=None)


def list_recall(quotes: Sequence[str], references: Sequence[str]) -> float | None:
    """Of the items that are wanted, the share that is given; all else as in :func:`list_precision`."""
    given = _given(quotes)
    return max((_known(enumerated(reference), given) for reference in references), default=None)


def _given(quotes: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for quote in quotes for item in enumerated(quote)))


def _known(items: Sequence[str], others: Sequence[str]) -> float:
    """The share of ``items`` that are like one of the ``others``; 0.0 of nothing."""
    like = [(f1(item, others) or 0.0) >= RIGHT for item in items]
    return sum(like) / len(like) if like else 0.0


def first_rank(relevant: Sequence[bool]) -> int | None:
    """1-based rank of the first relevant passage, None if there is none. ``relevant``: best first."""
    return next((rank for rank, hit in enumerate(relevant, start=1) if hit), None)


def recall(relevant: Sequence[bool], k: int) -> float:
    """Recall@k as question answering uses it: 1.0 if any of the first ``k`` is relevant, else 0.0.

    Karpukhin et al. 2020 call it top-k accuracy, ir_measures ``Success@k``.
    """
    return float(any(relevant[:k]))


def reciprocal_rank(relevant: Sequence[bool], k: int) -> float:
    """``1 / rank`` of the first relevant passage among the first ``k``, else 0.0; its mean is MRR@k.

    Voorhees 1999, TREC-8 question answering track.
    """
    rank = first_rank(relevant[:k])
    return 0.0 if rank is None else 1 / rank


def ndcg(relevant: Sequence[bool], k: int, total: int) -> float:
    """nDCG@k with binary gains: ``sum(1 / log2(rank + 1))`` over the relevant, as a part of the ideal.

    ``total`` is how many relevant passages the index holds; the ideal ranks ``min(total, k)`` of
    them first. 0.0 where ``total`` is 0. Järvelin and Kekäläinen 2002.
    """
    gains = [1 / math.log2(rank + 1) for rank in range(1, k + 1)]
    ideal = math.fsum(gains[:total])
    found = math.fsum(gain for gain, hit in zip(gains, relevant, strict=False) if hit)
    return found / ideal if ideal else 0.0


@dataclass(frozen=True, slots=True)
class RankMeasure:
    """A measure of one ranking under its canonical name.

    ``of(relevant, total)``: relevance of each hit, best first, and the relevant passages in the index.
    """

    name: str
    of: Callable[[Sequence[bool], int], float]


NDCG = RankMeasure("nDCG@10", lambda relevant, total: ndcg(relevant, 10, total))
"""The one measure of a ranking that the rank of the first relevant passage does not tell."""

RANKING = (
    RankMeasure("Recall@1", lambda relevant, _: recall(relevant, 1)),
    RankMeasure("Recall@5", lambda relevant, _: recall(relevant, 5)),
    RankMeasure("MRR@10", lambda relevant, _: reciprocal_rank(relevant, 10)),
    NDCG,
)
"""The measures of a ranking that a run reports, in its order."""


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """The chance that a positive scores above a negative, a tie counting half; None without both.

    The Mann-Whitney statistic ``U / (n+ n-)``, Hanley and McNeil 1982.
    """
    positives = sum(positive)
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    wins, below = 0.0, 0
    for _, group in groupby(sorted(zip(scores, positive, strict=True)), key=lambda pair: pair[0]):
        labels = [label for _, label in group]
        tied = len(labels) - sum(labels)
        wins += sum(labels) * (below + tied / 2)
        below += tied
    return wins / (positives * negatives)


def risk_coverage(confidences: Sequence[float], errors: Sequence[bool]) -> list[tuple[float, float]]:
    """``(coverage, risk)`` as questions are answered in order of falling confidence.

    Point ``k`` of ``n``: coverage ``k / n``, risk the share of errors among the ``k`` most confident.
    Questions of equal confidence share their errors evenly, so that their order does not matter.
    El-Yaniv and Wiener 2010.
    """
    points, total = [], 0.0
    for count, (_, error) in enumerate(_by_confidence(confidences, errors), start=1):
        total += error
        points.append((count / len(confidences), total / count))
    return points


def aurc(confidences: Sequence[float], errors: Sequence[bool]) -> float | None:
    """Area under :func:`risk_coverage`, the mean risk over its points: lower is better.

    None without questions. Geifman, Uziel and El-Yaniv 2019.
    """
    return mean([risk for _, risk in risk_coverage(confidences, errors)])


def calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float | None:
    """ECE: the mean gap between confidence and share of right answers, over bins of equal count.

    ``sum(n_b / n * |right_b - confidence_b|)``; bin sizes differ by at most one, and fewer questions
    than ``bins`` make one bin each. None without questions. Naeini et al. 2015, with the equal-count
    bins of Nguyen and O'Connor 2015.
    """
    groups = confidence_bins(confidences, right, bins)
    gaps = [abs(math.fsum(truth - confidence for confidence, truth in group)) for group in groups]
    return math.fsum(gaps) / len(confidences) if groups else None


def confidence_bins(
    confidences: Sequence[float], right: Sequence[bool], bins: int = 10
) -> list[list[tuple[float, float]]]:
    """The bins of :func:`calibration_error`: ``(confidence, share right)`` of each question.

    By falling confidence; sizes differ by at most one, an empty bin is left out, and questions of equal
    confidence share what is right among them.
    """
    ranked = _by_confidence(confidences, right)
    edges = [-(-len(ranked) * step // bins) for step in range(bins + 1)]
    return [ranked[start:end] for start, end in pairwise(edges) if start < end]


def _by_confidence(confidences: Sequence[float], values: Sequence[bool]) -> list[tuple[float, float]]:
    """Pairs in order of falling confidence, each value replaced by the mean over its ties."""
    pairs = sorted(zip(confidences, values, strict=True), key=lambda pair: -pair[0])
    shared: list[tuple[float, float]] = []
    for confidence, group in groupby(pairs, key=lambda pair: pair[0]):
        tied = [value for _, value in group]
        shared += [(confidence, sum(tied) / len(tied))] * len(tied)
    return shared


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean of the exact sum; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def share(flags: Sequence[bool]) -> float | None:
    """How large a part of the flags is set, 0 to 1; None of nothing."""
    return sum(flags) / len(flags) if flags else None


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The value that ``percent`` (0 to 100) of the sorted values lie below, between two by distance.

    Hyndman and Fan 1996, type 7 (NumPy's default). None of nothing.
    """
    if not values:
        return None
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)
