"""scikit-learn's digits at three sizes, with a split that never changes."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from genbench.data import DataRequest, load
from genbench.data.digits import Digits
from genbench.data.splitting import order_by_hash, split_by_hash
from genbench.errors import ConfigError


def test_splits(genbench_home: Path) -> None:
    data = load(Digits(), DataRequest())
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 1097, "validation": 200, "test": 500}
    assert (data.info.resolution, data.info.channels, data.info.exclusive) == (16, 1, True)
    assert data.info.conditions == tuple("0123456789")
    every = np.bincount(load_digits().target) / 1797
    for split in data.splits.values():
        counts = split.conditions.sum(axis=0, dtype=int)
        assert np.abs(counts - every * len(split)).max() <= 2
        start = split.conditions[:100].sum(axis=0, dtype=int)
        assert np.abs(start - every * 100).max() <= 2, "the first pictures are a fair sample"


def test_each_picture_is_in_one_split_with_its_label(genbench_home: Path) -> None:
    digits = load_digits()
    data = load(Digits(), DataRequest(resolution=8))
    images = np.concatenate([split.images for split in data.splits.values()])[..., 0]
    labels = np.concatenate([split.conditions for split in data.splits.values()]).argmax(axis=1)
    back = np.rint(images / (255 / 16)).astype(int)
    ours = sorted((label, *picture.ravel()) for label, picture in zip(labels.tolist(), back, strict=True))
    theirs = sorted(
        (label, *picture.ravel().astype(int))
        for label, picture in zip(digits.target.tolist(), digits.images, strict=True)
    )
    assert ours == theirs


@pytest.mark.parametrize("resolution", [16, 32])
def test_larger_sizes_show_the_same_pictures(genbench_home: Path, resolution: int) -> None:
    small = load(Digits(), DataRequest(resolution=8)).splits["test"].images.astype(float)
    large = load(Digits(), DataRequest(resolution=resolution)).splits["test"].images.astype(float)
    factor = resolution // 8
    reduced = large.reshape(500, 8, factor, 8, factor, 1).mean(axis=(2, 4))
    assert np.corrcoef(small.ravel(), reduced.ravel())[0, 1] > 0.99
    assert abs(small.mean() - large.mean()) < 2


def test_the_pictures_are_pinned(genbench_home: Path) -> None:
    """Shipped evaluators and published numbers refer to exactly these pictures."""
    assert load(Digits(), DataRequest()).identity[:12] == "d236445653be"


def test_other_resolutions(genbench_home: Path) -> None:
    with pytest.raises(ConfigError, match="digits cannot be had at resolution 20: choose 8, 16 or 32"):
        load(Digits(), DataRequest(resolution=20))


def test_split_by_hash_is_a_partition_that_ignores_the_order_of_keys() -> None:
    keys = [f"k{number}" for number in range(100)]
    parts = split_by_hash(keys, 10, 20)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(100))
    assert {name: len(part) for name, part in parts.items()} == {"train": 70, "validation": 10, "test": 20}
    backwards = split_by_hash(keys[::-1], 10, 20)
    for name, part in parts.items():
        assert [keys[index] for index in part] == [keys[::-1][index] for index in backwards[name]]


def test_any_stretch_of_a_stratified_order_is_in_proportion() -> None:
    strata = ["rare"] * 10 + ["often"] * 90
    order = order_by_hash([str(number) for number in range(100)], strata)
    rare = np.array([strata[index] == "rare" for index in order])
    for start in range(0, 100, 10):
        assert 0 <= rare[start : start + 10].sum() <= 2
    assert rare[:50].sum() == 5
