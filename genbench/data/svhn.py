"""SVHN: house numbers in street photographs, cropped to one digit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import numpy as np

from genbench.data.labelled import DigitFiles, Labelled
from genbench.errors import DataError, GenbenchError
from genbench.limits import UNPACKED_BYTES

SIDE = 32


class SVHN(DigitFiles):
    """99,289 colour digits, 32x32: 67,153 for training, 6,104 for validation, 26,032 for test (Y. Netzer et al., 2011).

    Files: ROOT/train_32x32.mat and ROOT/test_32x32.mat, or in ROOT/svhn/. The centre digit is the class; parts of its
    neighbours show.
    """

    name: ClassVar[str] = "svhn"
    title: ClassVar[str] = "digits of house numbers (99,289 RGB pictures, 10 classes)"
    default_resolution: ClassVar[int] = SIDE
    files: ClassVar[tuple[str, str]] = ("train_32x32.mat", "test_32x32.mat")

    def read(self, path: Path) -> Labelled:
        """`read_mat`."""
        return read_mat(path)

    def fetch(self, folder: Path) -> None:
        """Download both files as torchvision does."""
        from torchvision import datasets

        for split in ("train", "test"):
            datasets.SVHN(folder, split=split, download=True)


def read_mat(path: Path) -> Labelled:
    """Pictures uint8 [N, 32, 32, 3] and classes [N] from a Matlab 5 file with X [32, 32, 3, N] and y [N, 1].

    The label 10 stands for the digit 0.

    Raises:
        DataError: when the file is unreadable or not of this format, naming the file.
    """
    from scipy.io import loadmat, whosmat

    try:
        claimed = {name: math.prod(shape) for name, shape, _ in whosmat(path) if name in ("X", "y")}
        UNPACKED_BYTES.check(max(claimed.values(), default=0), path)
        content = loadmat(path, variable_names=("X", "y"))
    except GenbenchError:
        raise
    except Exception as error:  # the parser of damaged files raises almost anything
        raise DataError(f"{path}: is no Matlab file, or is damaged: fetch it again") from error
    if not {"X", "y"} <= content.keys():
        raise DataError(f"{path}: has no variables X and y: bring the cropped digits (format 2) of SVHN")
    images, labels = content["X"], content["y"]
    if not (isinstance(images, np.ndarray) and isinstance(labels, np.ndarray) and labels.dtype.kind in "fiu"):
        raise DataError(f"{path}: X and y are not arrays of numbers: bring the cropped digits (format 2) of SVHN")
    labels = labels.reshape(-1)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (SIDE, SIDE, 3):
        shape = "×".join(map(str, images.shape))
        raise DataError(f"{path}: X is {images.dtype} {shape}, not uint8 32×32×3×N: fetch it again")
    if len(labels) != images.shape[3]:
        raise DataError(f"{path}: {len(labels):,} labels for {images.shape[3]:,} pictures: fetch it again")
    if not np.isin(labels, np.arange(1, 11)).all():
        raise DataError(f"{path}: labels must be 1 to 10, where 10 stands for the digit 0: fetch it again")
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels.astype(np.int64) % 10
