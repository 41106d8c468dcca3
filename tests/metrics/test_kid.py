"""KID against torch-fidelity and its definition, and the error that it states."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from genbench.errors import DataError
from genbench.metrics.kid import KID, KIDSubsets, kid, kid_of_subsets


def clouds(n, m, d, seed=0, shift=0.1):
    rng = np.random.default_rng(seed)
    return np.abs(rng.normal(size=(n, d))), np.abs(rng.normal(size=(m, d)) + shift)


def by_definition(x, y):
    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 3), (7, 12, 5), (20, 9, 40)])
def test_is_the_definition(n, m, d):
    x, y = clouds(n, m, d)
    assert kid(x, y).value == pytest.approx(by_definition(x, y), rel=1e-9)


@pytest.mark.parametrize(("n", "m", "size"), [(150, 120, 50), (60, 60, 60)])
def test_subsets_are_those_of_torch_fidelity(n, m, size):
    x, y = clouds(n, m, 32)
    ours = kid_of_subsets(x, y, subsets=7, size=size)
    theirs = kid_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), kid_subsets=7, kid_subset_size=size, verbose=False
    )
    assert ours == pytest.approx((theirs[KEY_METRIC_KID_MEAN], theirs[KEY_METRIC_KID_STD]), rel=1e-5, abs=1e-12)
    if size == n == m:
        assert kid(x, y).value == pytest.approx(theirs[KEY_METRIC_KID_MEAN], rel=1e-5)


def test_a_subset_is_no_larger_than_the_pictures():
    x, y = clouds(30, 20, 8)
    assert kid_of_subsets(x, y, subsets=2)[0] == kid_of_subsets(x, y, subsets=2, size=20)[0]


def test_is_unbiased_at_every_size_and_its_intervals_cover():
    truth = kid(*clouds(4000, 4000, 16, seed=99)).value
    for n in (20, 80):
        found = [kid(*clouds(n, n, 16, seed)) for seed in range(300)]
        values = np.array([estimate.value for estimate in found])
        assert values.mean() == pytest.approx(truth, abs=4 * values.std() / np.sqrt(300) + 0.02 * truth)
        named = [estimate.named("kid", {}) for estimate in found]
        assert np.mean([v.low <= truth <= v.high for v in named]) >= 0.93


def test_equal_distributions_are_about_zero_with_too_wide_intervals():
    found = [kid(*clouds(50, 50, 16, seed, shift=0.0)) for seed in range(200)]
    values = [estimate.named("kid", {}) for estimate in found]
    assert min(v.value for v in values) < 0 < max(v.value for v in values)
    assert np.mean([v.low <= 0 <= v.high for v in values]) >= 0.95


def test_laws():
    x, y = clouds(40, 30, 12)
    rng = np.random.default_rng(0)
    assert kid(x, y).value == pytest.approx(kid(y, x).value)
    assert kid(rng.permutation(x), rng.permutation(y)).value == pytest.approx(kid(x, y).value)
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    assert kid(x @ turn, y @ turn).value == pytest.approx(kid(x, y).value)
    same = np.ones((5, 3))
    assert kid(same, same).value == pytest.approx(0.0, abs=1e-12)
    assert kid(same, same).stderr_generated == pytest.approx(0.0, abs=1e-12)


def test_sums_in_blocks_are_the_sums(monkeypatch):
    x, y = clouds(50, 41, 6)
    whole = kid(x, y)
    monkeypatch.setattr("genbench.metrics.kid._BLOCK", 7)
    assert kid(x, y).value == pytest.approx(whole.value)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((1, 4)), np.zeros((9, 4)), "KID needs at least two pictures on either side, not 1"),
        (np.full((9, 4), np.inf), np.zeros((9, 4)), "KID needs features that are finite"),
        (np.zeros((9, 4)), np.zeros((9, 5)), "one dimension, not 4 and 5"),
    ],
)
def test_degenerate_input_is_refused(x, y, message):
    with pytest.raises(DataError, match=message):
        kid(x, y)


def test_metric_has_a_floor_and_an_interval(toy):
    def pictures(n, seed):
        scores = np.random.default_rng(seed).integers(256, size=(n, 6))
        return toy.pictures(scores, np.eye(6)[np.zeros(n, int)], seed)

    context = toy.context({"fidelity": pictures(40, 0)}, test=pictures(50, 1), train=pictures(60, 2))
    value, floor = KID().compute(context)
    assert (value.name, floor.name) == ("kid", "kid_floor")
    assert value.low < value.value < value.high
    assert value.identity["estimator"] == "unbiased, all pictures"
    subsets, _ = KIDSubsets().compute(context)
    assert subsets.value == pytest.approx(value.value)  # 1,000 are more than there are, so each subset is the whole
    assert subsets.identity != value.identity
