"""What a store of ten thousand runs costs whoever looks into it, and what logging costs a training.

    python benchmarks/load.py                  # 10,000 runs; minutes
    python benchmarks/load.py --runs 1000
    python benchmarks/load.py --store FOLDER   # keep the store there, or use it again

A real comparison is run, and the rows that its runs have in the database, and their records, are then written again
under other ids and hashes until there are so many runs. Then commands are timed as processes of their own, before and
after: listing runs, comparing what is done, and reporting. Prints Markdown tables; the exit code is 1 when a command
takes more than three seconds of processor time, or logging more than a hundredth of a training's time.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from genbench.tracking import Store

SMALL = ("--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu", "--quiet")
COMPARISON = ("compare", "ddpm", "cgan", *SMALL, "--seeds", "2", "--budget", "20steps")
MOST_SECONDS, MOST_SHARE = 3.0, 0.01


def genbench(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """Run a command there; wall seconds, processor seconds, and the most memory it held, in megabytes."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    began, peak = time.perf_counter(), 0
    process = psutil.Popen(
        [sys.executable, "-m", "genbench", *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    used = None
    while used is None:
        with suppress(psutil.Error):
            peak = max(peak, process.memory_info().rss)
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        used = usage if pid else time.sleep(0.02)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"genbench {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return wall, used.ru_utime + used.ru_stime, peak / 1e6


def fill(results: Path, runs: int) -> None:
    """Write the finished runs' rows and records again, until there are so many."""
    with sqlite3.connect(results / "mlflow.db") as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        columns = {table: [row[1] for row in database.execute(f"pragma table_info({table})")] for table in tables}
        models = database.execute("select run_uuid, artifact_uri from runs where status = 'FINISHED'").fetchall()
        (count,) = database.execute("select count(*) from runs").fetchone()
        for number in range(count, runs):
            model, place = models[number % len(models)]
            run = f"{number:032x}"
            for table in (table for table in tables if "run_uuid" in columns[table]):
                values = {column: f'"{column}"' for column in columns[table]} | {"run_uuid": f"'{run}'"}
                if table == "runs":
                    values |= {"artifact_uri": f"replace(artifact_uri, '{model}', '{run}')"}
                    values |= {"start_time": f"start_time - {number}", "name": f"name || ' · {number}'"}
                if table == "tags":
                    values["value"] = f"case key when 'genbench.run' then '{number:016x}' else value end"
                names = ", ".join(f'"{column}"' for column in columns[table])
                chosen = ", ".join(values[column] for column in columns[table])
                database.execute(
                    f"insert into {table} ({names}) select {chosen} from {table} where run_uuid = '{model}'"
                )
            artifacts = Path(urlsplit(place).path)
            target = Path(str(artifacts).replace(model, run))
            target.mkdir(parents=True)
            (target / "result.json").write_bytes((artifacts / "result.json").read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--store", type=Path, help="a folder to keep the store in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.store or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        genbench(folder, *COMPARISON)
        few = commands(folder)
        fill(folder / "results", options.runs)
        many = commands(folder)
        cheap = logging(folder)
        raise SystemExit(0 if few and many and cheap else 1)


def commands(folder: Path) -> bool:
    """Time the commands; whether all are quick enough."""
    count = len(Store(folder / "results").runs(limit=50_000))
    size = (folder / "results" / "mlflow.db").stat().st_size / 1e6
    print(f"\n{count:,} runs, a database of {size:,.0f} MB\n")
    print("| command | wall | processor | memory |")
    print("|---|---|---|---|")
    quick = True
    for arguments in (
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
    """Log curves at the pace of trainings for a minute each; whether that is cheap enough."""
    store = Store(folder / "results")
    print("\n| training | curves | time | spent on logging | share |")
    print("|---|---|---|---|---|")
    cheap = True
    for steps_a_second in (10, 100, 1000):
        spent, seconds, step = 0.0, 60, 0
        log = store.begin(name=f"{steps_a_second} steps/s", tags={"genbench.kind": "benchmark"}, params={})
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
