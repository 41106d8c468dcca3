"""Precision, recall, density and coverage against torch-fidelity and the papers' definitions written as loops."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from genbench.errors import DataError
from genbench.metrics.base import NotMeasurable
from genbench.metrics.neighbours import nearest, squared_distances, squared_radii
from genbench.metrics.prdc import Coverage, Density, Precision, Recall, coverage, density, precision, recall


def clouds(n, m, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * 1.2 + 0.3, rng.normal(size=(m, d))


def balls(centres, k):
    """Radius of each: to its k-th nearest other centre."""
    return [sorted(np.linalg.norm(centres - c, axis=1))[k] for c in centres]


def by_definition(generated, real, k):
    """The four numbers, loop by loop."""
    real_radius, made_radius = balls(real, k), balls(generated, k)

    def hit(point, centre, radius):
        return np.linalg.norm(point - centre) <= radius

    hits = np.array([[hit(g, c, r) for c, r in zip(real, real_radius, strict=True)] for g in generated])
    back = [any(hit(p, c, r) for c, r in zip(generated, made_radius, strict=True)) for p in real]
    return hits.any(axis=1).mean(), np.mean(back), hits.sum() / (k * len(generated)), hits.any(axis=0).mean()


@pytest.mark.parametrize(("n", "m", "d", "k"), [(40, 40, 3, 3), (30, 45, 20, 5), (45, 30, 2, 1), (6, 6, 4, 5)])
def test_are_the_definitions(n, m, d, k):
    x, y = clouds(n, m, d)
    found = [function(x, y, k) for function in (precision, recall, density, coverage)]
    assert found == pytest.approx(by_definition(x, y, k))


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 8), (90, 120, 64), (300, 300, 3)])
def test_equal_torch_fidelity(n, m, d):
    x, y = clouds(n, m, d)
    theirs = prc_features_to_metric(torch.from_numpy(x), torch.from_numpy(y), prc_neighborhood=3, verbose=False)
    assert precision(x, y) == pytest.approx(theirs["precision"], rel=1e-6)
    assert recall(x, y) == pytest.approx(theirs["recall"], rel=1e-6)


def test_limits():
    x, y = clouds(50, 50, 4)
    far = x + 1000
    assert (precision(far, y), recall(far, y), density(far, y), coverage(far, y)) == (0, 0, 0, 0)
    assert (precision(y, y), recall(y, y), coverage(y, y)) == (1, 1, 1)
    assert density(y, y) == pytest.approx((5 + 1) / 5, abs=0.25)  # itself, and about k others' balls
    same = np.ones((10, 4))
    assert (precision(same, same), recall(same, same), coverage(same, same)) == (1, 1, 1)
    assert (precision(same, same + 1), recall(same, same + 1)) == (0, 0)


def test_one_picture_over_and_over_is_precise_and_covers_little():
    _, y = clouds(2, 200, 4)
    copies = np.tile(y[:1], (100, 1))
    assert precision(copies, y) == 1.0
    assert recall(copies, y) == pytest.approx(1 / 200)
    assert coverage(copies, y) < 0.1


def test_order_and_turns_do_not_matter():
    x, y = clouds(60, 70, 6)
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    for function in (precision, recall, density, coverage):
        assert function(rng.permutation(x), rng.permutation(y)) == function(x, y)
        assert function(7 * x @ turn + 3, 7 * y @ turn + 3) == pytest.approx(function(x, y))


def test_neighbours_in_blocks_with_copies(monkeypatch):
    monkeypatch.setattr("genbench.metrics.neighbours._BLOCK", 7)
    x, y = clouds(33, 20, 5)
    x[4] = y[11]
    distance, index = nearest(x, y)
    brute = np.linalg.norm(x[:, None] - y, axis=2)
    assert np.array_equal(index, brute.argmin(1))
    assert distance == pytest.approx(brute.min(1))
    assert distance[4] == 0.0
    assert squared_radii(x, 2) == pytest.approx(np.sort(np.linalg.norm(x[:, None] - x, axis=2))[:, 2] ** 2)
    assert sum(len(block) for _, block in squared_distances(x, y)) == 33


def test_copies_far_from_the_origin_are_still_copies():
    x = np.random.default_rng(0).normal(size=(20, 64)) + 1e3
    assert not any(np.diag(block).any() for _, block in squared_distances(x, x))


@pytest.mark.parametrize(("function", "k"), [(precision, 3), (recall, 3), (density, 5), (coverage, 5)])
def test_degenerate_input_is_refused(function, k):
    name, y = function.__name__, np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(DataError, match=f"{name} needs at least {k + 1} pictures on either side, not {k}"):
        function(y[:k], y)
    function(y[: k + 1], y)
    with pytest.raises(DataError, match=f"{name} needs features that are finite"):
        function(np.full((20, 3), np.nan), y)


def test_metrics_state_k_and_have_floors(toy):
    def pictures(n, seed):
        scores = np.random.default_rng(seed).integers(256, size=(n, 6))
        return toy.pictures(scores, np.eye(6)[np.zeros(n, int)], seed)

    context = toy.context({"fidelity": pictures(40, 0)}, test=pictures(50, 1), train=pictures(60, 2))
    for metric, k in ((Precision, 3), (Recall, 3), (Density, 5), (Coverage, 5)):
        value, floor = metric().compute(context)
        assert (value.name, floor.name) == (metric.name, f"{metric.name}_floor")
        assert value.identity["k"] == floor.identity["k"] == k
        assert 0 <= value.value <= (1 if metric is not Density else np.inf)
        assert value.low is None
    few = toy.context({"fidelity": pictures(5, 0)}, test=pictures(50, 1))
    assert Precision().compute(few)
    with pytest.raises(NotMeasurable, match="Coverage needs at least 6 pictures, not 5: generate more"):
        Coverage().compute(few)
    with pytest.raises(NotMeasurable, match="Coverage needs at least 6 real pictures, not 4"):
        Coverage().compute(toy.context({"fidelity": pictures(40, 0)}, test=pictures(4, 1)))
