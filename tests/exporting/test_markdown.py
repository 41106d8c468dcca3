"""Markdown: the table is a table whatever the labels say."""

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from genbench.exporting.escaping import visible
from genbench.exporting.markdown import code, to_markdown
from tests.exporting.examples import HOSTILE, comparison, marked


def cells(text: str) -> list[list[str]]:
    """The table's cells as a Markdown parser reads them: text only, markup gone."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark", {"html": False}).enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append("".join(child.content for child in token.children or ()))
        elif token.type == "table_close":
            break
    return rows


@pytest.mark.parametrize("labels", [("ddpm", "cgan"), HOSTILE])
def test_a_parser_reads_what_was_meant(labels):
    rows = cells(to_markdown(comparison(labels, failed=1)))
    assert rows[0][:3] == ["", "Seeds", "Accuracy ↑"]
    assert [row[0] for row in rows[1:]] == [visible(label) for label in labels] + ["real data"]
    assert len({len(row) for row in rows}) == 1
    assert rows[-2][1] == "2 of 3"
    assert rows[-1][1] == "–"


def test_source_reads_as_a_table():
    table = comparison()
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1
    assert "**0.9" in lines[2]
    assert "- Bold: best mean of each measure" in to_markdown(table)
    assert "Made by `genbench compare ddpm cgan`" in to_markdown(table)


def test_missing_cells_are_dashes():
    assert cells(to_markdown(comparison(failed=3)))[2][1:] == ["0 of 3", *"–" * 7]


@pytest.mark.parametrize("note", ["1. one", "- a", "# heading", "+ a", "<script>", "| a | b |", "![x](y)"])
def test_notes_stay_sentences(note):
    text = to_markdown(replace(comparison(), notes=[note]))
    rendered = MarkdownIt("commonmark").enable("table").render(text)
    assert rendered.count("<ul>") == 1
    assert not re.search("<(h1|ol|script|img)", rendered)


def test_code_spans_hold_backticks():
    assert code("a`b``c") == "```a`b``c```"
    assert code("`a`") == "`` `a` ``"


def test_marks_survive_a_parser():
    rows = cells(to_markdown(marked()))
    assert rows[2][0] == "cgan@validationᵃ"
    assert [cell.endswith("†") for cell in rows[2][2:]] == [True, False, True, True]
    assert "- ᵃ evaluator-guided" in to_markdown(marked())
