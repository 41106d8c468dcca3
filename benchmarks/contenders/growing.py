"""Work that grows and needs no network: the Fréchet distance of random features, and a study's trivial trials."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable

import numpy as np

from benchmarks.contenders.measuring import answer, work


def main() -> None:
    task = work()
    size = task["size"]
    call = {"frechet": frechet, "trials": trials}[task["kind"]](size)
    began, cpu = time.perf_counter(), time.process_time()
    call()
    answer(seconds=time.perf_counter() - began, cpu_seconds=time.process_time() - cpu, units=size, step_units=size)


def frechet(size: int) -> Callable[[], object]:
    """With both standard errors, as FID is measured."""
    from genbench.metrics.frechet import frechet

    generator = np.random.default_rng(0)
    x, y = (generator.standard_normal((size, 2048)) for _ in range(2))
    frechet(x[:16], y[:16])
    return lambda: frechet(x, y)


def trials(size: int) -> Callable[[], object]:
    """One worker claims, draws and ends so many trials."""
    from benchmarks.sweep_overhead import sweep
    from genbench.sweeping.space import draw
    from genbench.sweeping.studies import SweepStudy, Worker

    folder = tempfile.TemporaryDirectory()
    study = SweepStudy(sweep(size), f"sqlite:///{folder.name}/trials.db", "trivial")

    def call() -> None:
        with folder:
            while (trial := study.claim(Worker("one"))) is not None:
                with study.writing():
                    chosen = draw(trial, study.spec)
                study.finish(trial, [float(chosen["train.width"])], {})

    return call


if __name__ == "__main__":
    main()
