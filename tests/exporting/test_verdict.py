"""The verdict says what the table's statistics show, and nothing without them."""

from dataclasses import replace

from genbench.reporting import verdict
from genbench.statistics import standings
from genbench.tables import Against, Column, Comparison, Front, Row
from tests.exporting.examples import cell, marked, resampled

FID = Column("fid", "FID", "", "lower")


def table(values, *, reference_row=None, seeds=3, better="lower"):
    """A comparison by FID, its differences computed as `compare` does."""
    found = standings({k: dict(enumerate(v)) for k, v in values.items()}, better, reference=reference_row)
    rows = []
    for label, own in values.items():
        standing, against = found.get(label), None
        if standing is not None and seeds > 1:
            i = standing.difference.interval
            p_value = standing.difference.p_value
            against = Against(standing.other, i.mean, i.low, i.high, p_value, i.n, standing.distinguishable)
        rows.append(Row(label, label, "quick", seeds, seeds - len(own), {"fid": replace(cell(own), against=against)}))
    columns = [replace(FID, better=better)]
    return Comparison("x", "x", "generation", "digits", 16, columns, rows, reference_row=reference_row)


def test_a_shown_difference_is_told_with_its_interval_and_p_value():
    said = verdict(table({"a": [10.0, 11.0, 10.5], "b": [20.0, 21.1, 20.4]})).headline
    assert said.startswith(
        "By FID, a (10.5 ± 1.2) is better than b (20.5 ± 1.4): difference 10.00, 95 % interval 9.75 to"
    )
    assert "adjusted p < 0.001, 3 pairs of seeds." in said


def test_the_nearest_of_several_is_told():
    said = verdict(table({"a": [10.0, 11.0, 10.5], "b": [20.0, 21.1, 20.4], "c": [30.0, 31.0, 30.6]})).headline
    assert "is better than every other row; the nearest is b (20.5 ± 1.4)" in said


def test_what_was_not_shown_is_not_claimed():
    said = verdict(table({"a": [10.0, 14.0, 12.0], "b": [13.0, 12.0, 15.0], "c": [50.0, 54.1, 52.0]})).headline
    assert "a has the best mean (12.0 ± 5.0), but is not distinguishable from b (" in said
    assert said.endswith("; c is worse.")
    assert "a is better" not in said


def test_one_seed_claims_nothing():
    said = verdict(table({"a": [10.5], "b": [20.5]}, seeds=1)).headline
    assert said == "By FID, a has the best mean (10.50), before b 20.50; one seed each, so no claim that rows differ."
    alone = verdict(resampled()).headline
    assert "(one seed: the interval comes from resampling its pictures" in alone
    assert "no other row" in alone
    assert verdict(table({"a": [1.0, 2.0]}, seeds=2)).headline.startswith("By FID, a reaches 1.5 ± 6.4 over 2 seeds")


def test_rows_are_told_against_the_one_chosen_beforehand():
    values = {"a": [10.0, 11.0, 10.5], "b": [20.0, 21.1, 20.4], "c": [20.5, 20.6, 20.9]}
    said = verdict(table(values, reference_row="b")).headline
    assert said.startswith("Against b (20.5 ± 1.4)") or said.startswith(
        "By FID, against b (20.5 ± 1.4): a (10.5 ± 1.2) is"
    )
    assert "a (10.5 ± 1.2) is better, difference -10.00" in said
    assert "c is not distinguishable from it (" in said
    higher = verdict(table(values, reference_row="b", better="higher")).headline
    assert "a (10.5 ± 1.2) is worse" in higher


def test_failed_runs_and_other_measures_are_told():
    both = verdict(marked())
    assert both.headline.startswith("By FID, ")  # the first front's measure
    assert both.headline.endswith("Not every run finished: cgan@validation has 2 of 3 seeds.")
    assert [title for title, _ in both.measures] == ["Accuracy", "Training", "Sampling a picture"]
    by_time = replace(marked(), fronts=[Front("train_s", "sample_s", [])])
    assert verdict(by_time).headline.startswith("By Training, ")


def test_equal_rows_and_nothing_measured():
    assert verdict(table({"a": [1.0, 2.0], "b": [1.0, 2.0]}, seeds=2)).headline.startswith(
        "By FID, all rows have the same"
    )
    assert "no verdict" in verdict(replace(marked(), columns=[])).headline
