"""Terminal tables: they fit, and they are plain text where they have to be."""

import io

import pytest
from rich.console import Console

from genbench.exporting.terminal import show
from tests.exporting.examples import COLUMNS, HOSTILE, comparison, marked, resampled


def printed(table, width=80, encoding="utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(table, Console(file=stream, width=width))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("failed", [0, 1, 3])
@pytest.mark.parametrize("labels", [["ddpm"], ["ddpm", "cgan"], ["ddpm", "cgan", "ddim"], list(HOSTILE)])
def test_fits_eighty_columns_as_one_table(labels, failed):
    text = printed(comparison(labels, failed=failed))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Seeds") == 1
    assert "\x1b" not in text
    for column in COLUMNS[:-1]:
        assert any(line.strip().startswith(column.title.split()[0]) for line in text.splitlines())
    assert "FLOP" not in text  # a minor column


def test_numbers_are_never_broken():
    text = printed(comparison(["ddpm", "cgan", "ddim", "dcgan-large"]))
    accuracy = next(line for line in text.splitlines() if line.startswith("Accuracy"))
    assert accuracy.count("±") == 4
    assert accuracy.split()[-1] == "0.994"


def test_many_families_take_several_tables():
    labels = [f"family {number}" for number in range(9)]
    text = printed(comparison(labels))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Seeds") >= 2
    assert sum(line.count("±") for line in text.splitlines() if line.startswith("Accuracy")) == 9


def test_families_are_rows_where_there_is_room():
    lines = printed(comparison(), width=160).splitlines()
    assert any(line.startswith(" ddpm ") for line in lines)
    assert max(map(len, lines)) <= 160


def test_markup_and_escapes_are_text():
    text = printed(comparison(["[red]x[/red]", "\x1b[31mred"]), width=200)
    assert "[red]x[/red]" in text
    assert r"\u001b[31mred" in text


def test_seeds_missing_cells_and_one_seed():
    text = printed(comparison(failed=3))
    assert "0 of 3" in text
    assert "–" in text
    single = printed(comparison(seeds=1))
    assert "±" not in single.replace("mean ±", "")


def test_ascii_terminals_get_ascii():
    text = printed(comparison(list(HOSTILE)), encoding="ascii")
    assert text.isascii()
    assert "+-" in text


def test_colours_only_on_a_terminal():
    stream = io.StringIO()
    show(comparison(), Console(file=stream, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[1;32m" in stream.getvalue()


def test_marks_keep_numbers_in_line():
    text = printed(marked(), width=120)
    rows = [line for line in text.splitlines() if line.startswith((" ddpm", " cgan"))]
    assert "cgan@validationᵃ" in rows[1]
    assert rows[1].count("†") == 3  # not the FID, where it was shown to differ
    assert rows[0].index(" ± ") == rows[1].index(" ± ")
    assert "ᵃ evaluator-guided" in text
    assert "† not distinguishable from the best of the measure" in text
    assert "†" not in printed(comparison())
    assert "~" in printed(marked(), encoding="ascii")


def test_a_single_seed_marks_its_interval():
    text = printed(resampled())
    assert any("‡" in line and "[20.0, 27.5]" in line for line in text.splitlines())
    assert "says nothing about training again" in " ".join(text.split())


def test_fronts_are_told():
    assert "Pareto front of FID against Sampling a picture, by means: ddpm" in " ".join(printed(marked()).split())
