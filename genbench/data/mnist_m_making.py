"""Makes MNIST-M's files from MNIST and a folder of photographs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from genbench.data.base import ImageData, Progress, UInt8Array
from genbench.data.image_folder import SUFFIXES
from genbench.data.mnist_m import NAMES, SIDE
from genbench.data.pictures import opened, to_rgb
from genbench.errors import ConfigError, DataError
from genbench.files import clear_os_errors, writable_folder, write_text
from genbench.hashing import derive_seed

Ink = Literal["grey", "binary"]
"""``grey``: digits as they are; ``binary``: every pixel that has any ink is white."""

FILES = {"train": ("train", "validation"), "test": ("test",)}
"""Which of MNIST's splits each half is made of: 60,000 and 10,000 pictures."""


def make_mnist_m(
    digits: ImageData, backgrounds: Path, out: Path, *, seed: int, ink: Ink, progress: Progress
) -> dict[str, int]:
    """Blend every digit over a random crop of a random photograph, and write what data set ``mnist-m`` reads.

    A picture is |photograph - digit|, pixel by pixel and channel by channel (Y. Ganin et al., *Domain-Adversarial
    Training of Neural Networks*, JMLR 2016, section 5.2.3, who take the photographs of BSDS500). There digits enter the
    difference as they are; a widely used script (github.com/pumpikano/tf-dann, create_mnistm.py) makes
    every inked pixel white first, which ``ink="binary"`` does. The files, like the authors', are 32x32, MNIST's 28x28
    with a border of two pixels.

    Args:
        digits: MNIST, uint8 [N, 28, 28, 1].
        backgrounds: a folder with photographs, also in folders within it.
        out: gets mnist_m_train/, mnist_m_test/ and beside them the lists of labels; all of them or none.
        seed: with the digits and photographs, all that decides what the pictures show.
        ink: how digits enter.
        progress: told of pictures written.

    Returns:
        How many pictures each folder has.

    Raises:
        DataError: when there are no photographs, one is damaged or too small, naming it.
        ConfigError: when ``out`` has such files already.
    """
    photographs = find_photographs(backgrounds)
    present = next((out / name for name in NAMES if (out / name).exists()), None)
    if present is not None:
        raise ConfigError(f"{present}: is there already: remove it, or choose another folder with --out")
    total, done, counts = sum(map(len, digits.splits.values())), 0, {}
    with _all_or_none(writable_folder(out)) as scratch:
        for half, parts in FILES.items():
            images = np.concatenate([digits.splits[part].images for part in parts])
            classes = np.concatenate([digits.splits[part].conditions for part in parts]).argmax(axis=1)
            folder = scratch / f"mnist_m_{half}"
            folder.mkdir()
            generator = np.random.default_rng(derive_seed("mnist-m", seed, half))
            for index, picture in blended(images, photographs, generator, ink):
                Image.fromarray(picture).save(folder / f"{index:08}.png")
                done += 1
                if done % 100 == 0 or done == total:
                    progress(done, total)
            lines = [f"{index:08}.png {digit}\n" for index, digit in enumerate(classes)]
            write_text(scratch / f"mnist_m_{half}_labels.txt", "".join(lines))
            counts[half] = len(images)
    return counts


def find_photographs(folder: Path) -> list[Path]:
    """The picture files in a folder and below, in the order of their names.

    Raises:
        DataError: when there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder: name the one with the photographs with --backgrounds")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise DataError(f"{folder}: has no photographs ({', '.join(sorted(SUFFIXES))})")
    return found


def read_photograph(path: Path) -> UInt8Array:
    """A photograph as uint8 [H, W, 3], H and W at least 32.

    Raises:
        DataError: when it is damaged, too small or too large, naming it.
    """
    with opened(path) as picture:
        width, height = picture.size
        if min(width, height) < SIDE:
            raise DataError(f"{path}: {width}x{height} pixels are too few to cut {SIDE}x{SIDE} from: remove it")
        return np.asarray(to_rgb(picture))


def blended(
    digits: UInt8Array, photographs: list[Path], generator: np.random.Generator, ink: Ink
) -> Iterator[tuple[int, UInt8Array]]:
    """Each digit's number and picture uint8 [32, 32, 3], photograph by photograph, so that only one is in memory.

    Args:
        digits: uint8 [N, 28, 28, 1].
        photographs: files, each as probable as the others.
        generator: draws the photograph and the corner of each digit, uniformly.
        ink: how digits enter.
    """
    border = (SIDE - digits.shape[1]) // 2
    chosen = generator.integers(0, len(photographs), len(digits))
    corners: npt.NDArray[np.float64] = generator.random((len(digits), 2))
    for number, path in enumerate(photographs):
        wanted: npt.NDArray[Any] = np.flatnonzero(chosen == number)
        if not len(wanted):
            continue
        photograph = read_photograph(path)
        room = np.array(photograph.shape[:2]) - SIDE + 1
        for index in wanted:
            top, left = (corners[index] * room).astype(np.int64)
            crop = photograph[top : top + SIDE, left : left + SIDE].astype(np.int16)
            digit = np.pad(digits[index], ((border, border), (border, border), (0, 0)))
            levels = (digit > 0) * 255 if ink == "binary" else digit.astype(np.int16)
            yield int(index), np.abs(crop - levels).astype(np.uint8)


@contextmanager
def _all_or_none(out: Path) -> Iterator[Path]:
    """A scratch folder within ``out``, whose content moves up when the block ends well."""
    with clear_os_errors(out):
        scratch = Path(tempfile.mkdtemp(dir=out, prefix=".mnist-m."))
        try:
            yield scratch
            for name in NAMES:
                (scratch / name).rename(out / name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
