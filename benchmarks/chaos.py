"""Kills a training, a comparison and a sweep again and again, resumes them, and looks whether anything was lost.

    python benchmarks/chaos.py                    # 100 kills
    python benchmarks/chaos.py --kills 12 --seed 3

Each process group is ended by SIGKILL at a moment drawn from the whole life of an uninterrupted one, and the command
started again, until it comes to its end; then it begins anew in an empty folder, until there were enough kills. After
every kill each stage that was finished before must be there with the same bytes, and no file may be half-written. In
the end weights, curves, samples, metrics and trials must equal those of the uninterrupted run bit for bit, and every
run must be in the store as finished once. Checkpoints are written every half second here, not every minute.

Prints a Markdown table; the exit code is 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open

from genbench.tracking import Store

LAUNCH = (
    "import genbench.training as t; t.CHECKPOINT_SECONDS, t.FLUSH_SECONDS = 0.5, 0.2; "
    "from genbench.__main__ import main; main()"
)
SMALL = ("--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu", "--quiet")
SWEEP = """
family = "cgan"
preset = "smoke"
budget = "300steps"
objectives = ["accuracy"]
[evaluation]
pictures = 20
metrics = ["accuracy"]
[space]
"train.width" = [2, 3, 4]
"""
KINDS = {
    "training": ("run", "ddpm", *SMALL, "--budget", "400steps"),
    "comparison": ("compare", "ddpm", "cgan", *SMALL, "--seeds", "2", "--budget", "150steps", "--name", "chaos"),
    "sweep": ("sweep", "chaos.toml", "--device", "cpu", "--quiet"),
}
LONGEST = 600.0
"""Seconds after which a process that has not ended by itself counts as hanging."""


class Violation(Exception):  # noqa: N818 - of a law
    """A law that was broken."""


@dataclass
class Tally:
    """What was seen of one kind of command."""

    kills: int = 0
    resumes: int = 0
    completions: int = 0
    stages: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


class Workplace:
    """A folder in which one command is run, killed and run again."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.results = folder / "results"
        self.finished: dict[Path, dict[str, str]] = {}
        folder.mkdir()
        (folder / "chaos.toml").write_text(SWEEP)

    def run(self, seconds: float | None = None) -> bool:
        """Run the command, for so long at most; True when it came to its end, False when it was killed."""
        environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        environment |= {"GENBENCH_HOME": str(self.folder / "home"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", LAUNCH, *KINDS[self.kind]]
        with (self.folder / "said").open("w+") as said:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=said, start_new_session=True
            )
            try:
                process.wait(LONGEST if seconds is None else seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if seconds is None:
                    raise Violation(f"did not come to its end in {LONGEST:.0f} s") from None
            said.seek(0)
            text = said.read()
        if "Traceback" in text or "damaged" in text:
            raise Violation(f"said {text[-300:]!r}")
        if process.returncode not in (0, -signal.SIGKILL) or (seconds is None and process.returncode):
            raise Violation(f"exit code {process.returncode}: {text[-300:]!r}")
        return process.returncode == 0

    def check(self) -> int:
        """Hold the finished stages against what they were before; how many there are.

        Raises:
            Violation: one is gone or has changed, or a file is half-written.
        """
        for path in self.results.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                _whole(path)
        for folder, digests in self.finished.items():
            if _digests(folder) != digests:
                raise Violation(f"{folder.relative_to(self.folder)} has changed after it was finished")
        for done in self.results.glob("stages/*/*/done.json"):
            digests = _digests(done.parent)
            noted = {name: entry["sha256"] for name, entry in json.loads(done.read_text())["files"].items()}
            if not noted.items() <= digests.items():
                raise Violation(f"{done.relative_to(self.folder)} is there, and its files are not as it says")
            self.finished[done.parent] = digests
        return len(self.finished)

    def outcome(self) -> dict[str, Any]:
        """Everything that must not depend on interruptions: files by digest, metrics, trials, runs in the store."""
        stages = self.results / "stages"
        kept = [*stages.glob("train/*/weights*"), *stages.glob("train/*/history.csv"), *stages.glob("sample/*/*.npy")]
        found: dict[str, Any] = {str(path.relative_to(stages)): _digest(path) for path in kept}
        for done in stages.glob("evaluate/*/done.json"):
            found[str(done.relative_to(stages))] = json.loads(done.read_text())["record"]["values"]
        found["runs"] = sorted(run.name for run in Store(self.results).runs() if run.status == "finished")
        found["running"] = [run.name for run in Store(self.results).runs() if run.status == "running"]
        found["litter"] = [str(path.relative_to(stages)) for path in stages.rglob(".*")]
        if self.kind == "sweep":
            found["trials"] = self._trials()
        return found

    def _trials(self) -> list[tuple[int, str, Any, Any]]:
        import optuna

        study = optuna.load_study(study_name="chaos", storage=f"sqlite:///{self.results}/optuna.db")
        return [(trial.number, trial.state.name, trial.params, trial.values) for trial in study.trials]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): _digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def _whole(path: Path) -> None:
    """Raise `Violation` when a file that says what its format is does not keep to it."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".safetensors":
            with safe_open(path, framework="np") as file:
                file.metadata()
    except Exception as error:
        raise Violation(f"{path.name} is half-written: {error}") from error


def torment(kind: str, kills: int, chance: random.Random, scratch: Path) -> Tally:
    """Run a command to its end, then kill and resume it until there were so many kills and a last end."""
    tally, began = Tally(), time.monotonic()
    reference = Workplace(scratch / f"{kind}-uninterrupted", kind)
    try:
        reference.run()
    except Violation as violation:
        tally.violations.append(f"{kind}, uninterrupted: {violation}")
        return tally
    life = time.monotonic() - began
    expected = reference.outcome()
    while tally.kills < kills and not tally.violations:
        place = Workplace(scratch / f"{kind}-{tally.completions}", kind)
        try:
            life = _until_the_end(place, kills, life, chance, tally)
            different = _different(expected, place.outcome())
            if different:
                raise Violation(f"after {tally.kills} kills, other than uninterrupted: {different}")
        except Violation as violation:
            tally.violations.append(f"{kind}: {violation}")
        tally.completions += 1
    tally.seconds = time.monotonic() - began
    return tally


def _until_the_end(place: Workplace, kills: int, life: float, chance: random.Random, tally: Tally) -> float:
    """Kill and resume until the command comes to its end; how long a whole life is, as far as is known by now."""
    killed = tally.kills
    while True:
        began = time.monotonic()
        ended = place.run(chance.uniform(0.1, life) if tally.kills < kills else None)
        tally.stages += place.check()
        if ended:
            return life if tally.kills > killed else time.monotonic() - began
        tally.kills += 1
        tally.resumes += 1


def _different(expected: dict[str, Any], found: dict[str, Any]) -> str:
    names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return ", ".join(f"{name} ({expected.get(name)} / {found.get(name)})"[:300] for name in names[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="in all, shared by the kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind; may be given again")
    options = parser.parse_args()
    kinds = options.kind or list(KINDS)
    print("| kind | kills | resumes | ends reached | finished stages checked | as uninterrupted | seconds |")
    print("|---|---|---|---|---|---|---|")
    violations = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, kind in enumerate(kinds):
            kills = options.kills // len(kinds) + (number < options.kills % len(kinds))
            tally = torment(kind, kills, random.Random(f"{options.seed}/{kind}"), Path(scratch))
            same = "NO" if tally.violations else "every bit"
            counts = (kind, tally.kills, tally.resumes, tally.completions, tally.stages, same, round(tally.seconds))
            print("|", " | ".join(map(str, counts)), "|", flush=True)
            violations += tally.violations
    for violation in violations:
        print(f"violation: {violation}", file=sys.stderr)
    raise SystemExit(1 if violations else 0)


if __name__ == "__main__":
    main()
