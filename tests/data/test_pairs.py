import bz2
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genbench.data import DataRequest, ImageData, load
from genbench.data.digits import Digits
from genbench.data.digits_m import DigitsM, blend, texture
from genbench.data.mnist_m import MNISTM, read_labels
from genbench.data.pairs import check_classes, load_pair, parse_pair, resize, with_channels
from genbench.data.svhn import SVHN, read_mat
from genbench.data.usps import USPS, read_libsvm
from genbench.errors import ConfigError, DataError
from genbench.hashing import content_hash

pytestmark = pytest.mark.usefixtures("genbench_home")


def classes(data: ImageData, split: str) -> np.ndarray:
    return data.splits[split].conditions.argmax(axis=1)


# ------------------------------------------------------------------------------------------------------------ digits-m


def test_a_blend_is_the_absolute_difference():
    digits = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), np.uint8)
    grey = np.full((64, 64, 3), 100, np.uint8)
    made = blend(digits, [grey], np.random.default_rng(1)).astype(int)
    assert np.array_equal(made, np.repeat(abs(100 - digits.astype(int)), 3, axis=3))


def test_crops_move_over_the_texture():
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None], (64, 64, 3)).copy()
    made = blend(np.zeros((200, 16, 16, 1), np.uint8), [ramp], np.random.default_rng(0))
    tops = made[:, 0, 0, 0]
    assert (tops.min(), tops.max()) == (0, 48)


def test_digits_m_is_digits_over_textures_and_always_the_same():
    grey, colour = load(Digits(), DataRequest()), load(DigitsM(), DataRequest())
    assert colour.info.channels == 3
    assert len({texture(k, 64).tobytes() for k in range(20)}) == 20
    for split in grey.splits:
        assert np.array_equal(grey.splits[split].conditions, colour.splits[split].conditions)
        blank = grey.splits[split].images[..., 0] == 0
        assert colour.splits[split].images[blank].max() <= 153  # textures, where there is no ink
    assert colour.identity[:16] == "2f89ed983148b20b"


def test_digits_m_has_the_resolutions_of_digits():
    with pytest.raises(ConfigError, match="digits-m cannot be had at resolution 28"):
        load(DigitsM(), DataRequest(resolution=28))


# --------------------------------------------------------------------------------------------------------------- pairs


def test_the_rule_takes_the_larger_size_and_colour_if_either_has_it():
    pair = load_pair("digits:digits-m", DataRequest())
    assert (pair.source.info.resolution, pair.source.info.channels) == (16, 3)
    assert pair.source.info.name == "digits"
    grey = load(Digits(), DataRequest())
    for split in grey.splits:
        assert np.array_equal(pair.source.splits[split].images, np.repeat(grey.splits[split].images, 3, axis=3))
    assert pair.target.identity == load(DigitsM(), DataRequest()).identity  # nothing to change


def test_an_asked_for_size_applies_to_both_domains():
    pair = load_pair("digits:digits-m", DataRequest(resolution=28))
    assert pair.source.splits["train"].images.shape == pair.target.splits["train"].images.shape == (1097, 28, 28, 3)
    other = load_pair("digits:digits-m", DataRequest())
    assert pair.identity != other.identity
    assert pair.identity == load_pair("digits:digits-m", DataRequest(resolution=28)).identity
    assert load_pair("digits-m:digits", DataRequest()).identity != other.identity


def test_resizing_agrees_with_pillow_and_keeps_flat_pictures_flat():
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    up = Image.fromarray(images[1]).resize((28, 28), Image.Resampling.BICUBIC)
    down = Image.fromarray(images[1]).resize((8, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(resize(images, 28)[1], np.asarray(up))
    assert np.array_equal(resize(images, 8)[1], np.asarray(down))
    assert resize(images, 16) is images
    flat = np.full((2, 16, 16, 1), 77, np.uint8)
    assert (resize(flat, 28) == 77).all()
    assert resize(flat, 28).shape == (2, 28, 28, 1)
    assert np.array_equal(with_channels(flat, 3), np.full((2, 16, 16, 3), 77))


@pytest.mark.parametrize("name", ["digits", "digits:", ":digits", "a:b:c", "digits:digits"])
def test_what_is_no_pair_is_refused(name: str):
    with pytest.raises(ConfigError, match="source"):
        parse_pair(name)


def test_classes_must_agree():
    digits = load(Digits(), DataRequest())
    renamed = ImageData(
        type(digits.info)(**{**vars(digits.info), "conditions": tuple("012345678X")}), digits.splits, {}, "x"
    )
    with pytest.raises(ConfigError, match="class 9 is '9' in digits and 'X'"):
        check_classes(digits, renamed)
    sets = ImageData(type(digits.info)(**{**vars(digits.info), "exclusive": False}), digits.splits, {}, "x")
    with pytest.raises(ConfigError, match="not class labels"):
        check_classes(digits, sets)


# --------------------------------------------------------------------------------------------------------------- files


def write_usps(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    values = images.reshape(len(images), -1) / 127.5 - 1
    lines = [
        f"{label + 1} " + " ".join(f"{k}:{value:.6g}" for k, value in enumerate(row, 1))
        for label, row in zip(labels, values, strict=True)
    ]
    path.write_bytes(bz2.compress("\n".join(lines).encode() + b"\n"))


@pytest.fixture
def usps_root(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for name, count in (("usps.bz2", 60), ("usps.t.bz2", 20)):
        images = generator.integers(0, 256, (count, 16, 16), np.uint8)
        images[:, 0, 0] = np.arange(count) % 10  # the class, to recognise pictures by
        write_usps(tmp_path / name, images, np.arange(count) % 10)
    return tmp_path


def test_usps_comes_back_as_it_was_written(tmp_path: Path):
    images = np.random.default_rng(1).integers(0, 256, (7, 16, 16), np.uint8)
    write_usps(tmp_path / "u.bz2", images, np.arange(7))
    read, labels = read_libsvm(tmp_path / "u.bz2")
    assert np.array_equal(read[..., 0], images)
    assert labels.tolist() == list(range(7))


def test_usps_agrees_with_torchvision(usps_root: Path):
    datasets = pytest.importorskip("torchvision.datasets")
    theirs = datasets.USPS(usps_root, train=True)
    images, labels = read_libsvm(usps_root / "usps.bz2")
    assert np.abs(images[..., 0].astype(int) - theirs.data).max() <= 1  # torchvision truncates where we round
    assert labels.tolist() == list(theirs.targets)


def test_a_pixel_that_libsvm_leaves_out_is_zero(tmp_path: Path):
    (tmp_path / "u.bz2").write_bytes(bz2.compress(b"10 1:-1 256:1\n1 2:0.5\n"))
    images, labels = read_libsvm(tmp_path / "u.bz2")
    assert labels.tolist() == [9, 0]
    assert images[0].reshape(-1)[[0, 1, 255]].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "libsvm"),
        (b"1 1:x\n", "libsvm"),
        (b"1 2\n", "libsvm"),
        (b"11 1:0\n", "label 11"),
        (b"1 257:0\n", "pixel 257"),
        (b"1 1:3\n", "outside"),
        (b"1 1:nan\n", "outside"),
    ],
)
def test_malformed_usps_is_refused(tmp_path: Path, text: bytes, message: str):
    (tmp_path / "u.bz2").write_bytes(bz2.compress(text))
    with pytest.raises(DataError, match=message):
        read_libsvm(tmp_path / "u.bz2")


def test_damaged_usps_is_refused(usps_root: Path):
    whole = (usps_root / "usps.bz2").read_bytes()
    (usps_root / "usps.bz2").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"usps\.bz2.*damaged"):
        load(USPS(), DataRequest(root=usps_root))


def test_usps_splits(usps_root: Path):
    data = load(USPS(), DataRequest(root=usps_root))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 55, "validation": 5, "test": 20}
    for split in data.splits:
        assert np.array_equal(data.splits[split].images[:, 0, 0, 0], classes(data, split))


def test_missing_files_are_named(tmp_path: Path):
    for dataset, name in ((USPS(), "usps.bz2"), (SVHN(), "train_32x32.mat"), (MNISTM(), "mnist_m_train")):
        with pytest.raises(DataError, match=rf"{name}: no such file.*--data-root"):
            load(dataset, DataRequest(root=tmp_path))


@pytest.fixture
def svhn_root(tmp_path: Path) -> Path:
    from scipy.io import savemat

    for name, count in (("train_32x32.mat", 30), ("test_32x32.mat", 10)):
        labels = np.arange(count) % 10
        images = np.zeros((32, 32, 3, count), np.uint8)
        images[3, 5, 1] = labels
        savemat(tmp_path / name, {"X": images, "y": np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]})
    return tmp_path


def test_svhn_reads_its_format(svhn_root: Path):
    data = load(SVHN(), DataRequest(root=svhn_root))
    assert data.splits["train"].images.shape == (28, 32, 32, 3)
    for split in data.splits:
        assert np.array_equal(data.splits[split].images[:, 3, 5, 1], classes(data, split))


def test_malformed_svhn_is_refused(svhn_root: Path):
    from scipy.io import savemat

    path = svhn_root / "bad.mat"
    path.write_bytes(b"no Matlab file")
    with pytest.raises(DataError, match="no Matlab file"):
        read_mat(path)
    savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8)})
    with pytest.raises(DataError, match="no variables X and y"):
        read_mat(path)
    savemat(path, {"X": np.zeros((28, 28, 3, 2), np.uint8), "y": np.ones((2, 1))})
    with pytest.raises(DataError, match="28×28×3×2"):
        read_mat(path)
    savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.ones((3, 1))})
    with pytest.raises(DataError, match="3 labels for 2 pictures"):
        read_mat(path)
    savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[0], [1]])})
    with pytest.raises(DataError, match="1 to 10"):
        read_mat(path)


@pytest.fixture
def mnist_m_root(tmp_path: Path) -> Path:
    for split, count in (("train", 26), ("test", 10)):
        folder = tmp_path / "mnist_m" / f"mnist_m_{split}"
        folder.mkdir(parents=True)
        lines = []
        for index in range(count):
            Image.new("RGB", (32, 32), (index % 10 * 20, 7, 9)).save(folder / f"{index:08}.png")
            lines.append(f"{index:08}.png {index % 10}")
        (tmp_path / "mnist_m" / f"mnist_m_{split}_labels.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_mnist_m_reads_its_layout(mnist_m_root: Path):
    data = load(MNISTM(), DataRequest(root=mnist_m_root))
    assert data.splits["train"].images.shape == (24, 28, 28, 3)
    for split in data.splits:
        assert np.array_equal(data.splits[split].images[:, 9, 9, 0] // 20, classes(data, split))
    same = load(MNISTM(), DataRequest(root=mnist_m_root / "mnist_m"))
    assert same.identity == data.identity


def test_a_missing_mnist_m_picture_is_named(mnist_m_root: Path):
    (mnist_m_root / "mnist_m" / "mnist_m_train" / "00000003.png").unlink()
    with pytest.raises(DataError, match=r"'00000003\.png' is not in .*put it there"):
        load(MNISTM(), DataRequest(root=mnist_m_root))


@pytest.mark.parametrize("line", ["a.png", "a.png 12", "a.png x", "../a.png 3", ".. 3", " 3"])
def test_malformed_label_lists_are_refused(tmp_path: Path, line: str):
    path = tmp_path / "labels.txt"
    path.write_text(f"b.png 1\n{line}\n")
    with pytest.raises(DataError, match=r"labels\.txt: line 2"):
        read_labels(path)


def test_a_pair_of_files_and_its_identity(usps_root: Path, mnist_m_root: Path):
    pair = load_pair("mnist-m:usps", DataRequest(root=usps_root))
    assert mnist_m_root == usps_root
    assert pair.target.splits["test"].images.shape == (20, 28, 28, 3)
    assert pair.name == "mnist-m:usps"
    assert len(pair.identity) == len(content_hash({}))
