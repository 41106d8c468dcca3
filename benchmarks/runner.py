"""The runner: its loop against a bare one, how soon commands answer, two jobs against one, memory over time."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alternating import Bout, Contender, Result, alternate, turn
from benchmarks.reporting import Page, markdown
from benchmarks.settings import Settings

INTRODUCTION = """
What genbench adds to the work itself. *Loop*: the same learner on the same batches through genbench's training loop,
and through a loop that takes a batch, steps and averages weights; a step is little work here, which makes overhead
large. Then steps do nothing, and the loops' own time is all there is. *Commands*: from start to end of a process;
`compare` has all its runs done. *Jobs*: a sweep of small models, one thread each, by one process or by two. *Memory*:
what the training process holds, over a training.
"""
SMALL = ("--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu", "--quiet")
SWEEP = """
name = "jobs"
family = "cgan"
preset = "smoke"
budget = "{steps}steps"
objectives = ["accuracy"]
[evaluation]
pictures = 20
metrics = ["accuracy"]
[space]
"train.width" = [2, 3, 4, 5, 6, 7]
"""
MORE = 3
"""What is short takes so many more turns: small differences need them."""
FIRST = 0.25
"""Share of a training after which memory should not grow."""


def run(settings: Settings) -> Path:
    """Measure all of it; the page's path."""
    page = settings.page("runner", "Runner", INTRODUCTION)
    often = MORE * settings.rounds
    loop = alternate([training(settings, "bare", "bare"), training(settings, "genbench", "genbench")], often)
    page.table("Loop", loop, unit="pictures", baseline="bare")
    wall, used = (100 * (1 / loop.ratio("genbench", "bare", clock).median - 1) for clock in ("seconds", "cpu_seconds"))
    page.text(f"genbench's loop takes {wall:+.1f} % of the bare one's time on top, {used:+.1f} % of the processor's.")
    page.text(nothing_but_loop(settings, page, step=seconds_a_step(loop, "bare")))
    page.text("## Memory", memory(settings))
    answering = alternate(commands(settings), often)
    seconds = {name: f"{1 / answering.rate(name):.2f} s" for name in answering.names}
    facts = {"of the processor": lambda said: f"{said['cpu_seconds']:.2f} s"}
    page.table(
        "Commands",
        answering,
        unit="commands",
        baseline="import torch",
        facts=facts,
        columns={"each takes": seconds},
    )
    page.table("Jobs", alternate(sweeps(settings), settings.rounds), unit="sweeps", baseline="--jobs 1")
    return page.write()


def nothing_but_loop(settings: Settings, page: Page, step: float) -> str:
    """What the loops take where steps do nothing, in words; ``step`` is the seconds of a real one."""
    steps = settings.scaled(8000, least=40)
    contenders = [training(settings, loop, loop, steps, empty=True) for loop in ("bare", "genbench")]
    bout = alternate(contenders, MORE * settings.rounds)
    page.raw("Loop, empty steps", {"rounds": [clocks(results) for results in bout.rounds], "loads": bout.loads})
    bare, ours = (1000 * seconds_a_step(bout, name) for name in bout.names)
    return (
        f"Where steps do nothing, a turn of the bare loop takes {bare:.3f} ms of the processor and one of genbench's "
        f"{ours:.3f}: {100 * (ours - bare) / (1000 * step):.2f} % of the {1000 * step:.0f} ms that a step takes above."
    )


def clocks(results: Mapping[str, Result]) -> dict[str, dict[str, float]]:
    """What a round took, without the losses of steps that learn nothing."""
    kept = ("seconds", "cpu_seconds", "units", "step_units")
    return {name: {key: said[key] for key in kept} for name, said in results.items()}


def seconds_a_step(bout: Bout, name: str) -> float:
    """Of the processor, the median over the rounds."""
    results = [results[name] for results in bout.rounds]
    return statistics.median(said["cpu_seconds"] * said["step_units"] / said["units"] for said in results)


def training(settings: Settings, name: str, loop: str, steps: int | None = None, *, empty: bool = False) -> Contender:
    """A small own network through one of the loops; ``empty`` steps do nothing."""
    steps = steps or settings.scaled(300, least=12)
    batch = 16
    task: dict[str, Any] = {
        "train": str(settings.pictures(512, 16)),
        "held_out": str(settings.pictures(16, 16, "validation")),
        "steps": steps,
        "warmup": max(2, steps // 10),
        "looks": 0,
        "seed": 0,
        "profile": False,
        "precision": "auto",
        "loop": loop,
        "empty": empty,
        "config": {"network": "unet", "size": "xs", "patch_size": 2, "batch_size": batch, "conditioning": "none"},
    }
    return settings.ours(name, "genbench_training", task)


def memory(settings: Settings) -> str:
    """What a longer training holds, and how much it grew after its first part."""
    held = turn(training(settings, "memory", "genbench", settings.scaled(2000, least=40)))["resident_mb"]
    first = int(FIRST * len(held))
    slope = np.polyfit(np.arange(len(held) - first), held[first:], 1)[0] * (len(held) - first - 1)
    shares = np.linspace(0, len(held) - 1, 5).astype(int)
    row = [f"{held[index]:,.0f} MB" for index in shares]
    table = markdown([f"{100 * index / (len(held) - 1):.0f} % done" for index in shares], [row])
    return f"{table}\n\nFrom a quarter of the training to its end it grew by {slope:.1f} MB (by the line through all)."


def commands(settings: Settings) -> list[Contender]:
    """An empty Python, one that imports torch, and genbench's answers; a comparison is finished first."""
    home = {"GENBENCH_HOME": str(settings.scratch / "home")}
    compare = [
        *(sys.executable, "-m", "genbench", "compare", "ddpm", "cgan", *SMALL, "--budget", "20steps"),
        *("--results", str(settings.scratch / "results")),
    ]
    turn(_command(settings, "compare", compare, home))
    lines = {
        "empty Python": [sys.executable, "-c", "pass"],
        "import torch": [sys.executable, "-c", "import torch"],
        "genbench --version": [sys.executable, "-m", "genbench", "--version"],
        "genbench --help": [sys.executable, "-m", "genbench", "--help"],
        "genbench compare, all done": compare,
    }
    return [_command(settings, name, line, home) for name, line in lines.items()]


def sweeps(settings: Settings) -> list[Contender]:
    """The same sweep by one process and by two, from an empty folder; data and evaluators are there."""
    home = {"GENBENCH_HOME": str(settings.scratch / "home"), "OMP_NUM_THREADS": "1"}
    file = settings.scratch / "jobs.toml"
    file.write_text(SWEEP.format(steps=settings.scaled(500, least=20)))
    found = []
    for jobs in (1, 2):
        results = str(settings.scratch / f"jobs-{jobs}")
        line = [sys.executable, "-m", "genbench", "sweep", str(file), "--jobs", str(jobs), "--device", "cpu", "--quiet"]
        found.append(_command(settings, f"--jobs {jobs}", [*line, "--results", results], home, remove=results))
    return found


def _command(
    settings: Settings, name: str, command: list[str], environment: dict[str, str], **options: str
) -> Contender:
    if "MLFLOW_TRACKING_URI" in os.environ:
        environment = environment | {"MLFLOW_TRACKING_URI": ""}
    return settings.ours(name, "command", {"command": command, "units": 1, "environment": environment, **options})
