"""Several processes train as one does: the same draws, the same statistics, the same losses; and they fail as one.

The tests are the leader; this file, run as a program, is the other process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench import plugins
from genbench.api import AdaptationBatch, Averaging, Batch, DataInfo, Diverged, Learner
from genbench.budgets import Budget
from genbench.distributing import launching
from genbench.distributing.sharing import Sharing
from genbench.distributing.team import ALONE, Team
from genbench.errors import ConfigError, RunError
from genbench.keeping import read_history
from genbench.training import Training

if TYPE_CHECKING:  # the other process has no tests to import
    from tests.conftest import Cli

CPU = torch.device("cpu")
ROWS = 8
STEPS = 10


# --------------------------------------------------------------------------------------------- what both processes run


@dataclass(frozen=True)
class Pictures:
    """Batches of ROWS random pictures and labels."""

    adaptation: bool

    def batch(self, step: int) -> Batch | AdaptationBatch:
        generator = torch.Generator().manual_seed(step)
        images, others = torch.rand(2, ROWS, 1, 16, 16, generator=generator) * 2 - 1
        images = images.to(memory_format=torch.channels_last)
        labels = torch.randint(10, (ROWS,), generator=generator)
        if self.adaptation:
            return AdaptationBatch(images, labels, others * 0.5)
        return Batch(images, F.one_hot(labels, 10).to(images.dtype))


class Toy(Learner):
    """Global randomness, dropout, batch statistics, clipping, two passes a step, state that differs by process."""

    def __init__(self, fails: Callable[[int], None] | None = None) -> None:
        self.network = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout2d(0.2), nn.ReLU(), nn.Conv2d(4, 1, 1)
        )
        self.networks = {"net": self.network}
        self.optimizers = {"adam": torch.optim.Adam(self.network.parameters(), lr=1e-2)}
        self.averaging = Averaging(("net",), decay=0.9)
        self.seen = torch.zeros(1, 16, 16)
        self.steps = 0
        self._fails = fails

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        self.seen = torch.lerp(self.seen, batch.images.mean(0), 0.1)
        self.optimizers["adam"].zero_grad()
        losses = [self._loss(batch, sign) for sign in (1, -1)]
        for loss in losses:
            loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 0.5)
        self.optimizers["adam"].step()
        self.steps += 1
        loss = losses[0].detach()
        if self._fails is not None:
            self._fails(self.steps)
        return {"loss": loss, "grad_norm": norm, "progress": progress, "seen": self.seen.abs().mean()}

    def _loss(self, batch: Batch, sign: int) -> Tensor:
        noisy = sign * batch.images + torch.randn_like(batch.images)
        return (self.network(noisy) - batch.images).square().mean()

    def extra_state(self) -> dict[str, Tensor]:
        return {"seen": self.seen, "steps": torch.tensor(self.steps)}

    def load_extra_state(self, state: Mapping[str, Tensor]) -> None:
        self.seen, self.steps = state["seen"].clone(), int(state["steps"])


class Poisoned(Toy):
    """Not finite in one of two processes."""

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        bad = os.environ["RANK"] == "1" and self.steps == 3
        return {**super().step(batch, progress), "bad": float("nan") if bad else 0.0}


def family(name: str, **train: Any) -> Callable[[], Learner]:
    def build() -> Learner:
        chosen = plugins.family(name)
        info = DataInfo("digits", 16, 1, tuple("0123456789"), True, 1000, 0.5)
        return chosen.learner(chosen.TrainConfig(batch_size=ROWS, **train), info)

    return build


def dies(step: int) -> None:
    if step == 5 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)


def collapses(step: int) -> None:
    if step == 5 and os.environ["RANK"] == "1":
        raise Diverged("the toy collapsed")


def breaks(step: int) -> None:
    if step == 5 and os.environ["RANK"] == "1":
        raise ValueError("no toy")


def is_stopped(step: int) -> None:
    if step == 5 and os.environ["RANK"] == "0":
        os.kill(os.getpid(), signal.SIGTERM)


GAN = {"width": 4, "noise": 8, "embedding": 8, "objective": "acgan-joint", "augmentations": ["translation", "cutout"]}
DANN = {"width": 4, "bottleneck": 16, "classifier_hidden": [12], "dropout": 0.3, "shift": 1, "zoom": 0.2}
BUILD: dict[str, Callable[[], Learner]] = {
    "toy": Toy,
    "poisoned": Poisoned,
    "dies": lambda: Toy(dies),
    "collapses": lambda: Toy(collapses),
    "breaks": lambda: Toy(breaks),
    "is_stopped": lambda: Toy(is_stopped),
    "ddpm": family("ddpm", size="xs", patch_size=4, optimizer="adamw", dropout=0.1, condition_dropout=0.2),
    "ddpm-muon": family("ddpm", size="xs", patch_size=4, optimizer="muon", timestep_sampling="logit-normal"),
    "cgan-dcgan": family("cgan", network="dcgan", loss="bce", r1=1.0, r1_every=2, **GAN),
    "cgan-resnet": family("cgan", network="resnet", loss="hinge", conditioning="projection", **GAN),
    "dann": family("dann", normalize="domain", optimizer="adam", **DANN),
    "dann-batch": family("dann", normalize="batch", **DANN),
    "cdan": family("cdan", normalize="domain", entropy_weighting=False, **DANN),
}
SINGLE = ("ddpm", "ddpm-muon")
"""Their sinusoidal embeddings and noise schedules are single precision whatever the rest is."""
FAMILIES = [name for name in BUILD if "-" in name or name in ("toy", "ddpm", "dann", "cdan")]


@contextmanager
def precise(double: bool) -> Iterator[None]:
    """Double precision within the block, even where a network asks for single."""
    if not double:
        yield
        return
    torch.set_default_dtype(torch.float64)
    try:
        with patch.object(Tensor, "float", Tensor.double):
            yield
    finally:
        torch.set_default_dtype(torch.float32)


def training(case: str, checkpoint: str | None = None, *, steps: int = STEPS, rank: int = 0) -> Training:
    torch.manual_seed(0)
    return Training(
        BUILD[case](),
        Pictures(case.startswith(("dann", "cdan"))),
        batch_size=ROWS,
        budget=Budget("steps", steps),
        seed=1,
        device=CPU,
        precision="float32",
        checkpoint=Path(checkpoint) if checkpoint else None,
        rank=rank,
    )


def run(jobs: list[dict[str, Any]], team: Team = ALONE) -> list[Any]:
    """Train one after the other; being stopped is expected, and so is poison."""
    done: list[Any] = []
    for job in jobs:
        settings = {key: value for key, value in job.items() if key != "double"}
        with precise(job.get("double", False)), suppress(KeyboardInterrupt):
            done.append(training(**settings, rank=team.rank))
            try:
                done[-1].run(team=team)
            except Diverged as error:
                if job["case"] != "poisoned":
                    raise
                done[-1] = error
        team.gathered({})  # the leader has written its checkpoint
    return done


def run_together(jobs: list[dict[str, Any]]) -> list[Any]:
    with launching.assembled(2, CPU, {"jobs": jobs}) as team:
        return run(jobs, team)


if __name__ == "__main__":
    torch.set_num_threads(1)
    told = launching.told()
    sys.exit(launching.assist(lambda: (CPU, lambda team: run(told["jobs"], team) and None)))


# ------------------------------------------------------------------------------------------------------------- the laws


@pytest.fixture(scope="module", autouse=True)
def this_file() -> Iterator[None]:
    before = launching.COMMAND
    launching.COMMAND = [sys.executable, __file__]
    yield
    launching.COMMAND = before


def weights(trained: Training) -> dict[str, Tensor]:
    networks = trained.learner.networks
    return {f"{n}/{k}": v.detach().clone() for n, net in networks.items() for k, v in net.state_dict().items()}


DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "randn": lambda x: torch.randn(len(x), 3),
    "randn-size": lambda x: torch.randn(size=(len(x), 3)),
    "randn-tuple": lambda x: torch.randn((len(x),), dtype=torch.float64),
    "rand": lambda x: torch.rand(len(x), 1, 1, 1),
    "randint": lambda x: torch.randint(1000, (len(x),)),
    "randint-low": lambda x: torch.randint(5, 1000, (len(x), 2)),
    "second-dimension": lambda x: torch.randint(1000, (2, len(x), 1)).movedim(1, 0),
    "randn_like": torch.randn_like,
    "rand_like": torch.rand_like,
    "normal_": lambda x: torch.empty_like(x).normal_(),
    "uniform_": lambda x: torch.empty_like(x).uniform_(-1, 1),
    "bernoulli_": lambda x: torch.empty_like(x).bernoulli_(0.3),
    "bernoulli": lambda x: torch.bernoulli(x.sigmoid()),
    "normal": lambda x: torch.normal(x, 2.0),
    "dropout": lambda x: F.dropout(x, 0.4),
    "dropout-inplace": lambda x: F.dropout(x.clone(), 0.4, inplace=True),
    "dropout2d": nn.Dropout2d(0.4),
    "shared": lambda x: x + torch.rand(()),
    "eval": lambda x: F.dropout(x, 0.4, training=False),
    "after another": lambda x: x + torch.rand(len(x), 3, 1, 1) + torch.randn_like(x),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shares_draw_what_the_whole_batch_draws(name: str, layout: torch.memory_format) -> None:
    whole = torch.randn(12, 3, 5, 5).to(memory_format=layout)
    torch.manual_seed(3)
    expected = DRAWS[name](whole)
    parts = []
    for rank in range(3):
        torch.manual_seed(3)
        with Sharing(rank, 3, 4, lambda x: x):
            parts.append(DRAWS[name](whole[4 * rank : 4 * rank + 4]))
    assert torch.equal(torch.cat(parts), expected)


def test_two_stretches_of_a_batch_are_cut_one_by_one() -> None:
    """Source and target pictures in a row: each process has its share of both."""
    whole = torch.randn(2, 12, 7)
    torch.manual_seed(3)
    expected = F.dropout(whole.flatten(0, 1), 0.4).unflatten(0, (2, 12))
    for rank in range(3):
        own = whole[:, 4 * rank : 4 * rank + 4]
        torch.manual_seed(3)
        with Sharing(rank, 3, 4, lambda x: x):
            actual = F.dropout(own.flatten(0, 1), 0.4)
        assert torch.equal(actual.unflatten(0, (2, 4)), expected[:, 4 * rank : 4 * rank + 4])


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes make of every family, of an interrupted training, and of one that leaves the numbers."""
    folder = tmp_path_factory.mktemp("checkpoints")
    jobs: dict[str, dict[str, Any]] = {case: {"case": case, "double": case not in SINGLE} for case in FAMILIES}
    jobs |= {f"{case} single": {"case": case} for case in ("cgan-resnet", "dann")}
    for case in ("toy", "cgan-resnet"):
        path = str(folder / case)
        jobs |= {f"{case} whole": {"case": case}, f"{case} begun": {"case": case, "checkpoint": path, "steps": 4}}
        jobs |= {f"{case} resumed": {"case": case, "checkpoint": path}}
    stopped = {"case": "is_stopped", "checkpoint": str(folder / "stopped")}
    jobs |= {"stopped": stopped, "went on": stopped, "poisoned": {"case": "poisoned"}}
    return dict(zip(jobs, run_together(list(jobs.values())), strict=True))


def furthest(alone: Training, both: Training, *, early: int = STEPS) -> float:
    """The largest difference of a logged value in the first steps, relative to its size or to 0.001."""
    worst = 0.0
    assert alone.history.values.keys() == both.history.values.keys()
    for name in alone.history.values.keys() - {"seen"}:
        assert both.history.steps[name] == list(range(STEPS))
        a, b = (np.array(trained.history.values[name])[:early] for trained in (alone, both))
        worst = max(worst, float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1e-3))))
    return worst


@pytest.mark.parametrize("case", FAMILIES)
def test_two_processes_give_the_losses_and_weights_of_one(together: dict[str, Training], case: str) -> None:
    """In double precision only the logged values, which are float32, are rounded: what is left is the same arithmetic.

    In single precision, Adam turns rounding of a gradient near zero into a difference of a step's size, and Muon
    orthogonalises in bfloat16; losses of the first ten steps agree all the same.
    """
    (alone,) = run([{"case": case, "double": case not in SINGLE}])
    both = together[case]
    assert furthest(alone, both) < (1e-4 if case in SINGLE else 1e-6)
    expected, actual = weights(alone), weights(both)
    far = max(float((actual[key].double() - value.double()).abs().max()) for key, value in expected.items())
    assert far < (5e-3 if case in SINGLE else 1e-7)
    assert both.counters.step == STEPS
    assert both.counters.pictures == STEPS * ROWS
    began = weights(training(case))
    assert max(float((actual[key].double() - value.double()).abs().max()) for key, value in began.items()) > 1e-3


@pytest.mark.parametrize("case", ["cgan-resnet", "dann"])
def test_losses_agree_in_single_precision(together: dict[str, Training], case: str) -> None:
    (alone,) = run([{"case": case}])
    assert furthest(alone, together[f"{case} single"], early=5) < 1e-4


@pytest.mark.parametrize("case", ["toy", "cgan-resnet"])
def test_resumed_equals_uninterrupted_bit_for_bit(together: dict[str, Training], case: str) -> None:
    whole, resumed = together[f"{case} whole"], together[f"{case} resumed"]
    assert together[f"{case} begun"].counters.step == 4
    for name in whole.history.values.keys() - {"progress"}:  # of another budget, when begun
        assert whole.history.values[name] == resumed.history.values[name]
    expected, actual = weights(whole), weights(resumed)
    assert all(torch.equal(actual[key], value) for key, value in expected.items())


def test_a_signal_to_one_process_stops_all_at_the_same_step(together: dict[str, Training]) -> None:
    assert together["stopped"].counters.step == 5
    assert together["went on"].history.values == together["toy whole"].history.values


def test_what_is_not_finite_in_one_process_ends_all(together: dict[str, Any]) -> None:
    assert isinstance(together["poisoned"], Diverged)
    assert "bad is nan at step 3" in str(together["poisoned"])


def test_a_process_that_is_killed_ends_the_run_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    run([{"case": "toy", "checkpoint": str(path), "steps": 2}])
    before = path.read_bytes()
    with pytest.raises(RunError) as caught:
        run_together([{"case": "dies", "checkpoint": str(path)}])
    assert str(caught.value) == (
        "process 2 of 2 was killed (SIGKILL); the same command again goes on where it was saved"
    )
    assert caught.value.exit_code == 1
    assert path.read_bytes() == before
    assert "WORLD_SIZE" not in os.environ


def test_the_reason_of_a_process_that_gives_up_is_told() -> None:
    with pytest.raises(Diverged, match=r"^the toy collapsed$"):
        run_together([{"case": "collapses"}])


@pytest.mark.slow
def test_an_error_in_another_process_is_told() -> None:
    with pytest.raises(RunError, match=r"^process 2 of 2: ValueError: no toy$"):
        run_together([{"case": "breaks"}])


def test_what_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    launching.check(1, batch_size=7, device=CPU)
    launching.check(4, batch_size=8, device=CPU)
    with pytest.raises(ConfigError, match="batch_size 8 cannot be shared evenly by 3 processes: use a multiple of 3"):
        launching.check(3, batch_size=8, device=CPU)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="2 processes need 2 GPUs, and torch sees 1"):
        launching.check(2, batch_size=8, device=torch.device("cuda"))
    with pytest.raises(ConfigError, match="takes a GPU each: use --device cuda, not cuda:0"):
        launching.check(2, batch_size=8, device=torch.device("cuda:0"))
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ConfigError, match="--processes 2, but 4 were launched"):
        launching.check(2, batch_size=8, device=CPU)
    monkeypatch.setattr(launching, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs accelerate: pip install 'genbench\[distributed\]'"):
        launching.check(4, batch_size=8, device=CPU)


# ---------------------------------------------------------------------------------------------------- the command line


SMOKE = ("run", "ddpm:smoke", "--metrics", "accuracy", "--pictures", "16", "--precision", "float32", "--device", "cpu")


def test_a_batch_that_cannot_be_shared_is_bad_input(cli: Cli) -> None:
    answer = cli(*SMOKE, "--processes", "3")
    assert answer.code == 2
    assert answer.err.strip().splitlines()[-1] == (
        "genbench: train.batch_size 16 cannot be shared evenly by 3 processes: use a multiple of 3"
    )


def shell(*arguments: str | Path, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, *(launcher or ("-m", "genbench.cli")), *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.mark.slow
def test_command_line(tmp_path: Path, shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes: the same curve as one, columns of their own; found again; the others are gone at the end."""
    monkeypatch.setenv("GENBENCH_HOME", str(shared_home))
    monkeypatch.chdir(tmp_path)
    launching.COMMAND = [sys.executable, "-m", "genbench.commands.assist"]
    records = []
    for processes in ("1", "2"):
        smoke = [*SMOKE, "--budget", "8steps", "--processes", processes, "-f", "json"]
        code, out, err = finished(shell(*smoke))
        assert code == 0, err
        records.append(json.loads(out))
        assert "Traceback" not in err
    identities = [record["metrics"]["train_s"]["identity"] for record in records]
    assert "processes" not in identities[0]
    assert identities[1]["processes"] == 2
    curves = [read_history(path) for path in sorted(tmp_path.glob("results/stages/train/*/history.csv"))]
    assert len(curves) == 2
    assert curves[0]["loss"][1] == pytest.approx(curves[1]["loss"][1], rel=1e-4)
    _, _, err = finished(shell(*smoke))
    assert "found in the store" in err
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "genbench.cli")
    code, _, err = finished(shell(*SMOKE, "--budget", "8steps", launcher=launcher))
    assert code == 0, err
    assert "found in the store" in err


@pytest.mark.slow
@pytest.mark.parametrize("what", ["kill", "interrupt"])
def test_command_line_that_ends_early_goes_on_later(
    what: str, tmp_path: Path, shared_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENBENCH_HOME", str(shared_home))
    monkeypatch.chdir(tmp_path)
    process = shell(*SMOKE, "--budget", "40s", "--processes", "2")
    children: list[psutil.Process] = []
    while not any(child.cpu_times().user > 6 for child in children):
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
        children = psutil.Process(process.pid).children()
    if what == "kill":
        children[0].kill()
    else:
        process.send_signal(signal.SIGINT)
    code, _, err = finished(process)
    if what == "kill":
        assert code == 1
        assert err.strip().splitlines()[-1].startswith("genbench: process 2 of 2 was killed (SIGKILL)")
    else:
        assert code == 130
        assert len(list(tmp_path.glob("results/stages/train/*/checkpoint.safetensors"))) == 1
    assert "Traceback" not in err
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
