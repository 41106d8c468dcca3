"""What a store of ten thousand runs costs whoever looks into it, and what logging costs a training.

    python benchmarks/load.py                  # 10,000 runs; about 10 minutes, most of them to fill the store
    python benchmarks/load.py --runs 1000
    python benchmarks/load.py --store FOLDER   # keep the store there, or use it again

One real comparison is run; its runs are then written again and again by what writes real ones, under other seeds and
hashes. Then the commands are timed as processes of their own: listing runs, comparing what is done, and reporting. Prints Markdown tables; the exit code is 1 when a command takes
longer than three seconds of processor time, or logging more than a hundredth of a training's.
"""

from __future__ import annotations

import argparse
import copy
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genbench.keeping import HISTORY
from genbench.tracking import Store
from genbench.workbench import Workbench

SMALL = ("--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu", "--quiet")
COMPARISON = ("compare", "ddpm", "cgan", *SMALL, "--seeds", "2", "--budget", "20steps")
MOST_SECONDS, MOST_SHARE = 3.0, 0.01


def genbench(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """Run a command there; wall seconds, processor seconds, and the most memory it held, in megabytes."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "genbench", *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"genbench {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def fill(folder: Path, runs: int) -> None:
    """Write a finished run's record again, until there are so many runs."""
    results = folder / "results"
    bench, store = Workbench(results), Store(results)
    (model, *_) = [run for run in store.runs() if run.status == "finished"]
    record = store.record(model.id)
    stages = bench.runner.stages
    history = stages.folder("train", record["stages"]["train"]["hash"]) / HISTORY
    for number in range(len(store.runs(limit=50_000)), runs):
        new = copy.deepcopy(record) | {"run": f"{number:016x}", "repetition": number}
        tags = {
            "genbench.kind": "run",
            "genbench.run": new["run"],
            "genbench.family": new["family"],
            "genbench.dataset": new["dataset"],
            "genbench.preset": new["preset"],
            "genbench.status": "running",
        }
        params = {f"train.{key}": value for key, value in new["train_config"].items()}
        log = store.begin(name=f"{new['label']} {number}", tags=tags, params=params)
        log.scalars("loss", range(20), [0.5] * 20)
        log.stage_finished("train", reused=False)
        with tempfile.TemporaryDirectory() as scratch:
            log.finish(new, Path(scratch), [("", history)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--store", type=Path, help="a folder to keep the store in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.store or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        genbench(folder, *COMPARISON)
        fill(folder, options.runs)
        raise SystemExit(0 if commands(folder) and logging(folder) else 1)


def commands(folder: Path) -> bool:
    """Time the commands; whether all are quick enough."""
    count = len(Store(folder / "results").runs(limit=50_000))
    size = (folder / "results" / "mlflow.db").stat().st_size / 1e6
    print(f"{count:,} runs, a database of {size:,.0f} MB\n")
    print("| command | wall | processor | memory |")
    print("|---|---|---|---|")
    quick = True
    for arguments in (
        ("--version",),
        ("ls", "runs"),
        ("ls", "runs", "--limit", str(count)),
        COMPARISON,
        ("report",),
    ):
        wall, processor, memory = genbench(folder, *arguments)
        quick = quick and processor <= MOST_SECONDS
        shown = "compare (all of it done)" if arguments[0] == "compare" else " ".join(arguments)
        print(f"| `{shown}` | {wall:.1f} s | {processor:.1f} s | {memory:,.0f} MB |", flush=True)
    return quick


def logging(folder: Path) -> bool:
    """Log an hour's worth of a fast training's curves at its own pace, in short; whether that is cheap enough."""
    log = Store(folder / "results").begin(name="logging", tags={"genbench.kind": "benchmark"}, params={})
    print("\n| training | curves | time | spent on logging | share |")
    print("|---|---|---|---|---|")
    cheap = True
    for steps_a_second in (10, 100, 1000):
        spent, seconds, step = 0.0, 30, 0
        began = time.perf_counter()
        for second in range(seconds):
            time.sleep(max(0.0, began + second - time.perf_counter()))
            start = time.perf_counter()
            steps = range(step, step + steps_a_second)
            for name in ("loss", "loss_d", "accuracy", "norm"):
                log.scalars(name, steps, [0.5] * steps_a_second)
            log.stage_progress("train", second / seconds)
            spent, step = spent + time.perf_counter() - start, step + steps_a_second
        share = spent / seconds
        cheap = cheap and share <= MOST_SHARE
        print(f"| {steps_a_second} steps/s | 4 | {seconds} s | {spent:.3f} s | {100 * share:.2f} % |", flush=True)
        log.stage_finished("train", reused=False)
    return cheap


if __name__ == "__main__":
    main()
