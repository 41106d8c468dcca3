"""The table as files, each whole or absent, and on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from genbench.errors import ConfigError
from genbench.exporting.csv import to_csv
from genbench.exporting.latex import to_latex
from genbench.exporting.markdown import to_markdown
from genbench.exporting.terminal import show
from genbench.exporting.tidy import to_json
from genbench.files import write_json, write_text
from genbench.tables import Comparison

FORMATS: Mapping[str, Callable[[Comparison], str]] = {"csv": to_csv, "tex": to_latex, "md": to_markdown}
"""Text of a table by file extension."""


def write_tables(comparison: Comparison, folder: Path) -> dict[str, Path]:
    """Write ``table.csv``, ``table.tex``, ``table.md`` and ``table.json`` into ``folder``; return paths by extension.

    Raises:
        GenbenchError: when the folder cannot be written or the disk is full.
    """
    texts = {extension: form(comparison) for extension, form in FORMATS.items()}
    written = {extension: write_text(folder / f"table.{extension}", text) for extension, text in texts.items()}
    return {**written, "json": write_json(folder / "table.json", to_json(comparison, {}))}


def print_table(comparison: Comparison, form: str = "table") -> None:
    """Print on standard output as ``table`` (for people), ``csv``, ``md`` or ``latex``; no trace of colour in a pipe.

    Raises:
        ConfigError: another form.
    """
    if form == "table":
        show(comparison)
        return
    forms = {"latex" if extension == "tex" else extension: to_text for extension, to_text in FORMATS.items()}
    if form not in forms:
        raise ConfigError(f"no table form {form!r}: use table, {', '.join(forms)}")
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(forms[form](comparison).encode(encoding, "replace").decode(encoding))
