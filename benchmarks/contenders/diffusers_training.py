"""The loop of diffusers' tutorial on unconditional training, fed from memory: accelerate, AdamW, warm-up and cosine."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

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


def unet(task: dict[str, object], resolution: int) -> UNet2DModel:
    """``UNet2DModel`` with the asked widths, and attention on the asked levels, 1 the finest."""
    widths, attention = task["widths"], task["attention"]
    kinds = ["Attn" if level in attention else "" for level in range(1, len(widths) + 1)]
    return UNet2DModel(
        sample_size=resolution,
        block_out_channels=tuple(widths),
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
    )


def forever(loader: DataLoader) -> Iterator[Tensor]:
    while True:
        for (batch,) in loader:
            yield batch


def main() -> None:
    task = work()
    steps, warmup, fast = task["steps"], task["warmup"], task["precision"] == "bfloat16"
    layout = torch.channels_last if fast else torch.contiguous_format
    train, held_out = pictures(task["train"]), pictures(task["held_out"])
    torch.manual_seed(task["seed"])
    accelerator = Accelerator(mixed_precision="bf16" if fast else "no", cpu=task["device"] == "cpu")
    device = accelerator.device
    network = unet(task, train.shape[-1]).to(memory_format=layout)
    scheduler = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(network.parameters(), lr=task["rate"])
    rates = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=task["rise"], num_training_steps=steps)
    loader = DataLoader(TensorDataset(train), batch_size=task["batch"], shuffle=True)
    network, optimizer, loader, rates = accelerator.prepare(network, optimizer, loader, rates)
    batches, curve = forever(loader), []

    def step() -> None:
        clean = next(batches).to(memory_format=layout)
        noise = torch.randn(clean.shape, device=clean.device)
        t = torch.randint(0, scheduler.config.num_train_timesteps, (len(clean),), device=clean.device)
        noisy = scheduler.add_noise(clean, noise, t)
        with accelerator.accumulate(network):
            loss = F.mse_loss(network(noisy, t, return_dict=False)[0], noise)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            rates.step()
            optimizer.zero_grad()
        curve.append(loss.detach().item())

    held_out = held_out.to(device, memory_format=layout)

    def look() -> float:
        network.eval()
        found = epsilon_loss(lambda x, t: network(x, t, return_dict=False)[0], scheduler.alphas_cumprod, held_out)
        network.train()
        return found

    clock = StepClock(warmup, steps, task["looks"], look, device)
    for number in range(steps):
        clock.step(number)
        step()
    clock.step(steps)
    answer(
        seconds=clock.seconds,
        cpu_seconds=clock.cpu_seconds,
        units=(steps - warmup) * task["batch"],
        losses=losses(curve),
        held_out=clock.curve,
        parameters=parameters(network),
        flop=flop_of(step) / task["batch"],
        shares=shares(step, device) if task["profile"] else None,
    )


if __name__ == "__main__":
    main()
