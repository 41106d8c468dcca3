"""All benchmarks that compare genbench with its peers: ``make bench``.

    python -m benchmarks.bench                        # all of them, two hours on two cores
    python -m benchmarks.bench --quick                # tiny sizes, to see that everything runs
    python -m benchmarks.bench training sampling --rounds 5 --amount 2

Pages with ratios go to ``benchmarks/results/``; those of ``--quick`` say nothing and go to the folder ``quick`` there.
Evaluation needs a file of Inception weights: ``--inception-weights``, or the places where genbench looks for it.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks import reporting
from benchmarks.alternating import ContenderFailed
from benchmarks.settings import PEERS, Settings
from genbench.errors import GenbenchError
from genbench.metrics.inception import find_weights

NAMES = ("training", "sampling", "evaluation", "runner", "growth")
QUICK = 0.04


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="one round at tiny sizes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--amount", type=float, default=1.0, help="multiplies steps and pictures")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of every contender")
    parser.add_argument("--inception-weights", type=Path)
    parser.add_argument("--only", default="", help="cases of training whose title contains this, such as C-small")
    parser.add_argument("--compile", action="store_true", help="training: genbench's networks compiled, too")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.threads < 1 or not options.amount > 0:
        parser.error("--rounds and --threads must be at least 1, --amount above 0")
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"{', '.join(unknown)}: there is no such benchmark: choose from {', '.join(NAMES)}")
    return options


def main() -> None:
    """Run what was chosen, one after the other; one that fails does not keep the others from running."""
    options = parse()
    if not (PEERS / "python").exists():
        sys.exit("the peers are not installed: run `make peers`")
    if options.quick:
        options.rounds, options.amount = 1, QUICK
        reporting.RESULTS = reporting.RESULTS / "quick"
    failed = []
    for name in options.names or NAMES:
        with tempfile.TemporaryDirectory(prefix="genbench-bench-") as scratch:
            try:
                settings = Settings(
                    device=options.device,
                    threads=options.threads,
                    rounds=options.rounds,
                    amount=options.amount,
                    inception=find_weights(options.inception_weights),
                    scratch=Path(scratch),
                    command=_typed(options, name),
                    only=options.only,
                    compile=options.compile,
                )
                path = importlib.import_module(f"benchmarks.{name}").run(settings)
            except (ContenderFailed, GenbenchError) as error:
                failed.append(name)
                print(f"{name}: {error}", file=sys.stderr)
                continue
        print(f"{path.read_text()}\n({path})\n", flush=True)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _typed(options: argparse.Namespace, name: str) -> str:
    """The command that makes this page again; where files lie is nobody's business."""
    chosen = f"--rounds {options.rounds} --amount {options.amount:g} --device {options.device}"
    only = f" --only {shlex.quote(options.only)}" if options.only and name == "training" else ""
    compiled = " --compile" if options.compile and name == "training" else ""
    return f"python -m benchmarks.bench {name} {chosen} --threads {options.threads}{only}{compiled}"


if __name__ == "__main__":
    main()
