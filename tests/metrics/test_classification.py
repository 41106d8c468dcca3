"""The classification accuracy score tells pictures that teach from pictures that mislead."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genbench.api import DataInfo
from genbench.data.base import ImageData, Split
from genbench.evaluators import Evaluators, training
from genbench.metrics import classification
from genbench.metrics.base import MetricContext, NotMeasurable, Pictures
from genbench.metrics.classification import ClassificationAccuracy


def quarters(n, seed):
    """Pictures with one lit quarter, and which."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    images = rng.integers(0, 90, size=(n, 8, 8, 1))
    for image, label in zip(images, labels, strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[row : row + 4, column : column + 4] += 120
    return Split(images.astype(np.uint8), np.eye(4, dtype=np.uint8)[labels])


@pytest.fixture
def context(tmp_path):
    def make(made, classes=4):
        info = DataInfo("quarters", 8, 1, tuple("abcd"[:classes]), True, 160)
        splits = {"train": quarters(160, 0), "validation": quarters(40, 1), "test": quarters(80, 2)}
        data = ImageData(info, splits, {}, "f" * 64)
        evaluators = Evaluators(data, device=torch.device("cpu"))
        return MetricContext(data, {"fidelity": made}, evaluators, torch.device("cpu"), cache=tmp_path)

    return make


def test_good_pictures_teach_and_wrong_ones_do_not(context, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(training, "RECIPES", {"referee": replace(training.RECIPES["referee"], epochs=12)})
    train = classification.train
    monkeypatch.setattr(classification, "train", lambda *args, **more: calls.append(1) or train(*args, **more))
    good = quarters(120, 3)
    (value,) = ClassificationAccuracy().compute(context(Pictures(good.images, good.conditions)))
    assert value.value > 0.9
    assert value.ceiling > 0.9
    assert (value.identity["samples"], value.identity["reference"]) == (120, "quarters@8/test")
    shifted = Pictures(good.images, np.roll(good.conditions, 1, axis=1))
    (wrong,) = ClassificationAccuracy().compute(context(shifted))
    assert wrong.value < 0.1
    assert wrong.ceiling == value.ceiling
    assert len(calls) == 3  # the ceiling is trained once
    for file in tmp_path.rglob("*.json"):
        file.write_text("{}")
    monkeypatch.setattr(classification, "train_and_test", lambda *_: 0.5)
    assert ClassificationAccuracy().compute(context(shifted))[0].value == 0.5  # what is damaged is made again


def test_says_what_is_missing(context):
    few = quarters(99, 0)
    with pytest.raises(NotMeasurable, match="score needs at least 100 pictures, not 99"):
        ClassificationAccuracy().compute(context(Pictures(few.images, few.conditions)))
    with pytest.raises(NotMeasurable, match="quarters has no two conditions"):
        ClassificationAccuracy().compute(context(Pictures(few.images, few.conditions), classes=1))
