"""What every data set provides: pictures as uint8, conditions as multi-hot rows, three splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from genbench.api import DataInfo

UInt8Array = npt.NDArray[np.uint8]

SPLITS = ("train", "validation", "test")
"""Families train on ``train``; choices are made on ``validation``; ``test`` is only for the final score."""

Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)`` while pictures are decoded or rendered."""


@dataclass(frozen=True)
class DataRequest:
    """What a user asked for.

    Attributes:
        resolution: pixels on a side, or None for the data set's own.
        root: folder with the user's files, or None for the usual places (``GENBENCH_HOME``, system packages).
        download: whether files may be fetched from the data set's own home; never done silently.
    """

    resolution: int | None = None
    root: Path | None = None
    download: bool = False


@dataclass(frozen=True)
class Split:
    """Pictures uint8 [N, H, W, C] (memory-mapped) and their conditions uint8 [N, K] in {0, 1}."""

    images: UInt8Array
    conditions: UInt8Array

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class RawData:
    """What a data set decodes to, before it is cached.

    Attributes:
        conditions: names of the K conditions, in index order.
        exclusive: True for class labels, False for sets.
        splits: one `Split` for each of `SPLITS`, in memory.
        condition_lists: named lists of conditions uint8 [M, K] on which the task is scored (i-CLEVR's ``test`` and
            ``new_test``); empty when the task has none.
    """

    conditions: tuple[str, ...]
    exclusive: bool
    splits: Mapping[str, Split]
    condition_lists: Mapping[str, UInt8Array] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageData:
    """A data set ready for use: description, memory-mapped splits, condition lists, identity.

    ``identity`` is the SHA-256 of everything in it (pictures, conditions, names, lists), so the same pictures have the
    same identity wherever they lie and however they were stored.
    """

    info: DataInfo
    splits: Mapping[str, Split]
    condition_lists: Mapping[str, UInt8Array]
    identity: str


class Dataset(ABC):
    """A source of pictures, found by the entry-point group ``genbench.datasets``.

    Attributes:
        name: what users type.
        title: one line for ``genbench ls datasets``.
        version: raised when decoding changes; part of the cache key.
        default_resolution: pixels on a side when the user names none.
        builtin: True when nothing has to be brought or downloaded.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int] = 1
    default_resolution: ClassVar[int]
    builtin: ClassVar[bool] = False

    @abstractmethod
    def source(self, request: DataRequest) -> Mapping[str, Any]:
        """A cheap, JSON-able description of the source files (sizes, times, hashes of labels): the cache key.

        Raises:
            DataError: when files are missing or unreadable, naming the file and the way to get it.
        """

    @abstractmethod
    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Decode or render everything once.

        Raises:
            DataError: when a picture or label is corrupt, naming the file.
            ConfigError: when the resolution cannot be had.
        """
