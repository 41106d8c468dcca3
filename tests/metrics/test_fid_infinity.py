"""FID∞: the line, what it extrapolates to, and when it is refused."""

import numpy as np
import pytest

from genbench.errors import DataError
from genbench.metrics import fid_infinity as module
from genbench.metrics.base import NotMeasurable
from genbench.metrics.fid_infinity import FIDInfinity, fewest, fid_infinity
from genbench.metrics.frechet import frechet_distance


def test_the_line_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    inverse, values = rng.uniform(0.1, 1, 15), rng.normal(size=15)
    intercept, error = module._intercept(inverse, values)
    (_, expected), covariance = np.polyfit(inverse, values, 1, cov=True)
    assert intercept == pytest.approx(expected)
    assert error == pytest.approx(np.sqrt(covariance[1, 1]))
    assert module._intercept(inverse, 3 + 2 * inverse) == pytest.approx((3.0, 0.0), abs=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_the_generated_samples_bias_is_gone(scale):
    d, rng = 32, np.random.default_rng(1)
    real = rng.normal(size=(20_000, d))
    truth = d * (scale - 1) ** 2
    found = [fid_infinity(rng.normal(size=(1000, d)) * scale, real) for _ in range(12)]
    intercepts = [estimate.value for estimate, _ in found]
    plain = np.mean([frechet_distance(rng.normal(size=(1000, d)) * scale, real) for _ in range(12)])
    assert plain - truth > 0.2
    assert np.mean(intercepts) == pytest.approx(truth, abs=(plain - truth) / 6)
    values = [estimate.named("fid_inf", {}) for estimate, _ in found]
    assert np.mean([value.low <= truth <= value.high for value in values]) >= 0.8
    assert all(0 < error < estimate.stderr_generated for estimate, error in found)
    assert fid_infinity(real[:1000], real)[0] == fid_infinity(real[:1000], real)[0]


def test_too_few_pictures_are_refused():
    assert (fewest(128), fewest(2048)) == (1000, 4096)
    x = np.random.default_rng(0).normal(size=(999, 4))
    with pytest.raises(NotMeasurable, match="from 4 features needs at least 1000 generated pictures, not 999: add --p"):
        fid_infinity(x, x)
    with pytest.raises(NotMeasurable, match="from 600 features needs at least 1200"):
        fid_infinity(np.zeros((1100, 600)), np.zeros((9, 600)))
    with pytest.raises(DataError, match="at least two pictures on either side"):
        fid_infinity(x, x[:1])


def test_metric(toy):
    rng = np.random.default_rng(0)

    def pictures(n, seed):
        return toy.pictures(rng.integers(256, size=(n, 6)), np.eye(6)[np.zeros(n, int)], seed)

    made, test = pictures(1000, 0), pictures(300, 1)
    value, fit = FIDInfinity().compute(toy.context({"fidelity": made}, test=test))
    assert (value.name, fit.name) == ("fid_inf", "fid_inf_fit_error")
    assert value.low < value.value < value.high
    assert (value.identity["samples"], value.identity["reference_samples"]) == (1000, 300)
    with pytest.raises(NotMeasurable, match="FID∞ needs at least 1000 pictures, not 300"):
        FIDInfinity().compute(toy.context({"fidelity": test}, test=test))
