"""The training loop: exact resume, budgets, averaging, clocks, and learners that go wrong."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genbench.api import Averaging, Batch, Diverged, Learner
from genbench.averaging import WeightAverage
from genbench.budgets import Budget
from genbench.data import Batches
from genbench.errors import DataError
from genbench.training import Training

CPU = torch.device("cpu")


class Denoiser(Learner):
    """A small convolution that learns to remove noise; uses global randomness, momentum and batch statistics."""

    def __init__(self, *, poison_at: int | None = None) -> None:
        self.network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))
        self.networks = {"net": self.network}
        self.optimizers = {"adam": torch.optim.Adam(self.network.parameters(), lr=1e-2)}
        self.averaging = Averaging(("net",), decay=0.9)
        self.extra = torch.zeros(())
        self._poison_at = poison_at

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        noisy = batch.images + torch.randn_like(batch.images)
        loss = (self.network(noisy) - batch.images).square().mean()
        self.optimizers["adam"].zero_grad()
        loss.backward()
        self.optimizers["adam"].step()
        self.extra = self.extra + loss.detach()
        if self._poison_at is not None and progress >= self._poison_at:
            loss = loss * float("nan")
        return {"loss": loss.detach(), "progress": progress}

    def extra_state(self) -> dict[str, Tensor]:
        return {"sum": self.extra}

    def load_extra_state(self, state: Mapping[str, Tensor]) -> None:
        self.extra = state["sum"]


def training(steps: int, checkpoint: Path | None = None, precision: str = "float32", **kwargs: int) -> Training:
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    return Training(
        Denoiser(**kwargs),
        Batches(images, np.ones((50, 1), dtype=np.uint8), batch_size=8, seed=1, device=CPU),
        batch_size=8,
        budget=Budget("steps", steps),
        seed=1,
        device=CPU,
        precision=precision,  # type: ignore[arg-type]
        checkpoint=checkpoint,
    )


def state(trained: Training) -> dict[str, Tensor]:
    learner = trained.learner
    with trained.applied():
        averaged = {f"average/{k}": v.clone() for k, v in learner.networks["net"].state_dict().items()}
    moments = learner.optimizers["adam"].state_dict()["state"]
    flat = {f"{i}/{k}": torch.as_tensor(v) for i, values in moments.items() for k, v in values.items()}
    return {**learner.networks["net"].state_dict(), **averaged, **flat, **learner.extra_state()}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resume_equals_no_interruption_bit_for_bit(tmp_path: Path, precision: str) -> None:
    whole = training(20, precision=precision)
    whole.run()
    path = tmp_path / "checkpoint.safetensors"
    training(9, path, precision).run()
    resumed = training(20, path, precision)
    assert resumed.counters.step == 9
    resumed.run()
    expected, actual = state(whole), state(resumed)
    assert expected.keys() == actual.keys()
    for key, value in expected.items():
        assert torch.equal(value, actual[key]), key
    assert whole.history.values["loss"] == resumed.history.values["loss"]
    assert whole.counters.flop_per_step == resumed.counters.flop_per_step > 0


@pytest.mark.parametrize(("budget", "steps"), [(Budget("img", 81), 11), (Budget("steps", 7), 7)])
def test_budget_decides_the_number_of_steps(budget: Budget, steps: int) -> None:
    trained = training(1)
    trained._budget = budget
    trained.run()
    assert trained.counters.step == steps
    assert trained.counters.pictures == steps * 8


def test_flop_budget_stops_when_the_operations_are_spent() -> None:
    measured = training(1)
    measured.run()
    trained = training(1)
    trained._budget = Budget("flop", 4.5 * measured.counters.flop_per_step)
    trained.run()
    assert trained.counters.step == 5


def test_time_budget_is_kept() -> None:
    trained = training(1)
    trained._budget = Budget("s", 1.0)
    trained.run()
    assert trained.counters.seconds >= 1.0
    assert trained.counters.step > 1


def test_progress_rises_from_zero_and_stays_below_one() -> None:
    trained = training(5)
    trained.run()
    assert trained.history.values["progress"] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


def test_flop_of_a_convolution_are_counted() -> None:
    trained = training(1)
    trained.run()
    # Forward and weight gradient of both convolutions, and the input gradient of the second; 2 operations a product.
    first, second = 2 * 8 * 64 * 4 * 9, 2 * 8 * 64 * 4
    assert trained.counters.flop_per_step == 2 * first + 3 * second


def test_average_follows_its_formula() -> None:
    learner = Denoiser()
    average = WeightAverage(learner, Averaging(("net",), decay=0.5, warmup=10))
    weight = learner.network[0].bias
    expected = weight.detach().clone()
    for step in range(15):
        with torch.no_grad():
            weight.fill_(float(step))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with average.applied():
        assert torch.allclose(learner.network[0].bias, expected)
    assert torch.equal(weight, torch.full_like(weight, 14.0))


def test_non_finite_values_end_training_with_their_name_and_step() -> None:
    with pytest.raises(Diverged, match="loss is nan at step 5"):
        training(10, poison_at=0.5).run()  # type: ignore[arg-type]


def test_training_leaves_the_callers_randomness_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    trained = training(3)
    torch.manual_seed(5)
    trained.run()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("damage", ["truncate", "text", "other"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "checkpoint.safetensors"
    training(2, path).run()
    content = path.read_bytes()
    path.write_bytes({"truncate": content[: len(content) // 2], "text": b"not a checkpoint", "other": b""}[damage])
    with pytest.raises(DataError, match=r"checkpoint\.safetensors"):
        training(4, path)


def test_flop_are_counted_around_a_gradient_penalty() -> None:
    from genbench.resources import counted_flop

    network, images = nn.Linear(3, 1), torch.ones(5, 3, requires_grad=True)
    with counted_flop() as flop:
        (slope,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
    assert flop == [2 * 5 * 3 + 2 * 5 * 3]
    assert torch.equal(slope, network.weight.detach().expand(5, 3))


def test_an_interruption_keeps_what_is_trained(tmp_path: Path) -> None:
    import os
    import signal

    path = tmp_path / "checkpoint.safetensors"
    whole = training(30)
    whole.run()
    stopped = training(30, path)
    honest = stopped.learner.step

    def interrupted(batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        if stopped.counters.step == 12:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(batch, progress)

    stopped.learner.step = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed = training(30, path)
    assert resumed.counters.step == 13
    resumed.run()
    assert all(torch.equal(value, state(resumed)[key]) for key, value in state(whole).items())
