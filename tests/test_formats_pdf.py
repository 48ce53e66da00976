"""PDF files made by hand: exact text, order, pages, and what is refused."""

from __future__ import annotations

import shutil
import sys
import zlib

import pytest
from bombs import drawing
from printed import Words, column, pdf

from qa.errors import ArticleError
from qa.formats import pdf as reader
from qa.formats.layout import Glyph, lines, paragraphs
from qa.types import Article

ONE = [
    "　　赵州桥建于隋代，是一座石拱桥，由著名的匠师李春设计和建",
    "造，距今已有一千四百多年的历史。桥长五十点八二米，两端宽九",
    "点六米，中部略窄。",
    "　　桥面坡度不大。",
]
JOINED = (
    "赵州桥建于隋代，是一座石拱桥，由著名的匠师李春设计和建造，距今已有一千四百多年的历史。"
    "桥长五十点八二米，两端宽九点六米，中部略窄。\n桥面坡度不大。"
)
LEFT = [
    "　　赵州桥建于隋代，是一座石拱桥，由著名的",
    "匠师李春设计和建造，距今已有一千四百多年的",
    "历史。桥长五十点八二米，两端宽九点六米，中",
    "部略窄，宽九米。这座桥在漫长的岁月里，虽然",
]
RIGHT = [
    "经过无数次洪水冲击、风吹雨打、冰雪风霜的侵",
    "蚀和八次地震的考验，却安然无恙，巍然挺立在",
    "清水河上。",
    "　　一九六一年列为全国重点文物保护单位。",
]


def one(raw: bytes, source: str = "桥/a.pdf") -> Article:
    (article,) = reader.read(raw, source=source)
    return article


def quotes(article: Article) -> list[tuple[int | None, str]]:
    return [(block.page, block.span.of(article.text)) for block in article.blocks]


def test_lines_are_joined_and_the_largest_is_the_title() -> None:
    article = one(pdf([[Words("古桥", 250, 790, 20), *column(ONE, 72, 740)]]))
    assert article.text == f"古桥\n{JOINED}"
    assert (article.id, article.source, article.title) == ("桥/a.pdf", "桥/a.pdf", "古桥")
    assert (article.exact, article.encoding, article.element, article.warnings) == (False, "utf-8", None, ())
    assert quotes(article) == [(1, JOINED)]


def test_two_columns_under_a_title_are_read_one_after_the_other() -> None:
    top = [Words("赵州桥的结构", 230, 770, 18)]
    # The file draws line by line across both columns, as some programs do.
    across = [
        words
        for pair in zip(column(LEFT, 72, 730, 11), column(RIGHT, 320, 730, 11), strict=True)
        for words in pair
    ]
    article = one(pdf([[*top, *across]]))
    assert article.text == (
        "赵州桥的结构\n赵州桥建于隋代，是一座石拱桥，由著名的匠师李春设计和建造，距今已有一千四百多年的历史。"
        "桥长五十点八二米，两端宽九点六米，中部略窄，宽九米。这座桥在漫长的岁月里，虽然经过无数次洪水冲击、"
        "风吹雨打、冰雪风霜的侵蚀和八次地震的考验，却安然无恙，巍然挺立在清水河上。\n"
        "一九六一年列为全国重点文物保护单位。"
    )


def test_a_line_across_the_page_parts_the_columns_above_from_those_below() -> None:
    above = [*column(LEFT, 72, 780, 11), *column(RIGHT, 320, 780, 11)]
    bar = [Words("二、桥面的宽度与桥的全长都是后来才仔细地测量出来的", 72, 690, 16)]
    below = [*column(LEFT[1:], 72, 660, 11), *column(RIGHT[:3], 320, 660, 11)]
    first, last = "".join(LEFT + RIGHT[:3]).strip(), "".join(LEFT[1:])
    assert one(pdf([[*above, *bar, *below]])).text.split("\n") == [
        first,
        RIGHT[3].strip(),
        bar[0].text,
        last + "".join(RIGHT[:3]),
    ]


def test_rows_of_a_table_are_no_columns() -> None:
    cells = [
        *column(["桥名", "赵州桥", "卢沟桥", "洛阳桥"], 72, 600),
        *column(["全长", "五十米", "二百六十六米", "八百米"], 220, 600),
    ]
    article = one(pdf([[*column(ONE, 72, 740), *cells]]))
    assert article.text == f"{JOINED}\n桥名\t全长\n赵州桥\t五十米\n卢沟桥\t二百六十六米\n洛阳桥\t八百米"
    assert quotes(article) == [(1, article.text)]


def test_running_heads_and_page_numbers_are_left_out() -> None:
    pages = [
        [Words(f"桥梁学报 第{at}期", 72, 810, 9), *column(ONE[3:], 72, 730), Words(f"- {at} -", 280, 30, 10)]
        for at in range(1, 4)
    ]
    article = one(pdf(pages))
    assert article.text == "\n".join(["桥面坡度不大。"] * 3)
    assert quotes(article) == [(1, "桥面坡度不大。"), (2, "桥面坡度不大。"), (3, "桥面坡度不大。")]


def test_what_stands_at_the_edge_once_stays() -> None:
    pages = [
        [Words("序言写在最上面。", 72, 810), *column(ONE[3:], 72, 730)],
        [Words("后记写在最下面。", 72, 40)],
    ]
    assert one(pdf(pages)).text == "序言写在最上面。\n桥面坡度不大。\n后记写在最下面。"


def test_a_sentence_over_the_end_of_a_page_is_whole_and_begins_on_the_first() -> None:
    article = one(pdf([column(ONE[:2], 72, 740), column(ONE[2:], 72, 740)]))
    assert article.text == JOINED
    first, rest = JOINED.split("\n")
    assert quotes(article) == [(1, first), (2, rest)]
    assert [(block.span.start, block.span.end) for block in article.blocks] == [(0, 65), (66, 73)]


def test_words_divided_at_the_end_of_a_line_are_whole_again() -> None:
    text = [
        "The bridge was built by the craftsman Li Chun with a seg-",
        "mental arch, and it still stands in Zhao County. 它由石",
        "头砌成。",
    ]
    article = one(pdf([column(text, 72, 740)]))
    assert article.text == (
        "The bridge was built by the craftsman Li Chun with a segmental arch, "
        "and it still stands in Zhao County. 它由石头砌成。"
    )


def test_headings_by_size_are_the_path_of_a_block() -> None:
    page = [
        Words("古桥", 72, 800, 22),
        Words("历史", 72, 770, 16),
        *column(ONE[:3], 72, 740),
        Words("现状", 72, 670, 16),
        *column(ONE[3:], 72, 640),
    ]
    article = one(pdf([page]))
    assert [(block.heading, block.page) for block in article.blocks] == [(("历史",), 1), (("现状",), 1)]


def test_rare_characters_and_radicals() -> None:
    article = one(pdf([[Words("镕喆㐂𠮷，⽂字⼀个不变。", 72, 740)]]))
    assert article.text == "镕喆㐂𠮷，文字一个不变。"


def test_a_font_that_is_turned_over_twice_is_read_as_any_other() -> None:
    turned = [Words("赵州桥建于隋代。", 72, 740, -12, "-1 0 0 -1"), Words("桥面坡度不大。", 72, 700)]
    assert one(pdf([turned])).text == "赵州桥建于隋代。\n桥面坡度不大。"


@pytest.mark.parametrize("y", [810, 740])
def test_signs_without_height_cost_nothing_but_themselves(y: float) -> None:
    flat = [Words("赵州桥", 72, y, 12, "1 0 0 0"), Words("桥面坡度不大。", 72, 700)]
    lines = one(pdf([flat, flat])).text.split("\n")
    assert [line for line in lines if "桥面" in line] == ["桥面坡度不大。"] * 2


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_that_is_shown_turned_is_read_as_it_is_shown(turn: int) -> None:
    page = column(["The bridge is old.", "It is made of stone."], 72, 540, pitch=30)
    assert one(pdf([page], turn=turn, latin=True)).text == "The bridge is old.\nIt is made of stone."


def test_a_scanned_file_is_refused_and_a_scanned_page_is_told() -> None:
    with pytest.raises(ArticleError) as caught:
        reader.read(pdf([[], []], picture=True), source="b/扫描.pdf")
    assert str(caught.value) == (
        "b/扫描.pdf: is scanned (2 pages are pictures without text); recognise its text (OCR) first"
    )
    assert caught.value.where == "b/扫描.pdf"
    some = one(pdf([column(ONE, 72, 740), []], picture=True))
    assert (some.text, some.warnings) == (JOINED, ("pages that are pictures without text: 2",))


def test_signs_without_characters_are_refused() -> None:
    with pytest.raises(
        ArticleError, match=r"^a\.pdf: \d+ of its \d+ signs do not say which characters they are"
    ):
        reader.read(pdf([column(ONE, 72, 740)], mapped=False), source="a.pdf")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty file"),
        (b"%PDF-1.5\n", "is cut off or damaged; get it again"),
        (b"PK\x03\x04 and more", "is a ZIP package, not PDF; give it the right suffix"),
        (b"<html>", "is HTML or XML, not PDF; give it the right suffix"),
        ("桥".encode(), "is something else, not PDF; give it the right suffix"),
        (pdf([[]]), "holds no text"),
    ],
)
def test_what_is_no_pdf_with_text_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ArticleError) as caught:
        reader.read(raw, source="a.pdf")
    assert str(caught.value) == f"a.pdf: {reason}"


def test_a_file_that_is_cut_off_says_so() -> None:
    raw = pdf([column(ONE, 72, 740)])
    article = one(raw[: raw.rindex(b"startxref")])
    assert (article.text, article.warnings) == (JOINED, ("the file is cut off: pages may be missing",))


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LARGEST_STREAM", 1_000_000)
    packed = zlib.compress(b" " * 2_000_000)
    with pytest.raises(
        ArticleError, match=r"^a\.pdf: a stream unpacks to more than 1,000,000 bytes; refused as a bomb$"
    ):
        reader.read(b"%PDF-1.5\n<< >>\nstream\n" + packed + b"\nendstream", source="a.pdf")
    with pytest.raises(ArticleError, match=r"^a\.pdf: packs its streams twice; refused as a bomb$"):
        reader.read(b"%PDF-1.5\n<< /Filter [/FlateDecode /FlateDecode] >>", source="a.pdf")


def test_a_file_of_very_many_pages_or_signs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = pdf([column(ONE, 72, 740)] * 3)
    monkeypatch.setattr(reader, "MOST_PAGES", 2)
    with pytest.raises(ArticleError, match=r"^a\.pdf: has 3 pages, not 1 to 2; split it$"):
        reader.read(raw, source="a.pdf")
    monkeypatch.setattr(reader, "MOST_PAGES", 3)
    monkeypatch.setattr(reader, "MOST_GLYPHS", 100)
    with pytest.raises(
        ArticleError, match=r"^a\.pdf: holds more than 100 signs or 1,000,000 lines; split it$"
    ):
        reader.read(raw, source="a.pdf")


# -- layout alone -----------------------------------------------------------------------------------


def typed(text: str, x: float, y: float, size: float = 10) -> list[Glyph]:
    """Characters of a line, full-width ones as wide as high, half-width ones half of that."""
    found = []
    for char in text:
        wide = size if char >= "\u2000" else size / 2
        if char != " ":
            found.append(Glyph(char, x, x + wide, y - 0.2 * size, y + 0.8 * size, size, spaced=False))
        x += wide
    return found


def test_spaces_are_seen_by_their_width() -> None:
    (line,) = lines(typed("ab cd桥ef", 0, 0))
    assert line.text == "ab cd桥ef"
    (first, second) = [*typed("桥", 0, 0), *typed("梁", 18, 0)]
    assert [line.text for line in lines([first, second])] == ["桥 梁"]


def test_a_raised_sign_stays_in_its_line() -> None:
    assert [
        line.text for line in lines([*typed("桥", 0, 0), *typed("2", 10, 4, 5), *typed("长", 13, 0)])
    ] == ["桥2长"]


def test_a_number_before_its_line_is_no_cell() -> None:
    assert [(line.text, line.row) for line in lines([*typed("一、", 0, 0), *typed("历史", 40, 0)])] == [
        ("一、 历史", False)
    ]
    assert [(line.text, line.row) for line in lines([*typed("长", 0, 0), *typed("米", 40, 0)])] == [
        ("长\t米", True)
    ]


def test_a_short_line_ends_its_paragraph() -> None:
    page = lines(
        [*typed("桥长五十米，两端宽九点六米", 0, 40), *typed("桥面宽", 0, 20), *typed("桥下有河", 0, 0)]
    )
    assert [one.text for one in paragraphs([page])] == ["桥长五十米，两端宽九点六米桥面宽", "桥下有河"]


# -- under guard ------------------------------------------------------------------------------------


def test_forms_that_draw_each_other_without_end_are_read_under_guard() -> None:
    assert reader._suspicious(drawing(20, 10))
    assert not reader._suspicious(drawing(3, 2))
    assert not reader._suspicious(pdf([column(ONE, 72, 740)] * 40, picture=True))


def test_a_guarded_file_is_read_as_any_other() -> None:
    raw = pdf([column(ONE, 72, 740)])
    assert reader._guarded(raw, "a.pdf") == reader.read(raw, source="a.pdf")
    with pytest.raises(ArticleError) as caught:
        reader._guarded(b"%PDF-1.5\n", "b/a.pdf")
    assert (str(caught.value), caught.value.where) == (
        "b/a.pdf: is cut off or damaged; get it again",
        "b/a.pdf",
    )


def test_a_process_that_takes_too_much_costs_only_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(ArticleError) as caught:
        reader._guarded(b"%PDF-1.5\n", "a.pdf")
    assert str(caught.value) == "a.pdf: takes more memory or time than a file may; refused as a bomb"
