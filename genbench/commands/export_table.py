"""``genbench export`` of a finished comparison: its table again, in any form."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from genbench.comparing.regrouping import tabulate_runs
from genbench.errors import ConfigError
from genbench.exporting import read_archive, select_columns, to_json, with_published
from genbench.exporting.csv import to_csv
from genbench.exporting.html import to_html
from genbench.exporting.latex import to_latex
from genbench.exporting.markdown import to_markdown
from genbench.exporting.wide import to_parquet, to_wide_csv
from genbench.files import clear_os_errors, whole_file
from genbench.plugins import check_choice
from genbench.tables import Comparison
from genbench.workbench import Finished, Workbench


def _json(table: Comparison) -> str:
    return json.dumps(to_json(table, {}), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


FORMS: Mapping[str, tuple[str, Callable[[Comparison], str] | Callable[[Comparison], bytes]]] = {
    "csv": ("table.csv", to_csv),
    "wide": ("table-wide.csv", to_wide_csv),
    "latex": ("table.tex", to_latex),
    "md": ("table.md", to_markdown),
    "html": ("table.html", to_html),
    "json": ("table.json", _json),
    "parquet": ("table.parquet", to_parquet),
}
"""File name and content of every form."""


def export_table(
    folder: Path, *, form: str | None, columns: Sequence[str], reference: bool, out: Path | None, results: Path
) -> None:
    """Export the comparison in ``folder``: one form to ``out`` or standard output, or all of them as files.

    Without a ``form``, every form is written into the folder ``out`` (default: ``exports/NAME`` in the results), whose
    path is printed.

    Raises:
        ConfigError: an unknown form or measure, or Parquet without a file to write.
        DataError: when the comparison is damaged. GenbenchError: when a file cannot be written.
    """
    export(read_archive(folder).table, form=form, columns=columns, reference=reference, out=out, results=results)


def export_runs(
    names: Sequence[str],
    *,
    form: str | None,
    columns: Sequence[str],
    reference: bool,
    out: Path | None,
    results: Path,
    command: str,
) -> None:
    """Export a table over some runs as `export_table` does. Raises as it does, and as `tabulate_runs` does."""
    bench = Workbench(results)
    runs = [Finished(run, bench.store.record(run)) for run in map(bench.resolve, names)]
    table = tabulate_runs(runs, bench, command=command)
    export(table, form=form, columns=columns, reference=reference, out=out, results=results)


def export(
    table: Comparison, *, form: str | None, columns: Sequence[str], reference: bool, out: Path | None, results: Path
) -> None:
    """Write or print a table; see `export_table`."""
    if form is not None:
        check_choice("--format", form, FORMS)
    table = select_columns(table, columns)
    table = with_published(table) if reference else table
    if form is None:
        target = out or results / "exports" / table.name
        with clear_os_errors(target):
            target.mkdir(parents=True, exist_ok=True)
        for file, to_content in FORMS.values():
            _write(target / file, to_content(table))
        print(target)
        return
    content = FORMS[form][1](table)
    if out is not None:
        _write(out, content)
        print(out)
    elif isinstance(content, bytes):
        raise ConfigError(f"--format {form} is not text: name a file with --out")
    else:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(content.encode(encoding, "replace").decode(encoding))


def _write(path: Path, content: str | bytes) -> None:
    with whole_file(path) as part:
        part.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
