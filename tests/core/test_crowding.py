"""Busy cores are noticed before training, and only where they matter."""

from __future__ import annotations

import os

import pytest
import torch

from genbench import crowding
from genbench.crowding import usable_cores

CPU = torch.device("cpu")


@pytest.fixture
def machine(monkeypatch):
    """Pretend that cores 0 and 1 are this process's, so busy, and that torch has so many threads."""

    def pretend(shares, threads=2, cores=(0, 1)):
        monkeypatch.setattr(crowding, "usable_cores", lambda: set(cores))
        monkeypatch.setattr(crowding.torch, "get_num_threads", lambda: threads)
        monkeypatch.setattr(crowding.psutil, "cpu_percent", lambda interval, percpu: shares)

    return pretend


def test_a_busy_core_is_named_with_what_to_do(machine):
    machine([3.0, 99.0])
    said = crowding.crowding(CPU)
    assert "1.0 of 2 cores are busy" in said
    assert "OMP_NUM_THREADS=1" in said


@pytest.mark.parametrize(
    ("shares", "threads", "cores"),
    [
        ([2.0, 10.0], 2, (0, 1)),  # an idle machine
        ([90.0, 90.0], 1, (0, 1)),  # one thread waits for nobody
        ([0.0, 0.0, 99.0, 99.0], 2, (0, 1)),  # busy cores that are not this process's
        ([99.0, 1.0, 1.0, 1.0], 2, (0, 1, 2, 3)),  # room enough
    ],
)
def test_nothing_is_said_where_threads_have_room(machine, shares, threads, cores):
    machine(shares, threads, cores)
    assert crowding.crowding(CPU) is None


def test_on_a_gpu_nobody_looks(machine):
    machine([99.0, 99.0])
    assert crowding.crowding(torch.device("cuda")) is None


def test_the_cores_of_this_process_are_some_of_the_machines():
    assert 1 <= len(usable_cores()) <= (os.cpu_count() or 1)
