"""genbench's own training loop (or, with ``loop = "bare"``, the same learner's steps in a loop of three lines).

With ``empty`` steps do next to nothing, so that the loops' own time is all there is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import psutil
import torch
from genbench_ddpm.configuration import DDPMTrainConfig
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.networks import unet

from benchmarks.contenders.measuring import (
    StepClock,
    answer,
    epsilon_loss,
    flop_of,
    losses,
    parameters,
    pictures,
    shares,
    work,
)
from genbench.api import DataInfo
from genbench.averaging import WeightAverage
from genbench.budgets import Budget
from genbench.data.loader import Batches
from genbench.precision import prepare, resolve_device, resolve_precision
from genbench.resources import MEGABYTE
from genbench.training import Training


def build(task: dict[str, Any], images: np.ndarray) -> DiffusionLearner:
    """A learner for pictures without conditions; ``shape`` gives the unet's size ``xs`` other channels and blocks."""
    if shape := task.get("shape"):
        unet.SHAPES["xs"] = unet.Shape(*shape)
    std = float((images[:512] / 127.5 - 1).std())
    names = tuple(f"condition {number}" for number in range(task.get("conditions", 1)))
    info = DataInfo("benchmark", images.shape[1], images.shape[3], names, False, len(images), std)
    torch.manual_seed(task["seed"])
    return DiffusionLearner(DDPMTrainConfig.model_validate(task["config"]), info)


def noise_of(learner: DiffusionLearner, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """ε̂ from x_t and timesteps, whatever the network predicts."""
    from genbench_ddpm.prediction import estimate

    steps = learner.process.steps
    a, s = learner.process.to(x.device).signal_and_noise(t)
    output = learner.network(x, t / steps, torch.zeros(len(x), 1, device=x.device))
    return estimate(learner.config.prediction_type, output, x, a, s).noise


def nearly_nothing(batch: Any, progress: float) -> dict[str, torch.Tensor]:
    """A step of a single multiplication: the loop counts operations again and again where there are none."""
    del batch, progress
    return {"loss": (torch.ones(1, 1) @ torch.ones(1, 1)).squeeze()}


def main() -> None:
    task = work()
    steps, batch, device = task["steps"], task["config"]["batch_size"], resolve_device(task["device"])
    images = np.load(task["train"], mmap_mode="r")
    learner = build(task, images)
    conditions = np.zeros((len(images), task.get("conditions", 1)), np.uint8)
    batches = Batches(images, conditions, batch, task["seed"], device)
    held_out = pictures(task["held_out"]).to(device)
    curve: list[torch.Tensor] = []
    resident: list[float] = []
    plain = nearly_nothing if task.get("empty") else learner.step

    def look() -> float:
        learner.network.eval()
        alpha_bars = torch.tensor([learner.process.alpha_bar(t) for t in range(learner.process.steps)])
        found = epsilon_loss(lambda x, t: noise_of(learner, x, t), alpha_bars, held_out)
        learner.network.train()
        return found

    clock = StepClock(task["warmup"], steps, task["looks"], look, device)

    def timed(given: Any, progress: float) -> Any:
        if len(curve) % max(1, steps // 40) == 0:
            resident.append(psutil.Process().memory_info().rss / MEGABYTE)
        clock.step(len(curve))
        scalars = plain(given, progress)
        curve.append(scalars["loss"])
        return scalars

    learner.step = timed  # type: ignore[method-assign]
    run(task, learner, batches, device)
    clock.step(steps)

    def step() -> None:
        plain(batches.batch(0), 0.5)

    answer(
        seconds=clock.seconds,
        cpu_seconds=clock.cpu_seconds,
        units=(steps - task["warmup"]) * batch,
        step_units=batch,
        resident_mb=resident,
        losses=losses([float(value) for value in curve]),
        held_out=clock.curve,
        parameters=parameters(learner.network),
        flop=flop_of(step) / batch,
        shares=shares(step, device) if task["profile"] else None,
    )


def run(task: dict[str, Any], learner: DiffusionLearner, batches: Batches, device: torch.device) -> None:
    """Train for the asked number of steps: through genbench's loop, or through the shortest that does the same."""
    precision = resolve_precision(task["precision"], device)
    steps, batch = task["steps"], learner.config.batch_size
    if task.get("loop") != "bare":
        budget = Budget.parse(f"{steps}steps", train_size=steps)
        Training(
            learner,
            batches,
            batch_size=batch,
            budget=budget,
            seed=task["seed"],
            device=device,
            precision=precision,
            compile=task.get("compile", "off"),
        ).run()
        return
    prepare(learner.networks.values(), device, precision)
    average = WeightAverage(learner, learner.averaging) if learner.averaging else None
    for number in range(steps):
        learner.step(batches.batch(number), number / steps)
        if average is not None:
            average.update(number)


if __name__ == "__main__":
    main()
