"""What is measured when nothing is asked for by name, and what becomes of metrics that cannot say anything."""

import numpy as np
import pytest
import torch

from genbench import plugins
from genbench.metrics.base import Estimate, NotMeasurable, Value
from genbench.observing import Observer
from genbench.specs import EvaluationSpec
from genbench.tasks.scoring import Scoring

QUICK = {
    "accuracy",
    "authenticity",
    "coverage",
    "density",
    "diversity",
    "f1",
    "fid",
    "kid",
    "memorisation",
    "precision",
    "recall",
}
ON_REQUEST = {"cas", "fid_inf", "inception_score", "kid_subsets"}


@pytest.fixture
def task(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    asked = np.eye(6)[np.arange(30) % 6]
    real, train = (toy.pictures(rng.integers(256, size=(30, 6)), asked, seed) for seed in (0, 1))
    context = toy.context({"fidelity": real}, test=real, train=train)
    return Scoring(context.data, context.evaluators), real


def test_quick_metrics_run_by_default_and_others_by_name(task):
    scoring, _ = task
    assert {metric.name for metric in scoring.metrics(EvaluationSpec())} == QUICK
    assert set(plugins.names("metrics")) == QUICK | ON_REQUEST | {"target_accuracy"}
    named = EvaluationSpec(metrics=("cas", "fid"))
    assert [metric.name for metric in scoring.metrics(named)] == ["cas", "fid"]


def test_two_pictures_have_no_coverage_and_that_is_an_error_only_by_name(task):
    scoring, real = task
    two = {"fidelity": type(real)(real.images[:2], real.conditions[:2])}
    spec, device = EvaluationSpec(), torch.device("cpu")
    metrics = scoring.metrics(EvaluationSpec())
    values = scoring.score(two, metrics, spec, device, Observer(), lenient=True)
    found = {value.name for value in values}
    assert {"accuracy", "fid", "kid", "memorisation"} <= found
    assert not {"precision", "coverage", "diversity"} & found
    with pytest.raises(NotMeasurable):
        scoring.score(two, metrics, spec, device, Observer())


def test_every_value_of_the_default_set_is_whole(task):
    scoring, real = task
    metrics = scoring.metrics(EvaluationSpec())
    values = scoring.score({"fidelity": real}, metrics, EvaluationSpec(), torch.device("cpu"), Observer())
    names = [value.name for value in values]
    assert len(names) == len(set(names))
    for metric in metrics:
        assert metric.name in names
    for value in values:
        assert np.isfinite(value.value)
        assert value.identity
        if value.low is not None:
            assert value.low <= value.value <= value.high


def test_an_estimate_joins_both_errors_and_is_cut_to_what_is_possible():
    value = Estimate(1.0, 0.3, 0.4).named("fid", {}, lowest=0.0)
    assert (value.low, value.high) == pytest.approx((1 - 1.96 * 0.5, 1 + 1.96 * 0.5), abs=1e-4)
    assert (value.stderr_generated, value.stderr_reference) == (0.3, 0.4)
    assert Estimate(0.5, 0.3, 0.4).named("fid", {}, lowest=0.0).low == 0.0
    assert Estimate(2.0).named("recall", {}) == Value("recall", 2.0, {})
