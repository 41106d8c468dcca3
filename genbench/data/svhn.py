"""SVHN: house numbers in street photographs, cropped to one digit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from genbench.data.base import DataRequest, Dataset, Progress, RawData, UInt8Array
from genbench.data.labelled import split_labelled
from genbench.data.locating import locate, stamps
from genbench.data.splitting import IntArray
from genbench.errors import ConfigError, DataError

SIDE = 32
FILES = ("train_32x32.mat", "test_32x32.mat")


class SVHN(Dataset):
    """99,289 colour digits, 32x32: 67,153 for training, 6,104 for validation, 26,032 for test (Y. Netzer et al., 2011).

    Files: ROOT/train_32x32.mat and ROOT/test_32x32.mat, or in ROOT/svhn/. The centre digit is the class; parts of its
    neighbours show.
    """

    name: ClassVar[str] = "svhn"
    title: ClassVar[str] = "digits of house numbers (99,289 RGB pictures, 10 classes)"
    default_resolution: ClassVar[int] = SIDE

    def source(self, request: DataRequest) -> Mapping[str, Any]:
        """Sizes and times of both files.

        Raises:
            DataError: when a file is missing or a download fails.
        """
        return stamps(self._files(request))

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Read and split.

        Raises:
            DataError: when a file is damaged.
            ConfigError: when the resolution is not 32.
        """
        if resolution != SIDE:
            raise ConfigError(f"svhn cannot be had at resolution {resolution}: choose {SIDE}")
        train, test = self._files(request)
        labelled, test_labelled = read_mat(train), read_mat(test)
        total = len(labelled[0]) + len(test_labelled[0])
        progress(total, total)
        splits = split_labelled(labelled, test_labelled, 10)
        return RawData(conditions=tuple("0123456789"), exclusive=True, splits=splits)

    def _files(self, request: DataRequest) -> list[Path]:
        return locate("svhn", request, FILES, below="svhn", fetch=_fetch)


def read_mat(path: Path) -> tuple[UInt8Array, IntArray]:
    """Pictures uint8 [N, 32, 32, 3] and classes [N] from a Matlab 5 file with X [32, 32, 3, N] and y [N, 1].

    The label 10 stands for the digit 0.

    Raises:
        DataError: when the file is unreadable or not of this format, naming the file.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=("X", "y"))
    except Exception as error:  # the parser of damaged files raises almost anything
        raise DataError(f"{path}: is no Matlab file, or is damaged: fetch it again") from error
    if not {"X", "y"} <= content.keys():
        raise DataError(f"{path}: has no variables X and y: bring the cropped digits (format 2) of SVHN")
    images, labels = content["X"], content["y"].reshape(-1)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (SIDE, SIDE, 3):
        shape = "×".join(map(str, images.shape))
        raise DataError(f"{path}: X is {images.dtype} {shape}, not uint8 32×32×3×N")
    if len(labels) != images.shape[3]:
        raise DataError(f"{path}: {len(labels):,} labels for {images.shape[3]:,} pictures")
    if not np.isin(labels, np.arange(1, 11)).all():
        raise DataError(f"{path}: labels must be 1 to 10, where 10 stands for the digit 0")
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels.astype(np.int64) % 10


def _fetch(folder: Path) -> None:
    from torchvision import datasets

    for split in ("train", "test"):
        datasets.SVHN(folder, split=split, download=True)
