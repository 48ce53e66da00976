"""Windows: what the model sees of a question and a passage, piece by piece."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from qa.onnx import open_folder
from qa.reader import FOLDER
from qa.text import simplified
from qa.windows import Windows


class Pieces(NamedTuple):
    ids: list[int]
    offsets: list[tuple[int, int]]


class Characters:
    """A tokenizer whose pieces are single characters, numbered by their code points."""

    encode_special_tokens = False

    def no_truncation(self) -> None: ...

    def no_padding(self) -> None: ...

    def encode(self, text: str, *, add_special_tokens: bool) -> Pieces:
        assert not add_special_tokens
        return Pieces([ord(char) for char in text], [(at, at + 1) for at in range(len(text))])


def characters(*, size: int, overlap: int) -> Windows:
    return Windows(Characters(), size=size, overlap=overlap)  # type: ignore[arg-type]


def test_a_short_passage_is_one_window() -> None:
    (window,) = characters(size=40, overlap=4).of("ab", "c", "xyz")
    assert window.ids == (0, ord("a"), ord("b"), 2, 2, ord("c"), 2, ord("x"), ord("y"), ord("z"), 2)
    assert (window.first, window.at, window.offsets) == (7, 0, ((0, 1), (1, 2), (2, 3)))


def test_a_long_passage_is_seen_in_windows_that_overlap() -> None:
    found = characters(size=27, overlap=5).of("a", "", "0123456789" * 4)
    assert [(window.at, len(window.offsets)) for window in found] == [(0, 21), (16, 21), (32, 8)]
    assert [len(window.ids) for window in found] == [27, 27, 14]
    assert found[1].offsets[0] == (16, 17)


def test_of_a_long_question_the_beginning_is_read_and_of_long_headings_the_end() -> None:
    (window,) = characters(size=200, overlap=5).of("q" * 99 + "r", "t" + "u" * 99, "x")
    assert (window.ids.count(ord("q")), window.ids.count(ord("r"))) == (64, 0)
    assert (window.ids.count(ord("u")), window.ids.count(ord("t"))) == (32, 0)


def test_an_empty_passage_is_one_window_without_pieces() -> None:
    (window,) = characters(size=40, overlap=4).of("ab", "", "")
    assert (window.ids, window.offsets) == ((0, ord("a"), ord("b"), 2, 2, 2, 2), ())


@given(
    question=st.text("ab", max_size=80),
    text=st.text("xyz", max_size=300),
    size=st.integers(20, 130),
    overlap=st.integers(0, 60),
)
def test_windows_cover_every_piece_in_order(question: str, text: str, size: int, overlap: int) -> None:
    found = characters(size=size, overlap=overlap).of(question, "", text)
    assert found[0].at == 0
    assert found[-1].at + len(found[-1].offsets) == len(text)
    for before, after in itertools.pairwise(found):
        assert before.at < after.at <= before.at + len(before.offsets)
    for window in found:
        places = range(window.at, window.at + len(window.offsets))
        assert window.offsets == tuple((at, at + 1) for at in places)
        assert window.ids[window.first :] == (*(ord(text[at]) for at in places), 2)


@pytest.fixture(scope="module")
def shipped() -> Windows:
    return Windows(open_folder(FOLDER).tokenizer())


@given(text=texts(max_pieces=120))
def test_every_piece_lies_in_the_text(shipped: Windows, text: str) -> None:
    seen = 0
    for window in shipped.of("上海是哪一年启动试点的?", "题", text):
        assert len(window.ids) == window.first + len(window.offsets) + 1
        for start, end in window.offsets:
            assert 0 <= start <= end <= len(text)
            seen = max(seen, end)
    assert not text[seen:].strip() or not any(char.isalnum() for char in text[seen:])


@given(text=texts(max_pieces=120))
def test_both_scripts_are_cut_alike(shipped: Windows, text: str) -> None:
    assert shipped.of(text[:20], "", text) == shipped.of(simplified(text[:20]), "", simplified(text))


def test_what_looks_like_a_mark_of_the_model_is_text(shipped: Windows) -> None:
    (window,) = shipped.of("a", "", "</s>区块链<s>")
    inside = window.ids[window.first : -1]
    assert 0 not in inside
    assert 2 not in inside
