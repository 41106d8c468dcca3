"""The gate: verdicts, exit codes, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Answer, Cli

IDENTITY = {"extractor": "referee", "samples": 500}


def scores(path: Path, rows: dict[str, list[float]], *, first: int = 0, **changes: Any) -> Path:
    """A comparison's JSON with one metric."""

    def measure(values: list[float]) -> dict[str, Any]:
        found = {"values": values, "repetitions": list(range(first, first + len(values))), "identity": IDENTITY}
        return {"fid": {**found, "better": "lower", **changes}}

    content = {"schema": 1, "rows": [{"label": label, "metrics": measure(v)} for label, v in rows.items()]}
    path.write_text(json.dumps(content))
    return path


def gate(cli: Cli, new: Path, old: Path, *more: str) -> Answer:
    return cli("gate", new, "--baseline", old, "--metric", "fid", *more)


@pytest.mark.parametrize(
    ("new", "tolerance", "outcome", "code"),
    [
        ([10.1, 11.0, 12.1], "5%", "not worse", 0),
        ([12.0, 13.1, 14.0], "5%", "WORSE", 1),
        ([12.0, 13.1, 14.0], "3", "not worse", 0),
        ([10.2, 13.9, 12.0], "5%", "INCONCLUSIVE", 0),
        ([10.0, 11.0, 12.0], "0", "not worse", 0),
    ],
)
def test_verdicts(cli: Cli, tmp_path: Path, new: list[float], tolerance: str, outcome: str, code: int) -> None:
    old = scores(tmp_path / "old.json", {"ddpm": [10.0, 11.0, 12.0]})
    answer = gate(cli, scores(tmp_path / "new.json", {"ddpm": new}), old, "--tolerance", tolerance)
    assert answer.code == code, answer.err
    assert answer.out.startswith(f"fid of ddpm: {outcome}")
    assert len(answer.out.splitlines()) == 1
    assert ("gate not met" in answer.err) == (code == 1)


def test_strict_fails_what_cannot_be_told(cli: Cli, tmp_path: Path) -> None:
    old = scores(tmp_path / "old.json", {"ddpm": [10.0, 11.0, 12.0]})
    new = scores(tmp_path / "new.json", {"ddpm": [10.2, 13.9, 12.0]})
    answer = gate(cli, new, old, "--strict", "--format", "json")
    assert answer.code == 1
    verdict = json.loads(answer.out)
    assert (verdict["outcome"], verdict["passed"], verdict["rows"][0]["method"]) == ("inconclusive", False, "paired")


def test_rows_are_matched_by_label_and_judged_together(cli: Cli, tmp_path: Path) -> None:
    old = scores(tmp_path / "old.json", {"ddpm": [10.0, 11.0, 12.0], "cgan": [20.0, 21.0, 22.5]})
    new = scores(tmp_path / "new.json", {"new": [1.0], "cgan": [30.0, 31.0, 32.0], "ddpm": [10.0, 11.0, 12.0]})
    answer = gate(cli, new, old, "--format", "json")
    assert answer.code == 1
    rows = {row["row"]: row for row in json.loads(answer.out)["rows"]}
    assert {label: row["outcome"] for label, row in rows.items()} == {"ddpm": "ok", "cgan": "worse"}
    assert "97.5 %" in rows["cgan"]["sentence"]
    assert gate(cli, new, old, "--row", "ddpm").code == 0


def test_other_seeds_are_not_paired_and_one_seed_is_inconclusive(cli: Cli, tmp_path: Path) -> None:
    old = scores(tmp_path / "old.json", {"ddpm": [10.0, 11.0, 12.0]})
    other = gate(cli, scores(tmp_path / "new.json", {"ddpm": [10.5, 11.5]}, first=7), old, "--tolerance", "500%"[1:])
    assert "unpaired seeds, 2 here and 3 there" in other.out
    single = scores(tmp_path / "single.json", {"ddpm": [10.0]})
    answer = gate(cli, scores(tmp_path / "one.json", {"ddpm": [30.0]}), single)
    assert answer.code == 0
    assert "INCONCLUSIVE" in answer.out
    sure = {"stderr_generated": [0.5]}
    old, new = (scores(tmp_path / f"{v}.json", {"ddpm": [v]}, **sure) for v in (10.0, 30.0))
    assert "resampled pictures only" in gate(cli, new, old).out


@pytest.mark.parametrize(
    ("changes", "more", "expected"),
    [
        ({"identity": {**IDENTITY, "samples": 100}}, (), ["cannot be compared", "samples is 100, the baseline's 500"]),
        ({"better": "neither"}, (), ["no better direction"]),
        ({"values": [None, None, None]}, (), ["no finite value of 'fid'"]),
        ({}, ("--metric", "fdi"), ["no value of 'fdi'", "'fid'"]),
        ({}, ("--row", "dppm"), ["no row 'dppm'", "'ddpm'"]),
        ({}, ("--tolerance", "5 percent"), ["tolerance '5 percent'"]),
        ({}, ("--write-baseline", "x.json"), ["--baseline FILE", "--write-baseline FILE"]),
    ],
)
def test_bad_input_is_one_line(
    cli: Cli, tmp_path: Path, changes: dict[str, Any], more: tuple[str, ...], expected: list[str]
) -> None:
    old = scores(tmp_path / "old.json", {"ddpm": [10.0, 11.0, 12.0]})
    new = scores(tmp_path / "new.json", {"ddpm": [10.0, 11.0, 12.0]}, **changes)
    answer = gate(cli, new, old, *more)
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    for text in expected:
        assert text in answer.err


def test_files_that_are_no_scores(cli: Cli, tmp_path: Path) -> None:
    old = scores(tmp_path / "old.json", {"ddpm": [10.0]})
    for content, expected in (("{", "not valid JSON"), ("[1]", "no scores"), ('{"rows": [{"a": 1}]}', "no scores")):
        (tmp_path / "bad.json").write_text(content)
        for pair in ((tmp_path / "bad.json", old), (old, tmp_path / "bad.json")):
            answer = gate(cli, *pair)
            assert answer.code == 2
            assert expected in answer.err
    assert gate(cli, tmp_path / "nowhere", old).code == 2
    assert cli("gate", old, "--baseline", old).code == 2


def test_a_baseline_of_another_time_or_direction_is_refused(cli: Cli, tmp_path: Path) -> None:
    new = scores(tmp_path / "new.json", {"ddpm": [1.0, 2.0]})
    later = scores(tmp_path / "later.json", {"ddpm": [1.0, 2.0]})
    later.write_text(later.read_text().replace('"schema": 1', '"schema": 99'))
    turned = scores(tmp_path / "turned.json", {"ddpm": [1.0, 2.0]}, better="higher")
    for old, complaint in ((later, "schema 99"), (turned, "says that higher fid is better")):
        answer = gate(cli, new, old)
        assert answer.code == 2
        assert complaint in answer.err
        assert len(answer.err.splitlines()) == 1


def test_a_comparison_against_its_own_baseline_and_a_run(cli: Cli, tmp_path: Path) -> None:
    least = ("--preset", "smoke", "--budget", "2steps", "--seeds", "2", "--metrics", "accuracy")
    answer = cli("compare", "cgan", *least, "--name", "now")
    assert answer.code == 0, answer.err
    assert cli("gate", "now", "--write-baseline", "base.json", "--metric", "accuracy").code == 0
    assert list(json.loads((tmp_path / "base.json").read_text())["rows"][0]["metrics"]) == ["accuracy"]
    same = cli("gate", "now", "--baseline", "base.json", "--metric", "accuracy")
    assert same.code == 0, same.err
    assert "equal to the last digit" in same.out
    run = json.loads(cli("ls", "runs", "--format", "json").out)[0]["run"]
    one = cli("gate", run, "--baseline", "base.json", "--metric", "accuracy")
    assert one.code == 0, one.err
    assert "unpaired seeds, 1 here and 2 there" in one.out
