"""Which of the weights that training passes through are kept: beside those at its end, the best by each criterion.

At `POINTS` evenly spaced points of progress, the last one included, every criterion scores the weights as they would be
sampled from, and the best so far is remembered. Scores come from validation pictures, never from test pictures. They
are not on training's clock, and bounded: a forward pass costs about a third of what training on a picture does, so a
score may use as many pictures as make `SHARE` of the training between two points, at most as many as the criterion
wants, but at least `FEWEST`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from genbench.api import Learner
from genbench.hashing import derive_seed
from genbench.weights import Weights, weights_of

POINTS = 10
SHARE = 0.02
FEWEST = 32

FORWARD_PASSES = 3
"""Training on a picture costs about as much as so many forward passes: the backward pass counts twice."""

FINAL = "final"
FINAL_WORDS = "none: the weights at the end of training"


@dataclass(frozen=True)
class Criterion:
    """A score by which weights are chosen.

    Attributes:
        name: the selection that it serves, e.g. ``"validation"``.
        logged: the name of its curve, e.g. ``"validation/loss"``.
        score: which score it is, in words for a table's note.
        better: which direction wins.
        compute: the score of a learner that has the weights in place, in eval mode and without gradients, from at most
            so many pictures; None when the learner has no such score. Torch's generators are seeded alike every time.
            Further scores that fall off on the way may come with it, all by the names of their curves.
    """

    name: str
    logged: str
    score: str
    better: Literal["lower", "higher"]
    compute: Callable[[Learner, int], float | Mapping[str, float] | None]

    def beats(self, value: float, best: float) -> bool:
        """Whether ``value`` is at least as good: of equal scores, the one that was trained longer wins."""
        return value <= best if self.better == "lower" else value >= best


@dataclass(frozen=True)
class Best:
    """The best weights so far by one criterion: its score in words, after how many steps, their score."""

    score: str
    step: int
    value: float
    weights: Weights


@dataclass
class Choice:
    """What has been chosen so far: a part of training's state.

    Attributes:
        passed: how many of the `POINTS` lie behind.
        pictures: how many pictures a score may use, fixed at the first point.
        seconds: what scoring took.
        best: by the criterion's name.
    """

    passed: int = 0
    pictures: int = 0
    seconds: float = 0.0
    best: dict[str, Best] = field(default_factory=dict)


class Selector:
    """Scores weights and keeps the best of each criterion in `choice`."""

    def __init__(self, criteria: Sequence[Criterion], choice: Choice) -> None:
        self.choice = choice
        self._criteria = criteria

    def due(self, progress: float) -> bool:
        """Whether a point that was not yet looked at has been reached."""
        return bool(self._criteria) and points_passed(progress) > self.choice.passed

    def look(self, learner: Learner, *, step: int, pictures: int, progress: float) -> dict[str, float]:
        """Score the weights in place, reached after ``step`` steps on ``pictures`` pictures; finite scores, by name.

        Reseeds torch's global generators.
        """
        choice = self.choice
        if not choice.pictures:
            choice.pictures = allowed_pictures(pictures / (progress * POINTS))
        choice.passed = points_passed(progress)
        scores: dict[str, float] = {}
        for criterion in self._criteria:
            torch.manual_seed(derive_seed("validation", criterion.name))
            found = criterion.compute(learner, choice.pictures)
            named = {criterion.logged: found} if isinstance(found, float) else found or {}
            scores |= {name: value for name, value in named.items() if math.isfinite(value)}
            if (value := scores.get(criterion.logged)) is None:
                continue
            best = choice.best.get(criterion.name)
            if best is None or criterion.beats(value, best.value):
                choice.best[criterion.name] = Best(criterion.score, step, value, weights_of(learner))
        return scores


def points_passed(progress: float) -> int:
    """How many of the points lie at or before ``progress`` in [0, 1]; 1 and beyond passes all."""
    return min(POINTS, int(progress * POINTS + 1e-9))


def allowed_pictures(between: float) -> int:
    """How many pictures a score may use, given on how many training goes ``between`` two points."""
    return max(FEWEST, int(SHARE * FORWARD_PASSES * between))
