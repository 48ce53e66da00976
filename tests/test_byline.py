"""Authors, origins and dates as articles state them, and sentences that only look like bylines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import fakes
import pytest

from qa import articles
from qa.byline import Byline, byline_of, named
from qa.index import Root, article_from_record, article_record
from qa.outline import date_of, iso_date, lines, outline
from qa.terminal import answer_lines
from qa.types import Answer, Citation, Passage, Span

PROSE = "这座桥建于一九五八年，全长四十六米，至今仍在使用。"


@pytest.mark.parametrize(
    ("line", "author", "origin"),
    [
        ("来源：人民网  作者：张三", "张三", "人民网"),
        ("2019-03-05 08:30 来源:新华网 作者:李春 责任编辑:值班室", "李春", "新华网"),
        ("作者：欧阳春晓、司马青", "欧阳春晓、司马青", None),
        ("文/王小川", "王小川", None),
        ("本报记者 李四 王五", "李四、王五", None),
        ("作者：加西亚·马尔克斯", "加西亚·马尔克斯", None),
        ("作者：John Smith", "John Smith", None),
        ("（来源：极目新闻）", None, "极目新闻"),
        ("稿源：河北日报", None, "河北日报"),
        ("转载自《读者》", None, "读者"),
        ("來源：中央社", None, "中央社"),
        ("作者：佚名  来源：网络", None, None),
        ("作者：admin", None, None),
        ("作者单位：某研究所", None, None),
        ("浏览次数：33", None, None),
    ],
)
def test_a_line_below_the_title(line: str, author: str | None, origin: str | None) -> None:
    text = f"古桥\n\n{line}\n\n{PROSE}\n\n{PROSE}\n"
    assert byline_of(outline(lines(text))) == Byline(author, origin)


@pytest.mark.parametrize(
    ("opening", "author", "origin"),
    [
        ("新华社北京3月5日电（记者刘仲华、张慧中）今天，桥修好了。", "刘仲华、张慧中", "新华社"),
        ("长沙晚报7月25日讯（全媒体记者 朱华 通讯员 高衎）今天，桥修好了。", "朱华", "长沙晚报"),
        ("本报讯（记者 张彦刚）近日，桥修好了，村民都很高兴。", "张彦刚", None),
        ("记者从水务局了解到，新桥将在明年通车。", None, None),
        ("河水的来源：上游的三条溪流，终年不断。", None, None),
        ("他是记者，也是作者，写过三本关于桥的书。", None, None),
    ],
)
def test_the_opening_of_a_report(opening: str, author: str | None, origin: str | None) -> None:
    assert byline_of(outline(lines(f"古桥\n\n{opening}\n\n{PROSE}\n"))) == Byline(author, origin)


def test_the_end_of_a_page() -> None:
    text = "\n\n".join(["古桥", *[PROSE] * 30, "（来源：吉林日报）", "作者：赵一曼"])
    assert byline_of(outline(lines(text))) == Byline("赵一曼", "吉林日报")


@pytest.mark.parametrize(
    ("end", "author"),
    [
        ("（记者 李四 通讯员 王五）", "李四"),
        ("（总台央视记者 赵一曼）", "赵一曼"),
        ("(人民日报记者：欧阳春晓、司马青)", "欧阳春晓、司马青"),
        ("（记者张三）", "张三"),
        ("（记者节那天）", None),
        ("（图片由记者提供）", None),
        ("（他后来做了记者）", None),
        ("（作者单位：某研究所）", None),
        ("（记者 李四）摄于河边。", None),
    ],
)
def test_a_report_is_signed_at_its_end(end: str, author: str | None) -> None:
    assert byline_of(outline(lines(f"古桥\n\n{PROSE}\n\n{PROSE}{end}\n"))).author == author
    assert byline_of(outline(lines(f"{PROSE * 4}{end}"))).author == author


def test_the_middle_of_a_page_tells_nothing() -> None:
    text = "\n\n".join(["古桥", *[PROSE] * 15, "作者：赵一曼", *[PROSE] * 15])
    assert byline_of(outline(lines(text))) == Byline()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(
            (" 张 三 ", "张 三"),
            ("", None),
            (None, None),
            ("admin", None),
            ("x" * 61, None),
            ("管理员", None),
        ),
        ("https://a.cn/x", None),
    ],
)
def test_what_markup_states(text: str | None, name: str | None) -> None:
    assert named(text) == name


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("民国一百零八年三月五日", "2019-03-05"),
        ("中華民國108年3月5日", "2019-03-05"),
        ("民国三十八年十月", "1949-10"),
        ("民国元年", "1912"),
        ("民国一〇八年", "2019"),
        ("２０１９年３月５日", "2019-03-05"),
        ("二○一九年三月", "2019-03"),
        ("二零一九年十二月三十一日", "2019-12-31"),
        ("2019/3/5", "2019-03-05"),
        ("2019年3月5日讯", "2019-03-05"),
        ("2019.03.05", "2019-03-05"),
        ("民国风的建筑", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert iso_date(text) == date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("新华社北京2019年3月5日电 今天，桥修好了，村民都很高兴。", "2019-03-05"),
        ("（本报2019年3月5日讯）今天，桥修好了，村民都很高兴。", "2019-03-05"),
        ("新华社北京二〇一九年三月十五日电 今天，桥修好了，村民都很高兴。", "2019-03-15"),
        ("桥在二〇一九年三月十五日修好，消息传得很快，村民都很高兴。", None),
        ("2019年3月5日，桥修好了，村民都很高兴。", None),
        ("桥在2019年3月5日修好，消息传得很快，村民都很高兴。", None),
        ("古桥\n\n二〇一九年三月\n\n" + PROSE, "2019-03"),
        ("古桥\n\n民国三十八年十月一日\n\n" + PROSE, "1949-10-01"),
    ],
)
def test_the_date_of_a_report(text: str, date: str | None) -> None:
    assert date_of(outline(lines(text))) == date


# -- every format tells who wrote, and where it was taken from

PAGE = (
    "<html><head><meta charset='utf-8'><title>古桥</title><meta name='author' content='{author}'>"
    "<meta name='source' content='{origin}'></head><body><h1>古桥</h1>{line}<p>"
    + PROSE
    + "</p></body></html>"
)
MAIL = (
    "From: =?utf-8?b?5byg5LiJ?= <zs@example.org>\r\nSubject: bridge\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)


@pytest.mark.parametrize(
    ("name", "text", "author", "origin"),
    [
        ("a.txt", f"古桥\n\n来源：人民网  作者：张三\n\n{PROSE}\n", "张三", "人民网"),
        ("a.md", f"---\ntitle: 古桥\nauthor: 张三\nsource: 人民网\n---\n\n{PROSE}\n", "张三", "人民网"),
        ("b.md", f"---\ntitle: 古桥\nsource: https://a.cn/1\n---\n\n作者：张三\n\n{PROSE}\n", "张三", None),
        ("a.html", PAGE.format(author="张三", origin="人民网", line=""), "张三", "人民网"),
        ("b.html", PAGE.format(author="admin", origin="", line="<p>作者：张三</p>"), "张三", None),
        ("a.jsonl", json.dumps({"text": PROSE, "作者": "张三", "source": "人民网"}), "张三", "人民网"),
        ("b.jsonl", json.dumps({"text": f"本报讯（记者 张三）{PROSE}", "source": "a/b"}), "张三", None),
        ("a.eml", f"{MAIL}{PROSE}\r\n", "张三", None),
        ("a.csv", f"书,作者\n古桥,张三\n{PROSE},李四\n", None, None),
    ],
)
def test_formats(tmp_path: Path, name: str, text: str, author: str | None, origin: str | None) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    first = articles.read(tmp_path / name, source=name).articles[0]
    assert (first.author, first.origin) == (author, origin)


def test_a_line_of_a_line_file(tmp_path: Path) -> None:
    line = f"2023-08-16 18:24，正文：新华社北京8月16日电（记者刘仲华、张慧中）{PROSE}"
    (tmp_path / "news.txt").write_text(f"{line}\n{PROSE}\n", encoding="utf-8")
    first, second = articles.read(tmp_path / "news.txt", source="news.txt", lines=True).articles
    assert (first.author, first.origin, first.date) == ("刘仲华、张慧中", "新华社", "2023-08-16")
    assert (second.author, second.origin) == (None, None)


def test_an_index_keeps_them_and_a_citation_shows_them() -> None:
    made = replace(fakes.article("上海在2017年试点。", source="a.md"), author="张三", origin="人民网")
    record = json.loads(json.dumps(article_record(made, 0, "a.md")))
    read = article_from_record(record, (Root("/x", "x"),))
    assert (read.author, read.origin) == ("张三", "人民网")
    whole = Span(0, len(read.text))
    citation = Citation(Passage(read, whole), Span(3, 8), whole)
    assert (citation.to_dict()["author"], citation.to_dict()["origin"]) == ("张三", "人民网")
    shown = list(answer_lines(Answer("何时?", "何时?", (citation,), 0.5)))
    assert shown[2] == "       a.md · 第 4–8 字 · 作者 张三 · 来源 人民网"
