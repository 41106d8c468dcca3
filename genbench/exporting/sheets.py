"""Sheets of pictures: families side by side for the same conditions, and plain grids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from genbench.errors import DataError
from genbench.exporting.escaping import visible
from genbench.files import whole_file

UInt8Array = NDArray[np.uint8]

EDGE = 112
"""Pixels that a picture's edge should have at least about, in a sheet."""
PAGE = 1520
"""Widest sheet in pixels; more conditions than fit continue in a further band below."""
LARGEST_FILE = 1_500_000
"""Bytes of the largest file; pictures are enlarged less where it takes that."""

_GAP, _FAMILY_GAP, _BAND_GAP, _MARGIN = 4, 10, 26, 16
_TITLE, _HEAD, _LABEL = 20, 14, 15  # type sizes in pixels
_LABEL_WIDTH = 150
_INK = 34  # of type, 0 black to 255 white


def contact_sheet(
    rows: Sequence[tuple[str, UInt8Array]],
    column_titles: Sequence[str],
    path: Path,
    *,
    title: str | None = None,
) -> Path:
    """Draw families one below the other, with one column for each of K conditions, as a PNG.

    Args:
        rows: label and pictures, uint8 [M, H, W, C] with C 1 or 3, of each family. Picture i has condition i mod K, so
            that M = K is one picture a condition, and M = 2K draws two, one below the other.
        column_titles: the K conditions' names; `` + `` between parts is where long ones are broken first. Without any,
            each row is one line of M pictures.
        path: where to.
        title: a line above everything.

    Raises:
        DataError: when shapes, types or numbers don't fit, naming the row.
        GenbenchError: when the file cannot be written.
    """
    titles = column_titles or [""] * max((len(images) for _, images in rows), default=0)
    _check(rows, len(titles))
    edge = max(rows[0][1].shape[1:3])
    for scale in range(max(1, round(EDGE / edge)), 0, -1):
        _save(_draw(rows, titles, scale, title), path)
        if path.stat().st_size <= LARGEST_FILE:
            break
    return path


def grid(images: UInt8Array, path: Path, columns: int) -> Path:
    """Draw pictures, uint8 [N, H, W, C] with C 1 or 3, row by row in a plain grid, as a PNG.

    Raises:
        DataError: when there are no pictures or they have another shape or type.
        GenbenchError: when the file cannot be written.
    """
    if columns < 1:
        raise DataError(f"a grid needs at least one column, not {columns}")
    _check([("grid", images)], 1)
    count, height, width, _ = images.shape
    columns = min(columns, count)
    scale = max(1, round(EDGE / 2 / max(height, width)))
    across, down = width * scale + _GAP, height * scale + _GAP
    lines = -(-count // columns)
    sheet = Image.new(_mode([images]), (columns * across + _GAP, lines * down + _GAP), "white")
    for index, image in enumerate(images):
        line, column = divmod(index, columns)
        sheet.paste(_enlarged(image, scale), (_GAP + column * across, _GAP + line * down))
    return _save(sheet, path)


def _check(rows: Sequence[tuple[str, UInt8Array]], conditions: int) -> None:
    if not rows or not conditions:
        raise DataError("a sheet needs at least one row with at least one picture")
    size = rows[0][1].shape[1:3]
    for label, images in rows:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
            raise DataError(
                f"{label}: a sheet needs pictures uint8 [M, H, W, 1 or 3], not {images.dtype} {list(images.shape)}"
            )
        if images.shape[1:3] != size:
            raise DataError(f"{label}: pictures of {images.shape[1:3]} pixels beside others of {size}")
        if len(images) % conditions:
            raise DataError(f"{label}: {len(images)} pictures are not a multiple of {conditions} conditions")


def _draw(rows: Sequence[tuple[str, UInt8Array]], titles: Sequence[str], scale: int, title: str | None) -> Image.Image:
    """The whole sheet with pictures enlarged ``scale`` times: the title, then bands of as many conditions as fit."""
    width = scale * rows[0][1].shape[2]
    labels = [_wrapped(label, _LABEL_WIDTH, _LABEL, bold=True) for label, _ in rows]
    left = _MARGIN + max(_width(line, _LABEL, bold=True) for lines in labels for line in lines) + 12
    across = max(width, 64) + _GAP
    fitting = max(1, (PAGE - left - _MARGIN + _GAP) // across)
    bands = -(-len(titles) // fitting)
    per_band = -(-len(titles) // bands)
    page = left + per_band * across - _GAP + _MARGIN

    above = _wrapped(title, max(page, 480) - 2 * _MARGIN, _TITLE, bold=True) if title else []
    page = max(page, 2 * _MARGIN + max((_width(line, _TITLE, bold=True) for line in above), default=0))
    parts = [
        _band(rows, labels, titles, range(k, min(k + per_band, len(titles))), scale, left, across, page)
        for k in range(0, len(titles), per_band)
    ]
    top = _MARGIN + (len(above) * _line(_TITLE) + 12 if above else 0)
    height = top + sum(part.height for part in parts) + (len(parts) - 1) * _BAND_GAP + _MARGIN
    sheet = Image.new(parts[0].mode, (page, height), "white")
    _write(ImageDraw.Draw(sheet), above, (_MARGIN, _MARGIN), _TITLE, bold=True)
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height + _BAND_GAP
    return sheet


def _band(
    rows: Sequence[tuple[str, UInt8Array]],
    labels: Sequence[Sequence[str]],
    titles: Sequence[str],
    conditions: range,
    scale: int,
    left: int,
    across: int,
    page: int,
) -> Image.Image:
    """The heads of some conditions and below them every family's pictures; columns start at ``left``."""
    height, width = (scale * size for size in rows[0][1].shape[1:3])
    heads = [_head(titles[condition], across - _GAP) for condition in conditions]
    top = _line(_HEAD) * max(map(len, heads)) + 6 if any(lines != [""] for lines in heads) else 0
    blocks = [len(images) // len(titles) * (height + _GAP) - _GAP for _, images in rows]
    blocks = [max(block, _line(_LABEL) * len(label)) for block, label in zip(blocks, labels, strict=True)]
    total = top + sum(blocks) + (len(rows) - 1) * (_GAP + _FAMILY_GAP)
    band = Image.new(_mode([images for _, images in rows]), (page, total), "white")
    pen = ImageDraw.Draw(band)
    for column, lines in enumerate(heads):
        centre = left + column * across + (across - _GAP) / 2
        _write(pen, lines, (centre, top - 6 - _line(_HEAD) * len(lines)), _HEAD, centred=True)
    for (_, images), label, block in zip(rows, labels, blocks, strict=True):
        _write(pen, label, (_MARGIN, top + (block - _line(_LABEL) * len(label)) / 2), _LABEL, bold=True)
        for column, condition in enumerate(conditions):
            x = left + column * across + (across - _GAP - width) // 2
            for repeat, image in enumerate(images[condition :: len(titles)]):
                band.paste(_enlarged(image, scale), (x, top + repeat * (height + _GAP)))
        top += block + _GAP + _FAMILY_GAP
    return band


def _mode(pictures: Sequence[UInt8Array]) -> Literal["L", "RGB"]:
    return "L" if all(images.shape[3] == 1 for images in pictures) else "RGB"


def _enlarged(image: UInt8Array, scale: int) -> Image.Image:
    """Nearest neighbour: every pixel of the model stays visible as it is."""
    pixels = image[..., 0] if image.shape[2] == 1 else image
    return Image.fromarray(np.ascontiguousarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1)))


def _save(sheet: Image.Image, path: Path) -> Path:
    with whole_file(path) as part:
        sheet.save(part, format="PNG")
    return path


# ---------------------------------------------------------------------------------------------------------------- type


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    import matplotlib as mpl

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / name, size)


def _line(size: int) -> int:
    return round(size * 1.25)


def _width(text: str, size: int, *, bold: bool = False) -> int:
    return int(np.ceil(_font(size, bold).getlength(text)))


def _write(
    pen: ImageDraw.ImageDraw,
    lines: Sequence[str],
    at: tuple[float, float],
    size: int,
    *,
    bold: bool = False,
    centred: bool = False,
) -> None:
    for number, line in enumerate(lines):
        x = at[0] - _width(line, size, bold=bold) / 2 if centred else at[0]
        colour = (_INK,) * 3 if pen.mode == "RGB" else _INK
        pen.text((round(x), round(at[1]) + number * _line(size)), line, fill=colour, font=_font(size, bold))


def _head(text: str, width: int) -> list[str]:
    """A condition's name in lines: each part after a plus on its own, and long parts broken."""
    first, *others = visible(text).split(" + ")
    return [line for part in (first, *(f"+ {other}" for other in others)) for line in _wrapped(part, width, _HEAD)]


def _wrapped(text: str, width: int, size: int, *, bold: bool = False) -> list[str]:
    """Lines of at most ``width`` pixels, broken between words and, where a word is longer, within it; four at most."""
    lines = [""]
    for word in visible(text).split():
        joined = f"{lines[-1]} {word}".strip()
        if _width(joined, size, bold=bold) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and _width(lines[-1] + character, size, bold=bold) > width:
                lines.append("")
            lines[-1] += character
    return lines if len(lines) <= 4 else [*lines[:3], f"{lines[3][:-1]}…"]
