"""Addresses of stores, terms as Milvus sees them, keys of content, filters as expressions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.answering import Filters
from qa.errors import InputError
from qa.milvus.address import Address, parse
from qa.milvus.analysis import LONGEST, analysed, spelt
from qa.milvus.filtering import expression
from qa.milvus.keys import key, number
from qa.words import Segmenter


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            "milvus://10.0.0.1:19531/news",
            Address("milvus://10.0.0.1:19531/news", "http://10.0.0.1:19531", "news"),
        ),
        ("milvus://db/news", Address("milvus://db:19530/news", "http://db:19530", "news")),
        ("milvus+tls://db:443/n", Address("milvus+tls://db:443/n", "https://db:443", "n")),
        ("milvus://[::1]/n", Address("milvus://[::1]:19530/n", "http://[::1]:19530", "n")),
        ("here/store.db", Address("here/store.db", "here/store.db")),
        (
            "s.db?shard=a&analyzer=jieba&index=HNSW&channels=4",
            Address("s.db", "s.db", "qa", "a", "jieba", "HNSW", 4),
        ),
    ],
)
def test_an_address(text: str, address: Address) -> None:
    assert parse(text) == address
    assert address.local == text.partition("?")[0].endswith(".db")
    assert address.records == f"{address.collection}_records"


SHAPES = "give milvus://HOST:PORT/COLLECTION, milvus+tls://HOST:PORT/COLLECTION or FILE.db"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http://db:19530/news", f"http://db:19530/news: is not the address of a store; {SHAPES}"),
        ("store", f"store: is not the address of a store; {SHAPES}"),
        (".db", f".db: is not the address of a store; {SHAPES}"),
        ("", f": is not the address of a store; {SHAPES}"),
        ("milvus://db", f"milvus://db: names no collection (letters, digits and _); {SHAPES}"),
        ("milvus://db/a-b", f"milvus://db/a-b: names no collection (letters, digits and _); {SHAPES}"),
        ("milvus:///news", f"milvus:///news: is not the address of a store; {SHAPES}"),
        ("milvus://u:p@db/n", "db: leave user and password out of the address; set QA_MILVUS_TOKEN"),
        ("a.db?shard=a b", "a.db?shard=a b: no shard can be called 'a b'; use letters, digits and . _ -"),
        ("a.db?channels=0", "a.db?channels=0: channels is a whole number from 1 to 64"),
        (
            "a.db?index=X",
            "a.db?index=X: index=X is not known; there are: AUTOINDEX, FLAT, HNSW, IVF_SQ8, DISKANN",
        ),
        ("a.db?analyzer=ik", "a.db?analyzer=ik: analyzer=ik is not known; there are: terms, jieba"),
        ("a.db?k=1", "a.db?k=1: 'k' is no option of a store; there are: shard, analyzer, index, channels"),
    ],
)
def test_an_address_of_another_shape(text: str, line: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(text)
    assert str(raised.value) == line


def test_a_port_that_is_none() -> None:
    with pytest.raises(InputError, match=r"milvus://db:99999/n: is not the address of a store \(Port out of"):
        parse("milvus://db:99999/n")


def test_a_store_is_no_folder() -> None:
    with pytest.raises(InputError, match=r"^a\.db: this needs an index folder; name it with --index in the"):
        Path(parse("a.db"))


# ---- terms


@pytest.mark.parametrize(
    ("term", "token"),
    [
        ("北京", "g65359o"),
        (" 北京", "w65359o"),
        ("北", "g653"),
        ("covid19", "xcovid19"),
        ("c++", "y632b2b"),
        ("é", "yc3a9"),
        ("〇", "ye38087"),
        (" 𠮷", "y20f0a0aeb7"),
    ],
)
def test_a_term_is_spelt_in_ascii(term: str, token: str) -> None:
    assert spelt(term) == token


terms = st.from_regex(r"\A ?\w[\w.+#-]{0,5}\Z")


@given(st.lists(terms, unique=True, max_size=30))
def test_two_terms_are_two_tokens_that_nothing_takes_apart(found: list[str]) -> None:
    tokens = [spelt(term) for term in found]
    assert len(set(tokens)) == len(found)
    assert all(re.fullmatch(r"[a-z0-9]+", token) for token in tokens)


def test_what_bm25_is_made_of() -> None:
    segmenter = Segmenter()
    assert analysed("上海C++", segmenter, "terms") == " ".join(map(spelt, segmenter.terms("上海C++")))
    assert analysed("臺北ＡＢ", segmenter, "jieba") == "台北ab"
    assert analysed("。", segmenter, "terms") == ""


def test_what_bm25_is_made_of_fits_its_field() -> None:
    long = analysed("上海" * 5000, Segmenter(), "terms")
    assert len(long) <= LONGEST
    assert set(map(len, long.split())) == {4, 7}
    assert len(analysed("上" * 30_000, Segmenter(), "jieba").encode()) <= LONGEST


# ---- keys and expressions


def test_keys_tell_contents_apart() -> None:
    assert key("a", 1) == key("a", 1)
    assert len({key("a", 1), key("a", "1"), key(("a", 1)), key("a1")}) == 4
    assert 0 <= number("a") < 2**63
    assert number("a") == number("a") != number("b")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(source="a/*.t?t"), '(source like "a/%.t_t")'),
        (Filters(source='5%_"\\'), r'(source like "5\\%\\_\"\\\\")'),
        (Filters(after="2021"), '(date >= "2021")'),
        (Filters(after="2021-05-06"), '(date >= "2021-05-06" or date in ["2021", "2021-05"])'),
        (Filters(before="2021-05"), '(date != "" and (date <= "2021-05" or date like "2021-05%"))'),
        (
            Filters(source="*", before="2021"),
            '(source like "%") and (date != "" and (date <= "2021" or date like "2021%"))',
        ),
    ],
)
def test_filters_as_an_expression(filters: Filters, expected: str) -> None:
    assert expression(filters) == expected
