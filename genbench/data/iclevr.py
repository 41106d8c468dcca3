"""i-CLEVR: the folder of pictures and JSON files that users of the task have."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np

from genbench.data.base import SPLITS, DataRequest, Dataset, Progress, RawData, Split, UInt8Array
from genbench.data.pictures import check_resolution, read_pictures
from genbench.data.splitting import IntArray, share, split_by_hash
from genbench.errors import DataError
from genbench.files import read_json, read_text
from genbench.home import home
from genbench.limits import CONDITIONS, DATA_BYTES
from genbench.plugins import nearest

LISTS = ("test", "new_test")
HELD_OUT = 0.05
"""Share of the scenes that go to validation, and to test."""

_SCENE = re.compile(r"(.+)_\d+$")


class IClevr(Dataset):
    """Scenes of one to three of 24 objects; picture k + 1 of a scene is picture k with one more object.

    The folder has ``train.json`` {file: [object, …]}, ``test.json`` and ``new_test.json`` [[object, …], …],
    ``objects.json`` {object: index}, and the pictures, beside them or in a folder ``iclevr`` or ``images``. Pictures
    of any size are squeezed to the resolution with an antialiasing filter. Of the scenes, 90 % train, 5 % validate and
    5 % test; the pictures of a scene stay together.
    """

    name: ClassVar[str] = "iclevr"
    title: ClassVar[str] = "i-CLEVR: scenes of 1 to 3 objects (18,009 colour pictures, sets of 24 objects)"
    default_resolution: ClassVar[int] = 64

    def source(self, request: DataRequest) -> Mapping[str, Any]:
        """A hash of the JSON files and of the pictures' names, sizes and times.

        Raises:
            DataError: when a file is missing, a JSON file is malformed, or a path leads out of the folder.
        """
        root = _root(request)
        digest = hashlib.sha256()
        for name in ("objects", "train", *LISTS):
            _check_present(path := root / f"{name}.json")
            digest.update(hashlib.sha256(read_text(path).encode()).digest())
        names = sorted(_read_labels(root))
        for name, (_, status) in zip(names, _find_pictures(root, names), strict=True):
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return {"files": digest.hexdigest()}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Decode all pictures that ``train.json`` names.

        Raises:
            DataError: when a picture is corrupt, or an object is not in ``objects.json``.
            ConfigError: when the resolution is outside [8, 512].
        """
        check_resolution(self.name, resolution, 8, 512)
        root = _root(request)
        objects = _read_objects(root / "objects.json")
        labels = _read_labels(root)
        names = sorted(labels)
        conditions = _multi_hot([labels[name] for name in names], names, objects, root / "train.json")
        lists = {name: _read_list(root / f"{name}.json", objects) for name in LISTS}
        parts = _split_scenes(names, root)
        paths = [path for path, _ in _find_pictures(root, names)]
        images = read_pictures(paths, resolution, "squeeze", progress)
        return RawData(
            conditions=tuple(objects),
            exclusive=False,
            splits={split: Split(images[parts[split]], conditions[parts[split]]) for split in SPLITS},
            condition_lists=lists,
        )


# ------------------------------------------------------------------------------------------------------------ pictures


def _root(request: DataRequest) -> Path:
    """The folder with the JSON files: the one named, or ``iclevr`` in it or in `home`."""
    if request.root is None:
        return home() / "iclevr"
    root = request.root.expanduser()
    return root / "iclevr" if not (root / "train.json").exists() and (root / "iclevr").is_dir() else root


def _find_pictures(root: Path, names: Sequence[str]) -> list[tuple[str, os.stat_result]]:
    """Where the pictures are, and their status, after making sure that each is a file below ``root``."""
    for name in names:
        if not name or name[0] in "/\\" or re.match("[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            raise DataError(f"{root / 'train.json'}: {name!r} leads out of the folder: name pictures inside it")
    folder = next((f for f in (root, root / "iclevr", root / "images") if os.path.exists(f / names[0])), root)  # noqa: PTH110
    inside = root.resolve()
    for parent in {name.rpartition("/")[0] for name in names}:
        _check_inside(folder / parent, inside)
    return [_find_picture(os.path.join(folder, name), inside) for name in names]  # noqa: PTH118 - path objects are slow


def _find_picture(path: str, inside: Path) -> tuple[str, os.stat_result]:
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            _check_inside(Path(path), inside)
            status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {_reason(error)}, but train.json names it") from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: is no file, but train.json names it")
    return path, status


def _check_inside(path: Path, inside: Path) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{path}: {_reason(error)}, but train.json names it") from None
    if not target.is_relative_to(inside):
        raise DataError(f"{path}: is a link that leads out of {inside}: put the file itself there")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError | ValueError):
        return "no such file"
    return getattr(error, "strerror", None) or "cannot be followed"


def _split_scenes(names: Sequence[str], root: Path) -> dict[str, IntArray]:
    """Positions in ``names`` by split; ``CLEVR_train_002066_0.png`` belongs to scene ``CLEVR_train_002066``."""
    stems = [str(PurePosixPath(name).with_suffix("")) for name in names]
    scene_of = [match[1] if (match := _SCENE.match(stem)) else stem for stem in stems]
    scenes = sorted(set(scene_of))
    held_out = share(len(scenes), HELD_OUT)
    if len(scenes) <= 2 * held_out:
        raise DataError(f"{root / 'train.json'}: {len(scenes)} scenes are too few for training, validation and test")
    number = {scene: index for index, scene in enumerate(scenes)}
    scene_numbers = np.array([number[scene] for scene in scene_of])
    parts = split_by_hash(scenes, held_out, held_out)
    return {split: np.flatnonzero(np.isin(scene_numbers, rows)) for split, rows in parts.items()}


# -------------------------------------------------------------------------------------------------------------- labels


def _check_present(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: no such file: name the folder that has it with --data-root")


def _read_json(path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
            raise DataError(f"{path}: {twice!r} occurs twice: leave one out")
        return result

    _check_present(path)
    return read_json(path, unique)


def _read_objects(path: Path) -> dict[str, int]:
    """Names of the objects in index order, with their indices 0 … K-1."""
    objects = _read_json(path)
    if not isinstance(objects, dict) or not objects:
        raise DataError(f"{path}: must be a JSON object {{object: index}} with at least one entry")
    CONDITIONS.check(len(objects), path)
    owner: dict[int, str] = {}
    for name, index in objects.items():
        if type(index) is not int or not 0 <= index < len(objects):
            raise DataError(
                f"{path}: {name!r} has index {index!r:.40}: indices are the whole numbers 0 to {len(objects) - 1}"
            )
        if index in owner:
            raise DataError(f"{path}: {owner[index]!r} and {name!r} both have index {index}")
        owner[index] = name
    return {owner[index]: index for index in range(len(objects))}


def _read_labels(root: Path) -> dict[str, list[str]]:
    path = root / "train.json"
    labels = _read_json(path)
    if not isinstance(labels, dict) or not labels:
        raise DataError(f"{path}: must be a JSON object {{file: [object, …]}} with at least one entry")
    return labels


def _read_list(path: Path, objects: Mapping[str, int]) -> UInt8Array:
    conditions = _read_json(path)
    if not isinstance(conditions, list) or not conditions:
        raise DataError(f"{path}: must be a JSON list of lists of objects with at least one entry")
    return _multi_hot(conditions, [f"entry {number}" for number in range(len(conditions))], objects, path)


def _multi_hot(rows: Sequence[Any], where: Sequence[str], objects: Mapping[str, int], path: Path) -> UInt8Array:
    DATA_BYTES.check(len(rows) * len(objects), path)
    table = np.zeros((len(rows), len(objects)), np.uint8)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or not row or not all(isinstance(name, str) for name in row):
            raise DataError(f"{path}: {where[number]}: must be a list of at least one object name, not {row!r:.60}")
        for name in row:
            if name not in objects:
                raise DataError(f"{path}: {where[number]}: unknown object {name!r}: {nearest(name, objects)}")
            table[number, objects[name]] = 1
    return table
