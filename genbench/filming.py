"""Films as GIF and WebP: labels in type, every pixel of the model kept as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from genbench.drawing import GAP, INK, MARGIN, UInt8Array, font, line_height, pixels, wrapped
from genbench.errors import DataError
from genbench.figuring import Film
from genbench.files import whole_file

EDGE = 84
"""Pixels that a picture's edge should have at least about."""
FRAME_MS = 60
"""Milliseconds that a frame stays."""


def save_film(film: Film, folder: Path) -> list[Path]:
    """Write a film as ``NAME.gif`` and ``NAME.webp``, both without end, and return both paths.

    Raises:
        DataError: when there are no frames, or captions or heads do not fit them.
        GenbenchError: when a file cannot be written.
    """
    if not film.frames or len(film.captions) != len(film.frames):
        raise DataError(f"film {film.name!r}: {len(film.captions)} captions for {len(film.frames)} frames")
    frames = [
        _frame(pixels(images), film.heads, caption) for images, caption in zip(film.frames, film.captions, strict=True)
    ]
    times = [FRAME_MS] * (len(frames) - 1) + [max(FRAME_MS, round(film.hold * 1000))]
    paths = []
    for ending, settings in (("gif", {"optimize": False}), ("webp", {"lossless": True, "quality": 60, "method": 3})):
        path = folder / f"{film.name}.{ending}"
        with whole_file(path) as part:
            frames[0].save(
                part, ending.upper(), save_all=True, append_images=frames[1:], duration=times, loop=0, **settings
            )
        paths.append(path)
    return paths


def _frame(images: UInt8Array, heads: Sequence[str], caption: str) -> Image.Image:
    """One frame: pictures in up to ten columns with their heads above and the caption below."""
    count, height, width, channels = images.shape
    if len(heads) not in (0, count):
        raise DataError(f"{len(heads)} heads for {count} pictures of a film")
    columns = min(count, 10) if count <= 10 else -(-count // -(-count // 10))
    scale = max(1, round(EDGE / max(height, width)))
    across, down = width * scale + GAP, height * scale + GAP
    lines = [wrapped(head, across, "head") for head in heads]
    above = max(map(len, lines), default=0) * line_height("head") + (GAP if heads else 0)
    rows = -(-count // columns)
    size = (
        max(2 * MARGIN + columns * across - GAP, 2 * MARGIN + round(font("head").getlength("t = 1000"))),
        2 * MARGIN + rows * (above + down) + line_height("head"),
    )
    frame = Image.new("L" if channels == 1 else "RGB", size, "white")
    pen = ImageDraw.Draw(frame)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        x, y = MARGIN + column * across, MARGIN + row * (above + down) + above
        for number, line in enumerate(lines[index] if heads else []):
            place = (x + (across - GAP) / 2, y - above + (number + 0.8) * line_height("head"))
            pen.text(place, line, fill=INK, font=font("head"), anchor="ms")
        grey_or_colour = image[..., 0] if channels == 1 else image
        frame.paste(
            Image.fromarray(np.ascontiguousarray(grey_or_colour.repeat(scale, axis=0).repeat(scale, axis=1))), (x, y)
        )
    pen.text((size[0] / 2, size[1] - MARGIN), caption, fill=INK, font=font("head"), anchor="ms")
    return frame
