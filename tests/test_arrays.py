"""Arrays are opened from many threads at once."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qa import arrays


class Litter:
    """A cycle whose end lets other threads run, in the middle of whatever the collector interrupted."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        time.sleep(0)


@pytest.fixture
def often_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(53, 2, 2)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("often_collected")
def test_threads_open_arrays_at_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "numbers.npy"
    np.save(path, np.arange(12).reshape(4, 3))
    sums: list[int] = []
    failures: list[BaseException] = []

    def work(depth: int) -> None:
        if depth:
            work(depth - 1)
            return
        try:
            for _ in range(60):
                for _ in range(5):
                    Litter()
                sums.append(int(arrays.mapped(path).sum() + arrays.read(path).sum()))
        except BaseException as error:  # handed to the test below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(10 * each,)) for each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sums == [132] * 360


def test_an_empty_array_is_read_where_it_cannot_be_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 5), dtype=np.int32))
    assert arrays.mapped(tmp_path / "none.npy").shape == (0, 5)
