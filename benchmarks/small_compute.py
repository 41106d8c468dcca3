"""What each choice of ddpm's preset `quick` buys on little compute: leave one out, at equal floating-point operations.

`python benchmarks/small_compute.py [--dataset clevr-synth] [--budget 4e13flop] [--repetitions 1]` trains the preset and
its variants and prints a table: the guide's accuracy on pictures made for conditions of the validation split. The test
split and the referee are not looked at: this is how choices are made, not how results are reported.

    python benchmarks/small_compute.py                                        # what to leave out
    python benchmarks/small_compute.py --dataset mnist --resolution 28 --data-root DATA --budget 40kimg \
        --only "the preset" --guidance 1 1.5 2 3 --pictures 1000              # which scale of guidance
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from genbench_ddpm.networks import unet

from genbench.hashing import derive_seed
from genbench.observing import Observer
from genbench.planning import Plan, plan
from genbench.resources import describe_machine
from genbench.running import build_learner
from genbench.specs import DataSpec, RunSpec
from genbench.tasks.criteria import GUIDE_PICTURES, guide_accuracy
from genbench.tasks.generation import Generation
from genbench.training import Training

PYTORCHS_STD = 0.12
"""The spread that PyTorch would give fresh weights that embed 24 conditions: 1/√(3·24)."""

VARIANTS: Mapping[str, tuple[dict[str, Any], float]] = {
    "the preset": ({}, unet.CONDITION_STD),
    "AdamW in place of Muon": ({"optimizer": "adamw"}, unet.CONDITION_STD),
    "pictures not scaled": ({"scaling_factor": 1.0}, unet.CONDITION_STD),
    "timesteps drawn evenly": ({"timestep_sampling": "uniform"}, unet.CONDITION_STD),
    "conditions embedded by small weights": ({}, PYTORCHS_STD),
    "batches of 128": ({"batch_size": 128}, unet.CONDITION_STD),
    "no patches": ({"patch_size": 1}, unet.CONDITION_STD),
    "size s": ({"size": "s"}, unet.CONDITION_STD),
    "size xs": ({"size": "xs"}, unet.CONDITION_STD),
    "conditions in one vector alone": ({"conditioning": "adagn"}, unet.CONDITION_STD),
    "conditions as tokens, looked at once": ({"conditioning": "cross-attention"}, unet.CONDITION_STD),
    "ε in place of v": ({"prediction_type": "epsilon"}, unet.CONDITION_STD),
    "none of Muon, scale, timesteps, weights": (
        {"optimizer": "adamw", "scaling_factor": 1.0, "timestep_sampling": "uniform"},
        PYTORCHS_STD,
    ),
}


def main() -> None:
    """Train every variant and print a line for each."""
    arguments = parse()
    torch.set_num_threads(1)
    device = torch.device("cpu")
    spec = RunSpec(
        family="ddpm",
        budget=arguments.budget,
        data=DataSpec(name=arguments.dataset, resolution=arguments.resolution, root=arguments.data_root),
        device="cpu",
    )
    task = Generation.open(spec.data, spec.evaluation, device, Observer())
    print(
        f"{task.info.name} {task.info.resolution}, {arguments.budget}, one thread of {describe_machine(device)['cpu']}"
    )
    print(f"guide's accuracy on {arguments.pictures} pictures for validation conditions\n")
    scales = " | ".join(f"guidance {scale:g}" for scale in arguments.guidance)
    print(f"| variant | pictures seen | {scales} | seconds |", flush=True)
    print("|---" * (3 + len(arguments.guidance)) + "|", flush=True)
    for name, (changes, spread) in VARIANTS.items():
        if arguments.only and arguments.only not in name:
            continue
        for repetition in range(arguments.repetitions):
            changed = spec.model_copy(update={"train": changes, "repetition": repetition})
            with condition_std(spread):
                print(f"| {name} | {measure(plan(changed, task), task, device, arguments)} |", flush=True)


def measure(chosen: Plan, task: Generation, device: torch.device, arguments: argparse.Namespace) -> str:
    """Train, and score the pictures by the guide at each scale of guidance."""
    config = chosen.resolved.train
    batches = task.batches(batch_size=config.batch_size, seed=chosen.seed, device=device, augment="none")  # type: ignore[attr-defined]
    training = Training(
        build_learner(chosen),
        batches,
        batch_size=config.batch_size,  # type: ignore[attr-defined]
        budget=chosen.resolved.budget,
        seed=chosen.seed,
        device=device,
        precision=chosen.precision,
    )
    training.run()
    scores = []
    for scale in arguments.guidance:
        sample = chosen.resolved.sample.model_copy(update={"guidance_scale": scale})

        def sampled(learner: Any, conditions: Any, sample: Any = sample) -> Any:
            made = []
            for start in range(0, len(conditions), 64):
                chunk = torch.from_numpy(np.array(conditions[start : start + 64])).float()
                generator = torch.Generator().manual_seed(derive_seed("benchmark", start))
                made.append(learner.sample(chunk, sample, generator=generator))
            pixels = (torch.cat(made).clamp(-1, 1) + 1) * 127.5
            return pixels.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

        split, guide = task.data.splits["validation"], task.evaluators.guide
        criterion = guide_accuracy(split, guide, sampled, arguments.pictures)
        with training.applied() as learner:
            scores.append(criterion.compute(learner, arguments.pictures))
    costs = training.costs()
    shown = " | ".join(f"{score:.3f}" for score in scores)
    return f"{costs['train_pictures']:,.0f} | {shown} | {costs['train_s']:.0f}"


@contextmanager
def condition_std(spread: float) -> Iterator[None]:
    """Fresh networks embed conditions by weights of this spread."""
    before, unet.CONDITION_STD = unet.CONDITION_STD, spread
    try:
        yield
    finally:
        unet.CONDITION_STD = before


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="clevr-synth")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--budget", default="4e13flop")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 3.0])
    parser.add_argument("--pictures", type=int, default=GUIDE_PICTURES)
    parser.add_argument("--only", help="variants whose name contains this")
    return parser.parse_args()


if __name__ == "__main__":
    main()
