"""The store's database is there whole, or not at all."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from genbench.tracking import Store


def killed_at(results: Path, call: int) -> bool:
    """Open a store in a process of its own that is killed at its ``call``-th call of a function; whether it was."""
    child = os.fork()
    if child == 0:
        calls = itertools.count(1)
        sys.setprofile(lambda *_: os.kill(os.getpid(), signal.SIGKILL) if next(calls) == call else None)
        Store(results)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


@pytest.mark.slow
def test_killed_while_its_tables_are_made_the_next_one_makes_them(tmp_path: Path) -> None:
    """A database that MLflow has begun and not ended would be refused for ever."""
    for call in (100_000, 400_000, 900_000):
        assert killed_at(tmp_path, call)
        assert not (tmp_path / "mlflow.db").exists()
    assert Store(tmp_path).runs() == []
    assert (tmp_path / "mlflow.db").exists()


def test_two_that_make_it_at_once_share_it(tmp_path: Path) -> None:
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(Store(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stores[0].begin(name="a", tags={"genbench.kind": "run"}, params={})
    assert [run.name for run in stores[1].runs()] == ["a"]
