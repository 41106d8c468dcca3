"""Intervals, paired tests and corrections against scipy, published tables and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import CLAIMED, coverage, false_alarms, false_claims
from genbench.errors import ConfigError, DataError
from genbench.statistics import (
    Interval,
    Side,
    Tolerance,
    bootstrap_interval,
    holm,
    judge,
    leader,
    paired_difference,
    pareto_front,
    standings,
    t_interval,
    welch_difference,
)


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


# What repetitions share


def test_a_reference_error_by_hand():
    # s²/n = 1/3, se_ref = 0.5: se² = 7/12, Welch-Satterthwaite's ν = 2·(7/12 / (1/3))² = 6.125
    interval = t_interval([1.0, 2.0, 3.0], reference_error=0.5)
    half = stats.t.ppf(0.975, 6.125) * math.sqrt(7 / 12)
    assert (interval.low, interval.high) == pytest.approx((2 - half, 2 + half))


def test_a_reference_error_in_its_limits():
    values = [1.0, 2.0, 4.0]
    assert t_interval(values, reference_error=0.0) == t_interval(values)
    certain = t_interval([2.0, 2.0, 2.0], reference_error=0.1)  # only the reference is uncertain: the normal quantile
    assert certain.half_width == pytest.approx(1.959964 * 0.1, abs=1e-6)
    assert t_interval([2.0], reference_error=0.1) == Interval(2.0, None, None, 1)
    for bad in (-0.1, math.nan, math.inf):
        with pytest.raises(ConfigError, match="standard error"):
            t_interval(values, reference_error=bad)


def test_leaving_out_what_repetitions_share_would_cover_too_rarely():
    rng, trials, held, naive = np.random.default_rng(6), 1500, 0, 0
    for values in rng.normal(size=(trials, 5)) + rng.normal(size=(trials, 1)):
        both, own = t_interval(values.tolist(), reference_error=1.0), t_interval(values.tolist())
        held += both.low <= 0 <= both.high
        naive += own.low <= 0 <= own.high
    assert held / trials == pytest.approx(0.95, abs=0.025)
    assert naive / trials < 0.75


# Bootstrap


def test_bootstrap_is_the_enumerated_one():
    values = np.array([1.0, 2.0, 2.5, 4.0, 7.0])
    samples = np.array(list(itertools.product(values, repeat=5)))
    with np.errstate(divide="ignore"):
        ratio = np.sort((samples.mean(1) - values.mean()) / (samples.std(1, ddof=1) / math.sqrt(5)))
    error = values.std(ddof=1) / math.sqrt(5)
    interval = bootstrap_interval(values.tolist())
    below, above = (values.mean() - interval.low) / error, (interval.high - values.mean()) / error
    assert (ratio > below + 1e-9).mean() <= 0.025 <= (ratio >= below - 1e-9).mean()
    assert (ratio < -above - 1e-9).mean() <= 0.025 <= (ratio <= -above + 1e-9).mean()
    assert below < above  # values with a long upper tail have their mean's doubt above


def test_bootstrap_is_deterministic_and_equivariant():
    values = np.random.default_rng(7).gamma(3, size=9).tolist()
    first, second = bootstrap_interval(values), bootstrap_interval(values)
    assert first == second
    moved = bootstrap_interval([10 + 3 * value for value in values])
    assert (moved.low, moved.high) == pytest.approx((10 + 3 * first.low, 10 + 3 * first.high))


def test_bootstrap_with_a_reference_error_is_wider_by_quadrature():
    values = [1.0, 2.0, 2.5, 4.0, 7.0, 3.0]
    plain, wide = bootstrap_interval(values), bootstrap_interval(values, reference_error=0.4)
    z = 1.959964 * 0.4
    assert wide.mean - wide.low == pytest.approx(math.hypot(plain.mean - plain.low, z), rel=1e-6)
    assert wide.high - wide.mean == pytest.approx(math.hypot(plain.high - plain.mean, z), rel=1e-6)


def test_bootstrap_at_its_limits():
    with pytest.raises(DataError, match="at least 5 repetitions, not 3"):
        bootstrap_interval([1.0, 2.0, 3.0])
    assert bootstrap_interval([2.0] * 5).half_width == 0.0
    many_equal = [1.0, 1.0, 1.0, 1.0, 0.9]
    assert bootstrap_interval(many_equal) == t_interval(many_equal)


# Comparisons of rows


def test_welch_equals_scipy():
    rng = np.random.default_rng(8)
    a, b = rng.normal(1, 1, size=4), rng.normal(0, 3, size=7)
    expected = stats.ttest_ind(a, b, equal_var=False)
    limits = expected.confidence_interval(0.95)
    difference = welch_difference(a.tolist(), b.tolist())
    assert difference.p_value == pytest.approx(expected.pvalue)
    assert (difference.interval.low, difference.interval.high) == pytest.approx((limits.low, limits.high))


def test_one_value_against_many_is_a_prediction():
    many = [1.0, 2.0, 3.0]  # s = 1: se = √(1 + 1/3), two degrees of freedom
    difference = welch_difference([5.0], many)
    assert difference.interval.half_width == pytest.approx(stats.t.ppf(0.975, 2) * math.sqrt(4 / 3))
    assert welch_difference(many, [5.0]).interval.mean == -difference.interval.mean
    assert welch_difference([1.0], [2.0]).p_value is None
    assert welch_difference([1.0, 1.0], [1.0, 1.0]).p_value == 1.0


def test_standings_are_paired_tests_adjusted_for_all_pairs():
    rows = {name: dict(enumerate(np.random.default_rng(k).normal(k, 1, size=6))) for k, name in enumerate("abc")}
    found = standings(rows, "higher")
    assert set(found) == {"a", "b"}
    values = {name: list(row.values()) for name, row in rows.items()}
    raw = {pair: stats.ttest_rel(values[pair[0]], values[pair[1]]).pvalue for pair in ("ac", "bc", "ab")}
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    for name in "ab":
        assert found[name].other == "c"
        assert found[name].difference.p_value == pytest.approx(adjusted[name + "c"])
        assert found[name].difference.interval.mean == pytest.approx(np.mean(values[name]) - np.mean(values["c"]))
    chosen = standings(rows, "higher", reference="a")
    fewer = dict(zip(("ba", "ca"), holm([raw["ab"], raw["ac"]]), strict=True))
    assert {name: s.difference.p_value for name, s in chosen.items()} == pytest.approx(
        {"b": fewer["ba"], "c": fewer["ca"]}
    )


def test_standings_use_the_seeds_that_both_finished():
    rows = {"a": {0: 1.0, 1: 2.0, 2: 3.0}, "b": {0: 1.5, 2: 3.6}, "c": {1: 9.0}, "d": {}}
    found = standings(rows, "lower")
    assert set(found) == {"b", "c"}
    assert found["b"].other == "a"
    assert found["b"].difference.interval.n == 2
    assert found["b"].difference.interval.mean == pytest.approx(0.55)
    assert found["c"].difference.p_value is None
    assert not found["c"].distinguishable
    assert standings(rows, "lower", reference="d") == {}
    assert standings({"a": {0: 1.0}, "b": {1: 2.0}}, "lower")["b"].difference.interval.n == 0


def test_the_leader_is_finite():
    assert leader({"a": 1.0, "b": math.nan, "c": 0.5}, "higher") == "a"
    assert leader({"a": 1.0, "b": math.nan, "c": 0.5}, "lower") == "c"
    assert leader({"b": math.nan}, "lower") is None


# Fronts


def test_front_is_what_nothing_beats():
    points = np.random.default_rng(9).normal(size=(40, 2)).tolist()
    kept = pareto_front([tuple(p) for p in points], ("higher", "lower"))
    for (x, y), stays in zip(points, kept, strict=True):
        beaten = any(a >= x and b <= y and (a, b) != (x, y) for a, b in points)
        assert stays != beaten
    assert pareto_front([(1.0, 1.0), (1.0, 1.0), (2.0, 1.0)], ("lower", "lower")) == [True, True, False]
    assert pareto_front([], ("lower", "lower")) == []


# Gates


def side(*values: float, first: int = 0, error: float | None = None) -> Side:
    return Side(dict(enumerate(values, first)), dict(enumerate([error] * len(values), first)))


def test_a_gate_is_a_one_sided_paired_test():
    old, new = [10.0, 11.0, 12.0, 10.5], [10.9, 11.4, 13.1, 11.2]
    verdict = judge(side(*new), side(*old), "lower", Tolerance.parse("0.2"))
    limits = stats.ttest_rel(new, old).confidence_interval(0.90)
    assert (verdict.low, verdict.high) == pytest.approx((limits.low, limits.high))
    assert (verdict.outcome, verdict.method, verdict.n) == ("worse", "paired", 4)
    assert judge(side(*new), side(*old), "lower", Tolerance.parse("5")).outcome == "ok"
    assert judge(side(*new), side(*old), "lower", Tolerance.parse("0.8")).outcome == "inconclusive"
    assert judge(side(*new), side(*old), "higher", Tolerance.parse("0")).outcome == "ok"


def test_a_relative_tolerance_scales_the_baseline():
    old, new = np.array([10.0, 12.0, 11.0]), np.array([10.7, 12.9, 11.6])
    verdict = judge(side(*new), side(*old), "lower", Tolerance.parse("5%"))
    excess = stats.ttest_1samp(new - 1.05 * old, 0).confidence_interval(0.90)
    assert verdict.margin == pytest.approx(0.55)
    assert (verdict.low - verdict.margin, verdict.high - verdict.margin) == pytest.approx((excess.low, excess.high))
    higher = judge(side(*(0.9 * old)), side(*old), "higher", Tolerance.parse("5%"))
    assert (higher.outcome, higher.worse_by) == ("worse", pytest.approx(1.1))
    with pytest.raises(DataError, match="give an amount"):
        judge(side(1.0), side(-1.0), "lower", Tolerance.parse("5%"))


def test_gates_without_pairs():
    old = side(10.0, 11.0, 12.0)
    assert judge(side(10.4, 11.4, first=7), old, "lower", Tolerance.parse("3")).method == "unpaired"
    assert judge(old, old, "lower", Tolerance.parse("0")).method == "equal"
    single = judge(side(20.0), side(10.0), "lower", Tolerance.parse("5%"))
    assert (single.outcome, single.method, single.low) == ("inconclusive", "none", None)
    resampled = judge(side(20.0, error=1.0), side(10.0, error=2.0), "lower", Tolerance.parse("0"))
    assert (resampled.outcome, resampled.method) == ("worse", "resampling")
    assert resampled.low == pytest.approx(10 - 1.644854 * math.sqrt(5), abs=1e-5)
    with pytest.raises(DataError, match="at least one value"):
        judge(side(), old, "lower", Tolerance.parse("1"))


@pytest.mark.parametrize(
    ("text", "amount", "relative"), [("5%", 0.05, True), ("0.5", 0.5, False), (" 1e-3 ", 1e-3, False)]
)
def test_tolerances(text, amount, relative):
    assert Tolerance.parse(text) == Tolerance(amount, relative)


@pytest.mark.parametrize("text", ["", "-1", "5 percent", "nan", "100%", "%"])
def test_bad_tolerances(text):
    with pytest.raises(ConfigError, match="tolerance"):
        Tolerance.parse(text)


# What tables claim, by the benchmark's own simulation: its full size is in benchmarks/results/coverage.md


@pytest.mark.parametrize("values", CLAIMED, ids=lambda values: values.name.split(",")[0])
def test_intervals_cover_and_equal_rows_are_rarely_called_different(values):
    rng, trials = np.random.default_rng(10), 1500
    # binomial standard errors are 0.006: three of them beside what is claimed
    for seeds, ratio in ((3, 0.0), (3, 1.0), (10, 0.5)):
        assert coverage(values, seeds, ratio, trials if seeds < 5 else trials // 3, rng)[0] >= 0.93 - 0.02
    assert false_claims(values, 3, 3, 600, rng) <= 0.06 + 0.025
    assert false_alarms(values, 3, 300, rng)[0] <= 0.05 + 0.03
