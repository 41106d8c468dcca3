"""denoising-diffusion-pytorch's classifier-free guidance on pictures of classes, trained for so many seconds.

Network (dim 64, multiples 1, 2, 4, 8), noise process, share of dropped classes and guidance are its defaults, batch,
optimiser and average of weights those of its ``Trainer``, which cannot hand classes on: the loop is its README's. Sides
are padded to a multiple of 8, which its network needs, and cut again. What it draws then is left as a file.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from denoising_diffusion_pytorch.classifier_free_guidance import GaussianDiffusion, Unet
from ema_pytorch import EMA
from torch.nn import functional as F

from benchmarks.contenders.measuring import answer, flop_of, parameters, work

BATCH = 16


def main() -> None:
    task = work()
    torch.manual_seed(task["seed"])
    images, labels = (torch.from_numpy(np.load(task[name])) for name in ("images", "labels"))
    images = images.permute(0, 3, 1, 2)
    side = images.shape[-1]
    padded = -(-side // 8) * 8
    before = (padded - side) // 2
    edges = (before, padded - side - before) * 2
    device = torch.device(task["device"])
    network = Unet(64, num_classes=int(labels.max()) + 1, channels=images.shape[1])
    diffusion = GaussianDiffusion(network, image_size=padded, sampling_timesteps=task["sampling_steps"]).to(device)
    optimizer = torch.optim.Adam(diffusion.parameters(), lr=1e-4, betas=(0.9, 0.99))
    average = EMA(diffusion, beta=0.995, update_every=10)

    def step() -> None:
        rows = torch.randint(len(images), (BATCH,))
        batch = F.pad(images[rows].float() / 255, edges).to(device)
        diffusion(batch, classes=labels[rows].long().to(device)).backward()
        torch.nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update()

    flop, steps = flop_of(step), 1
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < task["seconds"]:
        step()
        steps += 1
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    average.ema_model.eval()
    asked = torch.arange(task["draw"]) % network.classes_emb.num_embeddings
    with torch.no_grad():
        drawn = [average.ema_model.sample(chunk.to(device)).cpu() for chunk in asked.split(50)]
    drawn = torch.cat(drawn)[..., before : before + side, before : before + side]
    np.save(task["out"], drawn.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy())
    answer(
        seconds=seconds,
        cpu_seconds=cpu,
        units=(steps - 1) * BATCH,
        flop=flop / BATCH,
        parameters=parameters(network),
        asked=asked.tolist(),
    )


if __name__ == "__main__":
    main()
