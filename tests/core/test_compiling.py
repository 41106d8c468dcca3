"""Training steps that torch compiles: the same results, plain networks elsewhere, one line where it cannot."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from genbench import compiling
from genbench.budgets import Budget
from genbench.data import Batches
from genbench.errors import ConfigError
from genbench.precision import prepare
from genbench.specs import ComparisonSpec, RunSpec
from genbench.training import Training
from tests.core.test_training import Denoiser

CPU = torch.device("cpu")


@pytest.fixture
def traced(monkeypatch):
    """The compiler's tracing and its graphs of both directions, without its minutes for C++; counts compilations."""
    plain, modes = torch.compile, []

    def compile(function, *, mode):
        modes.append(mode)
        return plain(function, backend="aot_eager")

    monkeypatch.setattr(compiling.torch, "compile", compile)
    torch.compiler.reset()
    yield modes
    torch.compiler.reset()


def training(learner: Denoiser, steps: int, mode: str, precision: str = "float32", checkpoint: Path | None = None):
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    return Training(
        learner,
        Batches(images, np.ones((50, 1), dtype=np.uint8), batch_size=8, seed=1, device=CPU),
        batch_size=8,
        budget=Budget("steps", steps),
        seed=1,
        device=CPU,
        precision=precision,
        checkpoint=checkpoint,
        compile=mode,
    )


def trained(mode: str, steps: int = 6, precision: str = "float32", learner=Denoiser, checkpoint: Path | None = None):
    torch.manual_seed(0)
    result = training(learner(), steps, mode, precision, checkpoint)
    result.run()
    return result


@pytest.mark.parametrize(("precision", "close"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_losses_and_operations_are_those_of_plain_steps(traced, precision, close):
    plain, compiled = (trained(mode, precision=precision) for mode in ("off", "reduce-overhead"))
    assert traced == ["reduce-overhead"]
    assert compiled.history.values["loss"] == pytest.approx(plain.history.values["loss"], rel=close)
    assert compiled.counters.flop_per_step == plain.counters.flop_per_step > 0
    for mine, other in zip(compiled.learner.network.parameters(), plain.learner.network.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=10 * close)


def test_a_compiled_training_that_goes_on_is_compiled_again_and_ends_alike(traced, tmp_path):
    whole = trained("default", 7)
    trained("default", 3, checkpoint=tmp_path / "c.safetensors")
    resumed = training(Denoiser(), 7, "default", checkpoint=tmp_path / "c.safetensors")
    assert resumed.counters.step == 3
    resumed.run()
    assert len(traced) == 3
    assert resumed.history.values["loss"] == pytest.approx(whole.history.values["loss"], rel=1e-6)


def test_each_training_has_the_compilers_limit_of_shapes_to_itself(monkeypatch):
    graphs = []

    def compile(function, mode):
        return plain(function, backend=lambda graph, given: graphs.append(mode) or graph.forward)

    plain = torch.compile
    monkeypatch.setattr(compiling.torch, "compile", compile)
    torch.compiler.reset()
    for width in range(1, 13):
        network = nn.Linear(width, 1)
        prepare([network], CPU, "bfloat16")
        compiling.compile_networks({"net": network}, "default")
        network(torch.ones(2, width))
    assert len(graphs) == 12
    torch.compiler.reset()


def test_whatever_is_no_training_step_runs_plain(monkeypatch):
    network = nn.Linear(2, 2)
    calls = []

    def compile(function, mode):
        def run(*given):
            calls.append(mode)
            return function(*given)

        return run

    monkeypatch.setattr(compiling.torch, "compile", compile)
    compiling.compile_networks({"net": network}, "default")
    network(torch.ones(1, 2))
    assert calls == ["default"]
    with torch.no_grad():
        network(torch.ones(1, 2))
    network.eval()
    network(torch.ones(1, 2))
    assert calls == ["default"]


class Penalised(Denoiser):
    """A loss with the gradient's gradient, which the compiler has no graph for."""

    def step(self, batch, progress):
        images = batch.images.clone().requires_grad_()
        (slope,) = torch.autograd.grad(self.network(images).sum(), images, create_graph=True)
        loss = slope.square().sum()
        loss.backward()
        return {"loss": loss.detach()}


def test_what_cannot_be_compiled_is_one_line(traced):
    with pytest.raises(ConfigError, match=r"--compile default cannot be compiled \(.*double backward.*leave --compile"):
        trained("default", learner=Penalised)
    assert trained("off", learner=Penalised).counters.step == 6


def test_a_compiler_that_is_missing_is_one_line(monkeypatch):
    def compile(function, mode):
        def run(*given):
            raise RuntimeError("\nNo working C++ compiler found\nmore of it")

        return run

    monkeypatch.setattr(compiling.torch, "compile", compile)
    with pytest.raises(
        ConfigError, match=r"^network 'net' cannot be compiled \(No working C\+\+ compiler found\): leave"
    ):
        trained("default")


def test_off_is_not_in_what_is_hashed():
    row = {"family": "ddpm"}
    for spec, more in ((RunSpec, row), (ComparisonSpec, {"rows": (row,)})):
        assert "compile" not in spec(**more).model_dump(mode="json")
        assert spec(**more, compile="default").model_dump(mode="json")["compile"] == "default"
    comparison = ComparisonSpec(rows=(row,), compile="reduce-overhead")
    assert comparison.run_spec(comparison.rows[0], 0).compile == "reduce-overhead"


def test_processes_and_unknown_modes_are_refused(cli, tmp_path):
    small = ("--preset", "smoke", "--budget", "2steps")
    answer = cli("run", "ddpm", *small, "--compile", "default", "--processes", "2", "--set", "train.batch_size=8")
    assert (answer.code, answer.out) == (2, "")
    assert "--compile default trains in one process: leave --processes 2 out" in answer.err
    (tmp_path / "c.toml").write_text('compile = "fast"\n[[rows]]\nfamily = "ddpm"\n')
    answer = cli("compare", "--config", "c.toml")
    assert answer.code == 2
    assert "compile" in answer.err


SMALL = ("--preset", "smoke", "--budget", "6steps", "--pictures", "8", "--metrics", "accuracy", "--format", "json")
needs_compiler = pytest.mark.skipif(not (shutil.which("c++") or shutil.which("g++")), reason="needs a C++ compiler")


@pytest.mark.slow
@needs_compiler
def test_a_run_with_torchs_own_compiler(cli):
    torch.compiler.reset()
    plain, compiled = (cli("run", "ddpm", *SMALL, "--compile", mode) for mode in ("off", "default"))
    assert (plain.code, compiled.code) == (0, 0), compiled.err
    before, after = (json.loads(answer.out) for answer in (plain, compiled))
    assert before["id"] != after["id"]
    assert before["metrics"]["train_flop"]["value"] == after["metrics"]["train_flop"]["value"]
    assert after["metrics"]["train_s"]["identity"]["compile"] == "default"
    assert "compile" not in before["metrics"]["train_s"]["identity"]


@pytest.mark.slow
@needs_compiler
def test_a_family_that_cannot_be_compiled_is_one_line(cli):
    torch.compiler.reset()
    answer = cli("run", "cgan", *SMALL, "--compile", "default")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.strip().splitlines()[-1].endswith("leave --compile out")
