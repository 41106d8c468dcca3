"""The Fréchet distance against torch-fidelity and closed forms, and the metric around it."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from genbench.errors import DataError
from genbench.metrics.fid import FID, frechet_distance


def clouds(n, m, d, seed=0):
    """Two correlated, skewed, slightly different sets of features, as ReLU networks give them."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d)) * np.logspace(0, -1.5, d) / np.sqrt(d)
    x = np.maximum(rng.normal(size=(n, d)) @ mix, 0)
    y = np.maximum(rng.normal(size=(m, d)) @ mix * 1.1 + 0.05, 0)
    return x.astype(np.float32), y.astype(np.float32)


def torch_fidelity(x, y):
    statistics = [fid_features_to_statistics(torch.from_numpy(part)) for part in (x, y)]
    return fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]


@pytest.mark.parametrize(
    ("n", "m", "d"), [(400, 300, 64), (65, 65, 64), (64, 64, 64), (40, 300, 64), (30, 20, 64), (2, 2, 8)]
)
def test_equals_torch_fidelity_for_few_and_many(n, m, d):
    x, y = clouds(n, m, d)
    assert frechet_distance(x, y) == pytest.approx(torch_fidelity(x, y), rel=1e-5)


def moments_and_root(x, y):
    """The formula as pytorch-fid writes it: means, covariances, and the matrix square root of their product."""
    means, covariances = zip(*((part.mean(axis=0), np.cov(part, rowvar=False)) for part in (x, y)), strict=True)
    shift = means[0] - means[1]
    root = sqrtm(covariances[0] @ covariances[1])
    return shift @ shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root).real


@pytest.mark.parametrize(("n", "m", "d"), [(400, 300, 64), (90, 700, 32)])
def test_equals_the_formula_with_a_matrix_root(n, m, d):
    x, y = (part.astype(np.float64) for part in clouds(n, m, d))
    assert frechet_distance(x, y) == pytest.approx(moments_and_root(x, y), rel=1e-5)


def test_closed_form_of_gaussians_on_axes():
    # For diagonal covariances: |μ₁ - μ₂|² + Σ (σ₁ - σ₂)². Corners of a box have exactly these moments.
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    scale = np.sqrt((len(corners) - 1) / len(corners))
    x = corners * scale * [1, 2, 3] + [0, 0, 1]
    y = corners * scale * [2, 2, 5] + [1, 0, 0]
    assert frechet_distance(x, y) == pytest.approx(2 + 1 + 0 + 4)


def test_closed_form_when_covariances_are_equal():
    x = np.random.default_rng(0).normal(size=(20, 50))
    shift = np.full(50, 0.3)
    assert frechet_distance(x, x + shift) == pytest.approx(50 * 0.09)
    assert frechet_distance(np.tile(x, (5, 1)), np.tile(x, (5, 1)) + shift) == pytest.approx(50 * 0.09)


def test_scaling_the_features_scales_the_distance_by_its_square():
    x, y = clouds(50, 60, 20)
    assert frechet_distance(10 * x, 10 * y) == pytest.approx(100 * frechet_distance(x, y), rel=1e-5)


@pytest.mark.parametrize("d", [20, 200])
def test_identical_sets_have_distance_zero(d):
    x, _ = clouds(100, 1, d)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6 * float(x.var(axis=0).sum()))


@pytest.mark.parametrize("d", [20, 200])
def test_order_and_side_do_not_matter(d):
    x, y = clouds(100, 90, d)
    rng, expected = np.random.default_rng(1), frechet_distance(x, y)
    assert frechet_distance(rng.permutation(x), rng.permutation(y)) == pytest.approx(expected, rel=1e-7)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-7)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(expected, rel=1e-5)


def test_constant_features_are_a_point():
    point, other = np.full((50, 8), 2.0), np.full((50, 8), 3.0)
    assert frechet_distance(point, other) == pytest.approx(8.0)
    assert frechet_distance(point, point) == 0.0
    x, _ = clouds(50, 1, 8)
    expected = ((x.mean(0) - 2) ** 2).sum() + x.astype(float).var(axis=0, ddof=1).sum()
    assert frechet_distance(x, point) == pytest.approx(expected, rel=1e-5)


def test_one_feature_is_allowed():
    x, y = np.array([[-1.0], [1.0]]), np.array([[-2.0], [2.0]])
    assert frechet_distance(x, y) == pytest.approx((np.sqrt(8) - np.sqrt(2)) ** 2)


def test_bias_shrinks_with_the_number_of_pictures():
    rng = np.random.default_rng(2)
    small, large = (frechet_distance(rng.normal(size=(n, 16)), rng.normal(size=(n, 16))) for n in (50, 5000))
    assert 0 < large < small / 20


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((1, 4)), np.zeros((9, 4)), "at least two pictures on either side, not 1"),
        (np.zeros((9, 4)), np.zeros((0, 4)), "at least two pictures on either side, not 0"),
        (np.full((9, 4), np.nan), np.zeros((9, 4)), "finite"),
        (np.zeros((9, 4)), np.zeros((9, 5)), "one dimension, not 4 and 5"),
    ],
)
def test_degenerate_input_is_refused(x, y, message):
    with pytest.raises(DataError, match=message):
        frechet_distance(x, y)


def random_pictures(toy, n, seed):
    scores = np.random.default_rng(seed).integers(256, size=(n, 6))
    return toy.pictures(scores, np.eye(6)[np.zeros(n, int)], seed)


def test_metric_names_its_extractor_and_its_floor(toy, tmp_path):
    made, test, train = (random_pictures(toy, n, seed) for seed, n in enumerate((40, 50, 60)))
    context = toy.context({"fidelity": made}, test=test, train=train, cache=tmp_path)
    fid, floor = FID().compute(context)
    assert (fid.name, floor.name) == ("fid", "fid_floor")
    assert fid.identity["extractor"] == "referee-features"
    assert fid.identity["weights"] == "sha256:referee"
    assert (fid.identity["samples"], fid.identity["reference_samples"]) == (40, 40)
    assert FID().compute(context)[0] == fid
    assert len(list(tmp_path.rglob("*.npy"))) == 3
    other = toy.context({"fidelity": made}, test=train, train=train)
    assert FID().compute(other)[0].identity["reference_hash"] != fid.identity["reference_hash"]


def test_metric_uses_all_real_pictures_when_there_are_fewer(toy):
    made, test = random_pictures(toy, 40, 0), random_pictures(toy, 30, 1)
    fid, floor = FID().compute(toy.context({"fidelity": made}, test=test))
    assert (fid.identity["samples"], fid.identity["reference_samples"]) == (40, 30)
    assert floor.value == pytest.approx(0, abs=1e-6)  # train and test are the same pictures here


def test_metric_says_what_is_missing(toy):
    one = random_pictures(toy, 1, 0)
    with pytest.raises(DataError, match="there are no pictures for FID"):
        FID().compute(toy.context({}, test=one))
    with pytest.raises(DataError, match="at least two pictures, not 1"):
        FID().compute(toy.context({"fidelity": one}, test=one))
    two = random_pictures(toy, 2, 0)
    with pytest.raises(DataError, match=r"no two conditions .* Inception weights"):
        FID().compute(toy.context({"fidelity": two}, test=two, classes=1))
