"""diffusers' ``DDPMPipeline`` and ``DDIMPipeline``, float32, or bfloat16 under autocast with channels_last."""

from __future__ import annotations

import time

import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler

from benchmarks.contenders.diffusers_training import unet
from benchmarks.contenders.measuring import answer, work


def main() -> None:
    task = work()
    device, fast = torch.device(task["device"]), task["precision"] == "bfloat16"
    torch.manual_seed(task["seed"])
    network = unet(task, task["resolution"]).to(device, memory_format=torch.channels_last if fast else None)
    network.eval()
    kind, scheduler = (DDIMPipeline, DDIMScheduler) if task["sampler"] == "ddim" else (DDPMPipeline, DDPMScheduler)
    pipeline = kind(unet=network, scheduler=scheduler(num_train_timesteps=1000))
    pipeline.set_progress_bar_config(disable=True)

    def sample(pictures: int, steps: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(task["seed"])
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast):
            return pipeline(
                batch_size=pictures, generator=generator, num_inference_steps=steps, output_type="np"
            ).images

    sample(task["pictures"], 2)
    began, cpu = time.perf_counter(), time.process_time()
    images = sample(task["pictures"], task["steps"])
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    np.save(task["out"], images.astype(np.float32))
    answer(seconds=seconds, cpu_seconds=cpu, units=task["pictures"] * task["steps"])


if __name__ == "__main__":
    main()
