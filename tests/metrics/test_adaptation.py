"""Accuracy on both domains."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from genbench.errors import DataError
from genbench.metrics.adaptation import TargetAccuracy, top1_accuracy
from genbench.metrics.base import Predictions


def test_top_1_equals_scikit_learn():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 10)), rng.integers(10, size=200)
    assert top1_accuracy(logits, labels) == accuracy_score(labels, logits.argmax(1))
    assert top1_accuracy(np.eye(10), np.arange(10)) == 1.0
    assert top1_accuracy(-np.eye(10), np.arange(10)) == 0.0


def test_both_domains_are_reported(toy):
    context = toy.context({}, test=toy.pictures(np.zeros((1, 6)), np.eye(6)[:1]))
    predictions = Predictions(np.eye(6)[[0, 1, 2, 2]], np.array([0, 1, 2, 3]), np.eye(6)[[0, 1]], np.array([0, 1]))
    target, source = TargetAccuracy().compute(dataclasses.replace(context, predictions=predictions))
    assert (target.name, target.value, target.identity["samples"]) == ("target_accuracy", 0.75, 4)
    assert (source.name, source.value, source.identity["samples"]) == ("target_accuracy_source", 1.0, 2)
    assert target.identity != source.identity
    with pytest.raises(DataError, match="toy: there are no predictions"):
        TargetAccuracy().compute(context)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((2, 3)), np.array([0]), "one row of scores a label"),
        (np.zeros((0, 3)), np.array([], int), "one row of scores a label"),
        (np.full((1, 3), np.nan), np.array([0]), "not all finite"),
        (np.zeros((2, 3)), np.array([0, 3]), "labels 0 to 3 do not fit 3 classes"),
        (np.zeros((2, 3)), np.array([-1, 1]), "labels -1 to 1"),
    ],
)
def test_bad_input_is_refused(logits, labels, message):
    with pytest.raises(DataError, match=message):
        top1_accuracy(logits, labels)
