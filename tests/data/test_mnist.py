"""idx files: strict parsing, where they are found, the two set-ups of them, and fetching them."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torchvision
from PIL import Image

from genbench.data import DataRequest, UInt8Array, load
from genbench.data.mnist import MNIST, STEMS, FashionMNIST, read_idx
from genbench.errors import ConfigError, DataError


def idx(array: UInt8Array) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_files(
    folder: Path, train: int = 60, test: int = 20, zipped: bool = False, seed: int = 0
) -> dict[str, UInt8Array]:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, size in (("train", train), ("t10k", test)):
        arrays[f"{name}-images-idx3-ubyte"] = rng.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        arrays[f"{name}-labels-idx1-ubyte"] = np.arange(size, dtype=np.uint8) % 10
    for stem, array in arrays.items():
        content = idx(array)
        (folder / (stem + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
    return arrays


def pictures_with_labels(images: UInt8Array, labels: UInt8Array) -> list[tuple[bytes, int]]:
    return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_in_the_files_arrives(genbench_home: Path, tmp_path: Path, zipped: bool) -> None:
    arrays = write_files(tmp_path / "MNIST" / "raw", zipped=zipped)
    data = load(MNIST(), DataRequest(root=tmp_path))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 55, "validation": 5, "test": 20}
    assert (data.info.resolution, data.info.channels, data.info.exclusive) == (28, 1, True)
    for names, stem in ((("train", "validation"), "train"), (("test",), "t10k")):
        images = np.concatenate([data.splits[name].images for name in names])
        labels = np.concatenate([data.splits[name].conditions for name in names]).argmax(axis=1)
        expected = arrays[f"{stem}-images-idx3-ubyte"], arrays[f"{stem}-labels-idx1-ubyte"]
        assert pictures_with_labels(images, labels) == pictures_with_labels(*expected)


def test_torchvision_reads_the_same(genbench_home: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "MNIST" / "raw")
    theirs = torchvision.datasets.MNIST(tmp_path, train=False)
    ours = load(MNIST(), DataRequest(root=tmp_path)).splits["test"]
    assert pictures_with_labels(ours.images, ours.conditions.argmax(axis=1)) == pictures_with_labels(
        theirs.data.numpy(), theirs.targets.numpy()
    )


def test_resolutions(genbench_home: Path, tmp_path: Path) -> None:
    write_files(tmp_path)
    sizes = {
        side: load(MNIST(), DataRequest(resolution=side, root=tmp_path)).splits["test"].images for side in (16, 28, 32)
    }
    padded = sizes[32]
    np.testing.assert_array_equal(padded[:, 2:30, 2:30], sizes[28])
    assert padded.sum(dtype=int) == sizes[28].sum(dtype=int)
    expected = Image.fromarray(sizes[28][4, :, :, 0]).resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(sizes[16][4, :, :, 0], np.asarray(expected))
    with pytest.raises(ConfigError, match="mnist cannot be had at resolution 64"):
        load(MNIST(), DataRequest(resolution=64, root=tmp_path))


def test_places(genbench_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(dataset: MNIST, root: Path | None = None) -> str:
        return load(dataset, DataRequest(root=root)).identity

    write_files(tmp_path / "a" / "MNIST" / "raw", seed=1)
    write_files(tmp_path / "a" / "FashionMNIST" / "raw", seed=2)
    write_files(tmp_path / "system", seed=3, zipped=True)
    write_files(genbench_home / "MNIST" / "raw", seed=1)
    monkeypatch.setattr(FashionMNIST, "system_folders", (tmp_path / "system",))
    assert identity(MNIST()) == identity(MNIST(), tmp_path / "a") == identity(MNIST(), tmp_path / "a" / "MNIST" / "raw")
    assert identity(FashionMNIST(), tmp_path / "a") != identity(FashionMNIST())
    assert identity(FashionMNIST()) == identity(FashionMNIST(), tmp_path / "system")


def test_missing_files_are_named(genbench_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FashionMNIST, "system_folders", ())
    with pytest.raises(DataError, match=r"home/MNIST/raw/train-images-idx3-ubyte\[.gz\]: no such file: .*--download$"):
        load(MNIST(), DataRequest())
    with pytest.raises(DataError, match="Debian's package dataset-fashion-mnist"):
        load(FashionMNIST(), DataRequest())
    write_files(tmp_path / "raw")
    (tmp_path / "raw" / STEMS[3]).unlink()
    with pytest.raises(DataError, match=r"raw/t10k-labels-idx1-ubyte\[.gz\]: no such file"):
        load(MNIST(), DataRequest(root=tmp_path / "raw"))


IMAGES, LABELS = np.zeros((60, 28, 28), np.uint8), np.zeros(60, np.uint8)


@pytest.mark.parametrize(
    ("number", "content", "complaint"),
    [
        (0, b"", "is cut short: 0 bytes hold no idx header"),
        (0, idx(IMAGES)[:-1], "promises 47,040 values and there are 47,039"),
        (0, idx(IMAGES) + b"x", "promises 47,040 values and there are more"),
        (0, idx(LABELS), "is no idx file of 3-dimensional bytes: it begins with 00 00 08 01"),
        (0, b"<!DOCTYPE html><html>", "begins with 3c 21 44 4f"),
        (0, idx(IMAGES)[:4] + b"\xff" * 12, "79,228,162,458,924,105,385,300,197,375 bytes are more than"),
        (0, idx(np.zeros((60, 8, 8), np.uint8)), "pictures are 8x8, not 28x28"),
        (1, idx(LABELS[:59]), "59 labels for 60 pictures in train-images-idx3-ubyte"),
        (1, idx(np.arange(60, dtype=np.uint8)), "label 10 of picture 10 is not a class from 0 to 9"),
    ],
)
def test_damaged_files_are_named(
    genbench_home: Path, tmp_path: Path, number: int, content: bytes, complaint: str
) -> None:
    write_files(tmp_path)
    (tmp_path / STEMS[number]).write_bytes(content)
    with pytest.raises(DataError, match=complaint) as caught:
        load(MNIST(), DataRequest(root=tmp_path))
    assert str(caught.value).startswith(str(tmp_path / STEMS[number]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [slice(0, 200), slice(5, None), slice(0, 0)])
def test_damaged_gzip(tmp_path: Path, cut: slice) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(idx(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)))[cut])
    with pytest.raises(DataError, match=r"labels.gz: .*cut short"):
        read_idx(path, 1)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A local server in place of Fashion-MNIST's home, with small files."""
    folder = tmp_path / "mirror"
    write_files(folder, zipped=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sums = [(f"{stem}.gz", hashlib.md5((folder / f"{stem}.gz").read_bytes()).hexdigest()) for stem in STEMS]
    theirs = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(theirs, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(theirs, "resources", sums)
    monkeypatch.setattr(FashionMNIST, "system_folders", ())
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield folder
    server.shutdown()
    server.server_close()


def test_fetching(genbench_home: Path, tmp_path: Path, mirror: Path) -> None:
    with pytest.raises(DataError, match="--download"):
        load(FashionMNIST(), DataRequest())
    fetched = load(FashionMNIST(), DataRequest(download=True))
    assert (genbench_home / "FashionMNIST" / "raw" / STEMS[0]).is_file()
    assert fetched.identity == load(FashionMNIST(), DataRequest(root=mirror)).identity
    for path in mirror.iterdir():
        path.unlink()
    again = load(FashionMNIST(), DataRequest(download=True))
    assert again.identity == fetched.identity


def test_failed_fetching_is_one_line(genbench_home: Path, mirror: Path) -> None:
    for path in mirror.iterdir():
        path.write_bytes(b"an error page")
    with pytest.raises(DataError, match=r"fashion-mnist could not be fetched: .*train-images-idx3-ubyte.gz") as caught:
        load(FashionMNIST(), DataRequest(download=True))
    assert "\n" not in str(caught.value)
