"""Folders of pictures: layouts, splits, sizes, modes, and files that are no pictures."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genbench.data import SPLITS, DataRequest, load
from genbench.data.image_folder import ImageFolder
from genbench.data.pictures import read_picture
from genbench.errors import ConfigError, DataError


def save(path: Path, colour: Any = (200, 10, 10), size: tuple[int, int] = (12, 10), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def fill(root: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 20) -> Path:
    for number, label in enumerate(classes):
        for index in range(count):
            save(root / label / f"{index:03}.png", colour=(10 * index, 100 * number, 7))
    return root


def test_hash_split(genbench_home: Path, tmp_path: Path) -> None:
    data = load(ImageFolder(), DataRequest(root=fill(tmp_path / "x"), resolution=16))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 32, "validation": 4, "test": 4}
    assert (data.info.conditions, data.info.exclusive, data.info.channels) == (("cat", "dog"), True, 3)
    for split in data.splits.values():
        assert (split.conditions.sum(axis=0) == len(split) / 2).all()
        assert ((split.images[:, 0, 0, 1] == 100) == (split.conditions[:, 1] == 1)).all()
    assert len({image.tobytes() for name in SPLITS for image in data.splits[name].images}) == 40


def test_split_depends_on_names_not_on_contents(genbench_home: Path, tmp_path: Path) -> None:
    first = load(ImageFolder(), DataRequest(root=fill(tmp_path / "x"), resolution=8)).splits["test"]
    for path in (tmp_path / "x" / "dog").iterdir():
        red, _, _ = np.asarray(Image.open(path))[0, 0].tolist()
        save(path, colour=(red, 255, 7))
    second = load(ImageFolder(), DataRequest(root=tmp_path / "x", resolution=8)).splits["test"]
    np.testing.assert_array_equal(first.images[..., 0], second.images[..., 0])
    assert second.images[..., 1].max() == 255, "changed files are decoded again"


@pytest.mark.parametrize("validation", ["val", "validation"])
def test_split_folders(genbench_home: Path, tmp_path: Path, validation: str) -> None:
    for name, count in (("train", 6), (validation, 3), ("test", 2)):
        fill(tmp_path / "x" / name, count=count)
    data = load(ImageFolder(), DataRequest(root=tmp_path / "x", resolution=8))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 12, "validation": 6, "test": 4}


def test_missing_split_folder_is_taken_from_training(genbench_home: Path, tmp_path: Path) -> None:
    fill(tmp_path / "x" / "train", count=10)
    fill(tmp_path / "x" / "test", count=3)
    data = load(ImageFolder(), DataRequest(root=tmp_path / "x", resolution=8))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 18, "validation": 2, "test": 6}


def test_single_class_named_train(genbench_home: Path, tmp_path: Path) -> None:
    fill(tmp_path / "x", classes=("train",), count=5)
    data = load(ImageFolder(), DataRequest(root=tmp_path / "x", resolution=8))
    assert data.info.conditions == ("train",)
    assert data.info.train_size == 3


def test_grey_files_make_one_channel(genbench_home: Path, tmp_path: Path) -> None:
    for index in range(8):
        save(tmp_path / "x" / "a" / f"{index}.png", colour=20 * index, mode="L")
        save(tmp_path / "x" / "a" / f"{index}.jpg", colour=(9, 9, 9))
    data = load(ImageFolder(), DataRequest(root=tmp_path / "x", resolution=8))
    assert data.info.channels == 1
    save(tmp_path / "x" / "a" / "colour.bmp", colour=(0, 200, 0))
    assert load(ImageFolder(), DataRequest(root=tmp_path / "x", resolution=8)).info.channels == 3


def test_hidden_and_foreign_files_are_ignored(genbench_home: Path, tmp_path: Path) -> None:
    root = fill(tmp_path / "x", count=5)
    (root / "cat" / "notes.txt").write_text("no picture")
    (root / "cat" / "._000.png").write_bytes(b"resource fork")
    (root / ".git").mkdir()
    (root / "__MACOSX").mkdir()
    (root / "list.csv").write_text("")
    assert load(ImageFolder(), DataRequest(root=root, resolution=8)).info.conditions == ("cat", "dog")


@pytest.mark.parametrize("suffix", ["png", "JPG", "jpeg", "webp", "bmp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    picture = read_picture(save(tmp_path / f"a.{suffix}", colour=(200, 100, 50)), 8, "crop")
    assert np.abs(picture.astype(int) - (200, 100, 50)).max() <= 3


def test_modes(tmp_path: Path) -> None:
    grey16 = Image.fromarray(np.full((8, 8), 0x80FF, np.uint16))
    grey16.save(tmp_path / "grey16.png")
    assert (read_picture(tmp_path / "grey16.png", 8, "crop") == 0x80).all()
    glass = save(tmp_path / "glass.png", colour=(0, 0, 0, 0), mode="RGBA")
    assert (read_picture(glass, 8, "crop") == 255).all()
    solid = save(tmp_path / "solid.png", colour=(1, 2, 3, 255), mode="RGBA")
    assert (read_picture(solid, 8, "crop") == (1, 2, 3)).all()
    palette = tmp_path / "palette.png"
    Image.new("RGB", (9, 9), (250, 0, 0)).convert("P", palette=Image.Palette.ADAPTIVE).save(palette)
    assert np.abs(read_picture(palette, 8, "crop").astype(int) - (250, 0, 0)).max() <= 2


def test_crop_and_squeeze(tmp_path: Path) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (read_picture(tmp_path / "wide.png", 20, "crop") == 255).all()
    squeezed = read_picture(tmp_path / "wide.png", 30, "squeeze")[:, :, 0]
    assert (squeezed[:, 13:17] == 255).all()
    assert (squeezed[:, :7] == 0).all()


def test_reduction_does_not_alias(tmp_path: Path) -> None:
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    Image.fromarray(board.astype(np.uint8)).save(tmp_path / "board.png")
    small = read_picture(tmp_path / "board.png", 16, "squeeze")
    assert np.abs(small[1:-1, 1:-1].astype(int) - 127).max() <= 2


def test_exif_orientation(tmp_path: Path) -> None:
    halves = np.zeros((40, 40, 3), np.uint8)
    halves[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(halves).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    picture = read_picture(tmp_path / "turned.jpg", 8, "crop")
    assert picture[:3].max() < 20
    assert picture[5:].min() > 235


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


def broken_png(path: Path) -> None:
    save(path, size=(40, 40))
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"not a picture"), "is no picture that can be read"),
        (broken_png, "is damaged"),
        (
            lambda path: path.write_bytes(bomb(10000, 10000)),
            "100,000,000 pixels are more than the 67,108,864 that are taken",
        ),
        (lambda path: path.write_bytes(bomb(10**6, 10**6)), "set GENBENCH_MAX_PIXELS higher"),
    ],
)
def test_bad_pictures_are_named(
    genbench_home: Path, tmp_path: Path, write: Callable[[Path], object], complaint: str
) -> None:
    root = fill(tmp_path / "x")
    write(root / "cat" / "007.png")
    with pytest.raises(DataError, match=f"cat/007.png: .*{complaint}") as caught:
        load(ImageFolder(), DataRequest(root=root))
    assert "\n" not in str(caught.value)


def test_bad_folders(genbench_home: Path, tmp_path: Path) -> None:
    def error(root: Path | None) -> str:
        with pytest.raises(DataError) as caught:
            load(ImageFolder(), DataRequest(root=root))
        return str(caught.value)

    assert "home/image-folder: no such folder" in error(None)
    (tmp_path / "flat").mkdir()
    save(tmp_path / "flat" / "a.png")
    assert "flat: has no class folders: put the pictures into" in error(tmp_path / "flat")
    root = fill(tmp_path / "x", count=1)
    assert "2 pictures are too few" in error(root)
    (root / "bird").mkdir()
    assert "x/bird: has no pictures (.bmp, .jpeg, .jpg, .png, .webp)" in error(root)
    split = fill(tmp_path / "s" / "train").parent
    fill(split / "val", classes=("cats",))
    assert "class 'cats' has validation but no training pictures: did you mean 'cat'?" in error(split)
    fill(split / "validation")
    assert "there are folders validation and val" in error(split)


def test_resolutions_that_cannot_be_had(genbench_home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at resolution 4: choose 8 to 512"):
        load(ImageFolder(), DataRequest(root=fill(tmp_path / "x"), resolution=4))
