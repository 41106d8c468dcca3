"""Tables for programs: nothing is lost on the way."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from genbench.errors import ConfigError, GenbenchError
from genbench.exporting import print_table, to_frame, to_json, write_tables
from genbench.exporting.csv import harmless, to_csv
from genbench.exporting.wide import to_wide_csv
from genbench.tables import Cell
from tests.exporting.examples import COLUMNS, HOSTILE, comparison, marked

NUMBERS = ("mean", "low", "high", "ceiling", "difference", "difference_low", "difference_high", "p_value")


def read(text: str) -> pd.DataFrame:
    strings = ["label", "family", "preset", "metric", "values", "unit", "identity"]
    strings += ["repetitions", "covers", "against", "distinguishable", "selection", "marks", "budget"]
    types = dict.fromkeys(strings, "str")
    return pd.read_csv(
        io.StringIO(text),
        float_precision="round_trip",
        keep_default_na=False,
        na_values=dict.fromkeys(NUMBERS, ""),
        dtype=types,
    )


@pytest.mark.parametrize("labels", [("ddpm", "cgan"), HOSTILE, ("NA", "a,b;c", 'quote"', "=1+1")])
def test_csv_reads_back_to_the_same_frame(labels):
    table = comparison(labels, failed=1)
    back, frame = read(to_csv(table)), to_frame(table)
    pd.testing.assert_frame_equal(back, frame.assign(label=frame.label.map(harmless)), check_dtype=False)


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t"])
@pytest.mark.parametrize("write", [to_csv, to_wide_csv])
def test_no_name_is_a_formula_for_a_spreadsheet(first, write):
    table = comparison([f"{first}1+1", "plain"])
    lines = write(table).splitlines()[1:]
    assert {line[: len("'x1+1,")] for line in lines if "1+1" in line} == {f"'{first}1+1,"}
    assert any(line.startswith("plain,") for line in lines)


def test_frame_is_tidy():
    table = comparison(failed=3)
    frame = to_frame(table)
    assert len(frame) == 2 * len(COLUMNS) + 2  # the reference row lists only what it has
    assert not frame.duplicated(["label", "metric"]).any()
    lost = frame[frame.label == "cgan"]
    assert lost["mean"].isna().all()
    assert (lost.failed == 3).all()
    first = frame.iloc[0]
    assert [float(value) for value in first["values"].split(";")] == list(table.rows[0].cells["accuracy"].values)
    assert json.loads(first.identity) == table.columns[0].identity


def test_json_says_what_the_table_says():
    table = comparison(failed=1)
    printed = json.loads(json.dumps(to_json(table, {"csv": Path("results/x/table.csv")}), allow_nan=False))
    assert list(printed)[:5] == ["schema", "task", "dataset", "rows", "files"]
    assert (printed["schema"], printed["task"], printed["dataset"]) == (1, "generation", "digits")
    assert printed["files"] == {"csv": "results/x/table.csv"}
    assert [row["label"] for row in printed["rows"]] == ["ddpm", "cgan"]
    for record, row in zip(printed["rows"], table.rows, strict=False):
        assert (record["family"], record["preset"], record["seeds"]) == (row.family, row.preset, row.seeds)
        assert record["failed"] == row.failed
        assert list(record["metrics"]) == [column.key for column in COLUMNS]
        for column in COLUMNS:
            measure, cell = record["metrics"][column.key], row.cells[column.key]
            assert (measure["mean"], measure["low"], measure["high"]) == (cell.mean, cell.low, cell.high)
            assert measure["values"] == cell.values
            assert measure["identity"] == column.identity
            assert measure.get("ceiling") == cell.ceiling
    assert "reasons" not in printed["rows"][0]
    assert printed["rows"][1]["reasons"] == ["loss is not finite at step 120"]


def test_json_is_strict():
    table = comparison()
    broken = replace(table.rows[0], label="\udcff", cells={"fid": Cell(math.nan, None, math.inf, [math.nan, 1.0])})
    text = json.dumps(to_json(replace(table, rows=[broken]), {}), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    (row,) = json.loads(text)["rows"]
    assert row["label"] == r"\udcff"
    assert row["metrics"] == {
        "fid": {
            "mean": None,
            "low": None,
            "high": None,
            "values": [None, 1.0],
            "identity": {"metric": "fid", "resize": None},
            "better": "lower",
            "unit": "",
            "best": False,
        }
    }


def test_comparisons_selection_and_failures_are_in_csv_and_json():
    table = marked()
    frame = to_frame(table).set_index(["label", "metric"])
    accuracy, fid = frame.loc[("cgan", "accuracy")], frame.loc[("cgan", "fid")]
    assert (accuracy.against, accuracy.p_value, accuracy.distinguishable) == ("ddpm", 0.31, "False")
    assert (accuracy.difference_low, accuracy.difference, accuracy.difference_high) == (-0.1, -0.02, 0.06)
    assert (fid.distinguishable, fid.best, frame.loc[("ddpm", "fid")].pareto) == ("True", True, True)
    assert (accuracy.diverged, accuracy.selection, accuracy.marks) == (1, "validation", "evaluator-guided")
    row = to_json(table, {})["rows"][1]
    assert row["failures"] == [{"seed": 2, "status": "diverged", "reason": "loss is not finite at step 120"}]
    assert row["metrics"]["accuracy"]["against"]["distinguishable"] is False
    assert (row["selection"], row["marks"], row["pareto"]) == ("validation", ["evaluator-guided"], False)
    assert to_json(table, {})["fronts"][0] == {"quality": "fid", "cost": "sample_s", "rows": ["ddpm"]}


def test_one_seed_has_no_interval():
    (row,) = to_json(comparison(["ddpm"], seeds=1), {})["rows"]
    assert row["metrics"]["fid"]["low"] is None
    assert len(row["metrics"]["fid"]["values"]) == 1


def test_files_are_written_whole(tmp_path):
    table = comparison(HOSTILE)
    paths = write_tables(table, tmp_path / "new")
    assert paths == {name: tmp_path / "new" / f"table.{name}" for name in ("csv", "tex", "md", "json")}
    assert json.loads(paths["json"].read_text(encoding="utf-8")) == to_json(table, {})
    assert sorted(tmp_path.glob("new/*")) == sorted(paths.values())
    assert paths["csv"].read_text(encoding="utf-8") == to_csv(table)


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GenbenchError, match="cannot be written"):
        write_tables(comparison(), tmp_path / "file")


@pytest.mark.parametrize(("form", "extension"), [("csv", "csv"), ("md", "md"), ("latex", "tex")])
def test_prints_what_the_file_holds(form, extension, tmp_path, capsys):
    table = comparison(HOSTILE)
    print_table(table, form)
    assert capsys.readouterr().out == write_tables(table, tmp_path)[extension].read_text(encoding="utf-8")


def test_prints_for_people_by_default_and_knows_its_forms(capsys):
    print_table(comparison())
    assert "Accuracy ↑" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="use table, csv, latex, md"):
        print_table(comparison(), "html")
