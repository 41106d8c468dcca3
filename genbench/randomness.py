"""Torch's global random state: kept while something else draws, and seeded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Whatever the block does to torch's global generators, they are as before when it ends."""
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        yield


def seed_generators(seed: int) -> None:
    """Seed torch's global generators: the CPU's, and those of all GPUs once they are in use.

    `torch.manual_seed` does the same, and for every kind of device that is not in use it keeps the seed together with
    the caller's stack in words, which is too much for every step.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
