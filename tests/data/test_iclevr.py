"""The i-CLEVR folder: contents, splits by scene, and everything that can be wrong with it."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genbench.data import SPLITS, DataRequest, load
from genbench.data.iclevr import IClevr
from genbench.errors import ConfigError, DataError

OBJECTS = {"red cube": 1, "gray cube": 0, "red sphere": 2, "gray sphere": 3}
NAMES = ["gray cube", "red cube", "red sphere", "gray sphere"]
SCENES = 20


def picture_name(scene: int, number: int) -> str:
    return f"CLEVR_train_{scene:06}_{number}.png"


@pytest.fixture
def root(tmp_path: Path, genbench_home: Path) -> Path:
    """A small folder: red = scene number, green = picture number in the scene."""
    folder = tmp_path / "lab"
    folder.mkdir()
    train = {}
    for scene in reversed(range(SCENES)):
        for number in range(3):
            name = picture_name(scene, number)
            Image.new("RGB", (32, 24), (10 * scene, 100 * number, 0)).save(folder / name)
            train[name] = [NAMES[(scene + k) % 4] for k in range(number + 1)]
    write(folder, "train", train)
    write(folder, "objects", OBJECTS)
    write(folder, "test", [["gray cube"], ["red cube", "gray sphere"]])
    write(folder, "new_test", [["red sphere"]])
    return folder


def write(folder: Path, name: str, content: object) -> None:
    (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return content


def error(root: Path | None) -> str:
    with pytest.raises(DataError) as caught:
        load(IClevr(), DataRequest(root=root, resolution=16))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pictures_meet_their_conditions(root: Path) -> None:
    data = load(IClevr(), DataRequest(root=root, resolution=16))
    assert (data.info.conditions, data.info.exclusive, data.info.channels) == (tuple(NAMES), False, 3)
    for split in data.splits.values():
        for image, condition in zip(split.images, split.conditions, strict=True):
            scene, number = int(image[0, 0, 0]) // 10, int(image[0, 0, 1]) // 100
            assert {(scene + k) % 4 for k in range(number + 1)} == set(np.flatnonzero(condition))
    assert data.condition_lists["test"].tolist() == [[1, 0, 0, 0], [0, 1, 0, 1]]
    assert data.condition_lists["new_test"].tolist() == [[0, 0, 1, 0]]


def test_scenes_stay_together(root: Path) -> None:
    data = load(IClevr(), DataRequest(root=root, resolution=16))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 54, "validation": 3, "test": 3}
    scenes = {name: set(data.splits[name].images[:, 0, 0, 0].tolist()) for name in SPLITS}
    assert sum(len(found) for found in scenes.values()) == len(set.union(*scenes.values())) == SCENES


def test_split_does_not_depend_on_the_order_in_train_json(root: Path) -> None:
    first = load(IClevr(), DataRequest(root=root, resolution=16))
    write(root, "train", dict(sorted(read(root, "train").items())))
    assert load(IClevr(), DataRequest(root=root, resolution=16)).identity == first.identity


def test_default_resolution_and_places(root: Path, genbench_home: Path) -> None:
    here = load(IClevr(), DataRequest(root=root))
    assert here.info.resolution == 64
    root.rename(root.parent / "iclevr")
    assert load(IClevr(), DataRequest(root=root.parent)).identity == here.identity
    (root.parent / "iclevr").rename(genbench_home / "iclevr")
    assert load(IClevr(), DataRequest()).identity == here.identity
    (genbench_home / "iclevr" / "images").mkdir()
    for path in (genbench_home / "iclevr").glob("*.png"):
        path.rename(path.parent / "images" / path.name)
    assert load(IClevr(), DataRequest()).identity == here.identity


def test_a_replaced_picture_is_decoded_again(root: Path) -> None:
    before = load(IClevr(), DataRequest(root=root, resolution=16)).identity
    Image.new("RGB", (50, 50), (1, 2, 3)).save(root / picture_name(4, 1))
    assert load(IClevr(), DataRequest(root=root, resolution=16)).identity != before


@pytest.mark.parametrize("name", ["train", "test", "new_test", "objects"])
def test_missing_empty_and_malformed_json(root: Path, name: str) -> None:
    path = root / f"{name}.json"
    path.write_text('{\n "a": [,]\n}')
    assert f"{path}: not valid JSON: Expecting value (line 2, column 8)" in error(root)
    path.write_text("  \n")
    assert error(root) == f"{path}: is empty: replace it"
    path.write_bytes(b'{"\xff": 1}')
    assert error(root) == f"{path}: not a UTF-8 text file: save it as UTF-8"
    path.write_text("[" * 100_000)
    assert str(path) in error(root)
    path.write_text("3")
    assert f"{path}: must be a JSON" in error(root)
    path.unlink()
    assert f"{path}: no such file" in error(root)


def test_no_folder(genbench_home: Path) -> None:
    assert "home/iclevr/objects.json: no such file" in error(None)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../secret.png",
        "a/../../secret.png",
        "..\\secret.png",
        "\\\\host\\x.png",
        "C:\\x.png",
        "C:x.png",
        "",
    ],
)
def test_paths_that_lead_out(root: Path, name: str) -> None:
    write(root, "train", {**read(root, "train"), name: ["gray cube"]})
    assert f"{name!r} leads out of the folder" in error(root)


def test_links_that_lead_out(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.mkdir()
    Image.new("RGB", (8, 8)).save(outside / "a.png")
    path = root / picture_name(3, 0)
    path.unlink()
    path.symlink_to(outside / "a.png")
    assert f"{path}: is a link that leads out of" in error(root)
    path.unlink()
    path.symlink_to(picture_name(3, 1))
    load(IClevr(), DataRequest(root=root, resolution=16))
    path.unlink()
    path.symlink_to(path)
    assert str(path) in error(root)
    path.unlink()
    Image.new("RGB", (8, 8)).save(path)
    (root / "more").symlink_to(outside)
    write(root, "train", {**read(root, "train"), "more/a.png": ["gray cube"]})
    assert "more: is a link that leads out of" in error(root)


def test_odd_names(root: Path) -> None:
    for name in ("gone.png", "a\0b.png", "\ud800.png", "x" * 5000 + ".png", "no/such/folder.png"):
        write(root, "train", {**read(root, "train"), name: ["gray cube"]})
        assert "train.json names it" in error(root)
        train = read(root, "train")
        del train[name]
        write(root, "train", train)
    os.mkfifo(root / "pipe.png")
    write(root, "train", {**read(root, "train"), "pipe.png": ["gray cube"]})
    assert "pipe.png: is no file" in error(root)


def test_corrupt_and_missing_pictures(root: Path) -> None:
    path = root / picture_name(7, 2)
    path.write_bytes(path.read_bytes()[:50])
    assert f"{path}: is no picture that can be read, or is damaged" in error(root)
    path.write_bytes(b"")
    assert f"{path}: is empty" in error(root)
    path.unlink()
    assert error(root) == f"{path}: no such file, but train.json names it"


def test_unknown_objects(root: Path) -> None:
    train = read(root, "train")
    write(root, "train", {**train, picture_name(5, 0): ["rde cube"]})
    complaint = error(root)
    assert complaint.startswith(f"{root / 'train.json'}: {picture_name(5, 0)}: unknown object 'rde cube'")
    assert "did you mean 'red cube'?" in complaint
    write(root, "train", train)
    write(root, "new_test", [["red cube"], ["blue cone"]])
    assert f"{root / 'new_test.json'}: entry 1: unknown object 'blue cone'" in error(root)


@pytest.mark.parametrize("labels", ["red cube", [], [3], None, {"red cube": 1}, [["red cube"]]])
def test_labels_that_are_no_list(root: Path, labels: object) -> None:
    write(root, "train", {**read(root, "train"), picture_name(5, 0): labels})
    assert f"{picture_name(5, 0)}: must be a list of at least one object name" in error(root)


@pytest.mark.parametrize(
    ("objects", "complaint"),
    [
        ({**OBJECTS, "red cube": 2}, "'red cube' and 'red sphere' both have index 2"),
        ({**OBJECTS, "red cube": 4}, "'red cube' has index 4: indices are the whole numbers 0 to 3"),
        ({**OBJECTS, "red cube": -1}, "'red cube' has index -1"),
        ({**OBJECTS, "red cube": 1.0}, "'red cube' has index 1.0"),
        ({**OBJECTS, "red cube": True}, "'red cube' has index True"),
        ({**OBJECTS, "red cube": "1"}, "'red cube' has index '1'"),
        ({}, "at least one entry"),
        ('{"red cube": 0, "red cube": 1}', "'red cube' occurs twice"),
    ],
)
def test_bad_objects(root: Path, objects: object, complaint: str) -> None:
    write(root, "objects", objects)
    assert complaint in error(root)


def test_too_few_scenes_and_odd_sizes(root: Path) -> None:
    train = read(root, "train")
    write(root, "train", {name: train[name] for name in (picture_name(0, 0), picture_name(0, 1))})
    assert "1 scenes are too few" in error(root)
    with pytest.raises(ConfigError, match="iclevr cannot be had at resolution 1000"):
        load(IClevr(), DataRequest(root=root, resolution=1000))
