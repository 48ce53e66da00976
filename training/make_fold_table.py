"""Make ``qa/data/fold.txt``: the one-to-one character folding that search works in.

    python -m training.make_fold_table

Needs the package ``opencc`` (Apache-2.0), whose single-character tables say which traditional
character stands for which simplified one; its phrase rules are left out because they are not one to
one. Everything else comes from Python's own Unicode data. Each rule maps one character to one
character, so an offset in folded text is an offset in the text itself.
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

TARGET = Path(__file__).parents[1] / "qa" / "data" / "fold.txt"

# Marks that people type for one another; the left side is folded onto the right.
PUNCTUATION = {
    "。": ".", "｡": ".", "、": ",", "“": '"', "”": '"', "„": '"', "「": '"', "」": '"',
    "『": '"', "』": '"', "﹁": '"', "﹂": '"', "﹃": '"', "﹄": '"', "‘": "'", "’": "'",
    "〈": "《", "〉": "》", "〔": "(", "〕": ")", "【": "[", "】": "]", "—": "-", "–": "-", "―": "-",
    "‐": "-", "‑": "-", "−": "-", "～": "~", "〜": "~",
    "・": "·", "•": "·", "‧": "·", "∙": "·", "●": "·",
}  # fmt: skip

# Written alike in traditional text, told apart in simplified text; search treats them as one.
SHARED = {
    "著": "着", "乾": "干", "裏": "里", "祇": "只", "瞭": "了",
    "妳": "你", "牠": "它", "祂": "他", "喫": "吃", "徵": "征",
}  # fmt: skip


def main() -> None:
    """Write the table and say how many characters it folds."""
    import opencc

    converters = [opencc.OpenCC(name) for name in ("t2s", "tw2s", "hk2s")]
    traditional = opencc.OpenCC("s2t")

    def step(char: str) -> str:
        for form in (unicodedata.normalize("NFKC", char), char.lower()):
            if len(form) == 1 and form != char:
                return form
        if char in PUNCTUATION or char in SHARED:
            return PUNCTUATION.get(char) or SHARED[char]
        if char.isspace() and char not in "\n\r":
            return " "
        if traditional.convert(char) != char and converters[0].convert(char) == char:
            return char  # already a simplified character; the regional tables misread 么
        simplified = (converter.convert(char) for converter in converters)
        return next((form for form in simplified if len(form) == 1 and form != char), char)

    def fold(char: str) -> str:
        seen = {char}
        while (following := step(char)) not in seen:
            char = following
            seen.add(char)
        return char

    pairs = [(chr(code), fold(chr(code))) for code in range(sys.maxunicode + 1) if foldable(code)]
    pairs = [(char, target) for char, target in pairs if char != target]
    lines = [
        "# Character folding, one to one; made by training/make_fold_table.py from OpenCC's single-character",
        "# tables (Apache-2.0) and Python's Unicode data. A line: a character, then all that fold to it.",
    ]
    classes: dict[str, list[str]] = {}
    for char, target in pairs:
        classes.setdefault(target, []).append(f"{ord(char):x}")
    lines += [f"{ord(target):x} {' '.join(chars)}" for target, chars in sorted(classes.items())]
    TARGET.write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{len(pairs)} characters fold to {len(classes)} others: {TARGET}", file=sys.stderr)


def foldable(code: int) -> bool:
    """Whether the code point is an assigned character that text may hold."""
    unused = ("Cn", "Co", "Cc", "Cs")
    return chr(code) == "\t" or unicodedata.category(chr(code)) not in unused


if __name__ == "__main__":
    main()
