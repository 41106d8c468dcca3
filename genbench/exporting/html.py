"""The table as a piece of HTML, for a page or a notebook: no style of its own, readable without one."""

from __future__ import annotations

from html import escape

from genbench.exporting.escaping import slug, visible
from genbench.exporting.layout import Emphasis, Heading, Style, matrix, notes, ordered_rows
from genbench.exporting.numbers import MISSING, Number
from genbench.tables import Comparison


def to_html(comparison: Comparison) -> str:
    """A ``figure`` with the table, its caption, and the notes below; best means are ``strong``. ASCII throughout."""
    head, *lines = matrix(comparison, _STYLE)
    entries = list(zip(lines, ordered_rows(comparison), strict=True))
    body = [_line(line) for line, row in entries if not row.reference]
    foot = [_line(line) for line, row in entries if row.reference]
    small_print = notes(comparison)
    if any("<strong>" in entry for line in lines for entry in line):
        small_print.append("Bold: best mean of each measure")
    text = "\n".join(
        [
            f'<figure id="table-{slug(comparison.name)}">',
            "<table>",
            f"<caption>{html(comparison.title)}</caption>",
            "<thead>",
            "<tr><td></td>" + "".join(f'<th scope="col">{entry}</th>' for entry in head[1:]) + "</tr>",
            "</thead>",
            "<tbody>",
            *body,
            "</tbody>",
            *(["<tfoot>", *foot, "</tfoot>"] if foot else []),
            "</table>",
            "<figcaption>",
            "<ul>",
            *(f"<li>{html(note)}</li>" for note in small_print),
            "</ul>",
            *([f"<p>Made by <code>{html(comparison.command)}</code></p>"] if comparison.command else []),
            "</figcaption>",
            "</figure>",
        ]
    )
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii") + "\n"


def html(text: str) -> str:
    """``text`` as it stands in an element or a quoted attribute; lone surrogates are spelled out."""
    return escape(visible(text).encode("utf-8", "backslashreplace").decode("utf-8"), quote=True)


def _line(line: list[str]) -> str:
    cells = "".join(f"<td>{entry}</td>" for entry in line[1:])
    return f'<tr><th scope="row">{line[0]}</th>{cells}</tr>'


def _number(value: Number | None, emphasis: Emphasis) -> str:
    if value is None:
        return MISSING
    text = html(value.plain())
    mark = f"<sup>{html(emphasis.mark)}</sup>" if emphasis.mark else ""
    return (f"<strong>{text}</strong>" if emphasis.best else text) + mark


def _heading(heading: Heading) -> str:
    return html(str(heading))


_STYLE: Style[str] = Style(text=html, heading=_heading, number=_number)
