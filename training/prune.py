"""A smaller vocabulary for a multilingual encoder that reads Chinese.

A piece is a row of the embedding table. Dropping rows changes nothing for a text whose best
segmentation uses kept pieces only: the tokenizer finds the same segmentation, and the model sees the
same vectors. Three things must stay for that: each kept piece's score, the lowest score of all (an
unknown character costs that minus a constant), and the order, which settles ties.
"""

from __future__ import annotations

import copy
import json
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["choose", "count_pieces", "is_han", "prune_tokenizer"]

SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
# Scripts whose single characters stay, by the first word of the Unicode name: what Chinese articles mix in.
_SINGLE_SCRIPTS: Final = ("LATIN", "GREEK", "CYRILLIC", "HIRAGANA", "KATAKANA", "BOPOMOFO")
_BATCH: Final = 2000


def is_han(char: str) -> bool:
    """Whether ``char`` is a Han character (unified, extension or compatibility block)."""
    return (
        "\u3400" <= char <= "\u4dbf"
        or "\u4e00" <= char <= "\u9fff"
        or "\uf900" <= char <= "\ufaff"
        or "\U00020000" <= char <= "\U0003ffff"
    )


def count_pieces(tokenizer: Any, texts: Iterable[str]) -> Counter[int]:
    """How often each piece occurs in ``texts`` (a ``tokenizers.Tokenizer`` without truncation)."""
    counts: Counter[int] = Counter()
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH:
            _count(tokenizer, batch, counts)
            batch.clear()
    _count(tokenizer, batch, counts)
    return counts


def _count(tokenizer: Any, batch: list[str], counts: Counter[int]) -> None:
    for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
        counts.update(encoding.ids)


def choose(
    vocabulary: list[tuple[str, float]], counts: Mapping[int, int], size: int, *, always: Iterable[int] = ()
) -> NDArray[np.int64]:
    """The ids to keep, ascending, ``size`` of them: the wanted ones, then the most frequent.

    ``always`` are wanted whatever they are: the pieces of the prefixes, which stand before every text and
    in no article. Raises ValueError where the wanted ones alone are more than ``size``.
    """
    lowest = min(range(len(vocabulary)), key=lambda i: vocabulary[i][1])
    wanted = {i for i, (piece, _) in enumerate(vocabulary) if _wanted(piece)} | {lowest, *always}
    if len(wanted) > size:
        raise ValueError(f"{len(wanted)} pieces are wanted, more than {size}")
    frequent = sorted((i for i in counts if i not in wanted), key=lambda i: (-counts[i], i))
    chosen = wanted.union(frequent[: size - len(wanted)])
    return np.array(sorted(chosen), dtype=np.int64)


def _wanted(piece: str) -> bool:
    """Special tokens, Han without kana, and the single characters that longer pieces fall back to."""
    if piece in SPECIAL:
        return True
    body = piece.removeprefix("▁")
    if any(is_han(char) for char in body):
        return not any("\u3040" <= char <= "\u30ff" for char in body)
    return len(body) == 0 or (len(body) == 1 and _single_stays(body, attached=body == piece))


def _single_stays(char: str, *, attached: bool) -> bool:
    if char.isascii():
        return True
    if unicodedata.category(char)[0] not in "LM":
        return attached  # punctuation, symbols, digits
    return attached and unicodedata.name(char, "?").split()[0] in _SINGLE_SCRIPTS


def prune_tokenizer(content: dict[str, Any], keep: NDArray[np.int64]) -> dict[str, Any]:
    """The tokenizer file with only the pieces ``keep``, renumbered in that order.

    ``content`` is a ``tokenizer.json`` with a Unigram model; it is not changed.
    """
    renumbered = {int(old): new for new, old in enumerate(keep)}
    pruned = copy.deepcopy(content)
    model = pruned["model"]
    model["vocab"] = [model["vocab"][old] for old in keep]
    model["unk_id"] = renumbered[model["unk_id"]]
    for token in pruned["added_tokens"]:
        token["id"] = renumbered[token["id"]]
    for token in pruned["post_processor"]["special_tokens"].values():
        token["ids"] = [renumbered[old] for old in token["ids"]]
    return pruned


def dump_tokenizer(content: dict[str, Any]) -> str:
    """The file's text: compact, characters as they are."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def open_tokenizer(content: dict[str, Any], max_tokens: int | None = None) -> Any:
    """The tokenizer of a ``tokenizer.json``."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(dump_tokenizer(content))
    if max_tokens is not None:
        tokenizer.enable_truncation(max_tokens)
    return tokenizer
