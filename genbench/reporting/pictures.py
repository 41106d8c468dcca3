"""The comparison's figures and samples as data URIs that fit into one page, each with words for who cannot see it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from genbench.errors import DataError
from genbench.exporting.archive import Archived
from genbench.exporting.escaping import visible
from genbench.exporting.layout import shown_columns
from genbench.limits import PIXELS
from genbench.reporting.verdict import name_of
from genbench.tables import Comparison

LARGEST = 3_300_000
"""Bytes of all pictures together, before base64 makes them a third longer: the page stays under five million."""
_SMALLER = 0.8  # by which a picture shrinks until it fits
_QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """A picture in the page; width and height are those at which it is shown at most, in CSS pixels."""

    title: str
    caption: str
    alt: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Gallery:
    """A section of pictures."""

    anchor: str
    title: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class _Known:
    file: str
    gallery: str
    title: str
    caption: str
    density: float  # pixels of the file to a CSS pixel
    task: str = ""  # what the comparison must be about


_KNOWN = (
    _Known(
        "swept.png",
        "Sweep",
        "Over the swept parameter",
        "The objectives over the values of the one parameter: means with 95 % intervals, single seeds faint.",
        1.6,
    ),
    _Known(
        "costs.png",
        "Sweep",
        "Against each cost",
        "The first objective against training time, size, sampling time and memory, where rows differ in them.",
        1.6,
    ),
    _Known("history.png", "Sweep", "History", "The objective of each trial, and the best so far.", 1.6),
    _Known(
        "importance.png", "Sweep", "Importance", "How much each parameter explains of the objective's variance.", 1.6
    ),
    _Known("parallel.png", "Sweep", "Parallel coordinates", "Every trial as a line through its choices.", 1.6),
    _Known("pareto_trials.png", "Sweep", "Objectives", "Every trial by its objectives, the Pareto front in red.", 1.6),
    _Known(
        "pareto.png",
        "Figures",
        "Quality against cost",
        "Means with 95 % intervals, single seeds small; no row beats those on the grey steps on both at once.",
        1.6,
    ),
    _Known(
        "points.png", "Figures", "Every measure", "Means with 95 % intervals; dots below them are single seeds.", 1.6
    ),
    _Known(
        "objects.png",
        "Figures",
        "Accuracy by object",
        "Share of pictures in which the referee sees the object that was asked for; where conditions are sets, also by "
        "the number of objects.",
        1.6,
    ),
    _Known(
        "curves.png",
        "Figures",
        "Training",
        "What training logged, over its steps; bold lines are means over seeds. Losses of different families do not "
        "say which is better.",
        1.6,
    ),
    _Known(
        "samples.png",
        "Samples",
        "Samples",
        "The first seed of every row, same conditions and same start noises, as they came: nothing was picked out.",
        1.0,
        "generation",
    ),
    _Known(
        "samples.png",
        "Features",
        "Features",
        "What the classifier sees in pictures of both domains, by t-SNE in two dimensions; every row's first seed. "
        "Names stand in the middle of their classes; source pictures are filled, target pictures hollow.",
        1.0,
        "adaptation",
    ),
)


def galleries(archived: Archived) -> tuple[list[Gallery], list[str]]:
    """The sections of pictures that the comparison's folder has files for, and what is left out and why."""
    fitting = [known for known in _KNOWN if known.task in ("", archived.table.task)]
    present = [known for known in fitting if (archived.folder / known.file).is_file()]
    absent = expected(archived) - {known.file for known in present}
    left_out = [f"{known.file}: missing" for known in fitting if known.file in absent]
    room = LARGEST // max(len(present), 1)
    found: dict[str, list[Picture]] = {}
    for known in present:
        try:
            source, width, height = _embedded(archived.folder / known.file, room)
        except DataError as error:
            left_out.append(f"{known.file}: {error}")
            continue
        alt = _alt(known, archived.table)
        shown = round(width / known.density), round(height / known.density)
        found.setdefault(known.gallery, []).append(Picture(known.title, known.caption, alt, source, *shown))
    return [Gallery(title.lower(), title, pictures) for title, pictures in found.items()], left_out


def expected(archived: Archived) -> set[str]:
    """File names of the pictures that the comparison left; of an old one, those that every comparison has."""
    if archived.pictures is not None:
        return set(archived.pictures)
    return {"points.png", "samples.png", *(["pareto.png"] if archived.table.fronts else [])}


def _alt(known: _Known, table: Comparison) -> str:
    """What is to be seen, in a sentence; the numbers are in the table and the verdict."""
    rows = [visible(name_of(row)) for row in table.rows if not row.reference]
    listed = ", ".join(rows)
    titles = {column.key: column.title for column in table.columns}
    if known.file == "pareto.png" and table.fronts:
        told = [
            f"{titles[f.quality]} against {titles[f.cost]}, with {', '.join(map(visible, f.rows))} on the front"
            for f in table.fronts
        ]
        return f"Scatter plots of {'; and '.join(told)}. Rows: {listed}."
    if known.file == "points.png":
        measures = ", ".join(column.title for column in shown_columns(table))
        return (
            f"For each of {measures}: every row's mean, interval and seeds. Rows: {listed}. The table has the numbers."
        )
    if known.file == "objects.png":
        return f"Dot plot of the accuracy of each object, for {listed}, beside that of real pictures."
    if known.file == "curves.png":
        return f"Line plots of training's losses and other scalars over steps, for {listed}."
    if known.gallery == "Sweep":
        return f"{known.caption} Rows of the table: {listed}. The table and trials.csv have the numbers."
    if known.task == "adaptation":
        return f"Scatter plots of features, coloured by class and by domain, for {listed}."
    return f"Generated pictures in rows ({listed}), one column for each condition."


def _embedded(path: Path, room: int) -> tuple[str, int, int]:
    """A picture as a data URI of at most ``room`` bytes before base64, and the width and height of the original."""
    try:
        with Image.open(path, formats=("PNG",)) as opened:
            PIXELS.check(opened.width * opened.height, "a picture")
            image = opened.convert("RGB") if opened.mode not in ("L", "RGB") else opened.copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"not a picture ({_reason(error)})") from None
    width, height = image.size
    content, kind = path.read_bytes(), "PNG"
    if len(content) > room:
        content, kind = _fitted(image, room), "WEBP"
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content).decode()}", width, height


def _reason(error: Exception) -> str:
    """What Pillow says, without the file's name and address in memory."""
    return "of no known kind" if isinstance(error, UnidentifiedImageError) else str(error)


def _fitted(image: Image.Image, room: int) -> bytes:
    """The picture as WebP, made smaller until it has at most ``room`` bytes."""
    while True:
        buffer = BytesIO()
        image.save(buffer, format="WEBP", quality=_QUALITY, method=4)
        if len(buffer.getvalue()) <= room or max(image.size) <= 64:
            return buffer.getvalue()
        image = image.resize([max(1, round(_SMALLER * edge)) for edge in image.size], Image.Resampling.LANCZOS)
