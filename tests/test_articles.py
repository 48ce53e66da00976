"""Files in, articles out: what is quoted, where it stands, and what is refused."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa import articles, formats
from qa.errors import ArticleError, EncodingError
from qa.formats import html, jsonl, markdown, plain
from qa.outline import iso_date
from qa.types import Article, Span

PAGES = Path(__file__).parent / "pages"
PROSE = "这座桥建于一九五八年,全长四十六米,至今仍在使用。"


def one(raw: bytes | str, source: str = "a.txt") -> Article:
    raw = raw.encode() if isinstance(raw, str) else raw
    module = {".txt": plain, ".md": markdown, ".html": html}[Path(source).suffix]
    (article,) = module.read(raw, source=source)
    assert isinstance(article, Article)
    return article


def quotes(article: Article) -> list[str]:
    return [block.span.of(article.text) for block in article.blocks]


# -- plain text ----------------------------------------------------------------------------------


def test_a_text_file_is_its_own_text() -> None:
    raw = codecs.BOM_UTF8 + f"  古桥 \r\n\r\n2019年3月5日\r\n{PROSE}\r\n".encode()
    article = one(raw, "bridges/old.txt")
    assert article.text == f"  古桥 \r\n\r\n2019年3月5日\r\n{PROSE}\r\n"
    assert (article.id, article.source, article.title, article.date) == (
        "bridges/old.txt", "bridges/old.txt", "古桥", "2019-03-05",
    )  # fmt: skip
    assert (article.encoding, article.bom, article.exact) == ("utf-8", 3, True)
    assert article.sha256 == hashlib.sha256(raw).hexdigest()
    start = article.text.index("四十六米")
    place = article.byte_span(Span(start, start + 4))
    assert place is not None
    assert raw[place.start : place.end].decode() == "四十六米"


def test_the_title_is_the_files_name_where_no_line_looks_like_one() -> None:
    assert one(PROSE, "x/古桥.txt").title == "古桥"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\u2028", "\x85"])
def test_every_newline_ends_a_line_and_stays(newline: str) -> None:
    text = newline.join(["一、历史", PROSE, "二、现状", "桥面在二〇〇五年换过。", "上一篇:隧道"])
    article = one(text)
    assert article.text == text
    assert [(block.heading, block.span.of(text)) for block in article.blocks] == [
        (("一、历史",), PROSE),
        (("二、现状",), "桥面在二〇〇五年换过。"),
    ]


def test_a_block_is_trimmed_and_holds_the_blank_lines_inside() -> None:
    assert quotes(one(f"\n\n\u3000\u3000{PROSE}  \n\n  桥上不许停车。 \n\n")) == [
        f"{PROSE}  \n\n  桥上不许停车。"
    ]


@pytest.mark.parametrize("text", [" ", "\n\n", "\ufeff", "上一篇:隧道\n", "# 只有标题\n", "\u3000"])
def test_a_file_without_text_is_refused(text: str) -> None:
    with pytest.raises(ArticleError, match=r"^a\.txt: holds no text$"):
        plain.read(text.encode(), source="a.txt")


def test_a_million_characters_on_one_line() -> None:
    text = PROSE * 40_000
    assert quotes(one(text)) == [text]


@given(st.text(alphabet="桥河。,\n\r \u3000#-1一、(){}[]|•:", min_size=1, max_size=300))
def test_blocks_never_overlap_and_begin_and_end_with_characters(text: str) -> None:
    for source in ("a.txt", "a.md"):
        try:
            article = one(text, source)
        except ArticleError:
            continue
        ends = 0
        for block in article.blocks:
            assert ends <= block.span.start < block.span.end
            quote = block.span.of(article.text)
            assert quote == quote.strip()
            ends = block.span.end
        assert article.text == text


# -- Markdown ------------------------------------------------------------------------------------


def test_markdown_headings_nest_and_markup_stays() -> None:
    text = (
        '---\ntitle: "桥的历史"\ndate: 2023-07-02\n---\n<!-- 草稿\n第二行 -->\n# 桥\n\n![图](a.png)\n\n'
        "**全长**46米。\n\n## 宋代 ##\n\n桥建于宋代。\n\n```\nls -l\n# 不是标题\n```\n\n### 石料\n\n"
        "- 花岗岩\n- 青石\n\n## 明代\n\n> 重修过一次。\n"
    )
    article = one(text, "桥.md")
    assert (article.text, article.title, article.date, article.exact) == (
        text,
        "桥的历史",
        "2023-07-02",
        True,
    )
    assert [(block.heading, block.span.of(text)) for block in article.blocks] == [
        (("桥",), "**全长**46米。"),
        (("桥", "宋代"), "桥建于宋代。"),
        (("桥", "宋代", "石料"), "- 花岗岩\n- 青石"),
        (("桥", "明代"), "> 重修过一次。"),
    ]


def test_a_markdown_title_may_be_its_first_heading() -> None:
    article = one(f"# 古桥\n\n{PROSE}\n\n## 现状\n\n仍在使用。\n", "x.md")
    assert article.title == "古桥"
    assert [block.heading for block in article.blocks] == [(), ("现状",)]


def test_a_rule_is_no_front_matter_and_a_table_is_text() -> None:
    text = f"---\n\n{PROSE}\n\n| 年 | 长 |\n|---|---|\n| 1958 | 46米 |\n"
    assert quotes(one(text, "x.md")) == [f"{PROSE}\n\n| 年 | 长 |\n|---|---|\n| 1958 | 46米 |"]


def test_an_unclosed_fence_runs_to_the_end() -> None:
    assert quotes(one(f"{PROSE}\n\n~~~\n这不是正文。\n", "x.md")) == [PROSE]


# -- HTML ----------------------------------------------------------------------------------------


def test_a_page_gives_its_visible_text_a_line_a_block() -> None:
    page = (
        "<?xml version='1.0' encoding='gbk'?><html><head><title>古桥_某站</title><style>p{}</style></head>"
        "<body><nav><a href=/>首页</a></nav><h2>历史</h2><p>桥建于<b>一九五八年</b>,\n全长&nbsp;46米。<br>"
        "仍在使用。<script>var x='不可见';</script></p>"
        "<table><tr><td>长</td><td>46米</td></tr></table><!-- 注释 --></body></html>"
    )
    article = one(page, "x.html")
    assert article.text == "首页\n历史\n桥建于一九五八年, 全长 46米。\n仍在使用。\n长\t46米"
    assert (article.title, article.exact, article.encoding) == ("古桥", False, "utf-8")
    assert [(block.heading, block.span.of(article.text)) for block in article.blocks] == [
        (("历史",), "桥建于一九五八年, 全长 46米。\n仍在使用。\n长\t46米"),
    ]


@pytest.mark.parametrize(
    ("name", "title", "date", "encoding"),
    [
        ("portal_news.html", "老码头仓库改成河岸图书馆 开放首月接待十二万人次", "2024-05-18", "utf-8"),
        ("government_notice.html", "关于调整城区居民生活用水阶梯水量的通知", "2023-11-06", "gb18030"),
        ("blog_post.html", "在家烤酸種麵包的五個月", "2022-03-27", "cp950"),
        ("wiki_page.html", "茉莉花茶", None, "utf-8"),
        ("legacy_table.html", "石拱桥的修缮", "2006-10-12", "gb18030"),
        ("documentation.html", "增量备份", None, "utf-8"),
        ("wechat_account.txt", "走路上班的人,膝盖会不会坏得更快?", None, "utf-8"),
        ("newspaper.txt", "盐碱滩上种出水稻", "2019-03-05", "gb18030"),
        ("menu_page.txt", "冬天去湿地看什么鸟", "2021-11-20", "utf-8"),
        ("readme_like.md", "屋顶气象站使用说明", "2023-07-02", "utf-8"),
    ],
)
def test_titles_dates_and_encodings_of_the_pages(
    name: str, title: str, date: str | None, encoding: str
) -> None:
    (article,) = articles.read(PAGES / name, source=name).articles
    assert (article.title, article.date, article.encoding) == (title, date, encoding)


def test_heading_paths_of_a_page() -> None:
    (article,) = articles.read(PAGES / "wiki_page.html", source="w.html").articles
    assert [block.heading for block in article.blocks] == [
        (),
        ("历史",),
        ("工艺",),
        ("工艺", "窨花次数"),
        ("冲泡",),
    ]


def test_a_layout_class_that_holds_the_article_is_no_sidebar() -> None:
    layout = f"<div class='page has-sidebar nav'><p>{PROSE}</p></div><div class='nav'><p>频道。</p></div>"
    page = f"<body class='menu'>{layout}</body>"
    assert quotes(one(page, "x.html")) == [PROSE]


def test_a_list_of_links_inside_an_article_stays() -> None:
    page = f"<article><p>{PROSE}</p><ul><li><a href=1>石桥</a></li><li><a href=2>木桥</a></li></ul></article>"
    assert quotes(one(page, "x.html")) == [f"{PROSE}\n石桥\n木桥"]


@pytest.mark.parametrize("page", ["<html></html>", "<!-- x -->", "<nav>首页</nav>", "<p> </p>"])
def test_a_page_without_text_is_refused(page: str) -> None:
    with pytest.raises(ArticleError, match=r"^x\.html: holds no text$"):
        html.read(page.encode(), source="x.html")


def test_a_wrong_charset_in_the_page_does_no_harm() -> None:
    page = f"<html><head><meta charset=big5></head><body><p>{PROSE}</p></body></html>"
    assert quotes(one(page.encode("gbk"), "x.html")) == [PROSE]


# -- JSON Lines ----------------------------------------------------------------------------------


def test_json_lines_are_articles_and_bad_lines_are_named() -> None:
    rows = [
        json.dumps({"title": "古桥", "text": PROSE, "date": "2019-03-05"}),
        "",
        json.dumps({"标题": "隧道", "正文": f"{PROSE}\n第二行也是正文。"}, ensure_ascii=False),
        "{not json",
        json.dumps({"title": "无正文"}),
        json.dumps(["x"]),
        json.dumps({"text": "\ud800半个字"}),
        json.dumps({"标题": "半个\udc00字", "正文": PROSE}),
    ]
    made = jsonl.read("\n".join(rows).encode(), source="a.jsonl")
    found = [part for part in made if isinstance(part, Article)]
    refused = [str(part) for part in made if isinstance(part, ArticleError)]
    assert [(part.id, part.element, part.title, part.date, part.exact) for part in found] == [
        ("a.jsonl#line 1", "line 1", "古桥", "2019-03-05", False),
        ("a.jsonl#line 3", "line 3", "隧道", None, False),
    ]
    assert quotes(found[1]) == [f"{PROSE}\n第二行也是正文。"]
    assert [reason.split(" (")[0] for reason in refused] == [
        "a.jsonl:4: is not JSON",
        'a.jsonl:5: needs a "text" string',
        "a.jsonl:6: needs to be a JSON object",
        "a.jsonl:7: has half of a surrogate pair in its text",
        "a.jsonl:8: has half of a surrogate pair in its title",
    ]


# -- files ---------------------------------------------------------------------------------------


def test_one_bad_line_does_not_cost_the_others(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"text": PROSE}) + "\n{}\n", encoding="utf-8")
    made = articles.read(file, source="a.jsonl")
    assert [article.id for article in made.articles] == ["a.jsonl#line 1"]
    assert made.refused == ('a.jsonl:2: needs a "text" string',)
    file.write_text("{}\n", encoding="utf-8")
    with pytest.raises(ArticleError, match=r'^a\.jsonl:1: needs a "text" string$'):
        articles.read(file, source="a.jsonl")


def test_the_users_encoding_reaches_the_reader(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("你好".encode("gbk"))
    with pytest.raises(EncodingError):
        articles.read(file, source="a.txt")
    assert articles.read(file, source="a.txt", encoding="gbk").articles[0].text == "你好"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty file"),
        (PROSE.encode() + b"\xff\xfe\xff", "UTF-8 with 3 bytes that do not decode, the first at byte 71;"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "not text: NUL at byte 7"),
        (PROSE.encode() + b"\0", "not text: NUL at byte 71"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path: Path, raw: bytes, reason: str) -> None:
    (tmp_path / "a.txt").write_bytes(raw)
    with pytest.raises(ArticleError) as caught:
        articles.read(tmp_path / "a.txt", source="b/a.txt")
    assert str(caught.value).startswith(f"b/a.txt: {reason}")
    assert caught.value.where == "b/a.txt"


def test_unsupported_missing_and_folders(tmp_path: Path) -> None:
    (tmp_path / "x.txt").mkdir()
    with pytest.raises(ArticleError, match=r"^x\.txt: is a folder, not a file$"):
        articles.read(tmp_path / "x.txt", source="x.txt")
    with pytest.raises(ArticleError, match=r"^y\.txt: does not exist$"):
        articles.read(tmp_path / "y.txt", source="y.txt")
    with pytest.raises(ArticleError, match=r"^z\.exe: \.exe is not supported; use \.txt .*\.jsonl"):
        articles.read(tmp_path / "z.exe", source="z.exe")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(path: Path) -> bytes:
        raise AssertionError(f"{path} was read into memory")

    for name in ("a.txt", "b.pdf"):
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(200_000_001)  # a hole: takes no room on the disk
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", taken)
            with pytest.raises(ArticleError) as caught:
                articles.read(tmp_path / name, source=name)
        assert str(caught.value) == f"{name}: has 200,000,001 bytes, more than 200,000,000; split it"
    raw = PROSE.encode()
    (tmp_path / "a.txt").write_bytes(raw)
    monkeypatch.setattr(formats, "LARGEST_FILE", len(raw))
    assert articles.read(tmp_path / "a.txt", source="a.txt").articles[0].text == PROSE
    monkeypatch.setattr(formats, "LARGEST_FILE", len(raw) - 1)
    with pytest.raises(ArticleError, match=r"^a\.txt: has 71 bytes, more than 70; split it$"):
        articles.read(tmp_path / "a.txt", source="a.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PROSE, encoding="utf-8")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(ArticleError, match=r"^a\.txt: no permission to read it$"):
        articles.read(tmp_path / "a.txt", source="a.txt")


def test_find_is_sorted_and_skips_what_is_hidden_or_foreign(tmp_path: Path) -> None:
    names = ("b/z.txt", "b.txt", "a/x.MD", "a/.hidden.txt", ".git/y.txt", "a/pic.png", "x.txt/in.html")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(PROSE, encoding="utf-8")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nowhere.txt")
    found = articles.find(tmp_path)
    names_found = [file.relative_to(tmp_path).as_posix() for file in found.files]
    assert names_found == ["a/x.MD", "b.txt", "b/z.txt", "broken.txt", "x.txt/in.html"]
    assert found.refused == ()
    assert articles.find(tmp_path / "a" / "pic.png").files == (tmp_path / "a" / "pic.png",)


def test_a_folder_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.txt").write_text(PROSE, encoding="utf-8")
    (tmp_path / "shut").mkdir()
    real = Path.iterdir

    def iterdir(self: Path) -> object:
        if self.name == "shut":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    found = articles.find(tmp_path)
    assert found.files == (tmp_path / "open" / "a.txt",)
    assert found.refused == ((tmp_path / "shut", "shut: no permission to read it"),)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2025-12-28 07:39:24", "2025-12-28"),
        ("2019年3月5日", "2019-03-05"),
        ("2019年3月", "2019-03"),
        ("二〇一九年三月", "2019-03"),
        ("二〇二一年十二月三十一日", "2021-12-31"),
        ("2024/5/8", "2024-05-08"),
        ("2024-05-18T09:12:00+08:00", "2024-05-18"),
        ("2019年", "2019"),
        ("2024-13-01", None),
        ("电话 12024-1", None),
        ("没有日期", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert iso_date(text) == date
