"""Checkpoints that a crash or a bad disk has damaged: noticed, named, and replaced by the one before."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from genbench import checkpoints
from genbench.api import Learner
from genbench.checkpoints import Counters, DamagedCheckpoint, History, before, fall_back
from genbench.errors import DiskFull
from genbench.selection import Choice
from genbench.stages import StageStore


class Line(Learner):
    """One weight, which says how far it has come."""

    def __init__(self, weight: float = 0.0) -> None:
        self.line = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(self.line.weight, weight)
        self.networks = {"line": self.line}
        self.optimizers = {}

    def step(self, batch, progress):
        raise NotImplementedError


def save(path: Path, step: int) -> None:
    checkpoints.save(path, Line(step), None, Counters(step=step), History(), Choice())


def load(path: Path) -> tuple[int, float]:
    learner = Line()
    counters, _, _ = checkpoints.load(path, learner, None)
    return counters.step, learner.line.weight.item()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


def test_the_one_before_is_kept(path: Path) -> None:
    for step in (1, 2, 3):
        save(path, step)
    assert load(path) == (3, 3.0)
    assert load(before(path)) == (2, 2.0)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [before(path).name, path.name]


def test_no_flipped_bit_goes_unnoticed(path: Path) -> None:
    """Wherever it is: in the header, in the metadata or in the numbers."""
    save(path, 3)
    content = path.read_bytes()
    places = range(0, len(content), 7)
    assert len(places) > 50
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        with pytest.raises(DamagedCheckpoint, match=r"checkpoint\.safetensors"):
            load(path)


def test_no_truncation_goes_unnoticed(path: Path) -> None:
    save(path, 3)
    content = path.read_bytes()
    for length in range(0, len(content), 11):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedCheckpoint, match=r"checkpoint\.safetensors"):
            load(path)


def test_checkpoints_of_before_there_were_checksums_are_read(path: Path) -> None:
    save(path, 3)
    with safe_open(path, framework="pt") as file:
        metadata = {key: value for key, value in file.metadata().items() if key != "checksum"}
        metadata["format"] = "genbench-checkpoint-2"
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    save_file(tensors, path, metadata=metadata)
    assert load(path) == (3, 3.0)


def test_falling_back_puts_the_one_before_in_place(path: Path) -> None:
    save(path, 1)
    save(path, 2)
    path.write_bytes(b"damaged")
    assert fall_back(path) == path.with_suffix(".damaged")
    assert load(path) == (1, 1.0)
    path.unlink()
    assert fall_back(path) is None  # and with nothing before, nothing happens
    assert not path.exists()


def save_in_a_child_killed_at(path: Path, call: int) -> int:
    """Save in a process of its own, which ends by SIGKILL at its ``call``-th call or return of a function.

    Returns:
        0 when it came to the end before, else the signal.
    """
    child = os.fork()
    if child == 0:
        calls = itertools.count(1)
        sys.setprofile(lambda *_: os.kill(os.getpid(), signal.SIGKILL) if next(calls) == call else None)
        save(path, 2)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_killed_anywhere_in_writing_one_whole_checkpoint_is_left(path: Path) -> None:
    found, call = [], 1
    while not found or found[-1][0]:
        for leftover in path.parent.glob("*"):
            leftover.unlink()
        save(path, 1)
        ended = save_in_a_child_killed_at(path, call)
        if not path.exists():
            assert fall_back(path) is None
        found.append((ended, *load(path)))
        call += 13
    assert {ended for ended, *_ in found[:-1]} == {signal.SIGKILL}
    assert found[0] == (signal.SIGKILL, 1, 1.0)
    assert found[-1] == (0, 2, 2.0)
    assert len(found) > 20


def test_a_full_disk_is_named_and_leaves_the_last_checkpoint(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path, 1)
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(DiskFull, match=r"checkpoint.*no space left"):
        save(path, 2)
    monkeypatch.undo()
    if not path.exists():
        fall_back(path)
    assert load(path) == (1, 1.0)


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_stage_whose_content_has_changed_is_computed_again_and_said(tmp_path: Path) -> None:
    """Same size, other bytes: what only a digest can tell."""
    store, said = StageStore(tmp_path), []

    def compute(folder: Path) -> dict[str, int]:
        (folder / "figures").mkdir(exist_ok=True)
        (folder / "figures" / "curve").write_text("0123")
        return {}

    folder = store.obtain("train", "abc", compute, waiting=lambda: None).folder
    (folder / "figures" / "curve").write_text("0124")
    assert not store.obtain("train", "abc", compute, waiting=lambda: None, damaged=said.append).reused
    assert said == [f"{folder / 'figures' / 'curve'} is damaged or missing: computed again"]
    assert (folder / "figures" / "curve").read_text() == "0123"
    assert store.obtain("train", "abc", compute, waiting=lambda: None, damaged=said.append).reused


def test_what_a_killed_writer_left_is_removed_before_a_stage_is_computed(tmp_path: Path) -> None:
    folder = StageStore(tmp_path).folder("train", "abc")
    folder.mkdir(parents=True)
    (folder / ".weights.safetensors.x7.safetensors").write_text("half of it")
    outcome = StageStore(tmp_path).obtain("train", "abc", lambda _: {}, waiting=lambda: None)
    assert sorted(path.name for path in outcome.folder.iterdir()) == ["done.json"]
