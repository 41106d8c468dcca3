"""LaTeX: escapes, layout, and that it compiles as it is."""

import shutil
import string
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.exporting import with_published
from genbench.exporting.escaping import latex, slug, visible
from genbench.exporting.latex import to_latex
from genbench.tables import Column
from tests.exporting.examples import HOSTILE, comparison, marked, resampled


def test_table_by_hand():
    table = comparison(failed=1)
    text = to_latex(replace(table, columns=table.columns[:3]))
    assert r"\begin{table}[t]" in text
    assert r"\caption{digits at 16$\times$16, 3 seeds}" in text
    assert r"\label{tab:digits-quick}" in text
    assert r" & Seeds & Accuracy $\uparrow$ & Exact set $\uparrow$ & FID $\downarrow$ \\" in text
    lines = {line.split("&")[0].strip(): line for line in text.splitlines() if "&" in line}
    assert "& 3 &" in lines["ddpm"]
    assert "& 2 of 3 &" in lines["cgan"]
    assert r"\mathbf" in lines["ddpm"]
    assert lines["real data"].split("&")[1:] == [" -- ", " $0.994$ ", " -- ", r" $1.840$ \\"]
    assert text.count(r"\midrule") == 2  # under the headings, above the reference row
    assert "Bold: best mean" in text


def test_wide_tables_put_families_side_by_side():
    text = to_latex(comparison(["ddpm", "cgan", "ddim"], failed=1))
    assert r" & ddpm & cgan & ddim & real data \\" in text
    assert r"Seeds & 3 & 3 & 2 of 3 & -- \\" in text
    assert r"Sampling a picture (ms) $\downarrow$ &" in text
    assert "Training operations" not in text


def test_one_row_has_no_best():
    text = to_latex(comparison(["ddpm"]))
    assert r"\mathbf" not in text
    assert "Bold" not in text


def test_ceilings_without_a_reference_row_go_into_the_notes():
    text = to_latex(comparison(real=False))
    assert "Accuracy: real held-out pictures score 0.994 (the ceiling)" in text


def test_shared_facts_are_told_once_and_hashes_are_short():
    text = to_latex(comparison())
    assert text.count(r"0123456789\ldots{}") == 1
    assert r"Accuracy, Exact set: evaluator digits-referee, weights 0123456789\ldots{}, pictures 360." in text


def test_marks_stand_beside_numbers_and_below_the_table():
    text = to_latex(marked())
    lines = {line.split("&")[0].strip(): line for line in text.splitlines() if "&" in line}
    assert r"\mathbf" in lines["ddpm"]
    assert r"$\rlap{$^{\dagger}$}" in lines[r"cgan@validation\textsuperscript{a}"]
    assert r"$\dagger$ not distinguishable from the best of the measure" in text
    assert r"\textsuperscript{a} evaluator-guided" in text
    single = to_latex(resampled())
    assert r"$\rlap{$^{\ddagger}$}" in single
    assert "says nothing about training again" in single


@given(st.text())
def test_escaped_text_is_ascii_without_live_characters(text):
    escaped = latex(text)
    assert escaped.isascii()
    assert escaped.isprintable()
    for command in ("\\{", "\\}", "\\%", "\\#", "\\&", "\\_", "\\textasciitilde{}", "\\textasciicircum{}", '\\"'):
        escaped = escaped.replace(command, "")
    assert not set(escaped) & set('%#&_|<>"')
    assert escaped.count("{") == escaped.count("}")
    assert escaped.count("$") % 2 == 0 or "\\$" in escaped


def test_plain_text_is_left_alone():
    plain = string.ascii_letters + string.digits + " .,:;/()+='!?@-"
    assert latex(plain) == plain
    assert latex("ddpm--large") == "ddpm-{}-large"  # not a dash
    assert latex("λ = 0.2 ± 0.1, Ångström") == r"$\lambda$ = 0.2 $\pm$ 0.1, \r{A}ngstr\"{o}m"
    assert latex("(x·y/D + 1)³, O(n²)ᵃ") == r"(x$\cdot$y/D + 1)$^3$, O(n$^2$)\textsuperscript{a}"
    assert latex("中") == "{[}U+4E2D{]}"


def test_control_characters_are_spelled_out():
    assert visible("a\x1b[31m\u202eb\nc\t d") == r"a\u001b[31m\u202eb c  d"


def test_labels_to_refer_to():
    assert slug("ddpm, cgan: 16×16 é") == "ddpm-cgan-16-16-e"
    assert slug("中") == "table"


def _lists() -> list[Column]:
    """Measures that systems on i-CLEVR have published numbers of."""
    return [Column(f"accuracy/{name}", f"Accuracy ({name})", "", "higher") for name in ("test", "new_test")]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_compiles_unedited_whatever_the_labels_say(tmp_path):
    tables = [
        comparison(failed=1),
        comparison(["ddpm", "cgan", "ddim", "ddim eta=1.0"]),
        comparison(HOSTILE, failed=3),
        replace(comparison(HOSTILE), columns=comparison().columns[:2], title="".join(HOSTILE), name="x"),
        replace(
            comparison([string.printable]), notes=[string.printable, "x" * 200], command=string.printable, name="y"
        ),
        marked(),
        resampled(),
        with_published(replace(marked(), dataset="mnist", name="p")),
        with_published(replace(comparison(), dataset="iclevr", name="q", columns=_lists())),
        replace(comparison([chr(code) for code in range(0xA0, 0x250)]), columns=comparison().columns[:1], name="z"),
    ]
    # A hundred rows and more don't fit one page: that is a warning, not an error.
    body = "\n\\clearpage\n".join(to_latex(table) for table in tables)
    source = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + body + "\\end{document}\n"
    (tmp_path / "paper.tex").write_text(source, encoding="ascii")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert "Missing character" not in log
