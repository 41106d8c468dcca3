"""Whether torch.compile pays for itself: a training step of ddpm's own network as it is, and compiled.

`python benchmarks/compiling.py [--size xs+] [--resolution 32] [--batch 32] [--threads 1]` lets both take turns and
prints processor time a step, the ratio, what compiling took, and after how many steps it would have paid. Needs a C++
compiler on a CPU.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import time
from collections.abc import Callable

import torch
from genbench_ddpm.networks.unet import SHAPES, UNet

from genbench.precision import prepare, resolve_device, resolve_precision
from genbench.resources import describe_machine

ROUNDS, STEPS = 5, 10


def main() -> None:
    """Compile, measure by turns, print."""
    options = parse()
    torch.set_num_threads(options.threads)
    device = resolve_device(options.device)
    torch.manual_seed(0)
    conditioning = "adagn+cross-attention"
    plain = UNet(3, 24, options.resolution, size=options.size, patch=2, conditioning=conditioning)
    compiled = copy.deepcopy(plain)
    precision = resolve_precision("auto", device)
    for network in (plain, compiled):
        prepare([network], device, precision)
    compiled.compile()
    steps = {"as it is": stepper(plain, options), "compiled": stepper(compiled, options)}
    began = time.perf_counter()
    first = {name: step() for name, step in steps.items()}
    once = time.perf_counter() - began
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            seconds[name].append(timed(step, device))
    ratios = [before / after for before, after in zip(*seconds.values(), strict=True)]
    case = f"{options.size} at {options.resolution}×{options.resolution} on patches of 2, batch {options.batch}"
    machine = f"threads {options.threads}, {describe_machine(device)['cpu']}, {device}, torch {torch.__version__}"
    print(f"{case}, {precision}, {machine}")
    for name in steps:
        print(f"{name}: {1000 * statistics.median(seconds[name]):.0f} ms a step, first loss {first[name]:.5f}")
    median = statistics.median(ratios)
    print(f"times faster: {median:.3f} ({min(ratios):.3f} to {max(ratios):.3f}); compiling took {once:.0f} s")
    saved = statistics.median(seconds["as it is"]) - statistics.median(seconds["compiled"])
    print(f"paid for after {math.ceil(once / saved):,} steps" if saved > 0 else "never paid for")


def stepper(network: UNet, options: argparse.Namespace) -> Callable[[], float]:
    """A step that goes forwards and back on always the same pictures, and says its loss."""
    device = next(network.parameters()).device
    torch.manual_seed(1)
    x = torch.randn(options.batch, 3, options.resolution, options.resolution, device=device)
    wanted, t = torch.randn_like(x), torch.rand(options.batch, device=device)
    conditions = (torch.rand(options.batch, 24, device=device) < 0.1).float()

    def step() -> float:
        network.zero_grad(set_to_none=True)
        loss = (network(x, t, conditions) - wanted).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    return step


def timed(step: Callable[[], float], device: torch.device) -> float:
    """Seconds of a step: of the processor on a CPU, which other work does not change."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    step()
    began = clock()
    for _ in range(STEPS):
        step()
    return (clock() - began) / STEPS


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="xs+", choices=list(SHAPES))
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
