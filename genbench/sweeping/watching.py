"""Curves of training that a pruner can watch, and scores that an objective can name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Watched:
    """A score that training takes at ten points of progress: the name of its curve, and which direction is better."""

    curve: str
    better: Literal["lower", "higher"]


WATCHED: Mapping[str, Watched] = {
    "validation": Watched("validation/loss", "lower"),
    "guide": Watched("validation/accuracy_guide", "higher"),
    "source": Watched("validation/source_accuracy", "higher"),
    "unsupervised": Watched("validation/information", "higher"),
}
"""By the name of the selection that goes by the same score; all are taken on validation data."""
