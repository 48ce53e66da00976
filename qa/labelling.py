"""Labels from use: judged answers become lines of a label file, so that a team's set grows as it works.

A feedback file holds a judged answer a line, ``{"label": {…}, "judgement": …, "response": {…}}``:

* ``label``      ``question`` (else the response's), ``history``; where known ``answers``, ``sources``,
                 ``type``, ``split``
* ``judgement``  ``right``, ``wrong``, ``should_answer`` or ``should_refuse``
* ``response``   the answer object of the public JSON

``file_feedback`` files such lines; ``interview`` asks for the judgement in the terminal. What needs
right words that nobody has given yet is pending: kept, counted, and told.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from qa.errors import InputError
from qa.labels import Question, Reference

__all__ = [
    "Asked",
    "Desk",
    "Fate",
    "Filed",
    "Judged",
    "Judgement",
    "LabelFile",
    "PendingFile",
    "Replaced",
    "append_line",
    "feedback",
    "file_feedback",
    "interview",
    "label",
    "label_id",
    "label_line",
    "locked",
    "merged",
    "questions",
    "report_lines",
    "typed",
]

Judgement = Literal["right", "wrong", "should_answer", "should_refuse"]
Fate = Literal[
    "added",  # a new line of the label file
    "known",  # the label file says the same already
    "differs",  # the label file says something else; it stays, a person decides
    "pending",  # no right words are known yet
]
Key = tuple[str, tuple[str, ...]]
_T = TypeVar("_T")


# ---- values


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the earlier ones of its conversation, oldest first."""

    question: str
    history: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What makes two questions the same: their words, but for white space at the ends."""
        return self.question.strip(), tuple(turn.strip() for turn in self.history)


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer with a person's judgement of it.

    ``answers``   the right words, as far as somebody gave them
    ``sources``   the files they stand in, as far as somebody gave them
    ``response``  the answer object of the public JSON
    ``where``     ``file:line``, or ``""``
    """

    asked: Asked
    judgement: Judgement
    answers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    type: str | None = None
    split: str | None = None
    response: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def line(self) -> str:
        """The judged answer as a line of a feedback file, without the newline."""
        about = {"question": self.asked.question, "history": list(self.asked.history)}
        given = {"answers": self.answers, "sources": self.sources, "type": self.type, "split": self.split}
        row = {"label": {**about, **_present(given)}, "judgement": self.judgement, "response": self.response}
        return json.dumps(row, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A judgement that a later one of the same question takes the place of."""

    earlier: Judged
    later: Judged


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one judged answer."""

    judged: Judged
    fate: Fate


def label_id(question: str, history: Sequence[str] = ()) -> str:
    """``u`` and twelve hexadecimal digits: SHA-256 of the question and its history, ends stripped."""
    words, before = Asked(question, tuple(history)).key
    return "u" + hashlib.sha256(json.dumps([words, *before]).encode()).hexdigest()[:12]


def label(judged: Judged) -> Question | None:
    """The label that a judged answer amounts to; None where its right words are not known.

    ``right``          the quoted words, or that nothing answers where the response refused
    ``should_refuse``  that nothing answers
    ``wrong`` and ``should_answer``  the words that were given with the judgement

    Sources are those given, else those of the response that are known to hold the words.
    """
    answers, sources = judged.answers, judged.sources
    if judged.judgement == "should_refuse":
        answers = sources = ()
    elif judged.judgement == "right":
        answers, sources = _confirmed(judged)
    elif not answers:
        return None
    elif not sources:
        sources = _holding(judged.response, answers)
    words, before = judged.asked.key
    return Question(
        id=label_id(words, before),
        question=words,
        references=tuple(map(Reference, answers)),
        sources=sources,
        type=judged.type,
        history=before,
        split=judged.split,
    )


def label_line(question: Question) -> str:
    """A label as a line of a label file, without the newline."""
    row: dict[str, Any] = {
        "id": question.id,
        "question": question.question,
        "answers": list(question.answers),
        "sources": list(question.sources),
        **_present({"type": question.type}),
        "history": list(question.history),
        **_present({"split": question.split}),
    }
    return json.dumps(row, ensure_ascii=False)


def merged(judged: Iterable[Judged]) -> tuple[tuple[Judged, ...], tuple[Replaced, ...]]:
    """One judgement a question, the last one given, in the order of their last place in the file."""
    last: dict[Key, Judged] = {}
    replaced = []
    for each in judged:
        earlier = last.pop(each.asked.key, None)
        if earlier is not None:
            replaced.append((each.asked.key, earlier))
        last[each.asked.key] = each
    return tuple(last.values()), tuple(Replaced(earlier, last[key]) for key, earlier in replaced)


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items() if value}


def _confirmed(judged: Judged) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of the answer that was judged right, and the sources that say just these words."""
    citations = judged.response.get("citations", [])
    if not citations:
        return (), ()
    quote = citations[0]["quote"]
    alike = [cited["source"] for cited in citations if cited["quote"] == quote and _says_the_same(cited)]
    return _distinct([quote, *judged.answers]), _distinct([*alike, *judged.sources])


def _says_the_same(citation: Mapping[str, Any]) -> bool:
    return citation.get("kind", "answer") in ("answer", "same")


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _holding(response: Mapping[str, Any], answers: Sequence[str]) -> tuple[str, ...]:
    """The sources of the response whose shown text holds one of ``answers``, cited ones first."""
    texts = [(cited["source"], _sentence(cited)) for cited in response.get("citations", [])]
    texts += [(hit["source"], hit["text"]) for hit in response.get("passages", [])]
    return _distinct(source for source, text in texts if any(answer in text for answer in answers))


def _sentence(citation: Mapping[str, Any]) -> str:
    """The cited sentence; the quote alone where the response leaves it out."""
    sentence = citation.get("sentence")
    text = sentence.get("text") if isinstance(sentence, Mapping) else None
    return text if isinstance(text, str) else str(citation["quote"])


# ---- files read


def feedback(path: Path) -> tuple[Judged, ...]:
    """The judged answers of a feedback file, in its order; empty lines are passed over.

    Raises InputError, ``file:line`` first, for a file that cannot be read or holds none, and for the
    first bad line.
    """
    return _some([_judged(row, where) for where, row in _rows(path)], path, "judged answers")


def questions(path: Path) -> tuple[Asked, ...]:
    """The questions of a file: one a line, plain or ``{"question", "history"}``; a label line will do.

    Raises InputError, ``file:line`` first, for a file that cannot be read or holds none, and for the
    first bad line.
    """
    found = [
        Asked(_text(row, "question", where), _texts(row, "history", where))
        for where, row in _rows(path, plain=True)
    ]
    return _some(found, path, "questions")


def _some(found: Sequence[_T], path: Path, what: str) -> tuple[_T, ...]:
    if not found:
        raise InputError(f"{path}:1: holds no {what}; give one a line")
    return tuple(found)


def _rows(path: Path, *, plain: bool = False) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The object of each line with ``file:line``; with ``plain`` a line of words is a question."""
    for number, line in enumerate(_read(path).split("\n"), start=1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        if plain and not line.lstrip().startswith("{"):
            yield where, {"question": line.strip()}
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: is not a line of JSON ({error}); mend or remove it") from error
        yield where, _object(row, "the line", where)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from error


def _judged(row: Mapping[str, Any], where: str) -> Judged:
    given = _object(row.get("label"), '"label"', where)
    response = _response(row.get("response", {}), where)
    judged = Judged(
        asked=Asked(_text({**response, **given}, "question", where), _texts(given, "history", where)),
        judgement=_judgement(row.get("judgement"), where),
        answers=_texts(given, "answers", where),
        sources=_texts(given, "sources", where),
        type=_optional(given, "type", where),
        split=_optional(given, "split", where),
        response=response,
        where=where,
    )
    if judged.judgement == "right":
        _check_right(judged)
    return judged


def _judgement(value: object, where: str) -> Judgement:
    known: tuple[Judgement, ...] = get_args(Judgement)
    for judgement in known:
        if value == judgement:
            return judgement
    raise InputError(f'{where}: "judgement" must be one of {", ".join(known)}')


def _check_right(judged: Judged) -> None:
    """What is judged right must be there: words that are quoted, or a refusal of what has no answer."""
    if "citations" not in judged.response:
        raise InputError(
            f'{judged.where}: is judged right, and has no "response" with "citations" to be right'
        )
    if not judged.response["citations"] and judged.answers:
        raise InputError(
            f"{judged.where}: a refusal is judged right, and the label has answers; drop one of them"
        )


def _response(value: object, where: str) -> Mapping[str, Any]:
    """An answer object, as far as labels need it: quotes, sources and texts are strings."""
    response = _object(value, '"response"', where)
    for name, keys in (("citations", ("quote", "source")), ("passages", ("source", "text"))):
        rows = response.get(name, [])
        if not isinstance(rows, list):
            raise InputError(f'{where}: "{name}" of the response must be a list')
        for row in rows:
            for key in keys:
                _text(_object(row, f'each of "{name}"', where), key, where)
    return response


def _object(value: object, what: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: {what} must be a JSON object")
    return value


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f'{where}: needs a non-empty string "{key}"')
    return value


def _texts(row: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = row.get(key, [])
    if not isinstance(values, list) or not all(isinstance(text, str) and text.strip() for text in values):
        raise InputError(f'{where}: "{key}" must be a list of non-empty strings')
    return _distinct(values) if key != "history" else tuple(values)


def _optional(row: Mapping[str, Any], key: str, where: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f'{where}: "{key}" must be a string')
    return value


# ---- files written


class LabelFile:
    """A label file that grows by whole lines and never holds a question or an id twice.

    Nothing is created before the first label. Each line is one ``write``, synced; a kill leaves all of
    it or nothing, and what a full disk cut short is taken back. Several writers take turns.

    Raises InputError, ``file:line`` first, for a file that is there and is not JSON Lines of labels.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = -1
        self._by_key: dict[Key, tuple[str, ...]] = {}
        self._by_id: dict[str, tuple[str, ...]] = {}
        if path.exists():
            self._load(path.stat().st_size)

    def answers(self, asked: Asked) -> tuple[str, ...] | None:
        """The answers that the file has for a question; None where it has no label for it."""
        return self._there(asked, label_id(*asked.key))

    def add(self, question: Question) -> Fate:
        """Append a label unless the file has its question or its id. Raises OSError if it cannot."""
        with locked(self.path) as handle:
            size = os.fstat(handle).st_size
            if size != self._size:  # another writer was here since
                self._load(size)
            asked = Asked(question.question, question.history)
            there = self._there(asked, question.id)
            if there is not None:
                return "known" if _agrees(question.answers, there) else "differs"
            self._size = append_line(handle, label_line(question))
        self._note(question.id, asked, question.answers)
        return "added"

    def _there(self, asked: Asked, identifier: str) -> tuple[str, ...] | None:
        return self._by_key.get(asked.key, self._by_id.get(identifier))

    def _load(self, size: int) -> None:
        self._by_key.clear()
        self._by_id.clear()
        for where, row in _rows(self.path):
            if "context" in row or not isinstance(row.get("answers"), list):
                raise InputError(f'{where}: is no label line ("question", "answers"); name another file')
            asked = Asked(_text(row, "question", where), _texts(row, "history", where))
            self._note(str(row.get("id", "")), asked, _texts(row, "answers", where))
        self._size = size

    def _note(self, identifier: str, asked: Asked, answers: tuple[str, ...]) -> None:
        self._by_key[asked.key] = answers
        if identifier:
            self._by_id[identifier] = answers


class PendingFile:
    """A feedback file of judged answers that still want their right words, each question once.

    Written like a ``LabelFile``. With ``answers`` put into its labels it is a feedback file to file again.

    Raises InputError, ``file:line`` first, for a file that is there and is not feedback.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = _rows(path) if path.exists() else ()
        self._known = {_judged(row, where).asked.key for where, row in rows}

    def add(self, judged: Judged) -> None:
        """Append a judged answer unless its question waits already. Raises OSError if it cannot."""
        if judged.asked.key in self._known:
            return
        with locked(self.path) as handle:
            append_line(handle, judged.line())
        self._known.add(judged.asked.key)


def _agrees(answers: Sequence[str], there: Sequence[str]) -> bool:
    return set(answers) <= set(there) and bool(answers) == bool(there)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The file open for appending, made if it is not there, with other writers kept waiting."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def append_line(handle: int, line: str) -> int:
    """Write one whole line, or nothing; returns the size of the file."""
    end = os.fstat(handle).st_size
    unended = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
    # A lone surrogate has no UTF-8; as a backslash escape it is the same string in JSON.
    raw = ("\n" * unended + line + "\n").encode(errors="backslashreplace")
    try:
        if os.write(handle, raw) != len(raw):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, end)
        raise
    return end + len(raw)


# ---- filing


def file_feedback(judged: Iterable[Judged], labels: LabelFile, pending: PendingFile) -> tuple[Filed, ...]:
    """Each judged answer as a label or as pending, in order; give what ``merged`` left.

    Raises OSError if a line cannot be written; the lines before it are in their files.
    """
    return tuple(_filed(each, labels, pending) for each in judged)


def _filed(judged: Judged, labels: LabelFile, pending: PendingFile) -> Filed:
    made = label(judged)
    if made is not None:
        return Filed(judged, labels.add(made))
    there = labels.answers(judged.asked)
    if there is not None:
        return Filed(judged, "differs" if not there or _quote(judged.response) in there else "known")
    pending.add(judged)
    return Filed(judged, "pending")


def _quote(response: Mapping[str, Any]) -> str | None:
    """The words of an answer; None where it refuses."""
    citations = response.get("citations", [])
    return str(citations[0]["quote"]) if citations else None


def report_lines(filed: Sequence[Filed], replaced: Sequence[Replaced] = ()) -> Iterator[str]:
    """What was done, for people: the counts, then each line that somebody should look at."""
    fates = Counter(each.fate for each in filed)
    counts = [f"{_FATES[fate]} {fate} {fates[fate]}" for fate in get_args(Fate)]
    yield "，".join([*counts, f"合并 merged {len(replaced)}"])
    for pair in replaced:
        earlier, later = pair.earlier, pair.later
        yield (
            f"  合并 merged {_place(earlier)}: {earlier.judgement} → {later.judgement}，"
            f"以后者为准 the later judgement counts{_at(later)}"
        )
    for each in filed:
        if each.fate in _ADVICE:
            yield f"  {_FATES[each.fate]} {each.fate} {_place(each.judged)}: {_ADVICE[each.fate]}"


_FATES: Mapping[Fate, str] = {"added": "新增", "known": "已有", "differs": "不符", "pending": "待定"}
_ADVICE: Mapping[Fate, str] = {
    "differs": "标注文件里另有说法，未改动 the label file says otherwise and stays; change it there",
    "pending": '缺正确的原文 put the right words into "answers" of its label',
}


def _place(judged: Judged) -> str:
    """Its file and line where it has one, and its question."""
    return f"{judged.where} {judged.asked.question}".lstrip()


def _at(judged: Judged) -> str:
    return f" ({judged.where})" if judged.where else ""


# ---- in the terminal


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person judges answers.

    ``say``          shows a line
    ``hear``         shows a prompt and returns what was typed; None where nothing more will come
    ``source_text``  the text of a source, None where it is not at hand
    """

    labels: LabelFile
    pending: PendingFile
    say: Callable[[str], None]
    hear: Callable[[str], str | None]
    source_text: Callable[[str], str | None] = field(default=lambda _source: None)


Ask = Callable[[str, Sequence[str]], Mapping[str, Any]]
_Choice = Judgement | Literal["skip", "quit"]

_QUESTION = "问题 question（+ 开头为追问 + for a follow-up；空行结束 empty line to end）: "
_JUDGE = "1 对 right  2 错 wrong  3 该答 should answer  4 该拒 should refuse  s 跳过 skip  q 结束 quit: "
_WORDS = "正确的原文，照抄 the right words as in the article（空行：待定 empty line: pending）: "
_SOURCE = "出自哪个文件 source（空行：不注明 empty line: none）: "
_KEYS: Mapping[_Choice, tuple[str, ...]] = {
    "right": ("1", "对", "right"),
    "wrong": ("2", "错", "wrong"),
    "should_answer": ("3", "该答", "should answer"),
    "should_refuse": ("4", "该拒", "should refuse"),
    "skip": ("s", "跳过", "skip"),
    "quit": ("q", "结束", "quit"),
}


def interview(asked: Iterable[Asked], ask: Ask, desk: Desk) -> Iterator[Filed]:
    """Shows the answer to each question, asks what it is worth, and files it before the next one.

    ``ask`` gives the answer object of the public JSON; a question it cannot take (InputError) is told
    and passed over, as is one that the label file has. Since every judgement is in its file when it is
    yielded, an interruption loses nothing, and the same questions go on where they stopped.
    """
    for each in asked:
        if desk.labels.answers(each) is not None:
            desk.say(f"已有标注 labelled already: {each.question}")
            continue
        try:
            response = ask(each.question, each.history)
        except InputError as error:
            desk.say(f"不能提问 cannot be asked: {error}")
            continue
        for line in _shown(each, response):
            desk.say(line)
        choice = _choice(desk)
        if choice == "quit":
            return
        if choice != "skip":
            judged = Judged(each, choice, response=response)
            needs_words = choice in ("wrong", "should_answer")
            yield _filed(_worded(judged, desk) if needs_words else judged, desk.labels, desk.pending)


def typed(hear: Callable[[str], str | None]) -> Iterator[Asked]:
    """Questions as they are typed, until an empty line; ``+`` first makes one a follow-up of those before."""
    turns: tuple[str, ...] = ()
    while (line := hear(_QUESTION)) is not None and line.strip():
        follows = line.strip().startswith(("+", "＋"))
        question = line.strip().lstrip("+＋").strip()
        if question:
            turns = turns if follows else ()
            yield Asked(question, turns)
            turns = (*turns, question)


def _shown(asked: Asked, response: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"问 {' → '.join([*asked.history, asked.question])}"
    citations, passages = response.get("citations", []), response.get("passages", [])
    if citations:
        yield f"答 {citations[0]['quote']}"
        yield f"   {citations[0]['source']}: {' '.join(_sentence(citations[0]).split())}"
        return
    yield "拒答 refused；最接近的段落 nearest passages:" if passages else "拒答 refused"
    for hit in passages[:3]:
        yield f"   {hit['source']}: {' '.join(hit['text'].split())[:60]}"


def _choice(desk: Desk) -> _Choice:
    while (heard := desk.hear(_JUDGE)) is not None:
        for choice, keys in _KEYS.items():
            if heard.strip().lower() in keys:
                return choice
        desk.say("请输入 1、2、3、4、s 或 q please type one of these")
    return "quit"


def _worded(judged: Judged, desk: Desk) -> Judged:
    """With the right words and their source as far as they are typed; without words it stays pending."""
    words = (desk.hear(_WORDS) or "").strip()
    if not words:
        return judged
    sources = _holding(judged.response, [words]) or _cited_and_holding(judged.response, words, desk)
    if sources:
        return replace(judged, answers=(words,), sources=sources)
    desk.say(f"注意 warning: 在所引和所示的文字里没有找到 not found in what was cited or shown: {words}")
    source = (desk.hear(_SOURCE) or "").strip()
    if source:
        _warn(words, source, desk)
    return replace(judged, answers=(words,), sources=(source,) if source else ())


def _cited_and_holding(response: Mapping[str, Any], words: str, desk: Desk) -> tuple[str, ...]:
    """The cited sources whose whole text is at hand and holds ``words``."""
    cited = _distinct(citation["source"] for citation in response.get("citations", []))
    return tuple(source for source in cited if words in (desk.source_text(source) or ""))


def _warn(words: str, source: str, desk: Desk) -> None:
    text = desk.source_text(source)
    if text is None:
        desk.say(f"注意 warning: 无法核对 cannot be checked: {source}")
    elif words not in text:
        desk.say(f"注意 warning: {source} 里没有这些字 does not hold these words; 照记 kept as typed")
