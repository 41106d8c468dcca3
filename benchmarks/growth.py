"""How cost grows: over resolution, width, batch, pictures sampled and measured, and trials; beside what theory says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks import reporting
from benchmarks.alternating import Bout, Contender, alternate
from benchmarks.reporting import brief, markdown
from benchmarks.settings import Settings

INTRODUCTION = """
Each line is one thing made larger while all else stays. *Slope* is that of log(seconds) over log(size) by least
squares: 1 is proportional, 2 quadratic. *Theory* is the slope of the counted floating-point operations where networks
work, and of the number of things to do elsewhere; small sizes cost a constant more, which makes slopes flatter than
theory. What is steeper than theory would be a defect.
"""
OWN = {"network": "unet", "size": "xs", "patch_size": 2, "conditioning": "none", "batch_size": 8}


@dataclass(frozen=True)
class Curve:
    """What grows: contenders by size, and the slope that theory gives, or None to take the counted operations'."""

    title: str
    points: Mapping[int, Contender]
    theory: float | None = None


def run(settings: Settings) -> Path:
    """Measure every curve; the page's path."""
    page = settings.page("growth", "How cost grows", INTRODUCTION)
    rows, drawn = [], {}
    for curve in curves(settings):
        bout = alternate(list(curve.points.values()), settings.rounds)
        page.raw(curve.title, {"rounds": bout.rounds, "loads": bout.loads})
        sizes, seconds = list(curve.points), took(bout)
        theory = curve.theory
        if theory is None:
            theory = slope(sizes, [said["flop"] * said["step_units"] for said in bout.rounds[-1].values()])
        drawn[curve.title] = (sizes, seconds)
        costs = ", ".join(f"{size}: {brief(1000 * cost)}" for size, cost in zip(sizes, seconds, strict=True))
        rows.append([curve.title, costs, f"{slope(sizes, seconds):.2f}", f"{theory:.2f}"])
    page.text(markdown(["what grows", "milliseconds by size", "slope", "theory"], rows))
    figure = draw(drawn, reporting.RESULTS / "growth.png")
    page.text(f"![Costs over sizes]({figure.name})")
    return page.write()


def took(bout: Bout) -> list[float]:
    """Seconds of one step (or one whole, where nothing steps) by contender: the median over rounds.

    By processor time where it is reported: other work of the machine does not change it.
    """
    found = []
    for name in bout.names:
        costs = [
            said.get("cpu_seconds", said["seconds"]) / said["units"] * said["step_units"]
            for said in (results[name] for results in bout.rounds)
        ]
        found.append(float(np.median(costs)))
    return found


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Of log(cost) over log(size), by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def curves(settings: Settings) -> list[Curve]:
    """Everything that grows."""
    wide = {"network": "unet2d", "attention_levels": ()}
    return [
        Curve(
            "resolution of a training step (own network, `xs`)",
            {size: training(settings, f"{size}", size, OWN) for size in (16, 32, 64)},
        ),
        Curve(
            "width of a training step (`unet2d`, w-2w-2w at 16×16)",
            {
                width: training(
                    settings, f"{width}", 16, OWN | wide | {"block_out_channels": (width, 2 * width, 2 * width)}
                )
                for width in (16, 32, 64)
            },
        ),
        Curve(
            "batch of a training step (own network, `xs` at 16×16)",
            {size: training(settings, f"{size}", 16, OWN | {"batch_size": size}) for size in (8, 32, 128)},
        ),
        Curve("pictures sampled (own network, `xs` at 16×16)", sampling(settings), 1.0),
        Curve(
            "Fréchet distance of N + N pictures, 2,048 features each", simple(settings, "frechet", (64, 256, 1024)), 3.0
        ),
        Curve("trials of a study in SQLite", simple(settings, "trials", (16, 64, 256)), 1.0),
    ]


def training(settings: Settings, name: str, resolution: int, config: Mapping[str, Any]) -> Contender:
    """Training steps of one configuration."""
    task = {
        "train": str(settings.pictures(128, resolution)),
        "held_out": str(settings.pictures(16, resolution, "validation")),
        "steps": settings.scaled(12, least=3),
        "warmup": 2,
        "looks": 0,
        "seed": 0,
        "profile": False,
        "precision": "auto",
        "config": config,
    }
    return settings.ours(name, "genbench_training", task)


def sampling(settings: Settings) -> dict[int, Contender]:
    """Ever more pictures by four steps."""
    task = {
        "resolution": 16,
        "steps": 4,
        "seed": 0,
        "precision": "auto",
        "config": OWN,
        "sample": {"sampler": "ddim"},
        "out": str(settings.scratch / "growth.npy"),
    }
    return {
        count: settings.ours(f"{count}", "genbench_sampling", task | {"pictures": count}) for count in (16, 64, 256)
    }


def simple(settings: Settings, kind: str, sizes: Sequence[int]) -> dict[int, Contender]:
    """What `benchmarks.contenders.growing` does, at several sizes."""
    return {size: settings.ours(f"{size}", "growing", {"kind": kind, "size": size}) for size in sizes}


def draw(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], path: Path) -> Path:
    """A small panel for each curve, both axes logarithmic."""
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    panels = figure.subplots(2, -(-len(curves) // 2), squeeze=False).flat
    for panel, (title, (sizes, seconds)) in zip(panels, curves.items(), strict=False):
        panel.loglog(sizes, seconds, marker="o")
        panel.set_title(title.replace("`", ""), fontsize=8)
        panel.set_xticks(list(sizes), [str(size) for size in sizes])
        panel.set_ylabel("seconds")
        panel.minorticks_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path
