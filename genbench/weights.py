"""A learner's weights as a snapshot: taken, put in place, written to a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from genbench.api import Learner

Weights = Mapping[str, Tensor]
"""All that sampling depends on, on the CPU: ``networks/NAME/KEY``, parameters and buffers, and ``extra/KEY``."""


def weights_of(learner: Learner) -> dict[str, Tensor]:
    """A copy of the networks as they are now, and of the learner's extra state."""
    state = {
        f"networks/{name}/{key}": value
        for name, network in learner.networks.items()
        for key, value in network.state_dict().items()
    }
    state |= {f"extra/{key}": value for key, value in learner.extra_state().items()}
    return {key: value.detach().to("cpu", copy=True).contiguous() for key, value in state.items()}


@contextmanager
def placed(learner: Learner, weights: Weights) -> Iterator[None]:
    """Within the block, the learner has these weights; afterwards its own again."""
    own = weights_of(learner)
    _put(learner, weights)
    try:
        yield
    finally:
        _put(learner, own)


@contextmanager
def evaluating(learner: Learner) -> Iterator[None]:
    """Within the block, every network is in eval mode; afterwards each module is in the mode that it was in."""
    modes = [(module, module.training) for network in learner.networks.values() for module in network.modules()]
    for network in learner.networks.values():
        network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def file_tensors(weights: Weights) -> dict[str, Tensor]:
    """The same under the names that weight files have: ``NAME.KEY`` for networks, ``extra/KEY`` as it is."""
    renamed = {}
    for key, value in weights.items():
        part, _, rest = key.partition("/")
        renamed[rest.replace("/", ".", 1) if part == "networks" else key] = value
    return renamed


def taken(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What in ``state`` begins with ``prefix``, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _put(learner: Learner, weights: Weights) -> None:
    for name, network in learner.networks.items():
        network.load_state_dict(taken(weights, f"networks/{name}/"))
    learner.load_extra_state(taken(weights, "extra/"))
