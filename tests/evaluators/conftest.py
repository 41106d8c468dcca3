"""A toy task that a small network learns in a second: which of four quarters of the picture are lit."""

import numpy as np
import pytest
import torch

from genbench.api import DataInfo
from genbench.data.base import ImageData, Split


@pytest.fixture(autouse=True)
def genbench_home(tmp_path, monkeypatch):
    """An empty GENBENCH_HOME of the test's own."""
    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def device():
    return torch.device("cpu")


@pytest.fixture(scope="session")
def make_data():
    def make(*, exclusive=False, channels=3, resolution=8, name="toy", counts=(480, 120, 120), classes=4):
        rng = np.random.default_rng(0)

        def split(count):
            if exclusive:
                conditions = np.eye(classes, dtype=np.uint8)[rng.integers(classes, size=count)]
            else:
                conditions = rng.integers(2, size=(count, classes), dtype=np.uint8)
                conditions[conditions.sum(1) == 0, 0] = 1
            half = resolution // 2
            lit = conditions[:, :4].reshape(count, 2, 2).repeat(half, 1).repeat(half, 2)
            noisy = 60 + 120 * lit[..., None] + rng.normal(0, 20, (count, resolution, resolution, channels))
            return Split(noisy.clip(0, 255).astype(np.uint8), conditions)

        info = DataInfo(name, resolution, channels, tuple("abcd"[:classes]), exclusive, counts[0])
        splits = dict(zip(("train", "validation", "test"), map(split, counts), strict=True))
        return ImageData(info, splits, {}, f"{name}{resolution}".encode().hex().ljust(64, "0"))

    return make
