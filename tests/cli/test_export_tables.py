"""A finished comparison leaves through `genbench export` and `genbench report`, as `genbench compare` left it."""

import csv
import io
import json
from pathlib import Path

import pandas as pd

from tests.cli.test_bad_input import refused
from tests.conftest import Cli

SMALL = ("--preset", "smoke", "--budget", "2steps", "--pictures", "10", "--metrics", "accuracy", "--seeds", "2", "-q")
TABLES = {"table.csv", "table-wide.csv", "table.tex", "table.md", "table.html", "table.json", "table.parquet"}


def test_a_finished_comparison_is_exported_again(cli: Cli, tmp_path: Path) -> None:
    made = cli("compare", "ddpm", "--name", "mine", "--set", "sample.num_inference_steps=2", *SMALL, "--format", "json")
    assert made.code == 0, made.err
    folder = Path("results/mine")
    files = {path.name for path in folder.iterdir()}
    assert files >= {"comparison.json", "points.png", "objects.png", "objects.csv", "curves.png", "curves.pdf"}
    assert {Path(path).name for path in json.loads(made.out)["files"].values()} <= files

    answer = cli("export", "mine")
    assert answer.code == 0, answer.err
    exported = Path(answer.out.strip())
    assert exported == Path("results/exports/mine")
    assert {path.name for path in exported.iterdir()} == TABLES
    for name in ("table.csv", "table.tex", "table.md", "table.json"):
        assert (exported / name).read_bytes() == (folder / name).read_bytes()
    frame = pd.read_parquet(exported / "table.parquet")
    assert frame["metric"].tolist() == pd.read_csv(folder / "table.csv")["metric"].tolist()

    wide = cli("export", "mine", "--format", "wide", "--columns", "train_s,accuracy")
    header, row, *_ = csv.reader(io.StringIO(wide.out))
    assert header[7:10] == ["train_s", "train_s_low", "train_s_high"]
    assert header[10] == "accuracy"
    assert row[0] == "ddpm"
    assert cli("export", "mine", "-f", "latex", "--out", "a/b.tex").out == "a/b.tex\n"
    assert Path("a/b.tex").read_bytes() == (folder / "table.tex").read_bytes()
    assert "<table>" in cli("export", str(folder), "--format", "html", "--reference").out

    refused(cli("export", "mine", "--format", "parquet"), "--format parquet is not text: name a file with --out")
    refused(cli("export", "mine", "--columns", "acuracy"), "no measure 'acuracy'", "did you mean 'accuracy'")
    refused(cli("export", "mine", "--layout", "diffusers"), "--layout is for a run's networks")
    refused(cli("export", "beef", "--columns", "fid"), "--columns is for a finished comparison")

    report = cli("report", "mine")
    assert report.code == 0, report.err
    page = Path(report.out.strip()).read_text(encoding="utf-8")
    assert page.count("<figure>") == 5
    assert "num inference steps" in page
    assert len(page) < 5_000_000


def test_runs_of_different_commands_share_a_table(cli: Cli) -> None:
    tiny = ("--set", "train.width=2", *(option for option in SMALL if option not in ("--seeds", "2")))
    ids = []
    for more in (("--seed", "0"), ("--seed", "1"), ("--seed", "0", "--budget", "3steps")):
        made = cli("run", "cgan", *tiny, *more, "--format", "json")
        assert made.code == 0, made.err
        ids.append(json.loads(made.out)["id"])
    table = json.loads(cli("export", ids[1][:8], ids[0], "--format", "json").out)
    (row,) = [row for row in table["rows"] if row["family"]]
    values = [json.loads(cli("run", "cgan", *tiny, "--seed", s, "-f", "json").out)["metrics"] for s in "01"]
    assert row["metrics"]["accuracy"]["values"] == [v["accuracy"]["value"] for v in values]
    both = json.loads(cli("export", ids[0], ids[2], "--format", "json").out)
    assert [row["seeds"] for row in both["rows"] if row["family"]] == [1, 1]
    refused(cli("export", *ids), "has seeds [0, 1] and", "name runs of the same seeds")
    refused(cli("export", ids[0], ids[0]), "name each run once")
    refused(cli("export", *ids[:2], "--layout", "diffusers"), "--layout is for one run's networks")
