"""Toy evaluators that read logits off the pictures themselves, and a context around them."""

import types

import numpy as np
import pytest
import torch

from genbench.api import DataInfo
from genbench.data.base import ImageData, Split
from genbench.evaluators import Evaluator, Evaluators
from genbench.evaluators.evaluator import FeatureClassifier
from genbench.metrics.base import MetricContext, Pictures

CLASSES = 6


class Reader(FeatureClassifier):
    """The first row of pixels are the logits, the first two rows the features."""

    def features(self, images):
        return images[:, 0, :2].flatten(1)

    def forward(self, images):
        return images[:, 0, 0, :CLASSES]


@pytest.fixture
def toy():
    """Functions to make pictures whose scores are known, data of them, and a metric context."""

    def pictures(scores, conditions, seed=0):
        images = np.random.default_rng(seed).integers(256, size=(len(scores), 8, 8, 1), dtype=np.uint8)
        images[:, 0, :CLASSES, 0] = scores
        return Pictures(images, np.asarray(conditions, np.uint8))

    def evaluator(role):
        return Evaluator(role, f"toy-8-{role}", 1, f"sha256:{role}", (8, 1), Reader(), torch.device("cpu"))

    def context(sets, *, test, train=None, lists=(), extra=(), classes=CLASSES, **fields):
        info = DataInfo("toy", 8, 1, tuple("abcdef"[:classes]), False, 10)
        splits = {"test": Split(test.images, test.conditions), "train": Split(*_two(train or test))}
        data = ImageData(info, splits, {name: sets[name].conditions for name in lists}, "f" * 64)
        evaluators = Evaluators(data, device=torch.device("cpu"))
        evaluators.__dict__.update(
            referee=evaluator("referee"), guide=evaluator("guide"), extra=[evaluator(role) for role in extra]
        )
        return MetricContext(data, sets, evaluators, torch.device("cpu"), **fields)

    return types.SimpleNamespace(pictures=pictures, context=context, evaluator=evaluator)


def _two(pictures):
    return pictures.images, pictures.conditions
