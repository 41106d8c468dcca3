"""MNIST and Fashion-MNIST, from idx files."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import numpy as np
from filelock import FileLock
from PIL import Image

from genbench.data.base import DataRequest, Dataset, Progress, RawData, Split, UInt8Array
from genbench.data.pictures import one_hot
from genbench.data.splitting import order_by_hash, split_by_hash
from genbench.errors import ConfigError, DataError
from genbench.home import home, home_folder, writing
from genbench.limits import UNPACKED_BYTES

SIDE = 28
RESOLUTIONS = (16, 28, 32)
VALIDATION_SHARE = 12
"""One training picture in so many is held out for validation: 5,000 of 60,000."""

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_UINT8 = 0x08


def read_idx(path: Path, dimensions: int) -> UInt8Array:
    """An idx file of bytes, plain or gzipped (``.gz``), as a uint8 array.

    The format is a magic number (0, 0, 8 for bytes, number of dimensions), each size as a big-endian 32-bit number, and
    the values (Y. LeCun, C. Cortes, C. J. C. Burges, *The MNIST database of handwritten digits*).

    Raises:
        DataError: when the file is unreadable, of another kind, cut short or too long, naming it.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse_idx(cast(BinaryIO, file), path, dimensions)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(f"{path}: the gzip file is damaged or cut short: replace it") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _parse_idx(file: BinaryIO, path: Path, dimensions: int) -> UInt8Array:
    header = file.read(4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions:
        raise DataError(f"{path}: is cut short: {len(header)} bytes hold no idx header: replace it")
    if header[:4] != bytes((0, 0, _UINT8, dimensions)):
        raise DataError(
            f"{path}: is no idx file of {dimensions}-dimensional bytes: it begins with {header[:4].hex(' ')}, "
            f"not 00 00 08 {dimensions:02x}: replace it"
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = int(np.prod(shape, dtype=object))
    UNPACKED_BYTES.check(size, path)
    values = file.read(size + 1)
    if len(values) != size:
        amount = "more" if len(values) > size else f"{len(values):,}"
        raise DataError(f"{path}: its header promises {size:,} values and there are {amount}: replace it")
    return np.frombuffer(values, np.uint8).reshape(shape)


class MNIST(Dataset):
    """70,000 grey handwritten digits, 28x28: 55,000 for training, 5,000 for validation, 10,000 for test.

    Validation pictures are taken from the training files, all classes in proportion. Resolution 32 adds a black border,
    16 is an antialiased (Lanczos) reduction.
    """

    name: ClassVar[str] = "mnist"
    title: ClassVar[str] = "handwritten digits (70,000 grey pictures, 10 classes)"
    default_resolution: ClassVar[int] = SIDE
    torchvision_name: ClassVar[str] = "MNIST"
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")
    system_folders: ClassVar[tuple[Path, ...]] = ()
    hint: ClassVar[str] = ""

    def source(self, request: DataRequest) -> Mapping[str, Any]:
        """Sizes and times of the four files, after fetching them if that is allowed and necessary.

        Raises:
            DataError: when a file is missing or a download fails.
        """
        stats = {path.name: path.stat() for path in self._files(request)}
        return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Read, split and resize.

        Raises:
            DataError: when a file is damaged or the files contradict each other.
            ConfigError: when the resolution is none of 16, 28 and 32.
        """
        if resolution not in RESOLUTIONS:
            raise ConfigError(f"{self.name} cannot be had at resolution {resolution}: choose 28, or 16 or 32")
        files = self._files(request)
        images, labels = self._read_pair(files[0], files[1])
        test_images, test_labels = self._read_pair(files[2], files[3])
        keys = [f"train/{index}" for index in range(len(images))]
        parts = split_by_hash(keys, max(1, len(images) // VALIDATION_SHARE), 0, labels.tolist())
        pieces = {name: (images[parts[name]], labels[parts[name]]) for name in ("train", "validation")}
        # The second half of the test file is the harder one; shuffled, its first thousand are a fair sample.
        order = order_by_hash([f"test/{index}" for index in range(len(test_images))], test_labels.tolist())
        pieces["test"] = (test_images[order], test_labels[order])
        total, done, splits = len(images) + len(test_images), 0, {}
        for name, (pictures, classes) in pieces.items():
            splits[name] = Split(_resized(pictures, resolution)[..., None], one_hot(classes, len(self.classes)))
            done += len(pictures)
            progress(done, total)
        return RawData(conditions=self.classes, exclusive=True, splits=splits)

    def _read_pair(self, images_path: Path, labels_path: Path) -> tuple[UInt8Array, UInt8Array]:
        images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
        if images.shape[1:] != (SIDE, SIDE):
            raise DataError(f"{images_path}: pictures are {images.shape[1]}x{images.shape[2]}, not {SIDE}x{SIDE}")
        if len(images) != len(labels):
            raise DataError(f"{labels_path}: {len(labels):,} labels for {len(images):,} pictures in {images_path.name}")
        if labels.max(initial=0) >= len(self.classes):
            where = int(np.argmax(labels >= len(self.classes)))
            raise DataError(f"{labels_path}: label {labels[where]} of picture {where} is not a class from 0 to 9")
        return images, labels

    def _files(self, request: DataRequest) -> list[Path]:
        """The four files, in the order of `STEMS`."""
        folders = self._folders(request)
        found = [_present(folder) for folder in folders]
        complete = next((files for files in found if len(files) == len(STEMS)), None)
        if complete is None and request.download:
            complete = _present(self._download())
        if complete is None:
            best = max(range(len(folders)), key=lambda index: len(found[index]))
            missing = next(stem for stem in STEMS if stem not in found[best])
            raise DataError(
                f"{folders[best] / missing}[.gz]: no such file: name the folder of {self.name} with --data-root, "
                f"or allow fetching it with --download{self.hint}"
            )
        return [complete[stem] for stem in STEMS]

    def _folders(self, request: DataRequest) -> list[Path]:
        below = Path(self.torchvision_name, "raw")
        if request.root is not None:
            root = request.root.expanduser()
            return [root / below, root]
        return [home() / below, home() / self.name, *self.system_folders]

    def _download(self) -> Path:
        """Fetch the files into `home` as torchvision does, and return their folder."""
        from torchvision import datasets

        root = home_folder()
        with writing(root), FileLock(root / f".{self.torchvision_name}.lock"):
            folder = root / self.torchvision_name / "raw"
            if len(_present(folder)) < len(STEMS):
                try:
                    getattr(datasets, self.torchvision_name)(root, download=True)
                except (RuntimeError, OSError, ValueError) as error:  # URLError is an OSError
                    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
                    raise DataError(f"{self.name} could not be fetched: {' '.join(lines)[:300]}") from error
        return folder


class FashionMNIST(MNIST):
    """70,000 grey pictures of clothing in MNIST's format and splits (H. Xiao, K. Rasul, R. Vollgraf, 2017)."""

    name: ClassVar[str] = "fashion-mnist"
    title: ClassVar[str] = "clothing (70,000 grey pictures, 10 classes)"
    torchvision_name: ClassVar[str] = "FashionMNIST"
    classes: ClassVar[tuple[str, ...]] = (
        "t-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )
    system_folders: ClassVar[tuple[Path, ...]] = (Path("/usr/share/datasets/fashion-mnist"),)
    hint: ClassVar[str] = ", or install Debian's package dataset-fashion-mnist"


def _present(folder: Path) -> dict[str, Path]:
    """Those of the four files that ``folder`` has, plain before gzipped."""
    paths = {stem: (folder / stem, folder / f"{stem}.gz") for stem in STEMS}
    return {
        stem: next(p for p in pair if p.is_file()) for stem, pair in paths.items() if any(p.is_file() for p in pair)
    }


def _resized(images: UInt8Array, resolution: int) -> UInt8Array:
    """[N, 28, 28] to [N, R, R]."""
    if resolution >= SIDE:
        border = (resolution - SIDE) // 2
        return np.pad(images, ((0, 0), (border, border), (border, border)))
    size = (resolution, resolution)
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)) for image in images])
