"""The stage store: computed once, reused, safe when interrupted or shared."""

import json
import multiprocessing
import time
from pathlib import Path

import pytest

from genbench.stages import StageStore


def quiet() -> None:
    """Nobody waits for the message."""


def test_a_stage_is_computed_once(tmp_path: Path) -> None:
    calls = []

    def compute(folder: Path) -> dict[str, int]:
        calls.append(folder)
        return {"answer": 42}

    store = StageStore(tmp_path)
    first = store.obtain("train", "abc", compute, waiting=quiet)
    second = StageStore(tmp_path).obtain("train", "abc", compute, waiting=quiet)
    assert (first.reused, second.reused) == (False, True)
    assert first.record == second.record == {"answer": 42}
    assert len(calls) == 1


def test_a_failed_stage_is_not_done_and_keeps_its_files(tmp_path: Path) -> None:
    store = StageStore(tmp_path)

    def fails(folder: Path) -> dict[str, int]:
        (folder / "checkpoint").write_text("half way")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        store.obtain("train", "abc", fails, waiting=quiet)
    assert store.find("train", "abc") is None
    seen = store.obtain("train", "abc", lambda f: {"text": (f / "checkpoint").read_text()}, waiting=quiet)
    assert seen.record == {"text": "half way"}


def test_a_damaged_record_means_not_done(tmp_path: Path) -> None:
    store = StageStore(tmp_path)
    folder = store.obtain("sample", "abc", lambda _: {"n": 1}, waiting=quiet).folder
    (folder / "done.json").write_text('{"n": ')
    assert store.find("sample", "abc") is None
    assert store.obtain("sample", "abc", lambda _: {"n": 2}, waiting=quiet).record == {"n": 2}


def _slowly(root: Path, results: "multiprocessing.Queue[tuple[bool, bool]]") -> None:
    waited = []

    def compute(folder: Path) -> dict[str, int]:
        time.sleep(1.0)
        with (folder / "times").open("a") as file:
            file.write("x")
        return {}

    outcome = StageStore(root).obtain("train", "abc", compute, waiting=lambda: waited.append(1))
    results.put((outcome.reused, bool(waited)))


def test_two_processes_compute_a_stage_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_slowly, args=(tmp_path, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    outcomes = sorted(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert [reused for reused, _ in outcomes] == [False, True]
    assert (tmp_path / "train" / "abc" / "times").read_text() == "x"


@pytest.mark.parametrize("damage", ["remove", "cut", "foreign record", "foreign note"])
def test_a_stage_whose_files_are_damaged_is_computed_again(tmp_path: Path, damage: str) -> None:
    store = StageStore(tmp_path)

    def compute(folder: Path) -> dict[str, int]:
        (folder / "weights").write_text("0123456789")
        return {}

    folder = store.obtain("train", "abc", compute, waiting=quiet).folder
    assert store.find("train", "abc") is not None
    if damage == "remove":
        (folder / "weights").unlink()
    elif damage == "cut":
        (folder / "weights").write_text("01234")
    elif damage == "foreign record":
        (folder / "done.json").write_text("{}")
    else:
        (folder / "done.json").write_text('{"record": {}, "files": {"weights": {"size": 10}}}')
    assert store.find("train", "abc") is None
    assert not store.obtain("train", "abc", compute, waiting=quiet).reused
    assert (folder / "weights").read_text() == "0123456789"


@pytest.mark.parametrize("edited", ["record", "files", "digest"])
def test_an_edited_record_is_noticed_said_and_computed_again(tmp_path: Path, edited: str) -> None:
    """Its files are whole, and yet it says other numbers than were measured."""
    store, said = StageStore(tmp_path), []

    def compute(folder: Path) -> dict[str, object]:
        (folder / "weights").write_text("0123456789")
        return {"accuracy": 0.1, "by size": {1: (0.5, 1e-300)}}

    done = store.obtain("train", "abc", compute, waiting=quiet).folder / "done.json"
    assert store.obtain("train", "abc", compute, waiting=quiet, damaged=said.append).reused
    content = json.loads(done.read_text())
    if edited == "record":
        content["record"]["accuracy"] = 0.9
    elif edited == "files":
        content["files"].clear()
    else:
        content["digest"] = "0" * 16
    done.write_text(json.dumps(content))
    assert store.find("train", "abc") is None
    again = store.obtain("train", "abc", compute, waiting=quiet, damaged=said.append)
    assert (again.reused, again.record["accuracy"]) == (False, 0.1)
    (line,) = said
    assert str(done) in line
    assert "computed again" in line


@pytest.mark.slow
def test_two_commands_for_the_same_run_train_it_once(tmp_path: Path, shared_home: Path) -> None:
    """The second says that it waits, and ends with the same measures."""
    import os
    import subprocess
    import sys

    small = ("--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu", "--budget", "40steps")
    command = [sys.executable, "-m", "genbench", "run", "ddpm", *small, "--format", "json"]
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    places = {"cwd": tmp_path, "env": {**kept, "GENBENCH_HOME": str(shared_home)}, "text": True}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, **places, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    answers = [(*process.communicate(timeout=300), process.returncode) for process in processes]
    assert [code for *_, code in answers] == [0, 0], answers
    first, second = (json.loads(out)["metrics"] for out, *_ in answers)
    assert first == second
    assert len(list((tmp_path / "results" / "stages" / "train").glob("*/done.json"))) == 1
    computed = sum("train: reused" not in said and "found in the store" not in said for _, said, _ in answers)
    assert computed == 1
