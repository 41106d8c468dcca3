"""Laws of the λ schedules: end points, order, and what the adaptive one keeps constant."""

from __future__ import annotations

import pytest
import torch
from genbench_cgan.config import CGANTrainConfig
from genbench_cgan.schedules import Adaptive, Constant, Cosine, Exponential, Linear, Schedule, Step
from pydantic import ValidationError
from torch import Tensor

NO_GRADIENT = torch.zeros(1)
RAMPS = (Linear, Cosine, Exponential)
GRID = [i / 50 for i in range(51)]


def at(schedule: Schedule, progress: float) -> float:
    return float(schedule(progress, NO_GRADIENT, NO_GRADIENT))


@pytest.mark.parametrize("ramp", RAMPS)
@pytest.mark.parametrize(("initial", "final"), [(0.2, 0.5), (0.5, 0.2)])
@pytest.mark.parametrize(("begin", "end"), [(0.0, 1.0), (0.25, 0.75)])
def test_ramps_hold_their_ends_and_are_monotone(
    ramp: type[Linear], initial: float, final: float, begin: float, end: float
) -> None:
    schedule = ramp(initial=initial, final=final, begin=begin, end=end)
    values = [at(schedule, p) for p in GRID]
    assert all(v == pytest.approx(initial) for p, v in zip(GRID, values, strict=True) if p <= begin)
    assert all(v == pytest.approx(final) for p, v in zip(GRID, values, strict=True) if p >= end)
    assert values == sorted(values, reverse=initial > final)


@pytest.mark.parametrize(("ramp", "middle"), [(Linear, 0.45), (Cosine, 0.45), (Exponential, (0.1 * 0.8) ** 0.5)])
def test_ramps_in_the_middle(ramp: type[Linear], middle: float) -> None:
    assert at(ramp(initial=0.1, final=0.8), 0.5) == pytest.approx(middle)


def test_cosine_is_flat_at_its_ends_and_linear_is_not() -> None:
    slope = {ramp: at(ramp(initial=0.0, final=1.0), 1e-3) * 1e3 for ramp in (Linear, Cosine)}
    assert slope[Linear] == pytest.approx(1)
    assert slope[Cosine] < 0.01


def test_constant_and_step() -> None:
    assert {at(Constant(value=0.3), p) for p in GRID} == {0.3}
    step = Step(initial=0.1, factor=3, milestones=(0.6, 0.2))
    assert [at(step, p) for p in (0, 0.19, 0.2, 0.59, 0.6, 1)] == pytest.approx([0.1, 0.1, 0.3, 0.3, 0.9, 0.9])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_adaptive_keeps_the_ratio_of_the_gradients(scale: float) -> None:
    adversarial, classifier = torch.randn(4, 3, 8, 8), scale * torch.randn(4, 3, 8, 8)
    weight = Adaptive(ratio=0.7, maximum=1e6)(0.3, adversarial, classifier)
    assert isinstance(weight, Tensor)
    assert (weight * classifier).norm() / adversarial.norm() == pytest.approx(0.7, rel=1e-5)


def test_adaptive_is_limited_and_finite_without_a_classifier_gradient() -> None:
    schedule = Adaptive(ratio=1.0, maximum=5.0)
    assert at(schedule, 0.0) == 0  # 0/0: nothing pulls either way
    assert float(schedule(0.0, torch.ones(3), torch.zeros(3))) == 5
    assert float(schedule(0.0, torch.ones(3), torch.full((3,), 0.5))) == 2


def test_a_number_is_a_constant_schedule() -> None:
    assert CGANTrainConfig(lambda_schedule=0.4).lambda_schedule == Constant(value=0.4)
    table = {"kind": "linear", "initial": 0.2, "final": 0.5}
    assert CGANTrainConfig(lambda_schedule=table).lambda_schedule == Linear(initial=0.2, final=0.5)


@pytest.mark.parametrize(
    "bad",
    [
        -0.1,
        {"kind": "linear", "begin": 0.5, "end": 0.5},
        {"kind": "exponential", "initial": 0.0},
        {"kind": "triangle"},
        {"kind": "constant", "valeu": 0.2},
        {"kind": "step", "milestones": [1.5]},
    ],
)
def test_bad_schedules_are_refused(bad: object) -> None:
    with pytest.raises(ValidationError):
        CGANTrainConfig(lambda_schedule=bad)
