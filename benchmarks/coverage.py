"""How often 95 % intervals hold the truth, and how often equal models are called different.

`python benchmarks/coverage.py [TRIALS] [--out FILE]` simulates both with the functions that tables are made with,
prints a table, and writes it as Markdown with machine and command.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from genbench.files import write_text
from genbench.resources import describe_machine
from genbench.statistics import (
    FEWEST_FOR_BOOTSTRAP,
    Interval,
    Side,
    Tolerance,
    bootstrap_interval,
    judge,
    standings,
    t_interval,
)

Floats = npt.NDArray[np.float64]

SEEDS = (3, 5, 10)
ROWS = (2, 3, 5)
RATIOS = (0.0, 0.5, 1.0)
"""Standard error due to the reference set, as a share of one seed's standard deviation."""
ERROR_OF_ERROR = 0.1
"""How far a run's own estimate of that standard error is off, relative to it."""

Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


@dataclass(frozen=True)
class Values:
    """A distribution of one metric over seeds: draws, mean, standard deviation."""

    name: str
    draw: Draw
    mean: float
    deviation: float


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low is not None and interval.high is not None and interval.low <= truth <= interval.high


def _beta(name: str, a: float, b: float) -> Values:
    deviation = math.sqrt(a * b / (a + b + 1)) / (a + b)
    return Values(name, lambda rng, shape: rng.beta(a, b, shape), a / (a + b), deviation)


def _gamma(name: str, shape: float, scale: float) -> Values:
    return Values(name, lambda rng, size: rng.gamma(shape, scale, size), shape * scale, math.sqrt(shape) * scale)


CLAIMED = (
    Values("normal", lambda rng, shape: rng.normal(2.0, 0.3, shape), 2.0, 0.3),
    _beta("accuracy-like, beta(95, 5), skewness -0.8", 95, 5),
    _gamma("FID-like, gamma(10), skewness 0.6", 10, 0.4),
)
EXTREME = (
    _beta("accuracy at its ceiling, beta(98, 2), skewness -1.4", 98, 2),
    _gamma("FID with outliers, gamma(2), skewness 1.4", 2, 1.0),
)
"""Beyond what is claimed: so skewed that three to ten seeds are too few for Student's t."""


def coverage(values: Values, seeds: int, ratio: float, trials: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often Student's interval, and the bootstrap's (NaN where it is refused), hold the true mean."""
    drawn = values.draw(rng, (trials, seeds))
    error = ratio * values.deviation
    drawn = drawn + error * rng.normal(size=(trials, 1))  # what all seeds owe to one reference set
    told = error * np.abs(1 + ERROR_OF_ERROR * rng.normal(size=(trials, seeds)))
    held, held_bootstrap = 0, 0
    resampled = trials // 4 if seeds >= FEWEST_FOR_BOOTSTRAP else 0
    for number, (sample, errors) in enumerate(zip(drawn.tolist(), told, strict=True)):
        reference = float(np.sqrt((errors**2).mean()))
        interval = t_interval(sample, reference_error=reference)
        held += _holds(interval, values.mean)
        if number < resampled:
            held_bootstrap += _holds(bootstrap_interval(sample, reference_error=reference), values.mean)
    return held / trials, held_bootstrap / resampled if resampled else math.nan


def false_claims(values: Values, seeds: int, rows: int, trials: int, rng: np.random.Generator) -> float:
    """How often at least one of equal rows is called different from the best, seeds having something in common."""
    claims = 0
    for _ in range(trials):
        drawn = values.draw(rng, (rows, seeds)) + values.deviation * rng.normal(size=seeds)
        table = {f"row {k}": dict(enumerate(row)) for k, row in enumerate(drawn.tolist())}
        claims += any(standing.distinguishable for standing in standings(table, "higher").values())
    return claims / trials


def false_alarms(values: Values, seeds: int, trials: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often a gate of 5 % calls an equal model worse, and one that is worse by exactly 5 %."""
    alarms = [0, 0]
    for _ in range(trials):
        old, new = values.draw(rng, (2, seeds)) + values.mean  # away from zero
        for k, factor in enumerate((1.0, 1.05)):
            current, baseline = (Side(dict(enumerate(part.tolist())), {}) for part in (factor * new, old))
            alarms[k] += judge(current, baseline, "lower", Tolerance.parse("5%")).outcome == "worse"
    return alarms[0] / trials, alarms[1] / trials


def lines(trials: int, seed: int = 0) -> Iterator[str]:
    """The tables, as lines of Markdown."""
    rng = np.random.default_rng(seed)
    doubt = 2 * math.sqrt(0.05 * 0.95 / trials)
    yield f"Shares of {trials:,} simulations ({trials // 2:,} for claims and gates, {trials // 4:,} for bootstraps)."
    yield f"Two standard errors are {100 * doubt:.1f} % ({141 * doubt:.1f} %, {200 * doubt:.1f} %)."
    yield "\n## 95 % intervals that hold the true mean\n"
    yield "| values | seeds | error of the reference set | t | studentised bootstrap |"
    yield "|:--|--:|--:|--:|--:|"
    for values in CLAIMED:
        for seeds in SEEDS:
            for ratio in RATIOS:
                yield _coverage_line(values, seeds, ratio, trials, rng)
    yield "\n## Equal rows of which at least one is called different from the best\n"
    yield f"| values | seeds | {' | '.join(f'{rows} rows' for rows in ROWS)} |"
    yield "|:--|--:|" + "--:|" * len(ROWS)
    for values in CLAIMED:
        for seeds in SEEDS:
            shares = [false_claims(values, seeds, rows, trials // 2, rng) for rows in ROWS]
            yield f"| {values.name} | {seeds} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |"
    yield "\n## A gate with 5 % tolerance that calls a model worse\n"
    yield "| values | seeds | equal model | worse by exactly 5 % |"
    yield "|:--|--:|--:|--:|"
    for values in CLAIMED:
        for seeds in SEEDS:
            equal, edge = false_alarms(values, seeds, trials // 2, rng)
            yield f"| {values.name} | {seeds} | {100 * equal:.1f} % | {100 * edge:.1f} % |"
    yield "\n## Beyond the claim: values so skewed that a few seeds are too few\n"
    yield "| values | seeds | error of the reference set | t | studentised bootstrap |"
    yield "|:--|--:|--:|--:|--:|"
    for values in EXTREME:
        for seeds in SEEDS:
            yield _coverage_line(values, seeds, 0.0, trials, rng)


def _coverage_line(values: Values, seeds: int, ratio: float, trials: int, rng: np.random.Generator) -> str:
    held, bootstrap = coverage(values, seeds, ratio, trials, rng)
    other = "" if math.isnan(bootstrap) else f"{100 * bootstrap:.1f} %"
    return f"| {values.name} | {seeds} | {ratio:g} s | {100 * held:.1f} % | {other} |"


def main() -> None:
    """Print the tables, and write them beside machine and command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="?", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coverage.md")
    arguments = parser.parse_args()
    start, made = time.perf_counter(), []
    for line in lines(arguments.trials):
        made.append(line)
        print(line, flush=True)
    seconds = time.perf_counter() - start
    machine = describe_machine(torch.device("cpu"))
    command = shlex.join(["python", "benchmarks/coverage.py", *sys.argv[1:]])
    head = ["# Coverage of intervals, and false claims", ""]
    foot = f"\nMade by `{command}` in {seconds:.0f} s on one core of {machine['cpu']}; what it shows is argued in "
    write_text(arguments.out, "\n".join([*head, *made, foot + "[docs/statistics.md](../../docs/statistics.md).", ""]))
    print(f"\n{seconds:.0f} s; wrote {arguments.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
