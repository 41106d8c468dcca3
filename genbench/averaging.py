"""The exponential moving average of weights that sampling uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from genbench.api import Averaging, Learner


class WeightAverage:
    """Keeps an average of a learner's parameters; buffers (running statistics) are copied as they are.

    After step t (counted from 0) each average a of a parameter p becomes ``d·a + (1 - d)·p`` with
    ``d = min(decay, (1 + t) / (warmup + t))``. Early on, d is small and the random start is forgotten; while the second
    term rules, a is a mean over roughly the last ``t / warmup`` steps, so the span grows with training.
    """

    def __init__(self, learner: Learner, setting: Averaging) -> None:
        self._setting = setting
        chosen = {name: learner.networks[name] for name in setting.networks}
        self._parameters = {f"{n}/{k}": p for n, m in chosen.items() for k, p in m.named_parameters()}
        self._averages = {key: p.detach().clone() for key, p in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters as they are after ``step``."""
        decay = min(self._setting.decay, (1 + step) / (self._setting.warmup + step))
        torch._foreach_lerp_(list(self._averages.values()), list(self._parameters.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block, the networks hold the averaged weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state_dict(self) -> dict[str, Tensor]:
        """The averages by ``network/parameter``."""
        return dict(self._averages)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave. Raises `KeyError` when one is missing."""
        for key, average in self._averages.items():
            average.copy_(state[key])

    def _swap(self) -> None:
        for key, parameter in self._parameters.items():
            parameter.data, self._averages[key] = self._averages[key], parameter.data
