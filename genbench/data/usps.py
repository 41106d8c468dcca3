"""USPS: handwritten digits from envelopes, in libsvm's text format."""

from __future__ import annotations

import bz2
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from genbench.data.labelled import DigitFiles, Labelled
from genbench.errors import DataError
from genbench.limits import TEXT_BYTES

SIDE = 16
PIXELS = SIDE * SIDE


class USPS(DigitFiles):
    """9,298 grey digits, 16x16: 6,684 for training, 607 for validation, 2,007 for test (J. J. Hull, IEEE PAMI, 1994).

    The test pictures were collected separately and are harder. Files: ROOT/usps.bz2 and ROOT/usps.t.bz2, or in
    ROOT/usps/. Ink is white on black, as in MNIST.
    """

    name: ClassVar[str] = "usps"
    title: ClassVar[str] = "digits from envelopes (9,298 grey pictures, 10 classes)"
    default_resolution: ClassVar[int] = SIDE
    files: ClassVar[tuple[str, str]] = ("usps.bz2", "usps.t.bz2")

    def read(self, path: Path) -> Labelled:
        """`read_libsvm`."""
        return read_libsvm(path)

    def fetch(self, folder: Path) -> None:
        """Download both files as torchvision does."""
        from torchvision import datasets

        for train in (True, False):
            datasets.USPS(folder, train=train, download=True)


def read_libsvm(path: Path) -> Labelled:
    """Pictures uint8 [N, 16, 16, 1] and classes [N] from a bz2 file of lines ``label index:value …``.

    Labels 1 to 10 stand for the digits 0 to 9, indices 1 to 256 for the pixels row by row, values run from -1 (no ink)
    to 1; a pixel that is not listed has the value 0, as in every libsvm file.

    Raises:
        DataError: when the file is unreadable or not of this format, naming the file.
    """
    most = TEXT_BYTES.value
    try:
        with bz2.open(path) as file:
            text = file.read(most + 1)
    except (OSError, ValueError, EOFError):
        raise DataError(f"{path}: is no bz2 file, or is damaged: fetch it again") from None
    if len(text) > most:
        raise DataError(f"{path}: its bytes, unpacked, are {TEXT_BYTES.too_many}")
    lines = text.splitlines()
    counts = np.array([line.count(b":") for line in lines], np.int64)
    try:
        numbers = np.array(list(map(float, text.replace(b":", b" ").split())))
    except ValueError as error:
        raise DataError(f"{path}: is not in libsvm's format: {str(error)[:80]}") from None
    if not lines or len(numbers) != (1 + 2 * counts).sum():
        raise DataError(f"{path}: is not in libsvm's format: write one line `label index:value …` a picture")
    starts = np.concatenate([[0], np.cumsum(1 + 2 * counts)[:-1]])
    pairs = np.delete(numbers, starts).reshape(-1, 2)
    labels, pixels, values = numbers[starts], pairs[:, 0] - 1, pairs[:, 1]
    _check(path, "label", labels, 1, 10)
    _check(path, "pixel", pixels + 1, 1, PIXELS)
    if not (np.abs(values) <= 1).all():
        raise DataError(f"{path}: has pixel values outside [-1, 1]")
    images = np.zeros((len(lines), PIXELS))
    images[np.repeat(np.arange(len(lines)), counts), pixels.astype(np.int64)] = values
    levels = np.rint((images + 1) * 127.5).astype(np.uint8)
    return levels.reshape(-1, SIDE, SIDE, 1), labels.astype(np.int64) - 1


def _check(path: Path, what: str, numbers: np.ndarray[Any, np.dtype[np.float64]], low: int, high: int) -> None:
    wrong = ~((numbers >= low) & (numbers <= high) & (numbers % 1 == 0))
    if wrong.any():
        raise DataError(f"{path}: {what} {numbers[wrong][0]:g} is not a whole number from {low} to {high}")
