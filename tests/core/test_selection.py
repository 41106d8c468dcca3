"""Choosing among the weights that training passes through: it disturbs nothing, keeps the best, and resumes exactly."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genbench.api import Averaging, Batch, ConfigError, GenerativeLearner
from genbench.budgets import Budget
from genbench.checkpoints import DamagedCheckpoint
from genbench.data import Batches
from genbench.selection import FEWEST, POINTS, Criterion, allowed_pictures, points_passed
from genbench.training import Training
from genbench.weights import weights_of

CPU = torch.device("cpu")
BUDGET = Budget("steps", 20)


class Denoiser(GenerativeLearner):
    """Global randomness, batch statistics, momentum, dropout, a part in eval mode, and state of its own."""

    def __init__(self) -> None:
        self.network = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2), nn.ReLU(), nn.Conv2d(4, 1, 1)
        )
        self.frozen = nn.BatchNorm2d(1)
        self.networks = {"net": self.network, "frozen": self.frozen}
        self.optimizers = {"adam": torch.optim.Adam(self.network.parameters(), lr=1e-2)}
        self.averaging = Averaging(("net",), decay=0.9)
        self.centre = torch.zeros(1, 8, 8)
        self.modes: list[bool] = []

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        self.frozen.eval()
        self.modes.append(self.network.training)
        self.centre = torch.lerp(self.centre, batch.images.mean(dim=0), 0.1)
        loss = self.loss(batch)
        self.optimizers["adam"].zero_grad()
        loss.backward()
        self.optimizers["adam"].step()
        return {"loss": loss.detach()}

    def loss(self, batch: Batch) -> Tensor:
        noisy = self.frozen(batch.images + torch.randn_like(batch.images))
        return (self.network(noisy) + self.centre - batch.images).square().mean()

    def validate(self, batch: Batch) -> Tensor:
        return self.loss(batch)

    def sample(self, conditions: Tensor, config: object, *, generator: torch.Generator) -> Tensor:
        return self.centre.expand(len(conditions), 1, 8, 8)

    def extra_state(self) -> dict[str, Tensor]:
        return {"centre": self.centre}

    def load_extra_state(self, state: Mapping[str, Tensor]) -> None:
        self.centre = state["centre"].clone()


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)


def held_out() -> Batch:
    images = torch.from_numpy(pictures(32, 9)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return Batch(images, torch.ones(32, 1))


def loss_of(learner: GenerativeLearner, count: int) -> float:
    return float(learner.validate(held_out()))


def loss_criterion() -> Criterion:
    return Criterion("validation", "validation/loss", "the loss", "lower", loss_of)


def scripted(values: list[float], better: str = "lower", name: str = "validation") -> tuple[Criterion, list[dict]]:
    """A criterion that gives these scores in turn, and what the weights were each time."""
    seen: list[dict] = []

    def compute(learner: GenerativeLearner, count: int) -> float | None:
        seen.append(weights_of(learner))
        return values[len(seen) - 1]

    return Criterion(name, f"validation/{name}", "a script", better, compute), seen  # type: ignore[arg-type]


def training(
    *criteria: Criterion, budget: Budget = BUDGET, checkpoint: Path | None = None, batch_size: int = 8
) -> Training:
    torch.manual_seed(0)
    batches = Batches(pictures(50, 0), np.ones((50, 1), np.uint8), batch_size=batch_size, seed=1, device=CPU)
    return Training(
        Denoiser(),
        batches,
        batch_size=batch_size,
        budget=budget,
        seed=1,
        device=CPU,
        precision="float32",
        checkpoint=checkpoint,
        criteria=criteria,
    )


def trained(*criteria: Criterion, **settings: object) -> Training:
    made = training(*criteria, **settings)  # type: ignore[arg-type]
    made.run()
    return made


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def test_validation_changes_nothing_in_training() -> None:
    plain, watched = trained(), trained(loss_criterion())
    assert len(watched.history.values["validation/loss"]) == POINTS
    assert same(weights_of(plain.learner), weights_of(watched.learner))
    assert same(plain.weights("final"), watched.weights("final"))
    assert plain.history.values["loss"] == watched.history.values["loss"]
    assert all(watched.learner.modes)  # type: ignore[attr-defined]
    assert watched.learner.network.training  # type: ignore[attr-defined]
    assert not watched.learner.frozen.training  # type: ignore[attr-defined]


def test_a_learners_score_is_that_of_the_averaged_weights_in_eval_mode_and_always_the_same() -> None:
    watched = trained(loss_criterion())
    with watched.applied() as learner:
        torch.manual_seed(0)
        first = loss_criterion().compute(learner, 0)
        torch.manual_seed(0)
        assert loss_criterion().compute(learner, 0) == first
    twice = Criterion("again", "validation/again", "", "lower", loss_criterion().compute)
    both = trained(loss_criterion(), twice)
    other = trained(twice)  # another criterion beside it draws from another seed and moves nothing
    assert both.history.values["validation/again"] == other.history.values["validation/again"]


@pytest.mark.parametrize(("better", "step"), [("lower", 6), ("higher", 14)])
def test_the_best_weights_are_kept_and_put_in_place(better: str, step: int) -> None:
    values = [5.0, 4.0, 1.0, 2.0, 3.0, 2.0, 9.0, 8.0, 4.0, 4.0]
    criterion, seen = scripted(values, better)
    made = trained(criterion)
    best = made.choice.best["validation"]
    assert (best.step, best.value) == (step, values[step // 2 - 1])
    assert same(best.weights, seen[step // 2 - 1])
    final = weights_of(made.learner)
    made.select("validation")
    with made.applied() as learner:
        assert same(weights_of(learner), best.weights)  # networks, running statistics and the learner's own state
        assert not learner.networks["net"].training
        assert not torch.is_grad_enabled()
    assert same(weights_of(made.learner), final)
    made.select("final")
    with made.applied() as learner:
        assert same(weights_of(learner), seen[-1])


def test_the_best_weights_are_those_of_a_training_that_ended_there() -> None:
    criterion, _ = scripted([3.0, 2.0, 1.0, *[4.0] * 7])
    best = trained(criterion).choice.best["validation"]
    assert best.step == 6
    assert same(best.weights, trained(budget=Budget("steps", 6)).weights("final"))


def test_of_equal_scores_the_later_weights_win() -> None:
    criterion, _ = scripted([2.0, 1.0, 1.0, *[3.0] * 7])
    assert trained(criterion).choice.best["validation"].step == 6


def test_scores_that_are_not_finite_or_absent_are_never_chosen() -> None:
    criterion, _ = scripted([float("nan"), float("-inf"), 3.0, *[float("nan")] * 7])
    made = trained(criterion)
    assert made.choice.best["validation"].step == 6
    assert made.history.values["validation/validation"] == [3.0]
    silent = trained(Criterion("validation", "validation/loss", "", "lower", lambda learner, count: None))
    assert not silent.choice.best
    with pytest.raises(ConfigError, match=r"'validation': .*only final"):
        silent.select("validation")


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget("steps", 20), [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]),
        (Budget("steps", 25), [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]),
        (Budget("img", 200), [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]),
        (Budget("steps", 4), [1, 2, 3, 4]),
    ],
)
def test_points_are_spread_evenly_and_the_last_is_the_end(budget: Budget, expected: list[int]) -> None:
    made = trained(loss_criterion(), budget=budget)
    assert made.history.steps["validation/loss"] == expected


def test_a_budget_of_seconds_has_its_points_too() -> None:
    slow = loss_criterion().compute

    def compute(learner: GenerativeLearner, count: int) -> float | None:
        torch.linspace(0, 1, 3_000_000).sin().sum()  # takes longer than a step
        return slow(learner, count)

    made = trained(Criterion("validation", "validation/loss", "", "lower", compute), budget=Budget("s", 0.5))
    steps = made.history.steps["validation/loss"]
    assert 2 <= len(steps) <= POINTS
    assert steps[-1] == made.counters.step
    costs = made.costs()
    assert 0.5 <= costs["train_s"] < 1.5
    assert costs["validation_s"] > 0


def test_every_point_is_passed_once() -> None:
    assert [points_passed(k / POINTS) for k in range(POINTS + 1)] == list(range(POINTS + 1))
    assert points_passed(1.7) == POINTS
    assert points_passed(0.0999) == 0


def test_a_score_uses_no_more_pictures_than_two_percent_of_training_pay_for() -> None:
    assert allowed_pictures(10_000) == 600  # a forward pass is a third of a step: 600 / 3 = 2 % of 10,000
    assert allowed_pictures(5) == FEWEST
    counts: list[int] = []
    criterion = Criterion("validation", "v", "", "lower", lambda learner, count: counts.append(count) or 1.0)
    trained(criterion, budget=Budget("img", 100 * 80), batch_size=100)
    assert counts == [48] * POINTS  # 80 steps of 100: 800 pictures between two points


@pytest.mark.parametrize("stop", [5, 13])
def test_resume_is_exact(tmp_path: Path, stop: int) -> None:
    values = [5.0, 4.0, 3.0, 2.5, 4.0, 5.0, 6.0, 7.0, 2.6, 9.0]
    path = tmp_path / "checkpoint.safetensors"
    whole = trained(scripted(values)[0], loss_criterion_named("other"))
    stopped = training(scripted(values)[0], loss_criterion_named("other"), checkpoint=path)
    interrupt_at(stopped, stop)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    passed = stopped.choice.passed
    assert 0 < passed < POINTS
    resumed = training(scripted(values[passed:])[0], loss_criterion_named("other"), checkpoint=path)
    resumed.run()
    assert whole.choice.best.keys() == resumed.choice.best.keys() == {"validation", "other"}
    for name, best in whole.choice.best.items():
        again = resumed.choice.best[name]
        assert (best.step, best.value, best.score) == (again.step, again.value, again.score)
        assert same(best.weights, again.weights)
    assert whole.choice.best["validation"].step == 8
    assert whole.choice.pictures == resumed.choice.pictures
    assert whole.history == resumed.history
    assert same(whole.weights("final"), resumed.weights("final"))


def test_a_finished_checkpoint_has_all_weights_and_is_not_scored_again(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    first = trained(loss_criterion(), checkpoint=path)
    again = training(loss_criterion(), checkpoint=path)
    again.run()
    assert first.history == again.history
    for name in ("final", "validation"):
        assert same(first.weights(name), again.weights(name))


def test_a_checkpoint_of_other_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    trained(loss_criterion(), checkpoint=path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DamagedCheckpoint, match=r"checkpoint\.safetensors: damaged"):
        training(checkpoint=path)


def loss_criterion_named(name: str) -> Criterion:
    return Criterion(name, f"validation/{name}", "the loss", "lower", loss_criterion().compute)


def interrupt_at(made: Training, step: int) -> None:
    honest: Callable[..., Mapping[str, Tensor | float]] = made.learner.step

    def stopping(batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        if made.counters.step == step:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(batch, progress)

    made.learner.step = stopping  # type: ignore[method-assign]
