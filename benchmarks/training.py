"""A training step: diffusers' documented loop and denoising-diffusion-pytorch's trainer against genbench's."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from genbench_ddpm.networks.unet import SHAPES, Shape, UNet
from matplotlib.figure import Figure

from benchmarks import reporting
from benchmarks.alternating import Bout, alternate, rate
from benchmarks.reporting import Page, markdown
from benchmarks.settings import Settings
from genbench.errors import ConfigError

PEAK = "bfloat16 matrix products"
BASE = "diffusers float32"
COMPILED = {"default": "compiled", "reduce-overhead": "graphs"}
"""Modes of `torch.compile`, and what their contenders are called; on a CPU both do the same."""
INTRODUCTION = """
Pictures a second of whole training steps, after a warm-up. `diffusers` is the loop of its tutorial on unconditional
training (accelerate, AdamW, warm-up and cosine, gradients clipped at 1.0), fed from memory; `fast` is the same with
bfloat16 and channels_last. `unet2d` is the same network, loss, optimiser and batch through genbench's loop, with
genbench's precision; `unet` is genbench's own network at equal parameters, on patches of 2, predicting v, its weights
averaged; `unet Muon` is the same with Muon, at three times the rate, in the place of AdamW, as the presets for scenes
train. `denoising-diffusion-pytorch` is its `Trainer` on a folder of the same pictures at about equal parameters,
with its defaults (v, sigmoid schedule, mirrored pictures, averaged weights) except for width, batch and learning rate,
without samples and FID; the processor time of the processes that load its pictures is not counted.

*Loss* is the mean squared error of the noise estimated in held-out pictures after all steps: one function for all, at
common shares of signal and with common noises, v converted to ε. *Peak* is the share of the machine's bfloat16 matrix
products, measured in the same round, that a step's matrix products and convolutions come to.
"""


@dataclass(frozen=True)
class Case:
    """A network, ``dim`` and ``multiples`` for the peer of equal parameters, and ``width``, ``blocks`` for our own.

    ``looks`` times on the way, ``held_out`` pictures are looked at. denoising-diffusion-pytorch takes no fewer than 16.
    """

    widths: tuple[int, ...]
    attention: tuple[int, ...]
    resolution: int
    batch: int
    steps: int
    dim: int
    multiples: tuple[int, ...]
    width: int = 64
    blocks: int = 1
    rate: float = 1e-3
    looks: int = 8
    held_out: int = 64

    @property
    def name(self) -> str:
        """Of files: the number of levels and the resolution."""
        return f"{len(self.widths)}-{self.resolution}"


LARGE = (128, 128, 256, 256, 512, 512)
CASES = {
    "32-64-64 at 32×32": Case((32, 64, 64), (), 32, 64, 100, 32, (1, 2, 2)),
    "C-small at 64×64": Case((32, 64, 64), (2, 3), 64, 32, 40, 26, (1, 2, 4), looks=4, held_out=32),
    "C-large at 64×64": Case(
        LARGE, (5,), 64, 16, 4, 114, (1, 2, 4, 8), width=256, blocks=2, rate=1e-4, looks=2, held_out=16
    ),
}


def run(settings: Settings) -> Path:
    """Run every case, or those that were chosen; the page's path.

    Raises:
        ConfigError: when no case has such a title.
    """
    chosen = [title for title in CASES if settings.only in title]
    if not chosen:
        raise ConfigError(f"--only {settings.only}: no case is called so: choose from {', '.join(CASES)}")
    name = "training" if chosen == list(CASES) else "-".join(["training", *(CASES[title].name for title in chosen)])
    page = settings.page(name, "Training step", INTRODUCTION)
    for title in chosen:
        measure(title, CASES[title], settings, page)
    return page.write()


def measure(title: str, case: Case, settings: Settings, page: Page) -> None:
    """One case: table, where the time goes, curves."""
    cuda = settings.place.type == "cuda"
    batch = 64 if cuda else case.batch
    steps = settings.scaled(case.steps * (5 if cuda else 1), least=3)
    pictures = batch * max(steps, 4)
    task = {
        "train": str(settings.pictures(pictures, case.resolution)),
        "held_out": str(settings.pictures(case.held_out, case.resolution, "validation")),
        "steps": steps,
        "warmup": min(10, max(2 if settings.compile else 1, steps // 5)),
        "rise": max(1, steps // 10),
        "rate": case.rate,
        "batch": batch,
        "looks": min(case.looks, steps),
        "seed": 0,
        "profile": True,
        "widths": case.widths,
        "attention": case.attention,
    }
    peer = {"folder": str(settings.folder(max(pictures, 128), case.resolution))}
    peer |= {"dim": case.dim, "multiples": case.multiples}
    config = {
        "batch_size": batch,
        "learning_rate": case.rate,
        "warmup": task["rise"] / steps,
        "conditioning": "none",
        "condition_dropout": 0.0,
    }
    same = config | {
        "network": "unet2d",
        "block_out_channels": case.widths,
        "attention_levels": case.attention,
        "schedule": "linear",
        "prediction_type": "epsilon",
        "beta2": 0.999,
        "weight_decay": 0.01,
        "ema_decay": 0.0,
    }
    own = config | {"network": "unet", "size": "xs", "patch_size": 2}
    muon = own | {"optimizer": "muon", "learning_rate": 3 * case.rate}
    shape = own_shape(case)
    contenders = [
        settings.theirs("denoising-diffusion-pytorch", "denoising_diffusion_training", task | peer),
        settings.theirs(BASE, "diffusers_training", task | {"precision": "float32"}),
        settings.theirs("diffusers fast", "diffusers_training", task | {"precision": "bfloat16"}),
        settings.ours("unet2d float32", "genbench_training", task | {"config": same, "precision": "float32"}),
        settings.ours("unet2d", "genbench_training", task | {"config": same, "precision": "auto"}),
        settings.ours("unet", "genbench_training", task | {"config": own, "precision": "auto", "shape": shape}),
        settings.ours("unet Muon", "genbench_training", task | {"config": muon, "precision": "auto", "shape": shape}),
    ]
    if settings.compile:
        given = {"unet2d": {"config": same}, "unet": {"config": own, "shape": shape}}
        for name, network in given.items():
            for mode, means in COMPILED.items():
                work = task | network | {"precision": "auto", "compile": mode}
                contenders.append(settings.ours(f"{name} {means}", "genbench_training", work))
    contenders.append(settings.ours(PEAK, "matmul", matmul(settings)))
    bout = alternate(contenders, settings.rounds)
    facts = {
        "parameters": lambda said: f"{said['parameters'] / 1e6:.2f} M",
        "loss": lambda said: f"{list(said['held_out'].values())[-1]:.4f}",
        "GFLOP a picture": lambda said: f"{said['flop'] / 1e9:.2f}",
    }
    shares = {name: f"{100 * share_of_peak(bout, name):.0f} %" for name in bout.names if name != PEAK}
    page.table(
        f"{title}, batch {batch}, {steps} steps",
        bout,
        unit="pictures",
        baseline=BASE,
        facts=facts,
        columns={"peak": shares},
        leave_out=(PEAK,),
    )
    page.text(f"The peak is {bout.rate(PEAK) / 1e9:,.0f} GFLOP/s. Where a step's time goes:", profile_table(bout))
    figure = draw(title, bout, reporting.RESULTS / f"training-{case.name}.png")
    page.text(f"![Losses of {title}]({figure.name})")


def matmul(settings: Settings) -> dict[str, Any]:
    """Work enough to see the best rate, and no more."""
    if settings.place.type == "cuda":
        return {"precision": "bfloat16", "sizes": [4096, 8192], "flop": 1e14}
    return {"precision": "bfloat16", "sizes": [1024, 2048], "flop": 1e11}


def share_of_peak(bout: Bout, name: str) -> float:
    """The median over the rounds."""
    return statistics.median(
        results[name]["flop"] * rate(results[name]) / rate(results[PEAK]) for results in bout.rounds
    )


def own_shape(case: Case) -> tuple[int, int, int]:
    """Our own network's shape whose parameters come nearest to diffusers' network's."""
    from genbench_ddpm.networks.unet2d import UNet2D

    def count(network: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    with torch.device("meta"):
        options = {"steps": 1000, "widths": case.widths, "attention": case.attention}
        wanted = count(UNet2D(3, 1, case.resolution, conditioning="none", **options))  # type: ignore[arg-type]
        kept, found = SHAPES["xs"], {}
        for bottom in range(64, 1024, 16):
            if bottom % (bottom // 32) == 0:
                SHAPES["xs"] = Shape(case.width, bottom, case.blocks)
                found[bottom] = count(UNet(3, 1, case.resolution, size="xs", patch=2, conditioning="none"))
        SHAPES["xs"] = kept
    return case.width, min(found, key=lambda bottom: abs(found[bottom] - wanted)), case.blocks


def profile_table(bout: Bout) -> str:
    """Shares of a step's time by kind of operation."""
    names = [name for name in bout.names if name != PEAK]
    kinds: Mapping[str, float] = bout.last(names[0])["shares"]
    rows = [[f"`{name}`", *(f"{100 * bout.last(name)['shares'][kind]:.0f} %" for kind in kinds)] for name in names]
    return markdown(["contender", *kinds], rows)


def draw(title: str, bout: Bout, path: Path) -> Path:
    """Held-out losses over pictures seen, and the training losses of those that train on ε, one over the other."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in (name for name in bout.names if name != PEAK):
        said = bout.last(name)
        steps = [int(step) for step in said["held_out"]]
        left.plot(steps, list(said["held_out"].values()), marker=".", label=name)
        if name.startswith(("diffusers", "unet2d")):
            right.plot(said["losses"], linewidth=0.8, label=name)
    left.set(title=f"{title}: held-out pictures", xlabel="step", ylabel="squared error of ε", yscale="log")
    right.set(title="training, same network and loss", xlabel="step", yscale="log")
    left.legend(fontsize=7)
    right.legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path
