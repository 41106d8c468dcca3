"""The main job through the command line, at the smallest size: compare, the store, and the verbs around it."""

import csv
import io
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Answer, Cli

SMOKE = ("--dataset", "digits", "--preset", "smoke", "--seeds", "2")
METRICS = {"accuracy", "exact_set", "fid", "train_s", "sample_s", "parameters", "peak_memory_mb"}


def compare(cli: Cli, *more: str | Path) -> Answer:
    return cli("compare", "ddpm", "cgan", *SMOKE, *more)


def test_compare_prints_one_json_object(cli: Cli, tmp_path: Path) -> None:
    answer = compare(cli, "--format", "json", "--name", "first")
    assert answer.code == 0, answer.err
    table = json.loads(answer.out)
    assert table["schema"] == 1
    assert (table["task"], table["dataset"]) == ("generation", "digits")
    rows = {row["family"]: row for row in table["rows"] if row["family"]}
    assert list(rows) == ["ddpm", "cgan"]
    for row in rows.values():
        assert (row["preset"], row["seeds"], row["failed"]) == ("smoke", 2, 0)
        assert set(row["metrics"]) >= METRICS
        for entry in row["metrics"].values():
            assert len(entry["values"]) == 2
            assert entry["mean"] == pytest.approx(np.mean(entry["values"]))
            assert entry["low"] <= entry["mean"] <= entry["high"]
            assert entry["identity"]
    for path in table["files"].values():
        assert (tmp_path / path).stat().st_size > 0
    assert {path.name for path in (tmp_path / "results" / "first").iterdir()} >= {
        "table.csv",
        "table.tex",
        "table.md",
        "samples.png",
    }


def test_the_same_comparison_again_runs_nothing(cli: Cli) -> None:
    first = compare(cli, "--format", "json")
    runs = json.loads(cli("ls", "runs", "--format", "json").out)
    second = compare(cli, "--format", "json")
    assert second.out == first.out
    assert "wrote " in first.err
    assert "wrote " not in second.err
    assert "has the files of this comparison already" in second.err
    assert json.loads(cli("ls", "runs", "--format", "json").out) == runs
    assert len(runs) == 4
    assert {run["status"] for run in runs} == {"finished"}


@pytest.mark.slow
def test_a_finished_comparison_imports_nothing_that_only_a_new_one_needs(cli: Cli) -> None:
    """Each of these takes a second or more."""
    command = ["compare", "ddpm", *SMOKE, "--device", "cpu"]
    assert cli(*command).code == 0
    needless = ("mlflow", "sqlalchemy", "pandas", "scipy.stats", "matplotlib", "sklearn", "torchvision", "triton")
    code = (
        "import sys; from genbench.cli import app; "
        f"app({command!r}, prog_name='genbench', standalone_mode=False); "
        f"print([name for name in {needless!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("output", ["table", "csv", "md", "latex"])
def test_every_format_goes_to_stdout(cli: Cli, output: str) -> None:
    answer = cli("compare", "ddpm", "--preset", "smoke", "--seeds", "1", "--format", output)
    assert answer.code == 0, answer.err
    assert "ddpm" in answer.out
    if output == "csv":
        lines = list(csv.DictReader(io.StringIO(answer.out)))
        assert {line["metric"] for line in lines if line["family"] == "ddpm"} >= METRICS
    if output == "latex":
        assert r"\begin{tabular}" in answer.out
        assert r"\toprule" in answer.out


def test_seeds_are_shared_by_families_and_differ_from_each_other(cli: Cli) -> None:
    compare(cli)
    from genbench.tracking import Store

    store = Store(Path("results"))
    seeds: dict[str, list[int]] = {}
    for run in store.runs():
        record = store.record(run.id)
        seeds.setdefault(record["family"], []).append(record["seed"])
    assert sorted(seeds["ddpm"]) == sorted(seeds["cgan"])
    assert len(set(seeds["ddpm"])) == 2


def test_the_store_has_parameters_losses_metrics_and_files(cli: Cli, tmp_path: Path) -> None:
    answer = cli("run", "ddpm", "--preset", "smoke")
    assert answer.code == 0, answer.err
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("genbench")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["family"] == "ddpm"
    assert "train.batch_size" in run.data.params
    assert {"genbench.stage.train", "genbench.stage.sample", "genbench.stage.evaluate"} <= run.data.tags.keys()
    assert json.loads(run.data.tags["genbench.identity.fid"])["reference"]
    assert run.data.metrics.keys() >= METRICS
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in losses] == list(range(len(losses)))
    assert len(losses) == int(
        json.loads(_artifact(client, run.info.run_id, "result.json"))["stages"]["train"]["train_steps"]
    )
    names = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert names >= {"spec.toml", "result.json", "samples.png", "history.csv", "checkpoint"}
    assert [item.path for item in client.list_artifacts(run.info.run_id, "checkpoint")] == [
        "checkpoint/weights.safetensors"
    ]


def _artifact(client: object, run_id: str, name: str) -> str:
    return Path(client.download_artifacts(run_id, name)).read_text()  # type: ignore[attr-defined]


def test_a_recorded_specification_runs_again_to_the_same_run(cli: Cli, tmp_path: Path) -> None:
    cli("run", "cgan", "--preset", "smoke", "--seed", "3")
    (spec,) = (tmp_path / "results" / "artifacts").rglob("spec.toml")
    answer = cli("run", spec, "--format", "json")
    assert answer.code == 0, answer.err
    assert len(json.loads(cli("ls", "runs", "--format", "json").out)) == 1
    other = cli("run", spec, "--seed", "4", "--format", "json")
    assert json.loads(other.out)["repetition"] == 4
    assert len(json.loads(cli("ls", "runs", "--format", "json").out)) == 2


def test_sampling_settings_alone_do_not_train_again(cli: Cli, tmp_path: Path) -> None:
    cli("run", "ddpm", "--preset", "smoke")
    cli("run", "ddpm", "--preset", "smoke", "--set", "sample.guidance_scale=2.5")
    cli("run", "ddim", "--preset", "smoke")
    assert len(list((tmp_path / "results" / "stages" / "train").glob("*/done.json"))) == 1
    assert len(list((tmp_path / "results" / "stages" / "sample").glob("*/done.json"))) == 3


def test_sample_then_evaluate_the_folder(cli: Cli, tmp_path: Path) -> None:
    cli("run", "ddpm", "--preset", "smoke")
    run = json.loads(cli("ls", "runs", "--format", "json").out)[0]["run"]
    arguments = ("sample", run, "--conditions", "3; 7", "--count", "3", "--out")
    answer = cli(*arguments, "made")
    assert answer.code == 0, answer.err
    assert answer.out.strip() == "made"
    cli(*arguments, "again")
    refused = cli(*arguments, "made")
    assert (refused.code, refused.err) == (
        2,
        "genbench: made has pictures or labels already: choose another folder, or remove them\n",
    )
    pictures = sorted((tmp_path / "made").glob("0*.png"))
    assert len(pictures) == 6
    for picture in pictures:
        assert np.array_equal(
            np.asarray(Image.open(picture)), np.asarray(Image.open(tmp_path / "again" / picture.name))
        )
    labels = json.loads((tmp_path / "made" / "labels.json").read_text())
    assert list(labels.values()) == [["3"]] * 3 + [["7"]] * 3
    scored = cli("evaluate", "made", "--dataset", "digits", "--format", "json")
    assert scored.code == 0, scored.err
    accuracy = json.loads(scored.out)["metrics"]["accuracy"]
    assert accuracy["values"] == [accuracy["mean"]]
    assert 0 <= accuracy["low"] <= accuracy["mean"] <= accuracy["high"] <= 1
    assert accuracy["low"] < accuracy["high"]  # six pictures leave much open
    assert accuracy["identity"]["samples"] == 6

    labels.popitem()
    (tmp_path / "made" / "labels.json").write_text(json.dumps(labels))
    partly = cli("evaluate", "made", "--dataset", "digits", "--metrics", "accuracy", "--quiet")
    assert partly.code == 0, partly.err
    assert "1 pictures have no label, so they are left out: only 5 count" in partly.err
    assert "samples 5" in partly.out
    table = cli("evaluate", "made", "--dataset", "digits", "--metrics", "accuracy", "--format", "csv", "--quiet").out
    assert all(json.loads(row["identity"]) for row in csv.DictReader(io.StringIO(table)))


def test_evaluating_real_pictures_gives_the_ceiling(cli: Cli, tmp_path: Path) -> None:
    """Held-out digits written as PNGs score exactly what the evaluator's ceiling says."""
    from genbench import plugins
    from genbench.data import DataRequest, load

    test = load(plugins.dataset("digits"), DataRequest()).splits["test"]
    (tmp_path / "real").mkdir()
    labels = {}
    for index, (image, condition) in enumerate(zip(test.images, test.conditions, strict=True)):
        Image.fromarray(np.array(image[..., 0])).save(tmp_path / "real" / f"{index}.png")
        labels[f"{index}.png"] = str(int(condition.argmax()))
    (tmp_path / "real" / "labels.json").write_text(json.dumps(labels))
    metrics = json.loads(cli("evaluate", "real", "--dataset", "digits", "--format", "json").out)["metrics"]
    assert metrics["accuracy"]["mean"] == pytest.approx(metrics["accuracy"]["ceiling"])
    assert metrics["fid"]["mean"] == pytest.approx(0, abs=1e-3)


class Failing:
    """Stands for a stranger's module that cannot be imported."""

    def __new__(cls) -> "Failing":
        raise ImportError("no module named 'frobnicator'")


def test_a_broken_family_leaves_the_others_working(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from genbench import plugins

    registered = plugins._registered
    broken = EntryPoint("broken", f"{__name__}:Failing", "genbench.families")
    monkeypatch.setattr(EntryPoint, "load", _load_here(EntryPoint.load))
    monkeypatch.setattr(
        plugins, "_registered", lambda kind: {**registered(kind), **({"broken": broken} if kind == "families" else {})}
    )
    listing = cli("ls", "families")
    assert listing.code == 0
    assert "ddpm" in listing.out
    assert "frobnicator" in listing.err
    answer = cli("compare", "ddpm", "broken")
    assert answer.code == 2
    assert "frobnicator" in answer.err


def _load_here(load: object) -> object:
    def loaded(self: EntryPoint) -> object:
        return Failing if self.name == "broken" else load(self)  # type: ignore[operator]

    return loaded


def test_a_failing_seed_is_counted_and_the_others_go_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from genbench.errors import Diverged
    from genbench.training import Training

    honest = Training.run
    calls = []

    def sometimes(self: Training, *more: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Diverged("loss is nan at step 3")
        honest(self, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Training, "run", sometimes)
    answer = compare(cli, "--format", "json")
    assert answer.code == 1
    assert "1 of 4 runs failed" in answer.err
    rows = {row["family"]: row for row in json.loads(answer.out)["rows"] if row["family"]}
    assert (rows["ddpm"]["failed"], rows["cgan"]["failed"]) == (0, 1)
    assert len(rows["cgan"]["metrics"]["accuracy"]["values"]) == 1
    statuses = sorted(run["status"] for run in json.loads(cli("ls", "runs", "--format", "json").out))
    assert statuses == ["diverged", "finished", "finished", "finished"]


def test_progress_is_on_stderr_and_quiet_silences_it(cli: Cli) -> None:
    loud = cli("run", "ddpm", "--preset", "smoke")
    assert "train" in loud.err
    assert "train:" not in loud.out
    quiet = cli("run", "ddpm", "--preset", "smoke", "--seed", "1", "--quiet")
    assert quiet.err == ""


@pytest.mark.parametrize("what", ["families", "datasets", "metrics", "presets", "runs"])
def test_listings_in_json_and_csv(cli: Cli, what: str) -> None:
    rows = json.loads(cli("ls", what, "--format", "json").out)
    lines = list(csv.DictReader(io.StringIO(cli("ls", what, "--format", "csv").out)))
    assert len(rows) == len(lines)
    if what == "families":
        assert {row["family"] for row in rows} >= {"ddpm", "ddim", "cgan", "dann"}


def test_doctor_names_device_and_precision(cli: Cli) -> None:
    answer = cli("doctor", "--format", "json")
    assert answer.code == 0, answer.err
    findings = {row["what"]: row for row in json.loads(answer.out)}
    assert findings["torch"]["state"] == "ok"
    assert "precision" in findings["device"]["detail"]
