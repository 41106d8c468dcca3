"""The caller's random state, kept while something else draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Whatever the block does to torch's global generators, they are as before when it ends."""
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        yield
