"""What contenders are measured by: the clock, the held-out loss, slopes, the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from genbench_ddpm.prediction import PredictionType

from benchmarks import training
from benchmarks.alternating import ROOT
from benchmarks.bench import parse
from benchmarks.contenders.genbench_training import build, noise_of
from benchmarks.contenders.measuring import LEVELS, StepClock, epsilon_loss
from benchmarks.growth import slope
from benchmarks.settings import Settings
from genbench.errors import ConfigError

CPU = torch.device("cpu")
ALPHA_BARS = torch.linspace(0.999, 0.001, 1000)


def test_held_out_loss_is_nothing_for_who_knows_the_picture_and_one_for_who_says_nothing() -> None:
    clean = torch.rand(16, 3, 8, 8) * 2 - 1

    def knows(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        signal = ALPHA_BARS[t][:, None, None, None]
        return (x - signal.sqrt() * clean) / (1 - signal).sqrt()

    assert epsilon_loss(knows, ALPHA_BARS, clean) < 1e-8
    assert epsilon_loss(lambda x, t: torch.zeros_like(x), ALPHA_BARS, clean) == pytest.approx(1, abs=0.1)


def test_held_out_loss_looks_at_the_same_shares_of_signal_whatever_the_schedule() -> None:
    seen = []

    def spy(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(t)
        return x

    schedules = ALPHA_BARS, ALPHA_BARS.square()
    found = [epsilon_loss(spy, alpha_bars, torch.zeros(32, 3, 4, 4)) for alpha_bars in schedules]
    assert found[0] == pytest.approx(found[1], rel=1e-2)
    for t, alpha_bars in zip(seen, schedules, strict=True):
        torch.testing.assert_close(alpha_bars[t], LEVELS.repeat(2), atol=2e-3, rtol=0)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_every_parameterisation_becomes_the_noise(kind: PredictionType) -> None:
    config = {"network": "unet", "size": "xs", "patch_size": 2, "conditioning": "none", "prediction_type": kind}
    learner = build({"config": config, "seed": 0}, np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3), np.uint8))
    clean, noise, t = torch.rand(4, 3, 8, 8), torch.randn(4, 3, 8, 8), torch.tensor([50, 300, 500, 900])
    a, s = learner.process.signal_and_noise(t)
    said = {"epsilon": noise, "v_prediction": a * noise - s * clean, "sample": clean}[kind]
    learner.network.forward = lambda x, time, conditions: said  # type: ignore[method-assign]
    torch.testing.assert_close(noise_of(learner, a * clean + s * noise, t), noise, atol=1e-4, rtol=1e-4)


def test_the_clock_counts_neither_warm_up_nor_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("benchmarks.contenders.measuring.time.perf_counter", lambda: now[0])

    def look() -> float:
        now[0] += 100
        return now[0]

    clock = StepClock(2, 6, 3, look, CPU)
    for number in range(6):
        clock.step(number)
        now[0] += 1
    clock.step(6)
    assert clock.seconds == 4
    assert list(clock.curve) == [2, 4, 6]


def test_slopes_are_exponents() -> None:
    sizes = [1, 2, 4, 8]
    assert slope(sizes, [3 * size**2 for size in sizes]) == pytest.approx(2)


@pytest.mark.parametrize("wrong", [("--rounds", "0"), ("--threads", "0"), ("--amount", "0"), ("--amount", "-1")])
def test_amounts_of_nothing_are_refused(capsys, wrong):
    with pytest.raises(SystemExit) as end:
        parse(["training", *wrong])
    assert end.value.code == 2
    assert "must be at least 1, --amount above 0" in capsys.readouterr().err


def test_unknown_benchmarks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(["trainings"])
    assert "trainings: there is no such benchmark" in capsys.readouterr().err


def test_cases_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    settings = Settings("cpu", 1, 1, 1.0, None, tmp_path, "a command", only="C-tiny")
    with pytest.raises(ConfigError, match=r"C-tiny: no case is called so: choose from .*C-small"):
        training.run(settings)


def test_a_command_is_a_contender_with_the_number_that_it_prints() -> None:
    task = {"command": [sys.executable, "-S", "-c", "print('FID: 12.5')"], "units": 3, "value": r"FID: ([\d.]+)"}
    line = [sys.executable, "-m", "benchmarks.contenders.command", json.dumps(task)]
    said = json.loads(subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert said["value"] == 12.5
    assert said["units"] == 3
    assert said["seconds"] > 0
    silent = [*line[:-1], json.dumps(task | {"value": "KID: (.*)"})]
    done = subprocess.run(silent, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "printed no KID" in done.stderr
