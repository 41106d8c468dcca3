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
    (7, -23, "left"),
    (-7, -23, "right"),
    (0, 25, "center"),
    (0, -32, "center"),
)
_BAR, _POINT, _SEED = 6, 9, 7  # pixels that bars, points and seeds keep free on either side
_OUTSIDE = 3  # leaving the panel is so much worse than covering something
_HIDDEN = 10  # and hiding a point or a seed, which are small
_MARGIN = 4  # pixels between a label and the edge of the figure


@dataclass(frozen=True)
class Labelled:
    """A point in data coordinates, its label, the ends of its bars (left to right, low to high), and single seeds."""

    text: str
    point: Point
    bars: tuple[Point, Point]
    seeds: Sequence[Point] = ()


def write_labels(figure: Figure, axis: Axes, labelled: Sequence[Labelled]) -> None:
    """Write every label, in order, where it covers the least of points, seeds, bars and earlier labels.

    No label leaves the figure.
    """
    figure.draw_without_rendering()
    occupied = [box for entry in labelled for box in _bars(axis, entry)]
    occupied += [text.get_window_extent() for text in axis.texts]
    points = [box for entry in labelled for box in _points(axis, entry)]
    for entry in labelled:
        clashes = []
        for place in _PLACES:
            written = _written(axis, entry, place)
            box = written.get_window_extent()
            written.remove()
            outside = box.width * box.height - _overlap(box, axis.get_window_extent())
            covered = sum(_overlap(box, other) for other in occupied)
            hidden = sum(_overlap(box, other) for other in points)
            clashes.append(round(covered + _HIDDEN * hidden + _OUTSIDE * outside))
        written = _written(axis, entry, _PLACES[clashes.index(min(clashes))])
        _pull_in(figure, written)
        occupied.append(written.get_window_extent())


def _pull_in(figure: Figure, written: Annotation) -> None:
    """Move a label that would leave the figure back to its edge."""
    box, points = written.get_window_extent(), 72 / figure.dpi
    right, up = (
        max(_MARGIN - low, 0.0) - max(high - (size - _MARGIN), 0.0)
        for low, high, size in ((box.x0, box.x1, figure.bbox.width), (box.y0, box.y1, figure.bbox.height))
    )
    x, y = written.get_position()
    written.set_position((x + right * points, y + up * points))


def _points(axis: Axes, entry: Labelled) -> list[Bbox]:
    """What a point and its seeds take of the panel, in pixels."""
    from matplotlib.transforms import Bbox

    sizes = [_POINT, *(_SEED for _ in entry.seeds)]
    places = axis.transData.transform([entry.point, *entry.seeds])
    return [Bbox([[x - r, y - r], [x + r, y + r]]) for (x, y), r in zip(places, sizes, strict=True)]


def _bars(axis: Axes, entry: Labelled) -> list[Bbox]:
    """What a point's bars take of the panel, in pixels."""
    from matplotlib.transforms import Bbox

    (left, right), (low, high), (across, up) = *entry.bars, entry.point
    ends = axis.transData.transform([(left, up), (right, up), (across, low), (across, high), entry.point])
    (x0, _), (x1, _), (_, y0), (_, y1), (x, y) = ends
    return [
        Bbox([[x0, y - _BAR], [x1, y + _BAR]]),
        Bbox([[x - _BAR, y0], [x + _BAR, y1]]),
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
