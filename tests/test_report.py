"""The report of a hand-made run: every number and word on it can be worked out, and none takes effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from handmade import NAME, OTHER, YEAR, Fake, Line, article, label, labels
from hypothesis import given
from hypothesis import strategies as st

from qa import report
from qa.comparison import compare
from qa.evaluation import Run, evaluate, evaluate_gold
from qa.labels import Paragraph, Question, Reference
from qa.metrics import calibration_error
from qa.relevance import Doubt
from qa.report import plots
from qa.report.figures import Fact, Measure, calibration_bins
from qa.report.questions import Piece, Row, expected_spans, passage_parts, row
from qa.types import Answer, Citation, Hit, Passage, Span

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

HOSTILE = (
    "</script><script>window.hit=1</script><img src=http://evil.example/a.png onerror=window.hit=2> "
    "</details></li></ol>\"'`> <!-- {{ 7 * 7 }} {% raw %} &lt; &amp;#60; \u202etxet\u202c \u2066\x00\x0b "
    "javascript:alert(1) 一"
)
NAMED = HOSTILE.translate({ord(char): f"U+{ord(char):04X}" for char in "\u202e\u202c\u2066\x00\x0b"})

# Threshold 0.5. q1 right; q2 the right passage is read, but another believed; q3 wrong words; q4 right,
# but refused; q5 answered though nothing answers; q6 rightly refused; q7 without a type, not retrieved.
QUESTIONS = labels(
    label("q1", "2017年", sources=["shanghai.md"], type="date"),
    label("q2", "2019年", sources=["beijing.md"], type="date"),
    label("q3", "沪链", sources=["cities/shanghai.md"], type="name"),
    label("q4", "沪链", sources=["shanghai.md"], type="name"),
    label("q5", type="none"),
    label("q6", type="none", history=("先问?", "再问?")),
    label("q7", "沪链", sources=["shanghai.md"]),
)
SCRIPT = {
    "q1?": Line([YEAR, OTHER, NAME], "2017年", YEAR, 0.9, 10),
    "q2?": Line([YEAR, OTHER], "2017年", YEAR, 0.8, 20),
    "q3?": Line([NAME, YEAR], "平台名叫沪链", NAME, 0.6, 30),
    "q4?": Line([NAME], "沪链", NAME, 0.4, 40),
    "q5?": Line([OTHER], "北京", OTHER, 0.7, 50),
    "q6?": Line([OTHER], "2019年", OTHER, 0.1, 60, "再问 q6?"),
    "q7?": Line([OTHER], None, OTHER, 0.0, 70),
}


def made(**changed: Line) -> Run:
    return evaluate(QUESTIONS, Fake(SCRIPT | {f"{name}?": line for name, line in changed.items()}))


@cache
def page() -> str:
    baseline = made(q1=Line([YEAR], None), q3=Line([NAME], "沪链", NAME, 0.6), q5=Line([OTHER])).to_dict()
    baseline["run"]["index"] = "0ld"
    run = replace(made(), doubts=(Doubt("labels.jsonl:2", "q2", "answer_nowhere", "stands nowhere"),))
    intervals = {"F1": (0.2, 0.7), "by_type.date.F1": (0.5, 1.0)}
    return report.html(run, intervals=intervals, comparison=compare(run.to_dict(), baseline).to_dict())


def parsed(text: str) -> Any:
    import lxml.html

    return lxml.html.document_fromstring(text)


def words(element: Any) -> str:
    """What is read of an element, blanks as one."""
    return " ".join(element.text_content().split())


def found(text: str, path: str) -> list[str]:
    return [words(element) for element in parsed(text).xpath(path)]


def rows(run: Run) -> list[Row]:
    pairs = zip(run.outcomes, run.to_dict()["questions"], strict=True)
    return [row(number, *pair, labels="labels.jsonl") for number, pair in enumerate(pairs, start=1)]


def test_measures_that_an_older_baseline_does_not_tell_are_named_under_the_differences() -> None:
    older = made().to_dict()
    for each in older["questions"]:
        del each["nDCG@10"], each["citations_valid"]
    both = [compare(made().to_dict(), before).to_dict() for before in (older, made().to_dict())]
    told = [found(report.html(made(), comparison=each), "//section[@id='comparison']/p") for each in both]
    assert told == [
        [
            (
                "基线里没有逐题的值，故无区间：nDCG@10、citations_valid "
                "No interval: the baseline is of an earlier version, its questions lack these."
            )
        ],
        [],
    ]


# ---- marks in a passage


def test_marks_cut_a_passage_where_they_begin_and_end() -> None:
    text = "题。甲在2017年开始。后来。"
    passage = Passage(article("a.md", text), Span(2, len(text)))
    parts = passage_parts(passage, [Span(6, 9), Span(11, 13)], given=Span(4, 9), sentence=Span(2, 12))
    assert parts == (
        (
            True,
            (
                Piece("甲在"),
                Piece("20", given=True),
                Piece("17年", given=True, expected=True),
                Piece("开始"),
                Piece("。", expected=True),
            ),
        ),
        (False, (Piece("后", expected=True), Piece("来。"))),
    )


@given(st.text("甲乙。\n", max_size=12), st.data())
def test_no_mark_adds_or_loses_a_character(text: str, data: Any) -> None:
    ends = st.integers(0, len(text)) if text else st.just(0)
    spans = st.tuples(ends, ends).map(lambda pair: Span(*sorted(pair)))
    passage = Passage(article("a.md", text), data.draw(spans))
    parts = passage_parts(
        passage, data.draw(st.lists(spans, max_size=3)), given=data.draw(spans), sentence=data.draw(spans)
    )
    assert "".join(piece.text for _, group in parts for piece in group) == passage.text
    assert all(piece.text for _, group in parts for piece in group)


def test_an_expected_answer_stands_at_its_place_or_wherever_its_words_are() -> None:
    passage = Passage(article("a.md", "前言。甲乙甲。"), Span(3, 7))
    anywhere = Question("q", "q?", (Reference("甲"), Reference("丁")))
    assert expected_spans(anywhere, passage) == (Span(3, 4), Span(5, 6))
    placed = Question("q", "q?", (Reference("甲", 2),), paragraph=Paragraph(1, "甲乙甲。"))
    assert expected_spans(placed, passage) == (Span(5, 6),)
    elsewhere = replace(placed, paragraph=Paragraph(1, "丙乙甲。"))
    assert expected_spans(elsewhere, passage) == (Span(3, 4), Span(5, 6))


# ---- questions


def test_a_row_shows_where_it_was_taken_from_and_where_it_should_have_been() -> None:
    shown = [
        (row.state, row.withheld, [(each.role, each.passage, each.span) for each in row.passages])
        for row in rows(made())
    ]
    assert shown == [
        ("right", None, [("given", YEAR, Span(0, 5))]),
        ("wrong", None, [("given", YEAR, Span(0, 5)), ("expected", OTHER, OTHER.span)]),
        ("wrong", None, [("given", NAME, Span(13, 19))]),
        ("refused_wrongly", "沪链", [("withheld", NAME, Span(17, 19))]),
        ("wrong", None, [("given", OTHER, Span(6, 8))]),
        ("refused", "2019年", [("withheld", OTHER, Span(0, 5))]),
        ("refused_wrongly", None, []),
    ]


def test_a_labelled_paragraph_is_shown_where_nothing_was_retrieved() -> None:
    paragraph = Paragraph(1, "甲乙。", "题")
    asked = labels(Question("g", "g?", (Reference("乙", 1),), paragraph=paragraph))

    def silent(question: str, passages: Sequence[Passage], *, threshold: float | None = None) -> Answer:
        return Answer(question, question)

    def wrong(question: str, passages: Sequence[Passage], *, threshold: float | None = None) -> Answer:
        return Answer(question, question, (Citation(passages[0], Span(0, 1), Span(0, 3)),), 0.5)

    (row,) = rows(evaluate_gold(asked, silent, reader="r"))
    assert [(each.role, each.parts) for each in row.passages] == [
        ("labelled", ((False, (Piece("甲"), Piece("乙", expected=True), Piece("。"))),))
    ]
    (row,) = rows(evaluate_gold(asked, wrong, reader="r"))
    assert [(each.role, each.parts) for each in row.passages] == [
        ("given", ((True, (Piece("甲", given=True), Piece("乙", expected=True), Piece("。"))),))
    ]


def test_every_question_stands_on_the_page_with_what_the_filters_look_at() -> None:
    items = parsed(page()).xpath('//ol[@id="list"]/li')
    data = [tuple(item.get(f"data-{name}") for name in ("state", "type", "cause")) for item in items]
    assert [item.get("id") for item in items] == [f"q{number}" for number in range(1, 8)]
    assert data == [
        ("right", "t1", "none"),
        ("wrong", "t1", "wrong_passage"),
        ("wrong", "t2", "wrong_span"),
        ("refused_wrongly", "t2", "abstained"),
        ("wrong", "t3", "answered_when_none"),
        ("refused", "t3", "none"),
        ("refused_wrongly", "t4", "not_retrieved"),
    ]
    assert [words(item.xpath(".//summary")[0]) for item in items] == [
        "答对 q1? 答 2017年 date · 把握 0.900",
        "答错 q2? 答 2017年 应 2019年 date · 选错段落 · 把握 0.800",
        "答错 q3? 答 平台名叫沪链 应 沪链 name · 选错词句 · 把握 0.600",
        "错误拒答 q4? 应 沪链 name · 有答案却拒答 · 把握 0.400",
        "答错 q5? 答 北京 应 不答 none · 无答案却作答 · 把握 0.700",
        "正确拒答 q6? 应 不答 none · 把握 0.100",
        "错误拒答 q7? 应 沪链 没有检索到 · 把握 0.000",
    ]


def test_a_question_tells_what_became_of_it() -> None:
    told = [
        [(words(line[0]), words(line[1])) for line in item.xpath(".//dl/div")]
        for item in parsed(page()).xpath('//ol[@id="list"]/li')
    ]
    assert told[1] == [
        ("编号 id", "q2"),
        ("标准答案 expected", "2019年"),
        ("系统回答 given", "2017年"),
        ("把握 confidence", "0.800"),
        ("得分 scores", "EM 0.000 · F1 0.500"),
        ("相关段落的排名 rank", "2"),
        ("失误原因 cause", "选错段落 wrong_passage"),
        ("标注的来源 sources", "beijing.md"),
        ("标注可疑 doubtful label", "stands nowhere"),
    ]
    assert told[5] == [
        ("编号 id", "q6"),
        ("前面的问题 history", "先问?再问?"),
        ("检索的问题 searched", "再问 q6?"),
        ("标准答案 expected", "文章里没有，应当拒答 none: it should abstain"),
        ("系统回答 given", "拒答 refused；若不设门槛会答 it would have said 2019年"),
        ("把握 confidence", "0.100"),
    ]
    assert told[6][5:7] == [
        ("相关段落的排名 rank", "没有检索到 not retrieved"),
        ("各路单独检索 each leg alone", "bm25 没有 none · dense 12"),
    ]


def test_both_answers_are_marked_in_the_sentence_in_the_passage() -> None:
    assert (
        '<blockquote dir="auto"><span class="sentence"><mark class="given expected">2017年</mark>'
        ",上海启动试点。</span></blockquote>"
    ) in page()
    assert (
        '<blockquote dir="auto"><span class="sentence"><mark class="given">平台名叫</mark>'
        '<mark class="given expected">沪链</mark>。</span></blockquote>'
    ) in page()
    assert '<blockquote dir="auto"><mark class="expected">2019年</mark>,北京启动试点。</blockquote>' in page()
    captions = found(page(), '//li[@id="q2"]//figcaption')
    assert captions == [
        "回答的出处 where it was taken from · cities/shanghai.md · 第 1–5 字",
        "标准答案所在的段落 where the answer stands · cities/beijing.md · 第 1–13 字",
    ]


def test_further_citations_and_places_are_told() -> None:
    home = article("a.md", "甲是乙。", date="2021-05-06")
    passage = Passage(replace(home, title="题"), Span(0, 4), ("题", "第一节"), 3)
    first, same = (Citation(passage, Span(*span), Span(0, 4), kind) for span, kind in _CITED)
    run = evaluate(labels(label("q", "甲")), Fake({"q?": Line([passage], "甲", passage, 0.9)}, [passage]))
    cited = replace(run.outcomes[0].answer, citations=(first, same), hits=(Hit(passage, 1, {"bm25": 3}),))
    text = report.html(replace(run, outcomes=(replace(run.outcomes[0], answer=cited, candidate=cited),)))
    assert found(text, '//ul[@class="further"]/li') == [
        "另有出处也这样说 said elsewhere too：乙 题 > 第一节 · 2021-05-06 · 第 3 页 · a.md · 第 3–3 字"
    ]
    assert "1 · bm25 3" in found(text, "//dl/div/dd")


_CITED: tuple[tuple[tuple[int, int], Any], ...] = (((0, 1), "answer"), ((2, 3), "same"))


# ---- numbers


def test_the_head_says_what_was_run() -> None:
    assert found(page(), '//dl[@class="facts"]/div') == [
        "标注文件 labelslabels.jsonl",
        "标注文件校验 labels_sha256abababababababab…",
        "索引 indexf00d",
        f"版本 versions.qa{made().about['versions']['qa']}",
        "编码模型 models.encodere",
        "阅读模型 models.readerr",
        "作答门槛 threshold0.5",
        "随机种子 seed0",
        "每题阅读段数 read8",
        "直接给出标注段落 gold_passage否 no",
        "相关段落的判定 relevanceplace and answer text",
    ]


def test_measures_stand_with_their_intervals() -> None:
    lines = found(page(), '//section[@id="summary"]//tbody/tr')
    assert lines[:4] == [
        "题数 n7",
        "完全一致 EM0.200",
        "字面重合 F10.4000.200–0.700",
        "逐字重合 character_F10.460",  # 1, 4/5, 1/2, 0, 0
    ]
    assert found(page(), '//ul[@class="cards"]/li')[0] == "字面重合 0.400 0.200–0.700 F1"
    (mark,) = parsed(page()).xpath('//section[@id="summary"]//i')
    assert mark.get("style") == "left:20.00%;width:50.00%"
    assert found(page(), '//section[@id="types"]//tbody/tr') == [
        "date20.5000.750 0.500–1.0001",
        "name20.0000.2502",
        "none2--1",
    ]


def test_without_intervals_there_is_no_such_column() -> None:
    text = report.html(made())
    assert "95% 区间" not in text
    assert found(text, '//ul[@class="cards"]/li')[0].split() == ["字面重合", "0.400", "F1"]


@pytest.mark.parametrize(
    ("name", "value", "text", "share"),
    [
        ("F1", 0.5, "0.500", True),
        ("F1", None, "-", False),
        ("n", 7, "7", False),
        ("abstention.n", 2, "2", False),
        ("latency_ms.p50", 35.04, "35.0", False),
    ],
)
def test_a_measure_as_text(name: str, value: float | None, text: str, share: bool) -> None:
    measure = Measure(name, value)
    assert (measure.shown, measure.range, measure.share) == (text, "", share)


def test_a_fact_as_text() -> None:
    assert Fact("gold_passage", True).shown == "是 yes"
    assert Fact("threshold", 0.42).shown == "0.42"
    assert Fact("index", "0123456789abcdef" * 4).shown == "0123456789abcdef…"
    assert Fact("index", "f00d").shown == "f00d"


def test_calibration_bins_of_equal_count() -> None:
    # By falling confidence 0.9 right, 0.8 and 0.8 half right, 0.2 wrong; two bins of two.
    bins = calibration_bins([0.2, 0.8, 0.9, 0.8], [False, True, True, False], bins=2)
    assert [value for each in bins for value in each] == pytest.approx([2, 0.85, 0.75, 2, 0.5, 0.25])
    assert calibration_bins([0.5], [True]) == [(1, 0.5, 1.0)]
    assert calibration_bins([], []) == []


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0]), st.booleans()), min_size=1))
def test_the_bins_are_those_of_the_calibration_error(pairs: list[tuple[float, bool]]) -> None:
    confidences, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    gaps = [n * abs(truth - confidence) for n, confidence, truth in calibration_bins(confidences, right)]
    assert sum(gaps) / len(pairs) == pytest.approx(calibration_error(confidences, right))


def test_curves_have_their_points_as_tables() -> None:
    # Right are q1 and q4 (refused). By falling confidence the risks are 0, 1/2, 2/3, 3/4, 3/5, 4/6, 5/7.
    assert found(page(), '//section[@id="curves"]//figure[1]//tbody/tr')[:6] == [
        "50.0%75.0%",
        "60.0%60.0%",
        "70.0%60.0%",
        "80.0%66.7%",
        "90.0%71.4%",
        "100.0%71.4%",
    ]
    # The gaps are 0.1, 0.8, 0.7, 0.6, 0.6, 0.1 and 0; their sum is 2.9.
    assert found(page(), '//section[@id="curves"]//figcaption') == [
        (
            "虚线：全部作答时答错 71.4%。圆点：作答 57.1%，其中答错 75.0%。 "
            "Broken line: 71.4% wrong if everything is answered. Dot: 57.1% answered, 75.0% of them wrong."
        ),
        (
            "按把握分成题数相等的 7 组；虚线：把握与答对的比例相等。校准误差 ECE 0.414。 "
            "Groups of equal size by confidence: 7. Broken line: confidence is the share right."
        ),
        (
            "虚线：中位 40 毫秒，九五分位 67 毫秒；最慢 70 毫秒，太慢的都算在最后一格。 "
            "Broken lines: median and 95th percentile. The last bar also counts what is slower."
        ),
    ]


def test_causes_are_counted_and_lead_to_their_questions() -> None:
    links = parsed(page()).xpath('//section[@id="causes"]//a')
    assert [(words(link), link.get("data-filter"), link.get("data-value")) for link in links] == [
        ("有答案却拒答 1", "cause", "abstained"),
        ("无答案却作答 1", "cause", "answered_when_none"),
        ("没有检索到 1", "cause", "not_retrieved"),
        ("选错段落 1", "cause", "wrong_passage"),
        ("选错词句 1", "cause", "wrong_span"),
    ]
    assert "7 题中有 5 题失误" in words(parsed(page()).get_element_by_id("causes"))


def test_a_run_without_misses_or_times_has_no_such_plots() -> None:
    run = evaluate(labels(label("q1", "2017年")), Fake({"q1?": SCRIPT["q1?"]}))
    outcome = run.outcomes[0]
    run = replace(run, outcomes=(replace(outcome, answer=replace(outcome.answer, timings_ms={})),))
    text = report.html(run)
    assert "没有失误。" in text
    assert [svg.get("aria-label") for svg in parsed(text).iter("svg")] == [
        "风险覆盖曲线 risk by coverage",
        "校准曲线 share right by confidence",
    ]


def test_a_run_that_answers_nothing_has_a_page() -> None:
    text = report.html(evaluate(labels(label("q1", "甲")), Fake({"q1?": Line()})))
    assert found(text, '//section[@id="curves"]//figcaption')[0] == (
        "虚线：全部作答时答错 100.0%。 Broken line: 100.0% wrong if everything is answered."
    )


# ---- against a baseline


def test_differences_stand_with_their_intervals_and_what_they_mean() -> None:
    # The baseline refused q1, was right on q3, and refused q5.
    lines = {line.split(" ")[0]: line for line in found(page(), '//section[@id="comparison"]//tbody/tr')}
    assert re.sub(r"[+-][\d.]+ … [+-][\d.]+", "…", lines["字面重合"]) == (
        "字面重合 F10.3000.400+0.100…波动之内 within noise"
    )
    assert found(page(), '//section[@id="comparison"]/p') == ["不同之处 run otherwise：索引 index 0ld → f00d"]
    assert found(page(), '//div[@class="changes"]/details/summary') == [
        "新答对 1 gained",
        "新失误 2 lost",
        "别的变化 0 changed otherwise",
    ]
    items = parsed(page()).xpath('//div[@class="changes"]//li')
    assert [(words(item), item.xpath(".//a")[0].get("href")) for item in items] == [
        ("q1? 拒答（有答案却拒答） → 2017年", "#q1"),
        ("q3? 沪链 → 平台名叫沪链（选错词句）", "#q3"),
        ("q5? 拒答 → 北京（无答案却作答）", "#q5"),
    ]


def test_less_of_some_measures_is_better() -> None:
    none = labels(*(label(f"q{number}") for number in range(30)))
    said, silent = (Line([OTHER], "北京", OTHER, confidence) for confidence in (0.9, 0.1))
    better = evaluate(none, Fake({question.question: silent for question in none.questions}))
    worse = evaluate(none, Fake({question.question: said for question in none.questions}))
    for run, baseline, verdict, difference in (
        (better, worse, "更好 better", "-1.000"),
        (worse, better, "更差 worse", "+1.000"),
    ):
        text = report.html(run, comparison=compare(run.to_dict(), baseline.to_dict()).to_dict())
        (line,) = (each for each in found(text, "//tr") if each.startswith("无答案却作答") and "…" in each)
        assert line.endswith(f"{difference}{difference} … {difference}{verdict}")


# ---- the page


def test_the_same_run_gives_the_same_page_but_for_its_times() -> None:
    slower = {name: replace(line, ms=line.ms * 9) for name, line in SCRIPT.items()}
    one, again, slow = (
        report.html(made()),
        report.html(made()),
        report.html(evaluate(QUESTIONS, Fake(slower))),
    )
    assert one == again
    assert one != slow
    assert _timeless(one) == _timeless(slow)


def _timeless(text: str) -> str:
    import lxml.html

    tree = parsed(text)
    for timed in tree.xpath('//*[@id="latency"] | //tr[@class="latency"]'):
        timed.drop_tree()
    return str(lxml.html.tostring(tree, encoding="unicode"))


def test_there_is_a_plot_of_each_kind_with_its_text_as_text() -> None:
    drawings = list(parsed(page()).iter("svg"))
    assert [drawing.get("aria-label") for drawing in drawings] == [
        "风险覆盖曲线 risk by coverage",
        "校准曲线 share right by confidence",
        "耗时分布 latency",
        "失误原因 causes",
    ]
    assert [text.text for text in drawings[3].iter("text")][:4] == [
        "有答案却拒答 abstained",
        "1",
        "无答案却作答 answered_when_none",
        "1",
    ]


def test_plots_have_the_colours_and_the_font_of_the_page() -> None:
    for drawing in re.findall(r"<svg.*?</svg>", page(), re.DOTALL):
        assert "font-family" not in drawing
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawing)) <= {
            *("none", "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)", "var(--warm)")
        }


def test_no_name_is_given_twice() -> None:
    names = parsed(page()).xpath("//@id")
    assert len(names) == len(set(names))
    for name in re.findall(r'(?:url\(|href=")#([^")]+)', page()):
        assert name in names


def test_settings_of_the_user_do_not_change_a_plot() -> None:
    from matplotlib import rc_context

    plain = plots.bars([("甲", 2)])
    with rc_context({"svg.fonttype": "path", "axes.facecolor": "red", "figure.dpi": 300, "font.size": 30}):
        assert plots.bars([("甲", 2)]) == plain


def test_one_slow_question_does_not_flatten_the_others() -> None:
    drawing = plots.latency([10.0] * 99 + [100_000.0])
    assert re.findall(r">(\d+)</text>", drawing)[:5] == ["0", "10", "20", "30", "40"]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    tree = parsed(page())
    assert tree.xpath("//link | //img | //iframe | //object | //embed | //form | //base") == []
    assert tree.xpath("//@src | //@srcset | //@action | //@onclick") == []
    assert all(href.startswith("#") for href in tree.xpath("//@href"))
    assert not re.search(r"https?:|@import|url\((?!#)", page())


def test_the_filters_offer_what_there_is() -> None:
    tree = parsed(page())
    offered = {
        name: [(option.get("value"), option.text) for option in tree.get_element_by_id(f"filter-{name}")]
        for name in ("state", "type", "cause")
    }
    assert offered["state"] == [
        ("", "全部 all"),
        ("right", "答对 right"),
        ("wrong", "答错 wrong"),
        ("refused", "正确拒答 rightly refused"),
        ("refused_wrongly", "错误拒答 wrongly refused"),
    ]
    assert offered["type"] == [
        ("", "全部 all"),
        ("t1", "date"),
        ("t2", "name"),
        ("t3", "none"),
        ("t4", "未注明 untyped"),
    ]
    assert offered["cause"][:2] == [("", "全部 all"), ("abstained", "有答案却拒答 abstained")]
    assert tree.get_element_by_id("filters").get("hidden") is not None  # a script shows them


# ---- hostile text


def hostile() -> str:
    """A page whose every foreign word is an attack."""
    home = article(f"{HOSTILE}.md", f"前。{HOSTILE}。后{HOSTILE}。", date=HOSTILE, exact=False)
    place = Span(2, 2 + len(HOSTILE))
    passage = Passage(replace(home, title=HOSTILE), Span(0, len(home.text)), (HOSTILE,))
    question = Question(
        HOSTILE, HOSTILE, (Reference(HOSTILE),), (HOSTILE,), HOSTILE, (HOSTILE,), standalone=HOSTILE
    )
    wrong = Citation(passage, Span(0, 2), Span(0, place.end))
    same = Citation(passage, place, passage.span, "same")

    class Assistant(Fake):
        def ask(self, *arguments: Any, **options: Any) -> Answer:
            hits = (Hit(passage, 1.0, {HOSTILE: 1}),)
            return Answer(HOSTILE, f"{HOSTILE}?", (wrong, same), 0.9, hits, {"total": 1.0})

    info: dict[str, str | float] = {"fingerprint": HOSTILE, "encoder": HOSTILE, "reader": HOSTILE}
    asked = replace(labels(question), name=f"{HOSTILE}\udc80")
    run = evaluate(asked, Assistant({}, [passage], index_info=info))
    run = replace(run, doubts=(Doubt(HOSTILE, HOSTILE, "answer_nowhere", HOSTILE),))
    baseline = run.to_dict()
    baseline["run"]["index"] = baseline["questions"][0]["answer"] = f"{HOSTILE}!"
    baseline["questions"][0]["cause"] = HOSTILE
    intervals = {f"by_type.{HOSTILE}.F1": (0.0, 1.0)}
    return report.html(run, intervals=intervals, comparison=compare(run.to_dict(), baseline).to_dict())


def test_hostile_text_shows_as_it_is_written() -> None:
    text = hostile()
    tree = parsed(text)
    assert text.encode().decode() == text
    named = " ".join(NAMED.split())
    assert found(text, '//bdi[@class="question"]') == [named]
    assert found(text, "//blockquote") == [f"前。{named}。后{named}。"]
    assert found(text, '//blockquote//mark[@class="expected"]') == [named, named]
    assert found(text, '//section[@id="types"]//tbody//a') == [named]
    assert words(tree.get_element_by_id("filter-type")) == f"全部 all{named}"
    assert words(tree.find(".//title")) == f"评测报告 · {named}U+DC80"
    assert (text.count("<script"), text.count("</script"), text.count("<img"), text.count("<!--")) == (
        1,
        1,
        0,
        0,
    )
    assert {element.tag for element in tree.get_element_by_id("list").iter()} == {
        *("ol", "li", "details", "summary", "span", "bdi", "div", "dl", "dt", "dd", "code"),
        *("figure", "figcaption", "blockquote", "mark", "ul", "small"),
    }
    assert not set(text) & set("\u202e\u202c\u2066\x00\x0b\udc80")


def test_only_the_script_of_the_page_may_run() -> None:
    import base64
    import hashlib

    text = hostile()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = parsed(text).xpath('//meta[@http-equiv="Content-Security-Policy"]/@content')
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


# ---- the browser


NARROW, WIDE = (360, 740), (1280, 800)


@pytest.fixture
def offline(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(offline=True)
    made.set_default_timeout(120_000)
    yield made
    made.close()


def opened(context: BrowserContext, folder: Path, text: str, size: tuple[int, int] = WIDE) -> Page:
    """The page from disk; nothing but the file may be asked for, and nothing may be complained of."""
    file = folder / "run.html"
    file.write_text(text, encoding="utf-8")
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.on("request", lambda request: pytest.fail(request.url) if request.url != file.as_uri() else None)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda said: pytest.fail(said.text))
    page.goto(file.as_uri())
    return page


def visible(page: Page) -> list[str]:
    shown: list[str] = page.locator("#list > li:not([hidden])").evaluate_all("all => all.map(e => e.id)")
    return shown


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["360", "1280"])
def test_nothing_is_wider_than_the_screen(
    offline: BrowserContext, tmp_path: Path, size: tuple[int, int], scheme: Any
) -> None:
    for text in (page(), hostile()):
        shown = opened(offline, tmp_path, text, size)
        shown.emulate_media(color_scheme=scheme)
        shown.get_by_role("button", name="全部展开 open").click()
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        colours = "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
        ink, paper = (int(re.findall(r"\d+", colour)[0]) for colour in shown.evaluate(colours))
        assert (ink < paper) == (scheme == "light")
        assert shown.evaluate("window.hit") is None
        shown.close()


@pytest.mark.browser
def test_the_filters_leave_what_is_asked_for(offline: BrowserContext, tmp_path: Path) -> None:
    shown = opened(offline, tmp_path, page())
    everything = [f"q{number}" for number in range(1, 8)]
    assert visible(shown) == everything
    shown.locator("#filter-state").select_option("wrong")
    assert visible(shown) == ["q2", "q3", "q5"]
    assert shown.locator("#count").inner_text() == "显示 shown 3 / 7 题"
    shown.locator("#filter-type").select_option("date")
    assert visible(shown) == ["q2"]
    shown.get_by_role("button", name="清除筛选 clear").click()
    assert visible(shown) == everything
    shown.locator("#filter-cause").select_option("wrong_span")
    assert visible(shown) == ["q3"]
    shown.get_by_role("button", name="清除筛选 clear").click()
    shown.locator("#filter-text").fill("ＢＥＩＪＩＮＧ  2017")
    assert visible(shown) == ["q2"]
    shown.locator("#filter-text").fill("没有这些字")
    assert visible(shown) == []
    assert shown.get_by_text("没有符合的题。").is_visible()
    shown.locator("#causes a").nth(2).click()
    assert visible(shown) == ["q7"]
    shown.locator("#comparison a").nth(1).click()
    shown.locator("#list > li:not([hidden])").nth(6).wait_for(state="attached")  # the address has changed
    assert visible(shown) == everything
    # The text, not the drawn text: rows out of sight are not drawn (content-visibility).
    assert shown.locator("details[open] > summary .question").all_text_contents() == ["q3?"]


@pytest.mark.browser
def test_without_scripts_it_is_a_plain_list(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(offline=True, java_script_enabled=False)
    context.set_default_timeout(120_000)
    shown = opened(context, tmp_path, page())
    assert shown.locator("#list > li summary").count() == 7
    assert not shown.locator("#filters").is_visible()
    shown.locator("#q2 summary").click()
    assert shown.locator("#q2 mark.expected").text_content() == "2019年"
    assert shown.locator("#q2 blockquote").nth(1).is_visible()
    context.close()
