"""Pages made to hold more than a tree can, and pages that only look so."""

from __future__ import annotations

import pytest

from qa.errors import ArticleError
from qa.formats import html

PROSE = "青龙桥建于一九五八年，全长四十六米。"
NAMES = [f"a{at}" for at in range(11)]
CROWDED = "a.html: its tags hold more attributes than can be read; save it anew"


def text(page: str) -> str:
    (made,) = html.read(page.encode(), source="a.html")
    return made.text


def refusal(page: str) -> str:
    with pytest.raises(ArticleError) as caught:
        text(page)
    return str(caught.value)


@pytest.mark.parametrize(
    "crowded",
    [
        " ".join(NAMES),
        "\n".join(f"{name}=1" for name in NAMES),
        "".join(f" {name} = '一 二'" for name in NAMES),
        "".join(f'{name}="x>y"' for name in ["", *NAMES]),
        "/".join(NAMES),
        'x" ' + " ".join(NAMES),
    ],
)
def test_a_tag_of_very_many_attributes_is_refused(crowded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_PAIRS", 11 * 11 - 1)
    assert refusal(f"<p {crowded}>{PROSE}</p>") == CROWDED


def test_tags_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_PAIRS", 2 * 11 * 11)
    tag = f"<p {' '.join(NAMES)}>{PROSE}</p>"
    assert text(tag * 2) == f"{PROSE}\n{PROSE}"
    assert refusal(tag * 2 + "<p a>") == CROWDED


@pytest.mark.parametrize(
    "around",
    [
        f'<img alt="{" / ".join(NAMES)}" src="data:image/png;base64,{"/9j/ " * 20}">',
        f"<p title='{' '.join(NAMES)} > {' '.join(NAMES)}'></p>",
        f"一 < 二 {' '.join(NAMES)}",
        f"</p {' '.join(NAMES)}>",
    ],
)
def test_what_only_looks_like_attributes_is_let_in(around: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_PAIRS", 30)
    assert text(f"<p class=a>{PROSE}</p>{around}").startswith(PROSE)


def test_attributes_count_as_elements_do_and_signs_in_the_text_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html, "MOST_NODES", 12)
    assert text(f"<p {' '.join(NAMES)}>{PROSE}{'=' * 100}</p>") == PROSE + "=" * 100
    assert refusal(f"<p b {' '.join(NAMES)}>{PROSE}</p>") == (
        "a.html: holds more than 12 elements and attributes; split it"
    )
