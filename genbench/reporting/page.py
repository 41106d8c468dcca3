"""The page: a view of a finished comparison, set in the template that lies beside this file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from genbench import __version__
from genbench.exporting.archive import Archived
from genbench.files import write_text
from genbench.reporting.view import View, view

REPORT = "report.html"


def write_report(archived: Archived, path: Path, say: Callable[[str], None] = lambda _: None) -> Path:
    """Write the report of a finished comparison as one HTML file, and return its path.

    Pictures that are missing or damaged are left out; the page says so, and ``say`` gets a line about each.

    Raises:
        GenbenchError: when the file cannot be written.
    """
    shown = view(archived)
    for entry in shown.left_out:
        say(f"{archived.folder / entry}; left out of the page")
    return write_text(path, _page(shown))


def to_page(archived: Archived) -> str:
    """The report as HTML that loads nothing: style, script and pictures are in it, and its policy forbids the rest.

    The same comparison gives the same text.
    """
    return _page(view(archived))


def _page(shown: View) -> str:
    style, script = _resource("report.css"), _resource("report.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_resource("report.html.j2")).render(
        page=shown,
        version=__version__,
        style=Markup(style),  # noqa: S704 - the project's own file
        script=Markup(script),  # noqa: S704 - the project's own file
        policy=_policy(style, script),
    )


def _policy(style: str, script: str) -> str:
    """Only this style sheet, this script and pictures inside the page; no address is ever asked for anything."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
