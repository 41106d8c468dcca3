"""What all figures have in common: one look for each family, the type, and how they become files."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from genbench import plugins
from genbench.files import whole_file
from genbench.tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Filling = Literal["full", "none", "left", "bottom"]
Dash = str | tuple[int, tuple[float, ...]]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colours that colour-blind readers tell apart (M. Okabe and K. Ito, *Color universal design*, 2008)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Shapes, so that families are told apart in grey too."""
FILLINGS: Sequence[Filling] = ("full", "none", "left", "bottom")
DASHES: Sequence[Dash] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
"""Fillings and lines, for rows that share a family."""

_TYPE: dict[Any, Any] = {"pdf.fonttype": 42, "font.size": 9, "axes.titlesize": 9, "font.family": "DejaVu Sans"}


def appearance(family: str, among: Sequence[str] = ()) -> tuple[str, str]:
    """Colour and marker of a family, the same in every figure: its name's place, or the next one that is free.

    Installed families come first, so that theirs depend on nothing else; then those ``among`` which it is drawn. Where
    no place is free, colours come again with other markers.
    """
    installed = plugins.names("families")
    everybody = [*installed, *sorted({*among, family} - set(installed))]
    taken: dict[int, str] = {}
    for number, other in enumerate(everybody):
        place = zlib.crc32(other.encode()) % len(COLOURS)
        while place in taken and len(taken) < len(COLOURS):
            place = (place + 1) % len(COLOURS)
        again = number - len(COLOURS) + 1 if place in taken else 0
        taken.setdefault(place, other)
        if other == family:
            return COLOURS[place], MARKERS[(place + again) % len(MARKERS)]
    raise AssertionError("the family is among the names")


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw within this: the type of every figure, and no warnings about letters of labels that the font lacks."""
    import matplotlib as mpl

    with warnings.catch_warnings(), mpl.rc_context(_TYPE):
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def tidy_axis(axis: Axes) -> None:
    """A faint grid behind the data, and no box around them."""
    axis.grid(color="0.92", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, folder: Path, name: str) -> dict[str, Path]:
    """Write ``NAME.png`` and ``NAME.pdf``, the same bytes for the same figure; their paths by ``NAME``, ``NAME_pdf``.

    Raises:
        GenbenchError: when a file cannot be written.
    """
    paths: Mapping[str, Path] = {name: folder / f"{name}.png", f"{name}_pdf": folder / f"{name}.pdf"}
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not once a file
    for path in paths.values():
        metadata = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
        with whole_file(path) as part:
            figure.savefig(part, format=path.suffix[1:], metadata=metadata)
    return dict(paths)


@dataclass(frozen=True)
class Look:
    """How a row is drawn: its family's colour and marker, rows of a family by their filling, all by their dashes.

    Where there is one family only, as in a sweep, each row has a colour and a marker of its own.
    """

    colour: str
    marker: str
    filling: Filling
    dash: Dash

    @property
    def points(self) -> dict[str, Any]:
        """Keywords for markers of a line or of error bars."""
        solid = self.filling == "full"
        return {
            "marker": self.marker,
            "fillstyle": "full" if self.filling == "none" else self.filling,
            "markerfacecolor": "white" if self.filling == "none" else self.colour,
            "markerfacecoloralt": "white",
            "markeredgecolor": "white" if solid else self.colour,
            "markeredgewidth": 0.6 if solid else 1.1,
        }


def looks(rows: Sequence[Row]) -> dict[str, Look]:
    """How each row is drawn, by its label. Reference rows come last and take nothing from the others."""
    found: dict[str, Look] = {}
    seen: Counter[str] = Counter()
    families = [row.family for row in rows if not row.reference]
    alone = len(families) > 1 and len(set(families)) == 1
    for position, row in enumerate(sorted(rows, key=lambda row: row.reference)):
        place = position % len(COLOURS)
        own = alone and not row.reference
        colour, marker = (COLOURS[place], MARKERS[place]) if own else appearance(row.family, families)
        filling = FILLINGS[(position // len(COLOURS) if own else seen[row.family]) % len(FILLINGS)]
        found[row.label] = Look(colour, marker, filling, DASHES[position % len(DASHES)])
        seen[row.family] += 1
    return found
