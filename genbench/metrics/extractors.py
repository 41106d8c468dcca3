"""Feature extractors: Inception-v3, the referee, and any that a distribution registers.

An entry point in the group ``genbench.extractors`` names a function that is given a `torch.device` and returns an
`Extractor`::

    [project.entry-points."genbench.extractors"]
    my-features = "my_package:load"
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch

from genbench.data.base import UInt8Array
from genbench.errors import ConfigError, GenbenchError, PluginError
from genbench.evaluators.evaluator import Evaluator
from genbench.metrics.base import Identity, MetricContext, NotMeasurable
from genbench.plugins import nearest

Features = npt.NDArray[np.float32]

GROUP = "genbench.extractors"
BUILT_IN = ("inception", "referee")


class Extractor(Protocol):
    """Turns pictures into feature vectors; ``identity`` names it, its weights by hash, and its resize."""

    @property
    def identity(self) -> Identity:
        """Keys ``extractor``, ``weights`` and ``resize``."""

    def features(self, images: UInt8Array) -> Features:
        """Features float32 [N, D] of images uint8 [N, H, W, C]."""


@dataclass(frozen=True)
class RefereeExtractor:
    """The referee's penultimate features: for small pictures, and where there are no Inception weights."""

    referee: Evaluator

    @property
    def identity(self) -> Identity:
        """The referee's own identity, named as an extractor."""
        return {"extractor": "referee-features", **self.referee.identity, "resize": "none"}

    def features(self, images: UInt8Array) -> Features:
        """Features float32 [N, 128] of images uint8 [N, H, W, C] of the referee's size."""
        return self.referee.features(images)


def names() -> list[str]:
    """Every extractor that can be asked for."""
    return sorted({*BUILT_IN, *_registered()})


def choose_extractor(context: MetricContext) -> Extractor:
    """The extractor asked for, else Inception-v3 when the context has its weights, else the referee.

    Raises:
        ConfigError: when there is none of that name, or Inception-v3 is asked for and has no weights.
        DataError: when the weights are not those known.
        NotMeasurable: when nothing was asked for and the data has no two conditions for a referee to tell apart.
        PluginError: when a registered extractor cannot be loaded.
    """
    name = context.extractor or ("referee" if context.inception_weights is None else "inception")
    if name == "inception":
        if context.inception_weights is None:
            raise ConfigError("extractor 'inception' has no weights: name their file by --inception-weights")
        return _inception(context.inception_weights, context.inception_weights.stat().st_mtime_ns, context.device)
    if name == "referee":
        if len(context.data.info.conditions) < 2:
            raise NotMeasurable(
                f"{context.data.info.name} has no two conditions that a referee could tell apart: features need "
                "Inception weights, by --inception-weights"
            )
        return RefereeExtractor(context.evaluators.referee)
    return _plugged(name, context.device)


@lru_cache(maxsize=1)
def _inception(path: Path, changed: int, device: torch.device) -> Extractor:  # noqa: ARG001 - a changed file is read again
    from genbench.metrics.inception import InceptionExtractor

    return InceptionExtractor.load(path, device)


@lru_cache(maxsize=1)
def _plugged(name: str, device: torch.device) -> Extractor:
    registered = _registered()
    if name not in registered:
        raise ConfigError(f"unknown extractor {name!r}: {nearest(name, names())}")
    point = registered[name]
    try:
        extractor = point.load()(device)
        lacking = sorted({"extractor", "weights", "resize"} - set(extractor.identity))
    except GenbenchError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's code
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise PluginError(f"extractor {name!r} ({point.value}) cannot be loaded: {cause}") from error
    if lacking:
        raise PluginError(f"extractor {name!r} ({point.value}): its identity lacks {', '.join(lacking)}")
    return cast(Extractor, extractor)


def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
