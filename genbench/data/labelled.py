"""Data that comes as labelled training pictures and labelled test pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from genbench.data.base import DataRequest, Dataset, Progress, RawData, Split, UInt8Array
from genbench.data.locating import locate, stamps
from genbench.data.pictures import one_hot
from genbench.data.splitting import IntArray, order_by_hash, split_by_hash
from genbench.errors import ConfigError

VALIDATION_SHARE = 12
"""One training picture in so many is held out for validation."""

Labelled = tuple[UInt8Array, IntArray]
"""Pictures uint8 [N, H, W, C] and their classes int64 [N]."""


class DigitFiles(Dataset):
    """Ten digits in two files, one for training and one for test, at one resolution.

    Attributes:
        files: their names, in ROOT or in ROOT/``name``.
    """

    files: ClassVar[tuple[str, str]]

    def source(self, request: DataRequest) -> Mapping[str, Any]:
        """Sizes and times of both files.

        Raises:
            DataError: when a file is missing or a download fails.
        """
        return stamps(self._locate(request))

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Read and split.

        Raises:
            DataError: when a file is damaged.
            ConfigError: when the resolution is not `default_resolution`.
        """
        if resolution != self.default_resolution:
            raise ConfigError(f"{self.name} cannot be had at resolution {resolution}: choose {self.default_resolution}")
        train, test = (self.read(path) for path in self._locate(request))
        total = len(train[0]) + len(test[0])
        progress(total, total)
        return RawData(tuple("0123456789"), exclusive=True, splits=split_labelled(train, test, 10))

    @abstractmethod
    def read(self, path: Path) -> Labelled:
        """One file's pictures and digits. Raises `DataError` when it is damaged, naming it."""

    @abstractmethod
    def fetch(self, folder: Path) -> None:
        """Download both files into ``folder``."""

    def _locate(self, request: DataRequest) -> list[Path]:
        return locate(self.name, request, self.files, below=self.name, fetch=self.fetch)


def split_labelled(train: Labelled, test: Labelled, classes: int) -> dict[str, Split]:
    """Hold a twelfth of the training pictures out for validation, each class in proportion.

    Every split comes in a fixed shuffled order, so that any stretch of it is a fair sample.
    """
    images, labels = train
    keys = [f"train/{index}" for index in range(len(images))]
    parts = split_by_hash(keys, max(1, len(images) // VALIDATION_SHARE), 0, labels.tolist())
    splits = {n: Split(images[parts[n]], one_hot(labels[parts[n]], classes)) for n in ("train", "validation")}
    test_images, test_labels = test
    order = order_by_hash([f"test/{index}" for index in range(len(test_images))], test_labels.tolist())
    return {**splits, "test": Split(test_images[order], one_hot(test_labels[order], classes))}
