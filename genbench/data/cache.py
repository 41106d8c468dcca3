"""Decode once, then memory-map: the cache between data sets and everything that reads them.

A cached data set is a folder of uint8 ``.npy`` files and ``meta.json``. It appears whole or not at all: it is written
beside its place and renamed, under a lock that makes a second process wait and then reuse the result.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import multiprocessing
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock

from genbench.api import DataInfo
from genbench.data.base import SPLITS, DataRequest, Dataset, ImageData, Progress, RawData, Split, UInt8Array
from genbench.errors import DataError, GenbenchError
from genbench.home import home, home_folder, writing
from genbench.limits import CONDITIONS

FORMAT = 1
"""Raised when the layout of a cache folder changes; part of its key."""

Meta = dict[str, Any]
Warned = Callable[[str], None]


def load(
    dataset: Dataset, request: DataRequest, *, progress: Progress | None = None, warned: Warned | None = None
) -> ImageData:
    """The data set at the requested resolution, decoded now or taken from the cache.

    A cache whose files are missing or have changed by a single byte is made again: pictures that are not what they
    were would be measured without a word. Checksums take about half a second a gigabyte.

    Args:
        dataset: where the pictures come from.
        request: what the user asked for.
        progress: called as ``progress(done, total)`` while pictures are decoded; not called when they are cached.
        warned: told, in one line, when a cache is damaged and made again; default: stderr.

    Raises:
        DataError: when source files are missing or corrupt, naming the file.
        ConfigError: when the resolution cannot be had.
        GenbenchError: when the cache cannot be written.
    """
    resolution = dataset.default_resolution if request.resolution is None else request.resolution
    source = dataset.source(request)
    folder = home() / "data" / _folder_name(dataset, resolution, source)
    if (data := _open(folder, dataset.name)) is not None:
        return data
    _refuse_while_starting()
    place = home_folder("data")
    with contextlib.ExitStack() as stack:
        with writing(place):
            stack.enter_context(FileLock(place / f".{folder.name}.lock"))
        if (data := _open(folder, dataset.name)) is not None:
            return data
        if folder.exists():
            (warned or _warn)(f"{folder}: the cached pictures are damaged: made again from {dataset.name}'s own files")
        raw = dataset.decode(request, resolution, progress or _silent)
        _check(raw, dataset.name, resolution)
        with writing(folder):
            _write(raw, folder)
        data = _open(folder, dataset.name)
    if data is None:
        raise DataError(f"{folder}: cannot be read back after writing it: check the disk")
    return data


def _silent(done: int, total: int) -> None:
    """No progress bar."""


def _warn(text: str) -> None:
    print(f"genbench: warning: {text}", file=sys.stderr)


def _refuse_while_starting() -> None:
    """Refuse to build in a worker process that is still importing the user's script: its parent holds the lock."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise GenbenchError("a script that loads data needs `if __name__ == '__main__':` before the code that does it")


def content_identity(meta: Mapping[str, Any]) -> str:
    """The SHA-256 of names, exclusiveness, and the shape and checksum of every array."""
    arrays = {key: [entry["shape"], entry["sha256"]] for key, entry in meta["arrays"].items()}
    content = {"conditions": meta["conditions"], "exclusive": meta["exclusive"], "arrays": arrays}
    return hashlib.sha256(_canonical(content)).hexdigest()


def _folder_name(dataset: Dataset, resolution: int, source: Mapping[str, Any]) -> str:
    content = {
        "format": FORMAT,
        "name": dataset.name,
        "version": dataset.version,
        "resolution": resolution,
        "source": source,
    }
    key = hashlib.sha256(_canonical(content)).hexdigest()[:16]
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', dataset.name)}-{resolution}-{key}"


def _canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


# ------------------------------------------------------------------------------------------------------------- reading


def _open(folder: Path, name: str) -> ImageData | None:
    """The cached data set, or None when there is none or it is damaged."""
    try:
        meta: Meta = json.loads((folder / "meta.json").read_bytes())
        if meta["format"] != FORMAT or meta["identity"] != content_identity(meta):
            return None
        arrays = {key: _map(folder, entry) for key, entry in meta["arrays"].items()}
        splits = {split: Split(arrays[f"images/{split}"], arrays[f"conditions/{split}"]) for split in SPLITS}
    except MemoryError:
        raise
    except Exception:  # what parses a damaged header raises whatever that header leads to
        return None
    train = splits["train"].images
    info = DataInfo(
        name=name,
        resolution=train.shape[1],
        channels=train.shape[3],
        conditions=tuple(meta["conditions"]),
        exclusive=meta["exclusive"],
        train_size=len(train),
        std=pixel_std(train),
    )
    lists = {key.removeprefix("list/"): np.array(array) for key, array in arrays.items() if key.startswith("list/")}
    return ImageData(info, splits, lists, meta["identity"])


def pixel_std(images: UInt8Array) -> float:
    """The standard deviation of pixels of images uint8 [N, H, W, C] mapped to [-1, 1], from at most 1,024 spread ones.

    Computed in whole numbers, so that it is the same on every machine.
    """
    some = images[:: -(-len(images) // 1024)].astype(np.int64)
    total, squares = int(some.sum()), int((some**2).sum())
    return math.sqrt(max(0, some.size * squares - total**2)) / some.size / 127.5


def _map(folder: Path, entry: Mapping[str, Any]) -> UInt8Array:
    """Memory-map one array. Raises ValueError when it is not what its entry in ``meta.json`` says."""
    path = folder / entry["file"]
    # Reading past the end of a mapped file kills the process, so the size comes first.
    if path.stat().st_size != entry["bytes"]:
        raise ValueError("cut short")
    array: np.memmap[Any, np.dtype[np.uint8]] = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype != np.uint8 or list(array.shape) != entry["shape"] or not array.flags.c_contiguous:
        raise ValueError("another array")
    with path.open("rb") as file:  # read, not mapped: pages that are looked at count as this process's memory
        file.seek(array.offset)
        if hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]:
            raise ValueError("changed")
    return array


# ------------------------------------------------------------------------------------------------------------- writing


def _write(raw: RawData, folder: Path) -> None:
    """Write beside ``folder`` and rename; the caller holds the lock."""
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    beside = folder.parent / f".{folder.name}.{os.getpid()}.tmp"
    try:
        beside.mkdir()
        meta: Meta = {"format": FORMAT, "conditions": list(raw.conditions), "exclusive": raw.exclusive, "arrays": {}}
        for number, (key, array) in enumerate(_named_arrays(raw)):
            meta["arrays"][key] = _write_array(array, beside, f"{number:02}-{key.split('/')[0]}.npy")
        meta["identity"] = content_identity(meta)
        with (beside / "meta.json").open("wb") as file:
            file.write(json.dumps(meta, indent=1).encode())
            _sync(file)
        if folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _named_arrays(raw: RawData) -> Iterator[tuple[str, UInt8Array]]:
    for split in SPLITS:
        yield f"images/{split}", raw.splits[split].images
        yield f"conditions/{split}", raw.splits[split].conditions
    for name, conditions in raw.condition_lists.items():
        yield f"list/{name}", conditions


def _write_array(array: UInt8Array, folder: Path, name: str) -> dict[str, Any]:
    array = np.ascontiguousarray(array)
    with (folder / name).open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
        _sync(file)
        size = file.tell()
    return {
        "file": name,
        "bytes": size,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(array.data).hexdigest(),
    }


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _check(raw: RawData, name: str, resolution: int) -> None:
    """Hold what a data set decoded to against the contract, so that a stranger's mistakes end here."""
    names = len(raw.conditions)
    CONDITIONS.check(names, name)

    def check_conditions(where: str, conditions: UInt8Array, rows: int) -> None:
        if conditions.dtype != np.uint8 or conditions.shape != (rows, names):
            raise DataError(f"{name}: {where}: conditions must be uint8 [{rows}, {names}], not {_shape(conditions)}")
        if conditions.max(initial=0) > 1 or (raw.exclusive and (conditions.sum(axis=1) != 1).any()):
            raise DataError(f"{name}: {where}: conditions must be {'one' if raw.exclusive else 'multi'}-hot rows")

    channels = raw.splits["train"].images.shape[-1]
    for split in SPLITS:
        images, conditions = raw.splits[split].images, raw.splits[split].conditions
        wanted = (len(images), resolution, resolution, channels)
        if images.dtype != np.uint8 or images.shape != wanted or channels not in (1, 3):
            raise DataError(
                f"{name}: {split}: pictures must be uint8 [N, {resolution}, {resolution}, 1 or 3], not {_shape(images)}"
            )
        if len(images) == 0:
            raise DataError(f"{name}: there are no {split} pictures: more are needed")
        check_conditions(split, conditions, len(images))
    for key, conditions in raw.condition_lists.items():
        check_conditions(f"condition list {key!r}", conditions, len(conditions))


def _shape(array: UInt8Array) -> str:
    return f"{array.dtype} {list(array.shape)}"
