"""What a trial costs beside itself: many trivial trials, many workers, on PostgreSQL and on SQLite.

    python benchmarks/sweep_overhead.py                  # 2,000 trials on PostgreSQL, 500 on SQLite, 8 workers
    python benchmarks/sweep_overhead.py --trials 200

Needs `pip install pgserver "psycopg[binary]"`; without it, PostgreSQL is left out. Overhead a trial is the time that
a worker spends on it (claim, draw, report the end), and the wall time of the whole divided by the number of trials.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from genbench.sweeping.space import draw
from genbench.sweeping.specification import SweepSpec
from genbench.sweeping.studies import SweepStudy, Worker

WORKERS = 8


def sweep(trials: int) -> SweepSpec:
    space = {"train.width": {"low": 1, "high": trials}}
    return SweepSpec.model_validate(
        {"name": "trivial", "family": "ddpm", "objectives": ["accuracy"], "space": space, "trials": trials}
    )


def work(url: str, trials: int, name: str, times: Any) -> None:
    study = SweepStudy(sweep(trials), url, "trivial")
    own = []
    while True:
        began = time.perf_counter()
        trial = study.claim(Worker(name))
        if trial is None:
            break
        with study.writing():
            chosen = draw(trial, study.spec)
        study.finish(trial, [float(chosen["train.width"])], {"genbench.runs": [f"run-{trial.number}"]})
        own.append(time.perf_counter() - began)
    times.put(own)


def measure(kind: str, url: str, trials: int, workers: int) -> None:
    study = SweepStudy(sweep(trials), url, "trivial")
    context = multiprocessing.get_context("spawn")
    times = context.Queue()
    processes = [context.Process(target=work, args=(url, trials, f"w{k}", times)) for k in range(workers)]
    for process in processes:
        process.start()
    own = [seconds for _ in processes for seconds in times.get()]
    for process in processes:
        process.join()
    ended = study.trials
    values = Counter(trial.values[0] for trial in ended if trial.values)
    lost, doubled = trials - len(values), sum(count - 1 for count in values.values())
    busy = sum(own) / workers  # workers start at different times: the time in which they all work
    print(
        f"{kind:10} {trials:6} trials, {workers} workers: median {1000 * statistics.median(own):6.1f} ms a trial "
        f"in its worker, {1000 * busy / trials:6.1f} ms of wall time a trial; lost {lost}, doubled {doubled}, "
        f"exit codes {sorted({process.exitcode for process in processes})}"
    )
    if lost or doubled or any(process.exitcode for process in processes):
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, help="on PostgreSQL; a quarter of it on SQLite")
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    trials = options.trials or 2000
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/trials.db", max(1, trials // 4), options.workers)
        try:
            import pgserver
        except ImportError:
            print("PostgreSQL: left out, pgserver is not installed")
            return
        server = pgserver.get_server(Path(folder) / "postgres")
        try:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            measure("PostgreSQL", url, trials, options.workers)
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
