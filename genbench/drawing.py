"""Sheets of pictures as PNG and PDF for papers: labels in type, every pixel of the model kept as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray
from PIL import ImageFont
from torch import Tensor

from genbench.errors import DataError
from genbench.exporting.escaping import visible
from genbench.figuring import Sheet
from genbench.files import whole_file

DPI = 200
PAGE = 1360
"""Pixels across a sheet, labels included, that pictures are enlarged to fill: 6.8 inches at `DPI`."""
EDGE = 64, 200
"""Smallest and largest edge of a picture in a sheet, in pixels, where whole multiples of its own allow it."""

GAP, MARGIN = 4, 10
_TYPE = {"label": 8.0, "head": 8.0, "caption": 7.0}  # sizes in points
_LABEL_WIDTH = 1.1 * DPI
INK, _FAINT = "#222222", "#555555"
_RC: dict[Any, Any] = {"font.family": "DejaVu Sans", "pdf.fonttype": 42, "svg.fonttype": "none"}

UInt8Array = NDArray[np.uint8]


def save_sheet(sheet: Sheet, folder: Path) -> list[Path]:
    """Draw a sheet as ``NAME.png`` and ``NAME.pdf``, and return both paths.

    Raises:
        DataError: when strips are empty or of unlike size, or heads or captions do not fit them.
        GenbenchError: when a file cannot be written.
    """
    rows = [pixels(strip.images) for strip in sheet.strips]
    _check(sheet, rows)
    place = _Geometry.of(sheet, *rows[0].shape[:3])
    with mpl.rc_context(_RC):
        canvas = Canvas(figsize=(place.width / DPI, place.height / DPI), dpi=DPI, facecolor="white")
        pen = _Pen(canvas, place.width, place.height)
        for column, head in enumerate(sheet.heads):
            lines = wrapped(head, place.across, "head")
            pen.write(lines, place.centre(column), place.tops[0] - GAP - len(lines) * line_height("head"), "head")
        for strip, images, y in zip(sheet.strips, rows, place.tops, strict=True):
            lines = wrapped(strip.label, _LABEL_WIDTH, "label")
            middle = y + (place.edge - len(lines) * line_height("label")) / 2
            pen.write(lines, place.left - MARGIN, middle, "label", align="right")
            pen.paste(_side_by_side(images, place.scale), place.left, y)
            for column, caption in enumerate(strip.captions):
                below = y + place.edge + GAP
                pen.write(wrapped(caption, place.across, "caption"), place.centre(column), below, "caption")
        return [_save_canvas(canvas, folder / f"{sheet.name}.{ending}") for ending in ("png", "pdf")]


@dataclass(frozen=True)
class _Geometry:
    """Where things stand on a sheet, in pixels from the upper left.

    Attributes:
        scale: how many times pictures are enlarged.
        left: where the first column begins.
        across: from one column to the next.
        edge: height of a picture.
        tops: where each row's pictures begin.
        width, height: of the sheet.
    """

    scale: int
    left: int
    across: int
    edge: int
    tops: Sequence[int]
    width: int
    height: int

    @classmethod
    def of(cls, sheet: Sheet, columns: int, height: int, width: int) -> _Geometry:
        """The geometry of a sheet with that many columns of pictures ``height`` × ``width``."""
        labels = [wrapped(strip.label, _LABEL_WIDTH, "label") for strip in sheet.strips]
        longest = max(_width(line, "label") for lines in labels for line in lines)
        left = MARGIN + longest + (MARGIN if longest else 0)
        scale = _scale(max(height, width), (PAGE - left - MARGIN) / columns - GAP)
        across, edge = width * scale + GAP, height * scale
        heads = max((len(wrapped(head, across, "head")) for head in sheet.heads), default=0)
        tops = [MARGIN + heads * line_height("head") + (GAP if heads else 0)]
        for strip, lines in zip(sheet.strips, labels, strict=True):
            captions = max((len(wrapped(text, across, "caption")) for text in strip.captions), default=0)
            below = GAP + (captions * line_height("caption") + 2 * GAP if captions else 0)
            tops.append(tops[-1] + max(edge + below, len(lines) * line_height("label") + GAP))
        return cls(
            scale, left, across, edge, tops[:-1], left + columns * across - GAP + MARGIN, tops[-1] - GAP + MARGIN
        )

    def centre(self, column: int) -> float:
        """The middle of a column."""
        return self.left + column * self.across + (self.across - GAP) / 2


def pixels(images: Tensor) -> UInt8Array:
    """Pictures [N, C, H, W] in [-1, 1] as uint8 [N, H, W, C]."""
    levels = ((images.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round()
    return levels.permute(0, 2, 3, 1).numpy().astype(np.uint8)


def _check(sheet: Sheet, rows: Sequence[UInt8Array]) -> None:
    if not rows or not len(rows[0]):
        raise DataError(f"sheet {sheet.name!r} has no pictures")
    for strip, images in zip(sheet.strips, rows, strict=True):
        if images.shape != rows[0].shape:
            raise DataError(
                f"sheet {sheet.name!r}: {strip.label!r} is {images.shape}, the row above it {rows[0].shape}"
            )
        if len(strip.captions) not in (0, len(images)):
            raise DataError(
                f"sheet {sheet.name!r}: {len(strip.captions)} captions for {len(images)} pictures of {strip.label!r}"
            )
    if len(sheet.heads) not in (0, len(rows[0])):
        raise DataError(f"sheet {sheet.name!r}: {len(sheet.heads)} heads for {len(rows[0])} columns")


def _scale(edge: int, room: float) -> int:
    """How many times to enlarge pictures of that edge, where each has ``room`` pixels."""
    smallest, largest = EDGE
    return max(1, -(-smallest // edge) if room < smallest else int(min(room, largest) // edge))


def _side_by_side(images: UInt8Array, scale: int) -> UInt8Array:
    """Pictures in one line with white between them, RGB."""
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    images = np.broadcast_to(images, (*images.shape[:3], 3))
    white = np.full((images.shape[1], GAP, 3), 255, dtype=np.uint8)
    parts = [part for image in images for part in (image, white)]
    return np.concatenate(parts[:-1], axis=1)


class _Pen:
    """Places type and pixels on a canvas by pixel coordinates from the upper left."""

    def __init__(self, canvas: Canvas, width: float, height: float) -> None:
        self._canvas, self._width, self._height = canvas, width, height

    def write(self, lines: Sequence[str], x: float, y: float, kind: str, *, align: str = "center") -> None:
        for number, line in enumerate(lines):
            self._canvas.text(
                x / self._width,
                1 - (y + (number + 0.8) * line_height(kind)) / self._height,
                line.replace("$", r"\$"),
                ha=align,
                va="baseline",
                fontsize=_TYPE[kind],
                color=_FAINT if kind == "caption" else INK,
            )

    def paste(self, image: UInt8Array, x: float, y: float) -> None:
        height, width = image.shape[:2]
        box = (x / self._width, 1 - (y + height) / self._height, width / self._width, height / self._height)
        axes = self._canvas.add_axes(box)
        axes.imshow(image, interpolation="none", aspect="auto")
        axes.set_axis_off()


def _save_canvas(canvas: Canvas, path: Path) -> Path:
    metadata = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
    with whole_file(path) as part:
        canvas.savefig(part, dpi=DPI, metadata=metadata)
    return path


# ---------------------------------------------------------------------------------------------------------------- type


@cache
def font(kind: str) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib, in pixels of `DPI`."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, _TYPE[kind] * DPI / 72)


def line_height(kind: str) -> int:
    """Pixels from one line of type to the next."""
    return round(_TYPE[kind] * DPI / 72 * 1.25)


def _width(text: str, kind: str) -> int:
    return int(np.ceil(font(kind).getlength(text)))


def wrapped(text: str, width: float, kind: str) -> list[str]:
    """Lines of at most ``width`` pixels: broken at line ends, before each ``+`` of a set, between words."""
    lines: list[str] = []
    for part in text.replace(" + ", "\n+ ").split("\n"):
        lines.append("")
        for word in visible(part).split():
            joined = f"{lines[-1]} {word}".strip()
            if lines[-1] and _width(joined, kind) > width:
                lines.append(word)
            else:
                lines[-1] = joined
    return lines
