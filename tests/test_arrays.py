"""Arrays are opened from many threads at once."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from qa import arrays


def test_threads_open_arrays_at_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "numbers.npy"
    np.save(path, np.arange(12).reshape(4, 3))
    sums: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            sums.extend(int(arrays.mapped(path).sum() + arrays.read(path).sum()) for _ in range(300))
        except BaseException as error:  # handed to the test below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sums == [132] * 2400


def test_an_empty_array_is_read_where_it_cannot_be_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 5), dtype=np.int32))
    assert arrays.mapped(tmp_path / "none.npy").shape == (0, 5)
