"""Networks compiled by torch for training steps, where a user asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import nn

from genbench.errors import ConfigError, GenbenchError
from genbench.resources import is_out_of_memory
from genbench.specs import CompileMode


def compile_networks(networks: Mapping[str, nn.Module], mode: CompileMode) -> None:
    """Let networks that are in training mode, with gradients, run compiled; as they were before everywhere else.

    Sampling and scoring come in batches of many sizes, each of which would be compiled anew.
    """
    if mode == "off":
        return
    # What other trainings of the process had compiled would count against torch's limit of shapes for a function.
    torch.compiler.reset()
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns of GPUs that are not asked for
    for name, network in networks.items():
        network.forward = _compiled(name, network, mode)


def _compiled(name: str, network: nn.Module, mode: CompileMode) -> Callable[..., Any]:
    plain = network.forward
    quick = torch.compile(plain, mode=mode)

    @wraps(plain)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not (network.training and torch.is_grad_enabled()):
            return plain(*args, **kwargs)
        with refusals(f"network {name!r}"):
            return quick(*args, **kwargs)

    return run


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what the compiler cannot do into one line.

    Raises:
        ConfigError: naming ``what``, and the compiler's reason.
    """
    try:
        yield
    except GenbenchError:
        raise
    except Exception as error:  # the compiler raises almost anything, and errors of the network itself come first
        if is_out_of_memory(error):
            raise
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        if "modified by an inplace operation" in reason:
            reason = "a network that runs twice in a step changes its buffers in between, which compiled ones must not"
        raise ConfigError(f"{what} cannot be compiled ({reason[:300]}): leave --compile out") from error
