"""How long it takes until pictures are good: genbench's preset `quick` at growing budgets, and others beside it.

    python -m benchmarks.time_to_quality mnist --data-root DATA       # half an hour of one core; needs `make peers`
    python -m benchmarks.time_to_quality iclevr --data-root FOLDER    # hours

Every rung of the ladder is a training of its own, from nothing to the end of its schedule: a row of the table is what a
user with so much time would have got. Trainings are kept in the results folder and found there again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from genbench_ddpm.recipes import DDPM_RECIPES
from PIL import Image

from benchmarks.alternating import ROOT, ContenderFailed, turn
from benchmarks.reporting import brief, markdown
from benchmarks.settings import PEERS, Settings
from genbench.data import load
from genbench.data.base import DataRequest
from genbench.plugins import dataset

INTRODUCTION = """
Accuracy is the referee's; minutes are of training alone, at the machine's speed of that hour; FLOP are those of matrix
products and convolutions, which no other work on the machine changes. One seed a row. Rows of `quick` are trainings of
their own, each to the end of its learning-rate schedule.
"""
AS_LONG = """
family = "ddpm"
preset = "d1"
[sample]
sampler = "ddim"
num_inference_steps = 25
[evaluation]
list_pictures = 2
"""
"""D1's large network draws slowly: fewer steps than its recipe's 1,200, and two pictures a condition."""
PEER = "denoising-diffusion-pytorch"
PEER_IS = """
`denoising-diffusion-pytorch` is its network with classes at its defaults (dim 64, half of the classes dropped, guidance
6), trained in float32 by its README's loop with the batch, optimiser and average of weights of its `Trainer`, and drawn
by its own sampler in 25 steps, not in its default of 1,000.
"""
REPORTED = """
D1's network and settings are also trained at 32×32 for as long as the last row of `quick`, and drawn by DDIM in 25
steps, two pictures a condition. Rows that are worked out: all epochs of a report's recipe, by the operations of a step
and the rate of three of them; the accuracy is the report's, at 64×64.
"""


@dataclass(frozen=True)
class Part:
    """A data set, the accuracy that counts as good, and rungs of the ladder in thousands of pictures."""

    dataset: str
    resolution: int
    good: float
    ladder: Sequence[int]
    about: str
    pictures: int
    measured: Sequence[str] = ("accuracy",)


PARTS = {
    "mnist": Part("mnist", 28, 0.95, (2, 5, 10, 20, 40), PEER_IS, 1000),
    "iclevr": Part("iclevr", 32, 0.75, (27, 55, 110, 220), REPORTED, 2, ("accuracy/test", "accuracy/new_test")),
}


@dataclass(frozen=True)
class Row:
    """What a training took and what came of it; ``scores`` by measure."""

    name: str
    pictures: float
    flop: float
    seconds: float
    scores: Mapping[str, float]
    how: str = "measured"


def main() -> None:
    """Measure the part that is asked for, and write its page."""
    options = parse()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    part = PARTS[options.part]
    with tempfile.TemporaryDirectory(prefix="genbench-bench-") as scratch:
        settings = Settings(
            device=options.device,
            threads=options.threads,
            rounds=1,
            amount=1.0,
            inception=None,
            scratch=Path(scratch),
            command=typed(options),
        )
        title = f"Time to quality: {part.dataset} at {part.resolution}×{part.resolution}"
        page = settings.page(f"time-to-quality-{options.part}", title, INTRODUCTION + part.about)
        rows = ladder(part, options)
        rows += {"mnist": peers, "iclevr": reports}[options.part](part, options, settings, rows)
        page.text(table(part, rows), verdict(part, rows))
        page.raw("rows", [row.__dict__ for row in rows])
        print(page.write().read_text())


def typed(options: argparse.Namespace) -> str:
    """The command that makes the page again."""
    words = ["python -m benchmarks.time_to_quality", options.part, "--data-root DATA", f"--threads {options.threads}"]
    words += [f"--device {options.device}"]
    words += ["--ladder", *map(str, options.ladder)] if options.ladder else []
    words += [f"--peer-seconds {options.peer_seconds:g} --draw {options.draw}"] if options.part == "mnist" else []
    return " ".join(words)


def ladder(part: Part, options: argparse.Namespace) -> list[Row]:
    """`quick` at every budget, until it is good."""
    rows: list[Row] = []
    for thousands in options.ladder or part.ladder:
        rows.append(trained("ddpm", f"`quick`, {thousands} thousand pictures", f"{thousands}kimg", part, options))
        if min(rows[-1].scores.values()) >= part.good:
            break
    return rows


def trained(what: str, name: str, budget: str, part: Part, options: argparse.Namespace) -> Row:
    """One `genbench run`."""
    wanted = ["--resolution", str(part.resolution), "--budget", budget, "--pictures", str(part.pictures)]
    metrics = _genbench(["run", what, *wanted], part, options)["metrics"]
    costs = {key: metrics[key]["value"] for key in ("train_pictures", "train_flop", "train_s")}
    scores = {key: metrics[key]["value"] for key in part.measured}
    row = Row(name, costs["train_pictures"], costs["train_flop"], costs["train_s"], scores)
    print(row, file=sys.stderr, flush=True)
    return row


def reports(part: Part, options: argparse.Namespace, settings: Settings, rows: Sequence[Row]) -> list[Row]:
    """Report D's network and settings for as long as the last rung took; what the recipes of D1 and A come to."""
    file = settings.scratch / "d1.toml"
    file.write_text(AS_LONG)
    found = [trained(str(file), "D1's settings, as long", f"{rows[-1].seconds:.0f}s", part, options)]
    for name in ("d1", "a"):
        found += [whole_recipe(name, size, part, options, settings) for size in (part.resolution, 64)]
    return found


def whole_recipe(name: str, resolution: int, part: Part, options: argparse.Namespace, settings: Settings) -> Row:
    """All of a recipe's epochs: operations as counted in a step, hours at the rate of a few steps.

    Accuracy is its report's, at 64×64; at other resolutions nobody has measured it.
    """
    recipe = DDPM_RECIPES[name]
    epochs = int(recipe.budget.removesuffix("epochs"))
    task = {
        "train": str(settings.pictures(64, resolution)),
        "held_out": str(settings.pictures(16, resolution, "validation")),
        "steps": 3,
        "warmup": 1,
        "looks": 0,
        "seed": 0,
        "profile": False,
        "precision": "auto",
        "conditions": 24,
        "config": dict(recipe.train),
    }
    said = turn(settings.ours(name, "genbench_training", task))
    data = load(dataset(part.dataset), DataRequest(root=options.data_root, resolution=part.resolution))
    pictures = epochs * data.info.train_size
    published = {reference.metric: reference.value for reference in recipe.references}
    known = published if resolution == recipe.resolution else {}
    title = f"{name.upper()}'s recipe, {epochs} epochs at {resolution}×{resolution}"
    return Row(
        title, pictures, pictures * said["flop"], pictures * said["seconds"] / said["units"], known, "worked out"
    )


def peers(part: Part, options: argparse.Namespace, settings: Settings, rows: Sequence[Row]) -> list[Row]:
    """denoising-diffusion-pytorch for so many seconds, its pictures scored by the same referee."""
    del rows
    split = load(dataset(part.dataset), DataRequest(root=options.data_root, resolution=part.resolution)).splits["train"]
    files = {name: settings.scratch / f"{name}.npy" for name in ("images", "labels", "out")}
    np.save(files["images"], split.images)
    np.save(files["labels"], np.asarray(split.conditions).argmax(axis=1))
    task: dict[str, Any] = {name: str(file) for name, file in files.items()}
    task |= {"seconds": options.peer_seconds, "draw": options.draw, "sampling_steps": 25, "seed": 0}
    said = turn(settings.theirs(PEER, "denoising_diffusion_classes", task))
    folder = settings.scratch / "drawn"
    folder.mkdir()
    for number, pixels in enumerate(np.load(files["out"])):
        Image.fromarray(pixels.squeeze()).save(folder / f"{number:04}.png")
    labels = {f"{number:04}.png": str(label) for number, label in enumerate(said["asked"])}
    (folder / "labels.json").write_text(json.dumps(labels))
    score = _genbench(["evaluate", str(folder)], part, options)["metrics"]["accuracy"]["mean"]
    return [
        Row(
            f"`{PEER}` ({options.draw} pictures)",
            said["units"],
            said["units"] * said["flop"],
            said["seconds"],
            {"accuracy": score},
        )
    ]


def table(part: Part, rows: Sequence[Row]) -> str:
    """One row a training."""
    cells = [
        [
            row.name,
            f"{row.pictures:,.0f}",
            f"{row.flop:.2g}",
            brief(row.seconds / 60),
            *(f"{row.scores[key]:.3f}" if key in row.scores else "–" for key in part.measured),
            row.how,
        ]
        for row in rows
    ]
    return markdown(["contender", "pictures", "FLOP", "minutes", *part.measured, "how"], cells)


def verdict(part: Part, rows: Sequence[Row]) -> str:
    """When it was good, and how much more arithmetic the others' settings mean."""
    good = [row for row in rows if row.how == "measured" and row.scores and min(row.scores.values()) >= part.good]
    if not good:
        return f"None of the measured rows reached {part.good}."
    first = min(good, key=lambda row: row.flop)
    lines = [
        f"Of the measured rows at {part.good} or above, the one of least arithmetic is {first.name}: "
        f"{first.seconds / 60:.1f} minutes."
    ]
    lines += [
        f"{row.name}: {row.flop / first.flop:,.0f} times its operations."
        for row in rows
        if row.flop > first.flop and not row.name.startswith("`quick`")
    ]
    return " ".join(lines)


def _genbench(words: Sequence[str], part: Part, options: argparse.Namespace) -> dict[str, Any]:
    """What a command of genbench says as JSON."""
    common = {
        "--dataset": part.dataset,
        "--data-root": options.data_root,
        "--metrics": "accuracy",
        "--device": options.device,
        "--results": options.results,
        "--format": "json",
    }
    flags = [str(word) for pair in common.items() for word in pair]
    command = [sys.executable, "-m", "genbench", *words, *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContenderFailed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-1500:]}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="where trainings are kept, and found again"
    )
    parser.add_argument("--ladder", type=int, nargs="+", help="budgets of quick in thousands of pictures")
    parser.add_argument("--peer-seconds", type=float, default=600.0, help="training of the peer")
    parser.add_argument("--draw", type=int, default=100, help="pictures that the peer draws")
    options = parser.parse_args()
    options.data_root, options.results = options.data_root.resolve(), options.results.resolve()
    if options.part == "mnist" and not (PEERS / "python").exists():
        sys.exit("the peers are not installed: run `make peers`")
    return options


if __name__ == "__main__":
    main()
