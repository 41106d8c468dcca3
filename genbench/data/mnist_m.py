"""MNIST-M: MNIST's digits blended over patches of colour photographs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from genbench.data.base import DataRequest, Dataset, Progress, RawData
from genbench.data.labelled import split_labelled
from genbench.data.locating import locate, stamps
from genbench.data.pictures import check_resolution, read_pictures
from genbench.errors import DataError
from genbench.files import inside, read_text

SIDE = 32
"""Height and width of the authors' files."""
NAMES = ("mnist_m_train", "mnist_m_test", "mnist_m_train_labels.txt", "mnist_m_test_labels.txt")


class MNISTM(Dataset):
    """Colour digits, by default 28x28 (Y. Ganin et al., *Domain-Adversarial Training of Neural Networks*, JMLR 2016).

    Files, as its authors give them: ROOT/mnist_m/mnist_m_train/*.png, ROOT/mnist_m/mnist_m_test/*.png (32x32) and
    beside them mnist_m_train_labels.txt and mnist_m_test_labels.txt with lines ``file digit``. The pictures that a list
    names are the data; other files don't count. ``genbench data make mnist-m`` makes such files from photographs.
    """

    name: ClassVar[str] = "mnist-m"
    title: ClassVar[str] = "MNIST over colour photographs (RGB, 10 classes)"
    default_resolution: ClassVar[int] = 28

    def source(self, request: DataRequest) -> Mapping[str, Any]:
        """Sizes and times of the label lists and the picture folders.

        Raises:
            DataError: when one is missing.
        """
        return stamps(self._places(request))

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Decode, resize (antialiased) and split.

        Raises:
            DataError: when a list or a picture is missing or corrupt, naming the file.
            ConfigError: when the resolution is outside [16, 64].
        """
        check_resolution(self.name, resolution, 16, 64)
        train, test, train_list, test_list = self._places(request)
        listed, test_listed = read_labels(train_list), read_labels(test_list)
        paths = [inside(train, name, train_list) for name in listed]
        paths += [inside(test, name, test_list) for name in test_listed]
        images = read_pictures(paths, resolution, "squeeze", progress)
        labels = np.array([*listed.values(), *test_listed.values()], np.int64)
        border = len(listed)
        splits = split_labelled((images[:border], labels[:border]), (images[border:], labels[border:]), 10)
        return RawData(conditions=tuple("0123456789"), exclusive=True, splits=splits)

    def _places(self, request: DataRequest) -> list[Path]:
        return locate(self.name, request, NAMES, below="mnist_m")


def read_labels(path: Path) -> dict[str, int]:
    """The digit of each file that a list of lines ``file digit`` names, in the list's order.

    Raises:
        DataError: when the list is unreadable, empty or malformed, naming it and the line.
    """
    lines = read_text(path).splitlines()
    labels: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name, _, digit = line.strip().rpartition(" ")
        if digit not in set("0123456789") or not name or Path(name).name != name or name == "..":
            raise DataError(f"{path}: line {number}: {line[:60]!r} is not `file digit`, with a file name and 0 to 9")
        if name in labels:
            raise DataError(f"{path}: line {number}: {name} is listed twice")
        labels[name] = int(digit)
    if len(labels) < 2:
        raise DataError(f"{path}: lists {len(labels)} pictures: at least two are needed")
    return labels
