"""Files of published data sets: MNIST's idx, USPS's bz2, SVHN's mat, MNIST-M's lists."""

import bz2
import gzip
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.io import savemat

from tests.badinput.cases import Case, Content, idx, picture

PICTURES, CLASSES = np.zeros((24, 28, 28)), np.arange(24) % 10
MNIST: Mapping[str, Content] = {
    "d/train-images-idx3-ubyte": idx(PICTURES),
    "d/train-labels-idx1-ubyte": idx(CLASSES),
    "d/t10k-images-idx3-ubyte": idx(PICTURES),
    "d/t10k-labels-idx1-ubyte": idx(CLASSES),
}
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
USPS_LINE = b"1 1:-0.5 2:0.5\n"


def command(dataset: str) -> list[str]:
    """A comparison on this data."""
    return ["compare", "ddpm", "--preset", "smoke", "--dataset", dataset, "--data-root", "d"]


def mnist(name: str, file: str, content: Content, names: str, advises: str, **variables: str) -> Case:
    """One of MNIST's four files is bad."""
    plain = {path: good for path, good in MNIST.items() if path != f"d/{file.removesuffix('.gz')}"}
    return Case(f"MNIST: {name}", command("mnist"), names, advises, {**plain, f"d/{file}": content}, variables)


def usps(name: str, content: bytes, advises: str, *, packed: bool = True, **variables: str) -> Case:
    """USPS's training file is bad."""
    files = {"d/usps.bz2": bz2.compress(content) if packed else content, "d/usps.t.bz2": bz2.compress(USPS_LINE * 20)}
    return Case(f"USPS: {name}", command("usps"), "usps.bz2", advises, files, variables)


def mat(**variables: Any) -> bytes:
    """A Matlab file."""
    buffer = io.BytesIO()
    savemat(buffer, variables, do_compression=True)
    return buffer.getvalue()


def svhn(name: str, content: bytes, advises: str, **variables: str) -> Case:
    """SVHN's training file is bad."""
    good = mat(X=np.zeros((32, 32, 3, 20), np.uint8), y=np.ones((20, 1)))
    files = {"d/train_32x32.mat": content, "d/test_32x32.mat": good}
    return Case(f"SVHN: {name}", command("svhn"), "train_32x32.mat", advises, files, variables)


def mnist_m(name: str, content: Content, advises: str, **files: Content) -> Case:
    """MNIST-M's list of training labels is bad."""
    lists = {"d/mnist_m_train_labels.txt": content, "d/mnist_m_test_labels.txt": "a.png 0\nb.png 1\n"}
    good = {
        f"d/mnist_m_{half}/{name}.png": picture("PNG", "RGB", (32, 32)) for half in ("train", "test") for name in "ab"
    }
    return Case(f"MNIST-M: {name}", command("mnist-m"), "mnist_m_train", advises, {**good, **lists, **files})


SQUARES = np.zeros((32, 32, 3, 20), np.uint8)

CASES = [
    Case("MNIST: no such folder", [*command("mnist")[:-1], "nowhere"], "nowhere", "--data-root"),
    Case("MNIST: a file for a folder", command("mnist"), "d/", "--data-root", {"d": "x"}),
    mnist("no bytes", IMAGES, b"", IMAGES, "replace it"),
    mnist("three bytes", IMAGES, b"\0\0\x08", IMAGES, "replace it"),
    mnist("wrong magic", IMAGES, idx(PICTURES, magic=b"\0\0\x0d\x03"), IMAGES, "not 00 00 08 03"),
    mnist("labels for pictures", IMAGES, idx(CLASSES), IMAGES, "replace it"),
    mnist("cut short", IMAGES, idx(PICTURES)[:-5], IMAGES, "replace it"),
    mnist("too long", IMAGES, idx(PICTURES) + b"!", IMAGES, "replace it"),
    mnist("a header of terabytes", IMAGES, idx(0, shape=(2**31, 28, 28)), IMAGES, "set GENBENCH_MAX_UNPACKED_BYTES"),
    mnist("another size", IMAGES, idx(np.zeros((24, 27, 28))), IMAGES, "not 28x28"),
    mnist("fewer labels", LABELS, idx(CLASSES[:-1]), LABELS, "23 labels for 24 pictures"),
    mnist("an eleventh class", LABELS, idx(CLASSES + 1), LABELS, "from 0 to 9"),
    mnist("no pictures at all", IMAGES, idx(np.zeros((0, 28, 28))), LABELS, "labels for 0 pictures"),
    mnist("no gzip", f"{IMAGES}.gz", b"not gzip", f"{IMAGES}.gz", "replace it"),
    mnist("gzip cut short", f"{IMAGES}.gz", gzip.compress(idx(PICTURES))[:-20], f"{IMAGES}.gz", "replace it"),
    mnist(
        "gzip with a wrong checksum",
        f"{IMAGES}.gz",
        gzip.compress(idx(PICTURES))[:-8] + b"\0" * 8,
        f"{IMAGES}.gz",
        "replace it",
    ),
    mnist(
        "a gzip bomb",
        f"{IMAGES}.gz",
        gzip.compress(idx(0, shape=(1000, 28, 28)) + b"\0" * 10**6),
        f"{IMAGES}.gz",
        "set GENBENCH_MAX_UNPACKED_BYTES",
        GENBENCH_MAX_UNPACKED_BYTES="100000",
    ),
    usps("no bz2", b"not bz2", "fetch it again", packed=False),
    usps("cut short", bz2.compress(USPS_LINE * 20)[:-10], "fetch it again", packed=False),
    usps("empty", b"", "fetch it again", packed=False),
    usps("nothing in it", b"", "write one line"),
    usps("words", b"hello world\n" * 5, "libsvm"),
    usps("a label of NaN", b"nan 1:0\n" * 5, "from 1 to 10"),
    usps("a label of 11", b"11 1:0\n" * 5, "from 1 to 10"),
    usps("a pixel of 0", b"1 0:0\n" * 5, "from 1 to 256"),
    usps("a pixel beyond", b"1 257:0\n" * 5, "from 1 to 256"),
    usps("a value of NaN", b"1 1:nan\n" * 5, "[-1, 1]"),
    usps("an infinite value", b"1 1:1e999\n" * 5, "[-1, 1]"),
    usps("a colon too many", b"1 1:2:3\n" * 5, "write one line"),
    usps("a bomb", b"1 1:0\n" * 100_000, "set GENBENCH_MAX_TEXT_BYTES higher", GENBENCH_MAX_TEXT_BYTES="10000"),
    svhn("no Matlab file", b"not Matlab" * 50, "fetch it again"),
    svhn("empty", b"", "fetch it again"),
    svhn("cut short", mat(X=SQUARES, y=np.ones((20, 1)))[:200], "fetch it again"),
    svhn("another variable", mat(Z=SQUARES), "bring the cropped digits"),
    svhn("text for labels", mat(X=SQUARES, y="ones"), "bring the cropped digits"),
    svhn("cells for labels", mat(X=SQUARES, y=np.array([1, "a"], object)), "bring the cropped digits"),
    svhn("pictures of doubles", mat(X=SQUARES.astype(float), y=np.ones((20, 1))), "not uint8"),
    svhn("fewer labels", mat(X=SQUARES, y=np.ones((19, 1))), "19 labels for 20 pictures"),
    svhn("an eleventh class", mat(X=SQUARES, y=np.full((20, 1), 11)), "labels must be 1 to 10"),
    svhn(
        "a bomb",
        mat(X=np.zeros((32, 32, 3, 500), np.uint8), y=np.ones((500, 1))),
        "set GENBENCH_MAX_UNPACKED_BYTES",
        GENBENCH_MAX_UNPACKED_BYTES="100000",
    ),
    mnist_m("no list", "", "at least two"),
    mnist_m("another encoding", "ä.png 1\n".encode("latin-1") * 2, "UTF-8"),
    mnist_m("no digit", "a.png x\nb.png 1\n", "line 1"),
    mnist_m("twice", "a.png 1\na.png 1\n", "listed twice"),
    mnist_m("a path", "../a.png 1\nb.png 1\n", "with a file name"),
    mnist_m("a picture that is not there", "a.png 1\nc.png 1\n", "take it out"),
    mnist_m(
        "a link that leads out",
        "a.png 1\nb.png 1\nc.png 2\n",
        "name files in",
        **{"d/mnist_m_train/c.png": lambda path: path.symlink_to("/etc/hostname")},
    ),
]
