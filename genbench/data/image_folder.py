"""Any pictures, one folder a class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from genbench.data.base import SPLITS, DataRequest, Dataset, Progress, RawData, Split
from genbench.data.pictures import check_resolution, drop_colour_if_grey, one_hot, read_pictures
from genbench.data.splitting import order_by_hash, share, split_by_hash
from genbench.errors import DataError
from genbench.home import home
from genbench.limits import CONDITIONS
from genbench.plugins import nearest

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
FOLDERS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
HELD_OUT = 0.1
"""Share of the pictures that go to validation, and to test, when there are no folders for them."""


@dataclass(frozen=True)
class _Found:
    """One picture file: its path below the root, its class, and what tells whether it changed."""

    path: str
    label: str
    stamp: tuple[int, int]


class ImageFolder(Dataset):
    """Pictures in ROOT/CLASS/, or in ROOT/train/CLASS/, ROOT/validation/CLASS/ (or ``val``) and ROOT/test/CLASS/.

    A split without a folder is taken out of the training pictures: a tenth of them, chosen by the hash of the path
    below ROOT, all classes in proportion. Pictures are cropped to their central square and resized with an antialiasing
    filter. When every picture is grey, there is one channel.
    """

    name: ClassVar[str] = "image-folder"
    title: ClassVar[str] = "your own pictures, one folder a class"
    default_resolution: ClassVar[int] = 64

    def source(self, request: DataRequest) -> Mapping[str, Any]:
        """A hash of all paths, sizes and times.

        Raises:
            DataError: when a folder is missing or has no pictures.
        """
        listing = repr(
            sorted((split, *vars(found).values()) for split, files in _list(request).items() for found in files)
        )
        return {"files": hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Decode all pictures.

        Raises:
            DataError: when a picture is corrupt, or there are too few to hold some out.
            ConfigError: when the resolution is outside [8, 512].
        """
        check_resolution(self.name, resolution, 8, 512)
        parts = _split(_list(request))
        files = [found for split in SPLITS for found in parts[split]]
        classes = sorted({found.label for found in files})
        images = read_pictures([_root(request) / found.path for found in files], resolution, "crop", progress)
        images = drop_colour_if_grey(images)
        conditions = one_hot([classes.index(found.label) for found in files], len(classes))
        ends = np.cumsum([len(parts[split]) for split in SPLITS])[:-1]
        pieces = zip(SPLITS, np.split(images, ends), np.split(conditions, ends), strict=True)
        splits = {split: Split(pictures, rows) for split, pictures, rows in pieces}
        return RawData(conditions=tuple(classes), exclusive=True, splits=splits)


def _root(request: DataRequest) -> Path:
    return home() / "image-folder" if request.root is None else request.root.expanduser()


def _list(request: DataRequest) -> dict[str, list[_Found]]:
    """All picture files, sorted, by the split whose folder they are in; all are ``train`` without such folders."""
    root = _root(request)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder: name the folder of your pictures with --data-root")
    if not (root / "train").is_dir() or not _subfolders(root / "train"):
        return {"train": _list_classes(root, "")}
    found = {}
    for split, names in FOLDERS.items():
        present = [name for name in names if (root / name).is_dir()]
        if len(present) > 1:
            raise DataError(f"{root}: there are folders {' and '.join(present)}: keep one of them")
        if present:
            found[split] = _list_classes(root, present[0])
    classes = {file.label for file in found["train"]}
    for split, files in found.items():
        if strange := sorted({file.label for file in files} - classes):
            hint = nearest(strange[0], classes)
            raise DataError(f"{root}: class {strange[0]!r} has {split} but no training pictures: {hint}")
    return found


def _list_classes(root: Path, below: str) -> list[_Found]:
    folder = root / below
    labels = _subfolders(folder)
    if not labels:
        raise DataError(f"{folder}: has no class folders: put the pictures into {folder / 'CLASS'}/")
    CONDITIONS.check(len(labels), folder)
    return [file for label in labels for file in _list_class(root, str(Path(below, label)), label)]


def _list_class(root: Path, below: str, label: str) -> list[_Found]:
    files = []
    for entry in _scan(root / below):
        if os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():  # noqa: PTH122 - a path object a file is slow
            stat = entry.stat()
            files.append(_Found(f"{below}/{entry.name}", label, (stat.st_size, stat.st_mtime_ns)))
    if not files:
        raise DataError(
            f"{root / below}: has no pictures ({', '.join(sorted(SUFFIXES))}): add some or remove the folder"
        )
    return files


def _subfolders(folder: Path) -> list[str]:
    return [entry.name for entry in _scan(folder) if entry.is_dir() and entry.name != "__MACOSX"]


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from None


def _split(found: Mapping[str, Sequence[_Found]]) -> Mapping[str, Sequence[_Found]]:
    """Fill the splits that have no folder from the training pictures."""
    train = found["train"]
    wanted = {split: 0 if split in found else share(len(train), HELD_OUT) for split in ("validation", "test")}
    if sum(wanted.values()) >= len(train):
        raise DataError(f"{len(train)} pictures are too few to hold some out for validation and test: add pictures")
    rows = split_by_hash([file.path for file in train], wanted["validation"], wanted["test"], [f.label for f in train])
    parts = {split: [train[row] for row in chosen] for split, chosen in rows.items()}
    for split, files in found.items():
        if split != "train":
            parts[split] = [files[row] for row in order_by_hash([f.path for f in files], [f.label for f in files])]
    return parts
