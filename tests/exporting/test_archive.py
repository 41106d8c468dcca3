"""A finished comparison as one file."""

import json
import math
from dataclasses import asdict, replace

import pytest

from genbench.errors import DataError
from genbench.exporting import KeptRun, finished_files, read_archive, write_archive
from genbench.exporting.latex import to_latex
from genbench.exporting.tidy import to_frame
from tests.exporting.examples import HOSTILE, cell, comparison, marked, resampled


@pytest.mark.parametrize(
    "table", [comparison(failed=1), marked(), resampled(), replace(marked(), reference_row="ddpm")]
)
def test_every_table_comes_back_as_it_was(tmp_path, table):
    record = {"family": "ddpm", "repetition": 0, "train_config": {"lr": 1e-3}, "metrics": {"fid": {"value": 3.0}}}
    write_archive(table, [KeptRun("ddpm", "0123", record)], tmp_path)
    archived = read_archive(tmp_path)
    assert to_frame(archived.table).equals(to_frame(table))
    assert to_latex(archived.table) == to_latex(table)
    assert json.dumps(asdict(archived.table)) == json.dumps(asdict(table))
    assert archived.runs == [KeptRun("ddpm", "0123", {key: record[key] for key in record if key != "metrics"})]
    assert archived.folder == tmp_path


def test_what_is_not_finite_stays_so_and_the_file_is_strict_json(tmp_path):
    table = comparison(HOSTILE)
    row = table.rows[0]
    broken = replace(row, cells={"fid": replace(cell([1.0, 2.0]), mean=math.nan, values=[1.0, math.inf])})
    path = write_archive(replace(table, rows=[broken, *table.rows[1:]]), [], tmp_path)
    json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    kept = read_archive(tmp_path).table.rows[0].cells["fid"]
    assert math.isnan(kept.mean)
    assert kept.values[0] == 1.0
    assert math.isnan(kept.values[1])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not valid JSON"),
        ("[1, 2]", "comparison.json: not a comparison that genbench wrote: compare again"),
        ("{}", "comparison.json: not a comparison that genbench wrote: compare again"),
        ('{"schema": 99}', "of schema 99"),
        ('{"schema": 1, "table": {"name": "x"}, "runs": []}', "(table.title: Field required)"),
        ('{"schema": 1, "table": [], "runs": []}', "not a comparison that genbench wrote"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, content, says):
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(DataError, match=r"comparison\.json") as caught:
        read_archive(tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "wrong", "says"),
    [
        (("table", "rows", 0, "label"), 5, "table.rows.0.label: Input should be a valid string, got 5"),
        (("table", "rows", 0, "cells", "fid", "mean"), "x", "cells.fid.mean: Input should be a valid number"),
        (("table", "rows", 0, "cells", "fid", "values"), 3, "cells.fid.values"),
        (("table", "columns", 0, "better"), "more", "table.columns.0.better"),
        (("runs",), [4], "runs.0: Input should be an object, got 4"),
        (("runs", 0, "record", "stages"), 5, "runs.0.record.stages"),
        (("pictures",), "points.png", "pictures"),
    ],
)
def test_a_wrong_type_inside_is_named(tmp_path, place, wrong, says):
    path = write_archive(marked(), [KeptRun("ddpm", "0123", {"family": "ddpm", "stages": {}})], tmp_path)
    content = inside = json.loads(path.read_text())
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = wrong
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"comparison\.json: not a comparison that genbench wrote") as caught:
        read_archive(tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../../elsewhere", "/tmp/elsewhere", "..", "", "a\x00b", "a/b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    write_archive(replace(marked(), name=name), [], tmp_path)
    with pytest.raises(DataError, match=r"comparison\.json: table\.name .* is not the name of a folder"):
        read_archive(tmp_path)


def test_entries_of_later_versions_are_passed_over(tmp_path):
    path = write_archive(marked(), [], tmp_path)
    content = json.loads(path.read_text())
    content["table"]["new"] = content["table"]["rows"][0]["new"] = content["table"]["columns"][0]["new"] = 1
    path.write_text(json.dumps(content))
    assert to_frame(read_archive(tmp_path).table).equals(to_frame(marked()))


def test_files_are_finished_only_while_table_runs_and_files_are_the_same(tmp_path):
    table, runs = marked(), [KeptRun("ddpm", "0123", {"family": "ddpm", "stages": {}})]
    drawn = tmp_path / "points.pdf"
    drawn.write_text("drawn")
    assert finished_files(table, runs, tmp_path) is None
    archive = write_archive(table, runs, tmp_path, {"points": drawn})
    assert finished_files(table, runs, tmp_path) == {"points": drawn, "comparison": archive}
    assert finished_files(replace(table, title="another"), runs, tmp_path) is None
    assert finished_files(table, [], tmp_path) is None
    drawn.unlink()
    assert finished_files(table, runs, tmp_path) is None
    drawn.write_text("drawn again")
    archive.write_text(archive.read_text().replace('"writer": "', '"writer": "0'))
    assert finished_files(table, runs, tmp_path) is None


def test_text_that_is_no_unicode_is_spelt_out(tmp_path):
    """JSON can say half a character, and undecodable bytes of a command line are such halves."""
    path = write_archive(comparison(), [], tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["table"]["title"] = "digits \ud800"
    content["table"]["notes"] = ["a \udcff"]
    path.write_text(json.dumps(content))
    table = read_archive(tmp_path).table
    assert table.title == "digits \\ud800"
    assert list(table.notes) == ["a \\udcff"]
    assert table.title.encode()
