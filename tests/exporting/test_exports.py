"""The forms that a finished comparison is exported in, which measures, and published numbers beside ours."""

import io
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from genbench.errors import ConfigError
from genbench.exporting import select_columns, to_frame, to_wide, with_published
from genbench.exporting.html import to_html
from genbench.exporting.layout import best, notes
from genbench.exporting.published import published
from genbench.exporting.wide import to_parquet, to_wide_csv
from genbench.tables import Column
from tests.exporting.examples import HOSTILE, comparison, marked


class Outline(HTMLParser):
    """Every element that is opened, and the text of the row headings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.rows: list[str] = []
        self._row = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self._row = ("scope", "row") in attrs
        if self._row:
            self.rows.append("")

    def handle_endtag(self, tag):
        self._row = False

    def handle_data(self, data):
        if self._row:
            self.rows[-1] += data


def test_wide_and_tidy_tables_say_the_same():
    table = comparison(failed=1)
    wide, tidy = to_wide(table), to_frame(table)
    assert list(wide["label"]) == ["ddpm", "cgan", "real data"]
    for _, line in tidy.iterrows():
        row = wide[wide["label"] == line["label"]].iloc[0]
        for part, key in (("", "mean"), ("_low", "low"), ("_high", "high")):
            assert row[f"{line['metric']}{part}"] == line[key] or pd.isna(line[key])
    again = pd.read_csv(io.StringIO(to_wide_csv(table)), float_precision="round_trip")
    assert again["fid_low"].equals(wide["fid_low"])
    assert again["failed"].tolist() == [0, 1, 0]


def test_parquet_gives_the_tidy_table_back():
    for table in (marked(), comparison(HOSTILE, failed=3)):
        again = pd.read_parquet(io.BytesIO(to_parquet(table)))
        pd.testing.assert_frame_equal(again, to_frame(table), check_dtype=False)
        assert again.attrs["command"] == table.command
        assert again.attrs["title"] == table.title


def test_html_is_a_table_that_labels_cannot_leave():
    nasty = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&amp; </table>", *HOSTILE)
    outline = Outline(to_html(comparison(nasty)))
    assert outline.rows[:3] == ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&amp; </table>"]
    assert set(outline.elements) == set(Outline(to_html(comparison())).elements)
    assert not {"script", "img"} & set(outline.elements)
    assert outline.elements.count("table") == 1
    assert to_html(comparison(HOSTILE)).isascii()


def test_html_marks_the_best_and_the_reference():
    page = to_html(marked())
    assert "<strong>0.9523 &#177; 0.0059</strong>" in page
    assert "<sup>&#8224;</sup>" in page
    assert page.index("<tfoot>") < page.index("real data")
    assert "Bold: best mean of each measure" in page


def test_measures_are_chosen_by_name_in_order_with_their_parts():
    table = comparison()
    parts = (Column("accuracy/test", "Accuracy (test)"), Column("fid [2]", "FID [2]", minor=True))
    table = replace(table, columns=[*table.columns, *parts])
    assert select_columns(table, ()) == table
    chosen = select_columns(table, ("fid", "accuracy"))
    assert [column.key for column in chosen.columns] == ["fid", "fid [2]", "accuracy", "accuracy/test"]
    assert not any(column.minor for column in chosen.columns)
    assert [column.key for column in select_columns(table, ("all",)).columns] == [c.key for c in table.columns]
    assert set(to_frame(select_columns(table, ("train_flop",)))["metric"]) == {"train_flop"}
    with pytest.raises(ConfigError, match="no measure 'acuracy': did you mean 'accuracy'"):
        select_columns(table, ("acuracy",))


def test_published_numbers_stand_below_ours_with_their_source():
    lists = [Column(f"accuracy/{name}", f"Accuracy ({name})", "", "higher") for name in ("test", "new_test")]
    table = comparison()
    table = replace(table, dataset="iclevr", resolution=32, columns=[*table.columns, *lists])
    both = with_published(table)
    rows = {row.label: row for row in both.rows if row.reference and row.family}
    assert rows["ddpm:a (report A)"].cells["accuracy/test"].mean == 0.5795
    assert rows["ddpm:a (report A)"].cells["accuracy/new_test"].mean == 0.5952
    assert rows["cgan:d2 (report D)"].cells["accuracy/new_test"].mean == 0.6310
    assert "0.5795" in to_html(select_columns(both, ("accuracy/test",)))  # with all the digits it was printed with
    assert all(row.marks[0].startswith("published: its authors' evaluator") for row in rows.values())
    assert all("at 64×64" in row.marks[0] for row in rows.values())
    assert all(best(both, column) == best(table, column) for column in table.columns)
    assert any("published: its authors' evaluator" in note for note in notes(both))
    assert [row for row in both.rows if not (row.reference and row.family)] == list(table.rows)


def test_published_numbers_without_a_measure_are_told_below():
    told = " ".join(with_published(replace(comparison(), dataset="mnist")).notes)
    assert "report B" in told
    assert "loss 0.033" in told
    assert with_published(comparison()).notes[-1].startswith("no published numbers are known for digits")
    assert published("digits") == []
