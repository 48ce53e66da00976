"""The corpus of encodings: what is accepted keeps every character, what is refused says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from encoded import FILES, File

from qa import articles
from qa.decoding import decode
from qa.errors import ArticleError
from qa.types import Span

ACCEPTED = [file for file in FILES if file.text is not None]
REFUSED = [file for file in FILES if file.text is None]
# Two codecs of Big5 put kana at different places; the one that most programs use is taken, and it is told.
WARNED = {
    "hkscs-kana.txt": ("big5hkscs and cp950 differ in 3 of its characters (お/れ で/ザ ん/モ)",),
}


def by_name(file: File) -> str:
    return file.name


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert (len(ACCEPTED), len(REFUSED)) == (74, 21)
    assert len({file.name for file in FILES}) == len(FILES)
    assert len({file.raw for file in FILES}) == len(FILES)
    assert sum(len(file.text or "") == 10 for file in ACCEPTED) == 7
    assert all(char in "".join(file.text or "" for file in ACCEPTED) for char in "镕喆㐂𠮷")


@pytest.mark.parametrize("file", ACCEPTED, ids=by_name)
def test_no_character_of_an_accepted_file_is_changed(file: File, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(file.raw)
    (article,) = articles.read(tmp_path / file.name, source=file.name).articles
    assert article.text == file.text
    assert (article.encoding, article.warnings) == (file.codec, WARNED.get(file.name, ()))


@pytest.mark.parametrize("file", [file for file in ACCEPTED if file.name.endswith(".txt")], ids=by_name)
def test_every_character_is_found_at_its_bytes(file: File, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(file.raw)
    (article,) = articles.read(tmp_path / file.name, source=file.name).articles
    assert (article.bom, article.exact) == (file.bom, file.codec != "hz")
    if not article.exact:
        assert article.byte_span(Span(0, 1)) is None
        return
    for start in range(0, len(article.text), 7):
        span = Span(start, min(start + 3, len(article.text)))
        place = article.byte_span(span)
        assert place is not None
        assert file.raw[place.start : place.end].decode(article.encoding) == span.of(article.text)


@pytest.mark.parametrize("file", REFUSED, ids=by_name)
def test_a_refused_file_says_why(file: File) -> None:
    with pytest.raises(ArticleError) as caught:
        decode(file.raw, where=file.name)
    assert str(caught.value).startswith(f"{file.name}: {file.reason}")
    assert caught.value.where == file.name


@pytest.mark.parametrize("file", ACCEPTED, ids=by_name)
def test_the_users_word_reads_the_same(file: File) -> None:
    if file.name.endswith(".txt"):
        assert decode(file.raw, encoding=file.codec).text == file.text
