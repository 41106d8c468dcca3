"""Labels beside points of a figure, where the fewest other things are in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from genbench.exporting.escaping import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Point = tuple[float, float]
Place = tuple[int, int, Literal["left", "center", "right"]]
"""Printer's points to the right of and above the point, and which end of the text stands there."""

_PLACES: Sequence[Place] = (
    (7, 5, "left"),
    (7, -12, "left"),
    (-7, 5, "right"),
    (-7, -12, "right"),
    (0, 12, "center"),
    (0, -19, "center"),
    (7, 16, "left"),
    (-7, 16, "right"),
)
_BAR, _POINT = 6, 9  # pixels that bars and points keep free on either side
_OUTSIDE = 3  # leaving the panel is so much worse than covering something


@dataclass(frozen=True)
class Labelled:
    """A point in data coordinates, its label, and the ends of its bars: from left to right, from low to high."""

    text: str
    point: Point
    bars: tuple[Point, Point]


def write_labels(figure: Figure, axis: Axes, labelled: Sequence[Labelled]) -> None:
    """Write every label, in order, where it covers the least of points, bars and earlier labels."""
    figure.draw_without_rendering()
    occupied = [box for entry in labelled for box in _boxes(axis, entry)]
    for entry in labelled:
        clashes = []
        for place in _PLACES:
            written = _written(axis, entry, place)
            box = written.get_window_extent()
            written.remove()
            outside = box.width * box.height - _overlap(box, axis.get_window_extent())
            clashes.append(round(sum(_overlap(box, other) for other in occupied) + _OUTSIDE * outside))
        chosen = _PLACES[clashes.index(min(clashes))]
        occupied.append(_written(axis, entry, chosen).get_window_extent())


def _boxes(axis: Axes, entry: Labelled) -> list[Bbox]:
    """What a point and its bars take of the panel, in pixels."""
    from matplotlib.transforms import Bbox

    (left, right), (low, high), (across, up) = *entry.bars, entry.point
    ends = axis.transData.transform([(left, up), (right, up), (across, low), (across, high), entry.point])
    (x0, _), (x1, _), (_, y0), (_, y1), (x, y) = ends
    return [
        Bbox([[x0, y - _BAR], [x1, y + _BAR]]),
        Bbox([[x - _BAR, y0], [x + _BAR, y1]]),
        Bbox([[x - _POINT, y - _POINT], [x + _POINT, y + _POINT]]),
    ]


def _written(axis: Axes, entry: Labelled, place: Place) -> Annotation:
    return axis.annotate(
        visible(entry.text),
        entry.point,
        xytext=place[:2],
        textcoords="offset points",
        ha=place[2],
        fontsize=8,
        color="0.1",
        parse_math=False,
        zorder=4,
    )


def _overlap(a: Bbox, b: Bbox) -> float:
    """The area that two boxes share."""
    width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(max(width, 0.0) * max(height, 0.0))
