"""Specifications: TOML in, one clear line for every mistake."""

from pathlib import Path

import pytest

from genbench.errors import ConfigError
from genbench.specs import ComparisonSpec, RowSpec, RunSpec, parse_assignments, read_toml, validate
from genbench.workbench import spec_as_toml


def test_a_run_survives_the_trip_through_toml(tmp_path: Path) -> None:
    spec = RunSpec(family="ddpm", train={"lr": 1e-4, "widths": [1, 2]}, data={"name": "mnist", "root": tmp_path})
    path = tmp_path / "run.toml"
    path.write_text(spec_as_toml(spec))
    assert validate(RunSpec, read_toml(path), "run.toml") == spec


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rows": [{"family": "ddpm"}], "seedz": 3}, "unknown key 'seedz': did you mean 'seeds'"),
        ({"rows": [{"family": "ddpm", "pressed": "x"}]}, "unknown key 'rows.0.pressed': did you mean 'preset'"),
        ({"rows": [{"family": "ddpm"}], "data": {"nam": "x"}}, "unknown key 'data.nam': did you mean 'name'"),
        ({"rows": [{"family": "ddpm"}], "preset": "smoke"}, "preset belongs into [[rows]]"),
        ({"rows": [{"family": "ddpm"}], "dataset": "digits"}, "dataset: write name under [data]"),
        ({"rows": [{"family": "ddpm"}], "metrics": ["fid"]}, "metrics belongs into [evaluation]"),
        ({"rows": []}, "rows"),
        ({"rows": [{"family": "ddpm"}], "seeds": 0}, "seeds"),
        ({"rows": [{"family": "ddpm"}], "seeds": "many"}, "seeds"),
        ({"rows": [{"family": "ddpm"}], "name": "../up"}, "name"),
        ({}, "rows"),
    ],
)
def test_mistakes_name_the_key(values: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(ComparisonSpec, values, "file.toml")
    message = str(caught.value)
    assert message.startswith("file.toml: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "expected"), [(b"a = = 1", "line 1"), (b"\xff\xfe", "UTF-8"), (b"[x\n", "not valid TOML")]
)
def test_broken_files_are_named(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.toml") as caught:
        read_toml(path)
    assert expected in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        read_toml(tmp_path / "nowhere.toml")


def test_assignments_are_toml_values() -> None:
    changes = parse_assignments(["train.lr=1e-4", "sample.eta=0.5", "train.network=unet", "train.sizes=[1, 2]"])
    assert changes == {"train": {"lr": 1e-4, "network": "unet", "sizes": [1, 2]}, "sample": {"eta": 0.5}}
    assert isinstance(changes["train"]["lr"], float)


@pytest.mark.parametrize("text", ["lr=1", "train.lr", "train.=1", "model.lr=1", "=1", ""])
def test_assignments_must_name_their_part(text: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        parse_assignments([text])


def test_rows_of_a_comparison_make_as_many_pictures() -> None:
    """As many as the row that makes most; a number that is asked for holds for all anyway."""
    rows = (RowSpec(family="ddpm", preset="smoke"), RowSpec(family="cgan", preset="d2"), RowSpec(family="ddim"))
    mixed = ComparisonSpec(rows=rows)
    assert {mixed.run_spec(row, 0).default_pictures for row in rows} == {(5000, 640)}
    alike = ComparisonSpec(rows=rows[2:])
    assert alike.run_spec(rows[2], 0).default_pictures == (1000, 320)
    assert alike.run_spec(rows[2], 0).pictures_as is None
