import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genbench.cli import app
from genbench.commands.exits import guarded
from genbench.data import DataRequest, ImageData, load
from genbench.data.mnist import MNIST, STEMS
from genbench.data.mnist_m import MNISTM
from genbench.data.mnist_m_making import blended, make_mnist_m, read_photograph
from genbench.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("genbench_home")


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def mnist_root(tmp_path: Path) -> Path:
    """26 training and 10 test digits in MNIST's format, each a bar of ink where its class says."""
    root = tmp_path / "mnist"
    root.mkdir()
    for count, images_name, labels_name in ((26, *STEMS[:2]), (10, *STEMS[2:])):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        for index, label in enumerate(labels):
            images[index, 4:24, 4 + 2 * label] = 255
            images[index, 4:24, 5 + 2 * label] = 100
        with gzip.open(root / f"{images_name}.gz", "wb") as file:
            file.write(bytes((0, 0, 8, 3)) + struct.pack(">3I", count, 28, 28) + images.tobytes())
        with gzip.open(root / f"{labels_name}.gz", "wb") as file:
            file.write(bytes((0, 0, 8, 1)) + struct.pack(">I", count) + labels.tobytes())
    return root


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    (folder / "more").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, size in (("a.png", (40, 50, 3)), ("more/b.png", (32, 32, 3)), ("grey.png", (60, 33))):
        Image.fromarray(generator.integers(0, 256, size, np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def digits(mnist_root: Path) -> ImageData:
    return load(MNIST(), DataRequest(root=mnist_root))


def made(digits: ImageData, photographs: Path, out: Path, *, seed: int = 0, ink: str = "grey") -> Path:
    assert make_mnist_m(digits, photographs, out, seed=seed, ink=ink, progress=silent) == {"train": 26, "test": 10}  # type: ignore[arg-type]
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("ink", ["grey", "binary"])
def test_a_picture_is_the_absolute_difference_of_a_crop_and_a_digit(digits: ImageData, photographs: Path, ink: str):
    """Every picture, added back to or taken from its digit, is a window of the only photograph."""
    photograph = np.asarray(Image.open(photographs / "a.png"))
    windows = {photograph[y : y + 32, x : x + 32].tobytes() for y in range(9) for x in range(19)}
    images = digits.splits["test"].images
    found = list(blended(images, [photographs / "a.png"], np.random.default_rng(3), ink))  # type: ignore[arg-type]
    assert sorted(index for index, _ in found) == list(range(10))
    for index, picture in found:
        digit = np.pad(images[index], ((2, 2), (2, 2), (0, 0))).astype(int)
        ink_levels = np.where(digit > 0, 255, 0) if ink == "binary" else digit
        matches = 0
        for y in range(9):
            for x in range(19):
                crop = photograph[y : y + 32, x : x + 32].astype(int)
                matches += np.array_equal(np.abs(crop - ink_levels), picture)
        assert matches == 1
    assert len(windows) == 9 * 19


def test_the_loader_reads_what_was_made(digits: ImageData, photographs: Path, tmp_path: Path):
    out = made(digits, photographs, tmp_path / "mnist_m")
    data = load(MNISTM(), DataRequest(root=tmp_path, resolution=32))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 24, "validation": 2, "test": 10}
    assert data.info.channels == 3
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    black = tmp_path / "black"
    black.mkdir()
    Image.new("RGB", (40, 40)).save(black / "black.png")
    made(digits, black, tmp_path / "plain" / "mnist_m")
    plain = load(MNISTM(), DataRequest(root=tmp_path / "plain", resolution=32))
    for split in plain.splits.values():
        columns = split.images[:, 16, :, 1].argmax(axis=1)  # over black, the digit itself is left
        assert np.array_equal((columns - 6) // 2, split.conditions.argmax(axis=1))


def test_a_seed_makes_the_same_files_again_and_another_seed_others(
    digits: ImageData, photographs: Path, tmp_path: Path
):
    first, again = (content(made(digits, photographs, tmp_path / name)) for name in ("one", "two"))
    other = content(made(digits, photographs, tmp_path / "three", seed=1))
    assert first == again
    assert first.keys() == other.keys()
    assert sum(first[name] != other[name] for name in first) > 30


def test_all_of_every_photograph_is_used(photographs: Path):
    """Crops reach the last row and column, and no further."""
    ramp = np.zeros((34, 36, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(34)[:, None], np.arange(36)
    Image.fromarray(ramp).save(photographs / "ramp.png")
    blank = np.zeros((300, 28, 28, 1), np.uint8)
    pictures = [p for _, p in blended(blank, [photographs / "ramp.png"], np.random.default_rng(0), "grey")]
    corners = {(int(p[0, 0, 0]), int(p[0, 0, 1])) for p in pictures}
    assert corners == {(y, x) for y in range(3) for x in range(5)}


def test_grey_of_16_bits_and_transparency_are_what_they_look_like(tmp_path: Path):
    ramp = np.arange(40, dtype=np.uint8)[None, :].repeat(40, axis=0)
    Image.fromarray(ramp.astype(np.uint16) * 256).save(tmp_path / "deep.png")
    assert (read_photograph(tmp_path / "deep.png") == ramp[:, :, None]).all()
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_photograph(tmp_path / "clear.png") == 255).all()


def test_what_cannot_be_used_is_refused_and_leaves_nothing(digits: ImageData, photographs: Path, tmp_path: Path):
    out = tmp_path / "out"
    for bad, message in (("broken.jpg", "broken.jpg.*damaged"), ("small.png", r"small\.png: 31x99 pixels are too few")):
        if bad == "small.png":
            Image.new("RGB", (31, 99)).save(photographs / bad)
        else:
            (photographs / bad).write_bytes((photographs / "a.png").read_bytes()[:200])
        with pytest.raises(DataError, match=message):
            made(digits, photographs, out)
        (photographs / bad).unlink()
        assert list(out.iterdir()) == []
    made(digits, photographs, out)
    with pytest.raises(ConfigError, match="mnist_m_train: is there already"):
        made(digits, photographs, out)
    with pytest.raises(DataError, match=r"no such folder.*--backgrounds"):
        made(digits, tmp_path / "nowhere", tmp_path / "other")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no photographs"):
        made(digits, tmp_path / "empty", tmp_path / "other")


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = guarded(lambda: app([str(a) for a in arguments], prog_name="genbench", standalone_mode=False))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command(mnist_root: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "data" / "mnist_m"
    arguments = ["data", "make", "mnist-m", "--backgrounds", photographs, "--data-root", mnist_root, "--out", out]
    code, printed, said = call(capsys, *arguments)
    assert (code, printed.strip()) == (0, str(out))
    assert "26 pictures for training, 10 for test" in said
    assert load(MNISTM(), DataRequest(root=tmp_path / "data")).info.resolution == 28
    code, printed, said = call(capsys, *arguments)
    assert (code, printed) == (2, "")
    assert "is there already" in said
    assert len(said.strip().splitlines()) == 1
    code, _, said = call(capsys, "data", "make", "mnist", *arguments[3:])
    assert code == 2
    assert "did you mean" in said or "mnist-m" in said
    code, _, said = call(capsys, *arguments[:-1], tmp_path / "o", "--ink", "blue")
    assert code == 2
    assert "grey" in said
