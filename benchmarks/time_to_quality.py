"""How long it takes until pictures are good: genbench's preset `quick` at growing budgets, and others beside it.

    python -m benchmarks.time_to_quality --data-root DATA                  # both parts, about two hours of one core
    python -m benchmarks.time_to_quality mnist --data-root DATA --ladder 5 10 20

Every rung of the ladder is a training of its own, from nothing to the end of its schedule: a row of the table is what a
user with so much time would have got. Needs `make peers`, MNIST's files and an i-CLEVR folder.
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
Accuracy is the referee's, on pictures that no training saw conditions' pictures of; minutes are of training alone, at
the machine's speed of that hour; FLOP are those of matrix products and convolutions, which no other work on the machine
changes. One seed a row. Rows of `quick` are trainings of their own, each to the end of its learning-rate schedule.
"""
PEER = "denoising-diffusion-pytorch, defaults"


@dataclass(frozen=True)
class Part:
    """A data set, the accuracy that counts as good, and rungs of the ladder in thousands of pictures."""

    dataset: str
    resolution: int
    good: float
    ladder: Sequence[int]
    measured: Sequence[str] = ("accuracy",)


PARTS = {
    "mnist": Part("mnist", 28, 0.95, (2, 5, 10, 20, 40)),
    "iclevr": Part("iclevr", 32, 0.75, (30, 60, 120, 240), ("accuracy/test", "accuracy/new_test")),
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
    """Measure the parts that are asked for, and write their page."""
    options = parse()
    os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))
    with tempfile.TemporaryDirectory(prefix="genbench-bench-") as scratch:
        chosen = " ".join(options.parts)
        settings = Settings(
            device=options.device,
            threads=options.threads,
            rounds=1,
            amount=1.0,
            inception=None,
            scratch=Path(scratch),
            command=f"python -m benchmarks.time_to_quality {chosen} --data-root DATA --threads {options.threads}",
        )
        page = settings.page("time-to-quality", "Time to quality", INTRODUCTION)
        for name in options.parts:
            part = PARTS[name]
            rows = ladder(part, options)
            rows += {"mnist": peers, "iclevr": reports}[name](part, options, settings, rows)
            page.text(f"## {part.dataset} at {part.resolution}×{part.resolution}", table(part, rows))
            page.text(verdict(part, rows))
            page.raw(name, [row.__dict__ for row in rows])
        print(page.write().read_text())


def ladder(part: Part, options: argparse.Namespace) -> list[Row]:
    """`quick` at every budget, until it is good."""
    rows: list[Row] = []
    for thousands in options.ladder or part.ladder:
        rows.append(trained("ddpm", f"`quick`, {thousands} thousand pictures", f"{thousands}kimg", part, options))
        if min(rows[-1].scores.values()) >= part.good:
            break
    return rows


def trained(what: str, name: str, budget: str, part: Part, options: argparse.Namespace, *flags: str) -> Row:
    """One `genbench run`."""
    wanted = ["--resolution", str(part.resolution), "--budget", budget, *flags]
    metrics = _genbench(["run", what, *wanted], part, options)["metrics"]
    costs = {key: metrics[key]["value"] for key in ("train_pictures", "train_flop", "train_s")}
    scores = {key: metrics[key]["value"] for key in part.measured}
    row = Row(name, costs["train_pictures"], costs["train_flop"], costs["train_s"], scores)
    print(row, file=sys.stderr, flush=True)
    return row


def reports(part: Part, options: argparse.Namespace, settings: Settings, rows: Sequence[Row]) -> list[Row]:
    """Report D's network and settings for as long as the best rung took; what D1 and A come to by their reports."""
    last = rows[-1]
    sampling = ["--set", "sample.num_inference_steps=25", "--set", "sample.sampler=ddim"]
    found = [trained("d1", "D1's settings, as long", f"{last.seconds:.0f}s", part, options, *sampling)]
    for name, score in (("d1", (0.8472, 0.8690)), ("a", (0.5795, 0.5952))):
        found += [whole_recipe(name, size, score, part, options, settings) for size in (part.resolution, 64)]
    return found


def whole_recipe(
    name: str, resolution: int, scores: Sequence[float], part: Part, options: argparse.Namespace, settings: Settings
) -> Row:
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
    known = dict(zip(part.measured, scores, strict=True)) if resolution == 64 else {}
    title = f"{name.upper()} as reported, {epochs} epochs at {resolution}×{resolution}"
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
    return [Row(f"`{PEER}`", said["units"], said["units"] * said["flop"], said["seconds"], {"accuracy": score})]


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
    lines = [f"The first measured row at {part.good} or above is {first.name}: {first.seconds / 60:.1f} minutes."]
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
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
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
    options.parts = options.parts or list(PARTS)
    options.data_root, options.results = options.data_root.resolve(), options.results.resolve()
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"{', '.join(unknown)}: there is no such part: choose from {', '.join(PARTS)}")
    if not (PEERS / "python").exists():
        sys.exit("the peers are not installed: run `make peers`")
    return options


if __name__ == "__main__":
    main()
