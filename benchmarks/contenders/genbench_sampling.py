"""genbench's sampler, from the same noise as diffusers' pipelines where network and sampler are the same."""

from __future__ import annotations

import time

import numpy as np
import torch
from genbench_ddpm.configuration import DDPMSampleConfig

from benchmarks.contenders.genbench_training import build
from benchmarks.contenders.measuring import answer, parameters, work
from genbench.precision import prepare, resolve_device, resolve_precision


def main() -> None:
    task = work()
    device = resolve_device(task["device"])
    size = task["resolution"]
    learner = build(task, np.random.default_rng(0).integers(0, 255, (64, size, size, 3), dtype=np.uint8))
    prepare(learner.networks.values(), device, resolve_precision(task["precision"], device))
    learner.network.eval()
    conditions = torch.ones(task["pictures"], task.get("conditions", 1), device=device)

    def sample(steps: int) -> np.ndarray:
        config = DDPMSampleConfig.model_validate({**task["sample"], "num_inference_steps": steps})
        with torch.no_grad():
            made = learner.sample(conditions, config, generator=torch.Generator().manual_seed(task["seed"]))
        return made.clamp(-1, 1).add(1).div(2).permute(0, 2, 3, 1).float().cpu().numpy()

    sample(2)
    began, cpu = time.perf_counter(), time.process_time()
    images = sample(task["steps"])
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    np.save(task["out"], images)
    answer(
        seconds=seconds,
        cpu_seconds=cpu,
        units=task["pictures"] * task["steps"],
        step_units=task["pictures"],
        parameters=parameters(learner.network),
    )


if __name__ == "__main__":
    main()
