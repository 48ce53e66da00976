"""What the report calls things, in Chinese first. Measures and causes have their names in ``qa.runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qa.report.changes import Verdict
    from qa.report.questions import Role, State
    from qa.types import CitationKind

__all__ = ["FACTS", "HEADLINE", "KINDS", "ROLES", "STATES", "VERDICTS", "Words"]


class Words(NamedTuple):
    """The same in both languages."""

    chinese: str
    english: str


HEADLINE = (
    "F1",
    "EM",
    "Recall@5",
    "abstention.AUROC",
    "abstention.answered_when_none",
    "abstention.refused_when_some",
)
"""The measures that stand large at the top, as far as the run has them."""

FACTS: Mapping[str, str] = {
    "labels": "标注文件",
    "labels_sha256": "标注文件校验",
    "part": "只用的部分",
    "index": "索引",
    "versions.qa": "版本",
    "models.encoder": "编码模型",
    "models.reader": "阅读模型",
    "threshold": "作答门槛",
    "seed": "随机种子",
    "read": "每题阅读段数",
    "leg": "只用的检索",
    "gold_passage": "直接给出标注段落",
    "relevance": "相关段落的判定",
}

STATES: Mapping[State, Words] = {
    "right": Words("答对", "right"),
    "wrong": Words("答错", "wrong"),
    "refused": Words("正确拒答", "rightly refused"),
    "refused_wrongly": Words("错误拒答", "wrongly refused"),
}

ROLES: Mapping[Role, Words] = {
    "given": Words("回答的出处", "where it was taken from"),
    "withheld": Words("未说出的回答的出处", "where it would have been taken from"),
    "expected": Words("标准答案所在的段落", "where the answer stands"),
    "labelled": Words("标注的段落", "labelled paragraph"),
}

KINDS: Mapping[CitationKind, Words] = {
    "answer": Words("回答", "answer"),
    "same": Words("另有出处也这样说", "said elsewhere too"),
    "other": Words("其他可能的回答", "another answer"),
}

VERDICTS: Mapping[Verdict, Words] = {
    "better": Words("更好", "better"),
    "worse": Words("更差", "worse"),
    "noise": Words("波动之内", "within noise"),
    "unknown": Words("", ""),
}
