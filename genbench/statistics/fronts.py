"""The Pareto front: what no other choice beats on every count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal


def pareto_front(points: Sequence[tuple[float, ...]], better: Sequence[Literal["higher", "lower"]]) -> list[bool]:
    """For each point whether it lies on the front: no other is at least as good on every axis and better on one.

    Args:
        points: one coordinate for each axis; equal points are both on the front, or neither.
        better: which direction wins on each axis.
    """
    signs = [1.0 if direction == "higher" else -1.0 for direction in better]
    scores = [tuple(s * x for s, x in zip(signs, point, strict=True)) for point in points]

    def beaten(score: tuple[float, ...]) -> bool:
        return any(other != score and all(o >= s for o, s in zip(other, score, strict=True)) for other in scores)

    return [not beaten(score) for score in scores]
