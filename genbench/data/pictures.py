"""Picture files to arrays: opened with care, brought to one size, decoded in parallel."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from genbench.data.base import Progress, UInt8Array
from genbench.errors import ConfigError, DataError, GenbenchError
from genbench.limits import DATA_BYTES, PIXELS

Fit = Literal["squeeze", "crop"]
"""How a picture becomes square: ``squeeze`` changes its proportions, ``crop`` keeps its central square."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""Formats that are decoded, whatever a file is called: Pillow would hand others to programs outside (PostScript)."""

# Pillow warns of some sizes that are errors here; one message is enough.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_CHUNK = 64


def one_hot(labels: npt.ArrayLike, classes: int) -> UInt8Array:
    """Class numbers [N] in [0, classes) as rows uint8 [N, classes]."""
    return np.eye(classes, dtype=np.uint8)[np.asarray(labels, np.int64)]


def check_resolution(dataset: str, resolution: int, lowest: int, highest: int) -> None:
    """Raise `ConfigError` unless ``lowest <= resolution <= highest``."""
    if not lowest <= resolution <= highest:
        raise ConfigError(f"{dataset} cannot be had at resolution {resolution}: choose {lowest} to {highest}")


def read_picture(path: Path | str, resolution: int, fit: Fit) -> UInt8Array:
    """One picture file as uint8 [R, R, 3].

    Grey becomes RGB, 16-bit grey loses its lower byte, transparency shows white. Sizes are changed with Pillow's
    Lanczos filter, whose support grows with the reduction, so nothing aliases. Cropped pictures are first turned
    upright as their EXIF data say.

    Raises:
        DataError: when the file is missing, unreadable, no picture, damaged or larger than `limits.PIXELS`, naming it.
    """
    with opened(path) as picture:
        return np.asarray(_square(picture, resolution, fit))


@contextmanager
def opened(path: Path | str) -> Iterator[Image.Image]:
    """A picture file of one of `FORMATS`, for decoding within the block.

    Raises:
        DataError: from here and from the block, when the file is missing, unreadable, no picture, damaged or larger
            than `limits.PIXELS`, naming it.
    """
    Image.MAX_IMAGE_PIXELS = PIXELS.value  # Pillow's own limit follows ours, which can be raised
    try:
        with Image.open(path, formats=FORMATS) as picture:
            PIXELS.check(picture.width * picture.height, path)
            yield picture
    except GenbenchError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"{path}: its pixels are {PIXELS.too_many}") from None
    except MemoryError:
        raise DataError(f"{path}: not enough memory to decode it: remove it") from None
    except Exception as error:  # decoders of damaged files raise almost anything
        raise DataError(f"{path}: {_complaint(Path(path), error)}") from error


def read_pictures(paths: Sequence[Path | str], resolution: int, fit: Fit, progress: Progress) -> UInt8Array:
    """Picture files as uint8 [N, R, R, 3], in order, decoded by a thread for each CPU.

    Raises:
        DataError: for the first file that `read_picture` refuses.
    """
    DATA_BYTES.check(len(paths) * resolution**2 * 3, f"{len(paths):,} pictures of {resolution}x{resolution}")
    images = np.empty((len(paths), resolution, resolution, 3), np.uint8)

    def fill(start: int) -> int:
        stop = min(start + _CHUNK, len(paths))
        for index in range(start, stop):
            images[index] = read_picture(paths[index], resolution, fit)
        return stop

    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, 32))
    try:
        for done in pool.map(fill, range(0, len(paths), _CHUNK)):
            progress(done, len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
    return images


def drop_colour_if_grey(images: UInt8Array) -> UInt8Array:
    """[N, R, R, 3] as [N, R, R, 1] when red, green and blue are equal in every picture, else unchanged."""
    for start in range(0, len(images), _CHUNK):
        red, green, blue = (images[start : start + _CHUNK, ..., channel] for channel in range(3))
        if not (np.array_equal(red, green) and np.array_equal(red, blue)):
            return images
    return np.ascontiguousarray(images[..., :1])


def _square(picture: Image.Image, resolution: int, fit: Fit) -> Image.Image:
    # JPEG decodes several times faster at a half or a quarter of its size; four pixels for one are left to the filter.
    picture.draft(None, (4 * resolution, 4 * resolution))
    upright = ImageOps.exif_transpose(picture) if fit == "crop" else picture
    colour = to_rgb(upright)
    box = _central_square(colour.size) if fit == "crop" else (0, 0, *colour.size)
    if (box[2] - box[0], box[3] - box[1]) == (resolution, resolution):
        return colour.crop(box)
    return colour.resize((resolution, resolution), Image.Resampling.LANCZOS, box=box)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Grey becomes RGB, 16-bit grey loses its lower byte, transparency shows white."""
    if picture.mode.startswith("I"):
        grey = np.asarray(picture).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def _central_square(size: tuple[int, int]) -> tuple[int, int, int, int]:
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return left, top, left + side, top + side


def _complaint(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file: put it there"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}: replace or remove it"
    if path.is_file() and path.stat().st_size == 0:
        return "is empty: replace or remove it"
    return f"is no picture that can be read, or is damaged: replace or remove it (formats: {', '.join(FORMATS)})"
