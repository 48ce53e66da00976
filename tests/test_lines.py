"""Lines worked on several at a time, told one by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.commands.lines import told_in_order


@given(items=st.lists(st.integers(), max_size=30), at_once=st.integers(1, 4))
def test_each_is_told_in_its_turn(items: list[int], at_once: int) -> None:
    told: list[int] = []
    assert told_in_order(items, lambda item: item + 1, told.append, at_once) == len(items)
    assert told == [item + 1 for item in items]


def test_a_later_one_that_is_done_first_waits_for_its_turn() -> None:
    second_done = threading.Event()
    told: list[int] = []

    def work(item: int) -> int:
        if item == 1:
            assert second_done.wait(60)
        else:
            second_done.set()
        return item

    assert told_in_order((1, 2), work, told.append, 2) == 2
    assert told == [1, 2]


def test_what_is_done_is_told_before_the_next_item_comes() -> None:
    heard = threading.Event()

    def items() -> Iterator[str]:
        yield "first"
        assert heard.wait(60)
        yield "second"

    assert told_in_order(items(), str.upper, lambda _: heard.set(), 2) == 2


def test_two_are_worked_on_at_once() -> None:
    together = threading.Barrier(2, timeout=60)
    assert told_in_order(range(6), lambda _: together.wait() * 0, lambda _: None, 2) == 6


@pytest.mark.parametrize("count", [1, 100])
def test_a_fault_in_the_work_is_raised_and_nothing_is_told_after_it(count: int) -> None:
    told: list[int] = []
    with pytest.raises(ZeroDivisionError):
        told_in_order(range(-3, count), lambda item: 6 // item, told.append, 2)
    assert told == [-2, -3, -6]


def test_a_fault_in_telling_ends_it_though_items_never_end() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    def tell(_: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        told_in_order(endless(), abs, tell, 2)


def test_a_fault_in_the_items_is_raised() -> None:
    def items() -> Iterator[int]:
        yield from range(50)
        raise OSError("gone")

    told: list[int] = []
    with pytest.raises(OSError, match="gone"):
        told_in_order(items(), abs, told.append, 2)
    assert told == list(range(len(told)))
