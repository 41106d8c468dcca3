"""Networks that no machine could hold are refused before their memory is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from genbench.errors import ConfigError
from genbench.limits import NETWORK_NUMBERS

_FACTORIES = frozenset({torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full})


@contextmanager
def bounded(where: str) -> Iterator[None]:
    """Within the block, tensors that are made have at most `limits.NETWORK_NUMBERS` numbers together.

    Raises:
        ConfigError: from the block, as soon as it asks for more, naming ``where``.
    """
    with _Counting(where):
        yield


class _Counting(TorchFunctionMode):
    """Adds up the sizes that are asked for, before torch is asked."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where, self._most, self._made = where, NETWORK_NUMBERS.value, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FACTORIES:
            self._made += _numbers(*args, **(kwargs or {}))
            if self._made > self._most:
                raise ConfigError(
                    f"{self._where}: {self._made:,} numbers in its networks are {NETWORK_NUMBERS.too_many}; "
                    "else make the networks smaller"
                )
        return func(*args, **(kwargs or {}))


def _numbers(*sizes: Any, size: Any = None, **others: Any) -> int:  # noqa: ARG001
    """How many numbers a tensor of these sizes has, given one by one or as a sequence."""
    if size is None:
        size = sizes[0] if sizes and isinstance(sizes[0], Sequence) else sizes
    return math.prod(side for side in size if isinstance(side, int))
