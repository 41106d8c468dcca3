"""denoising-diffusion-pytorch's own ``Trainer`` on a folder of PNG files.

Its defaults stand (v, sigmoid schedule, Adam with betas 0.9 and 0.99, mirrored pictures, an average of weights every
ten steps, no mixed precision), but for the network's width, the batch, the learning rate, and no samples or FID.
"""

from __future__ import annotations

import tempfile

import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet

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


def main() -> None:
    task = work()
    steps, batch = task["steps"], task["batch"]
    held_out = pictures(task["held_out"])
    torch.manual_seed(task["seed"])
    network = Unet(task["dim"], dim_mults=tuple(task["multiples"]))
    diffusion = GaussianDiffusion(network, image_size=held_out.shape[-1])
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            diffusion,
            task["folder"],
            train_batch_size=batch,
            train_lr=task["rate"],
            train_num_steps=steps,
            save_and_sample_every=10 * steps,
            calculate_fid=False,
            results_folder=scratch,
        )
        measure(task, trainer, diffusion, held_out.to(trainer.device))


def measure(task: dict[str, object], trainer: Trainer, diffusion: GaussianDiffusion, held_out: torch.Tensor) -> None:
    """Train under the clock, which is called whenever the trainer calls its model."""
    steps, batch, curve = task["steps"], task["batch"], []

    def look() -> float:
        diffusion.eval()
        found = epsilon_loss(
            lambda x, t: diffusion.model_predictions(x, t).pred_noise, diffusion.alphas_cumprod, held_out
        )
        diffusion.train()
        return found

    clock = StepClock(task["warmup"], steps, task["looks"], look, trainer.device)
    before = trainer.model.register_forward_pre_hook(lambda *_: clock.step(len(curve)))
    after = trainer.model.register_forward_hook(lambda *seen: curve.append(float(seen[-1].detach())))
    trainer.train()
    clock.step(steps)
    before.remove()
    after.remove()
    last = held_out[:1].expand(batch, -1, -1, -1).add(1).div(2)

    def step() -> None:
        trainer.accelerator.backward(trainer.model(last))
        trainer.accelerator.clip_grad_norm_(trainer.model.parameters(), trainer.max_grad_norm)
        trainer.opt.step()
        trainer.opt.zero_grad()

    answer(
        seconds=clock.seconds,
        cpu_seconds=clock.cpu_seconds,
        units=(steps - task["warmup"]) * batch,
        losses=losses(curve),
        held_out=clock.curve,
        parameters=parameters(diffusion),
        flop=flop_of(step) / batch,
        shares=shares(step, trainer.device) if task["profile"] else None,
    )


if __name__ == "__main__":
    main()
