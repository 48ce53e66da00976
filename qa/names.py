"""Names that people give: of collections, and of the files that they upload. Safe as names on any disk.

A name is never a path: no separator, no leading dot, nothing that cannot be seen, none of the names that
Windows keeps for devices.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from qa.errors import InputError

__all__ = ["LONGEST_NAME", "collection_name", "file_name", "folded", "untaken"]

LONGEST_NAME = 60  # characters of a collection's name
_LONGEST_FILE = 200  # bytes of a file's name in UTF-8; disks take 255, and a number may be added
_LONGEST_SUFFIX = 20  # bytes
_SHOWN = "LMNPS"  # letters, marks, numbers, punctuation, symbols: the first letters of Unicode's categories
_NOT_ON_DISK = frozenset('/\\:*?"<>|')
# Names of devices on Windows, whatever the suffix (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)", re.IGNORECASE)
_NAMELESS = "未命名"


def collection_name(given: str) -> str:
    """``given`` as the name of a collection: in NFC, without white space at its ends.

    Any script; at most 60 characters, of them one letter or digit. Raises InputError, which says what is
    wrong.
    """
    name = unicodedata.normalize("NFC", given.replace("\u3000", " ").strip())
    wrong = _wrong(name)
    if wrong is not None:
        shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name[:20])
        raise InputError(f"合集名称“{shown}”不能用：{wrong[0]}；the name of a collection {wrong[1]}")
    return name


def _wrong(name: str) -> tuple[str, str] | None:
    """Why ``name`` cannot be a collection's, in Chinese and in English; None where it can."""
    if not any(char.isalnum() for char in name):
        return "至少要有一个字母、数字或汉字", "needs a letter or a digit"
    if len(name) > LONGEST_NAME:
        return f"最多 {LONGEST_NAME} 个字符", f"has at most {LONGEST_NAME} characters"
    if not all(char == " " or _shown(char) for char in name):
        return "不能有看不见的字符", "cannot hold what cannot be seen"
    if bad := sorted(_NOT_ON_DISK.intersection(name)):
        return f"不能有 {bad[0]}", f"cannot hold {bad[0]}"
    if name.startswith(".") or name.endswith("."):
        return "开头和末尾不能是点", "cannot begin or end with a dot"
    if _DEVICE.match(name):
        return "这是系统保留的名称", "cannot be the name of a device"
    return None


def _shown(char: str) -> bool:
    return unicodedata.category(char)[0] in _SHOWN


def folded(name: str) -> str:
    """What is equal for two names that a disk which knows no capitals takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def file_name(given: str) -> str:
    """A name for the file that a client calls ``given``: its last part, cleaned; never empty.

    At most 200 bytes in UTF-8, the suffix kept. What cannot be seen goes, what a disk does not take
    becomes ``_``, leading dots go. The same for its own result.
    """
    last = re.split(r"[/\\]", given)[-1]
    seen = "".join(char for char in unicodedata.normalize("NFC", last) if char == " " or _shown(char))
    bare = "".join("_" if char in _NOT_ON_DISK else char for char in seen).strip(" .")
    stem, suffix = _parts(bare)
    if _DEVICE.match(f"{stem}."):
        stem = f"_{stem}"
    return _cut(stem or _NAMELESS, _LONGEST_FILE - len(suffix.encode())) + suffix


def _parts(name: str) -> tuple[str, str]:
    """Stem and suffix; what is too long for a suffix belongs to the stem."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > _LONGEST_SUFFIX:
        return name, ""
    return stem.rstrip(" ."), f".{suffix.lstrip()}"


def _cut(stem: str, most: int) -> str:
    """As many whole characters of ``stem`` as fit into ``most`` bytes, no space or dot at the end."""
    return stem.encode()[:most].decode(errors="ignore").rstrip(" .")


def untaken(name: str, taken: Container[str]) -> str:
    """``name``, or with the first number that makes it none of ``taken``, a set of ``folded`` names."""
    stem, suffix = _parts(name)
    number, made = 2, name
    while folded(made) in taken:
        made, number = f"{stem}-{number}{suffix}", number + 1
    return made
