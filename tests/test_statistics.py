"""Intervals, paired tests and corrections against scipy, published tables and simulation."""

import itertools

import numpy as np
import pytest
from scipy import stats

from genbench.errors import ConfigError, DataError
from genbench.statistics import Interval, holm, paired_difference, t_interval


def test_interval_by_hand():
    # s² = 1, n = 3, t_{0.975, 2} = 4.302653 from the table: 2 ± 4.302653/√3
    interval = t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.n == 3
    assert interval.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)
    assert interval.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert interval.half_width == pytest.approx(4.302653 / 3**0.5, abs=1e-6)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_interval_equals_scipy(confidence):
    values = np.random.default_rng(1).normal(3, 2, size=7)
    low, high = stats.t.interval(confidence, 6, loc=values.mean(), scale=stats.sem(values))
    interval = t_interval(values.tolist(), confidence)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_one_value_claims_nothing():
    assert t_interval([0.7]) == Interval(0.7, None, None, 1)
    assert t_interval([0.7]).half_width is None
    assert paired_difference([0.7], [0.5]).p_value is None


def test_equal_values_have_an_interval_of_no_length():
    assert t_interval([0.1] * 5) == Interval(pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1), 5)


def test_interval_covers_as_often_as_it_says():
    rng, trials = np.random.default_rng(2), 4000
    covered = 0
    for values in rng.normal(1.0, 3.0, size=(trials, 3)):
        interval = t_interval(values.tolist())
        covered += interval.low <= 1.0 <= interval.high
    # binomial standard deviation is 0.0034: four of them
    assert covered / trials == pytest.approx(0.95, abs=0.014)


def test_paired_difference_equals_scipy():
    rng = np.random.default_rng(3)
    seeds = rng.normal(size=6)  # what the repetitions have in common
    a, b = seeds + rng.normal(0.3, 0.1, size=6), seeds + rng.normal(0.0, 0.1, size=6)
    expected = stats.ttest_rel(a, b)
    limits = expected.confidence_interval(0.95)
    difference = paired_difference(a.tolist(), b.tolist())
    assert difference.p_value == pytest.approx(expected.pvalue)
    assert difference.interval.low == pytest.approx(limits.low)
    assert difference.interval.high == pytest.approx(limits.high)
    unpaired = stats.ttest_ind(a, b).pvalue
    assert difference.p_value < unpaired / 10


def test_paired_difference_is_antisymmetric():
    a, b = [1.0, 2.0, 4.0], [0.5, 2.5, 3.0]
    forth, back = paired_difference(a, b), paired_difference(b, a)
    assert forth.interval.mean == -back.interval.mean
    assert forth.interval.low == pytest.approx(-back.interval.high)
    assert forth.p_value == back.p_value


def test_paired_difference_without_scatter():
    assert paired_difference([1.0, 2.0], [1.0, 2.0]).p_value == 1.0
    assert paired_difference([2.0, 3.0], [1.0, 2.0]).p_value == 0.0


def test_holm_by_hand():
    # sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04, made monotone: .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_holm_is_the_closed_bonferroni_procedure():
    p = np.random.default_rng(4).uniform(0, 0.3, size=5)
    for i, adjusted in enumerate(holm(p.tolist())):
        others = [s for r in range(1, 6) for s in itertools.combinations(range(5), r) if i in s]
        assert adjusted == pytest.approx(min(1.0, max(len(s) * min(p[list(s)]) for s in others)))


def test_holm_keeps_the_family_wise_error_rate():
    rng, trials = np.random.default_rng(5), 4000
    false_alarms = sum(min(holm(p.tolist())) <= 0.05 for p in rng.uniform(size=(trials, 8)))
    assert false_alarms / trials == pytest.approx(1 - (1 - 0.05 / 8) ** 8, abs=0.014)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_bad_values_are_refused(values):
    with pytest.raises(DataError):
        t_interval(values)


def test_other_bad_input_is_refused():
    with pytest.raises(ConfigError, match=r"confidence 95 must lie between 0 and 1"):
        t_interval([1.0, 2.0], confidence=95)
    with pytest.raises(DataError, match=r"\(3\) as second values \(2\)"):
        paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        holm([0.1, 1.5])
