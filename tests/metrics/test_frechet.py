"""FID's standard errors: the derivative they claim to be, and intervals that cover what they promise to cover."""

import numpy as np
import pytest

from genbench.metrics.frechet import frechet, frechet_distance


def weighted_distance(x, y, w, v):
    """FID of pictures that weigh w and v, straight from the definition with weighted moments."""
    means, factors = [], []
    for points, weights in ((x, w), (y, v)):
        means.append(weights @ points / weights.sum())
        factors.append((points - means[-1]) * np.sqrt(weights / (weights.sum() - 1))[:, None])
    a, b = factors
    shift = means[0] - means[1]
    return shift @ shift + (a**2).sum() + (b**2).sum() - 2 * np.linalg.svd(a @ b.T, compute_uv=False).sum()


def infinitesimal_jackknife(function, count, step=1e-5):
    towards = np.eye(count) - 1 / count
    influence = [(function(1 + step * t) - function(1 - step * t)) / (2 * step) * count for t in towards]
    return np.std(influence, ddof=1) / np.sqrt(count)


@pytest.mark.parametrize(("n", "m", "d"), [(25, 20, 6), (15, 22, 40), (9, 30, 16), (30, 9, 16)])
def test_errors_are_the_derivative_by_each_pictures_weight(n, m, d):
    rng = np.random.default_rng(0)
    x, y = np.maximum(rng.normal(size=(n, d)), 0), np.maximum(1.2 * rng.normal(size=(m, d)), 0)
    found = frechet(x, y)
    assert found.value == pytest.approx(frechet_distance(x, y), rel=1e-9)
    ones = np.ones(n), np.ones(m)
    generated = infinitesimal_jackknife(lambda w: weighted_distance(x, y, w, ones[1]), n)
    reference = infinitesimal_jackknife(lambda v: weighted_distance(x, y, ones[0], v), m)
    assert found.stderr_generated == pytest.approx(generated, rel=1e-5)
    assert found.stderr_reference == pytest.approx(reference, rel=1e-5)


def pictures_of(model, n, rng, d=48):
    """Skewed, correlated features of a better (small) or worse model."""
    mix = np.linspace(1, 0.1, d)
    return np.maximum(rng.exponential(size=(n, d)) * mix * (1 + 0.4 * model) - 0.2, 0)


@pytest.mark.parametrize(("n", "floor"), [(30, 0.93), (120, 0.93)])
def test_intervals_cover_the_expected_distance_at_this_size(n, floor):
    rng = np.random.default_rng(1)
    found = [frechet(pictures_of(1, n, rng), pictures_of(0, n, rng)) for _ in range(300)]
    truth = np.mean([estimate.value for estimate in found])
    values = [estimate.named("fid", {}, lowest=0.0) for estimate in found]
    assert np.mean([value.low <= truth <= value.high for value in values]) >= floor
    spread = np.std([estimate.value for estimate in found])
    stated = np.sqrt(np.mean([e.stderr_generated**2 + e.stderr_reference**2 for e in found]))
    assert 0.9 < stated / spread < 1.4  # neither too sure nor at a loss


def test_a_naive_bootstrap_lies_too_high():
    rng = np.random.default_rng(2)
    x, y = pictures_of(1, 60, rng), pictures_of(0, 60, rng)
    again = [frechet_distance(x[rng.integers(60, size=60)], y[rng.integers(60, size=60)]) for _ in range(40)]
    value = frechet(x, y).named("fid", {}, lowest=0.0)
    assert np.mean(again) > value.value * 1.15
    assert value.low < value.value < value.high


def test_degenerate_features_have_errors_of_zero():
    point = np.full((10, 3), 2.0)
    found = frechet(point, point + 1)
    assert (found.value, found.stderr_generated, found.stderr_reference) == (3.0, 0.0, 0.0)
    cloud = np.random.default_rng(3).normal(size=(10, 3))
    assert frechet(cloud, point).stderr_reference == pytest.approx(0, abs=1e-9)


def test_errors_shrink_with_the_root_of_the_sample():
    rng = np.random.default_rng(4)
    few, many = (frechet(pictures_of(1, n, rng), pictures_of(0, n, rng)) for n in (200, 3200))
    assert many.stderr_generated == pytest.approx(few.stderr_generated / 4, rel=0.35)
