"""The Inception Score: closed forms, its weights, and what it refuses."""

import dataclasses

import numpy as np
import pytest
import torch

from genbench.errors import ConfigError, DataError
from genbench.metrics.base import NotMeasurable
from genbench.metrics.inception import FC, InceptionLogits, weights_hash
from genbench.metrics.inception_score import InceptionScore, inception_score
from tests.metrics.inception_files import known_file, untrained


def test_closed_forms():
    sure = np.tile(np.eye(5) * 100, (20, 1))
    sure = sure[np.argsort(np.tile(np.arange(5), 20), kind="stable")]
    assert inception_score(sure, splits=1)[0] == pytest.approx(5)  # five classes, each sure
    assert inception_score(np.zeros((40, 7)))[0] == pytest.approx(1)  # nothing is sure
    assert inception_score(np.tile([[100.0, 0, 0]], (40, 1)))[0] == pytest.approx(1)  # always the same class
    mean, spread = inception_score(np.random.default_rng(0).normal(size=(200, 5)), splits=10)
    assert mean > 1
    assert spread > 0


@pytest.mark.parametrize(
    ("logits", "message"),
    [(np.zeros((19, 3)), "at least 20 pictures"), (np.full((20, 3), np.nan), "finite numbers"), (np.zeros(50), "20")],
)
def test_degenerate_input_is_refused(logits, message):
    with pytest.raises(DataError, match=message):
        inception_score(logits)


def test_metric_with_a_ceiling(toy, tmp_path, monkeypatch):
    path = known_file(tmp_path, monkeypatch)
    monkeypatch.setattr(InceptionLogits, "features", lambda self, images: images[:, :2].reshape(len(images), -1) * 0.1)
    rng = np.random.default_rng(0)
    made, test = (toy.pictures(rng.integers(256, size=(40, 6)), np.eye(6)[np.zeros(40, int)], s) for s in (0, 1))
    context = toy.context({"fidelity": made}, test=test, inception_weights=path)
    value, spread = InceptionScore().compute(context)
    assert (value.name, spread.name) == ("inception_score", "inception_score_std")
    assert value.value > 1
    assert value.ceiling > 1
    assert value.identity["extractor"] == "inception-v3-compat/logits"
    fewer = toy.context({"fidelity": made}, test=toy.pictures(np.zeros((9, 6)), np.eye(6)[:1].repeat(9, 0)))
    assert InceptionScore().compute(dataclasses.replace(fewer, inception_weights=path))[0].ceiling is None


def test_it_needs_inception_with_its_classifier(toy, tmp_path, monkeypatch):
    made = toy.pictures(np.zeros((30, 6)), np.eye(6)[np.zeros(30, int)])
    with pytest.raises(ConfigError, match="needs Inception-v3: name its weights by --inception-weights"):
        InceptionScore().compute(toy.context({"fidelity": made}, test=made))
    few = toy.context({"fidelity": toy.pictures(np.zeros((3, 6)), np.eye(6)[:3])}, test=made)
    with pytest.raises(NotMeasurable, match="Inception Score needs at least 20 pictures, not 3"):
        InceptionScore().compute(few)
    state = {key: value for key, value in untrained("2048").state_dict().items() if key not in FC}
    path = known_file(tmp_path, monkeypatch)
    torch.save(state, path)
    assert weights_hash(state)
    with pytest.raises(DataError, match=r"has no fc.bias: the Inception Score needs weights-inception.* whole"):
        InceptionLogits.load(path, torch.device("cpu"))
