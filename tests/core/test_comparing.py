"""From records to a table: intervals and what they cover, comparisons, columns, selection, fronts, notes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from genbench.api import DataInfo
from genbench.comparing import Gathered, Report, describe, tabulate, unique_labels
from genbench.errors import ConfigError
from genbench.exporting.layout import notes
from genbench.specs import ComparisonSpec, RowSpec
from genbench.statistics import holm, paired_difference, t_interval
from genbench.tables import Comparison, Failure
from genbench.workbench import Finished

INFO = DataInfo("digits", 16, 1, tuple("0123456789"), True, 1000)
TASK: Any = SimpleNamespace(info=INFO, task="generation")
FID = {"extractor": "referee-features", "samples": 100, "reference": "digits@16/test"}
VALUES = {"ddpm": (2.0, 2.3, 2.1), "cgan": (2.4, 2.2, 2.6), "ddim": (4.0, 4.3, 4.1)}
SAMPLING = {"ddpm": 8e-3, "cgan": 4e-5, "ddim": 9e-3}


def record(family: str, repetition: int, **changes: Any) -> dict[str, Any]:
    metrics = {
        "fid": {"value": VALUES[family][repetition], "identity": FID, "ceiling": None},
        "fid_floor": {"value": 0.7, "identity": {**FID, "of": "train"}, "ceiling": None},
        "accuracy": {"value": 0.9, "identity": {"rule": "top-k", "reference": "x"}, "ceiling": 0.99},
        "exact_set": {"value": 0.9, "identity": {"rule": "top-k", "reference": "x"}, "ceiling": 0.99},
        "sample_s": {"value": SAMPLING[family], "identity": {"threads": 2}, "ceiling": None},
        "train_flop": {"value": 1e12, "identity": {}, "ceiling": None},
    }
    metrics |= changes.pop("metrics", {})
    return {"repetition": repetition, "budget": "200kimg", "metrics": metrics, **changes}


def gathered(family: str, records: list[dict[str, Any]] | None = None, **changes: Any) -> Gathered:
    records = [record(family, k) for k in range(3)] if records is None else records
    runs = [Finished(f"{family}{k}", entry) for k, entry in enumerate(records)]
    return Gathered(family, RowSpec(family=family), runs, **changes)


def table(*entries: Gathered, report: Report | None = None, **changes: Any) -> Comparison:
    spec = ComparisonSpec(rows=tuple(entry.spec for entry in entries), **{"seeds": 3, **changes})
    return tabulate(spec, entries, TASK, name="t", command="", report=report or Report())


def everything() -> Comparison:
    return table(*map(gathered, VALUES))


def test_rows_stand_against_the_best_with_holms_correction_over_all_pairs() -> None:
    rows = {row.label: row for row in everything().rows}
    assert rows["ddpm"].cells["fid"].against is None
    pairs = [("cgan", "ddpm"), ("ddim", "ddpm"), ("cgan", "ddim")]
    raw = [paired_difference(VALUES[a], VALUES[b]) for a, b in pairs]
    adjusted = holm([difference.p_value or 0.0 for difference in raw])
    for (label, _), difference, p_value in zip(pairs[:2], raw, adjusted, strict=False):
        against = rows[label].cells["fid"].against
        assert against is not None
        assert (against.row, against.pairs) == ("ddpm", 3)
        assert against.p_value == pytest.approx(p_value)
        assert against.difference == pytest.approx(difference.interval.mean)
        assert (against.low, against.high) == (difference.interval.low, difference.interval.high)
        assert against.distinguishable == (p_value <= 0.05) == (label == "ddim")
    assert rows["real data"].cells["fid"].mean == 0.7
    assert rows["real data"].cells["accuracy"].mean == 0.99


def test_a_reference_row_is_what_all_others_are_compared_with() -> None:
    made = table(*map(gathered, VALUES), report=Report(reference_row="cgan"))
    assert {row.label: row.cells["fid"].against.row for row in made.rows[:3] if row.cells["fid"].against} == {
        "ddpm": "cgan",
        "ddim": "cgan",
    }
    assert any("not distinguishable from cgan" in note for note in notes(made))


def test_one_seed_makes_no_claim_but_may_show_its_resampling() -> None:
    known = {"value": 2.0, "identity": FID, "ceiling": None, "low": 1.5, "high": 2.4, "stderr_reference": 0.1}
    made = table(
        gathered("ddpm", [record("ddpm", 0, metrics={"fid": known})]), gathered("cgan", [record("cgan", 0)]), seeds=1
    )
    cell, other = (row.cells["fid"] for row in made.rows[:2])
    assert (cell.low, cell.high, cell.covers, cell.resampled_only) == (1.5, 2.4, ("resampling",), True)
    assert (other.low, other.against) == (None, None)
    said = notes(made)
    assert "no claim that rows differ" in said[0]
    assert any("says nothing about training again" in note for note in said)


def test_a_common_reference_error_widens_the_interval_and_is_said() -> None:
    records = [
        record("ddpm", k, metrics={"fid": {"value": v, "identity": FID, "ceiling": None, "stderr_reference": 0.2}})
        for k, v in enumerate(VALUES["ddpm"])
    ]
    made = table(gathered("ddpm", records), gathered("cgan"))
    cell = made.rows[0].cells["fid"]
    expected = t_interval(VALUES["ddpm"], reference_error=0.2)
    assert (cell.low, cell.high) == pytest.approx((expected.low, expected.high))
    assert cell.covers == ("seeds", "reference set")
    assert made.rows[1].cells["fid"].covers == ("seeds",)
    assert "FID (referee) also over the choice of real reference pictures" in made.notes[0]
    against = made.rows[1].cells["fid"].against
    assert against is not None
    assert against.low == paired_difference(VALUES["cgan"], VALUES["ddpm"]).interval.low  # it cancels


def test_bootstrap_is_refused_for_few_seeds_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="at least 5 seeds, not 3"):
        Report(interval="bootstrap").check(["ddpm"], 3)
    Report(interval="bootstrap").check(["ddpm"], 5)
    with pytest.raises(ConfigError, match=r"reference row 'ddmp': did you mean 'ddpm'"):
        Report(reference_row="ddmp").check(["ddpm"], 3)
    with pytest.raises(ConfigError, match=r"column 'fdi': did you mean 'fid'"):
        Report(columns=("fdi",)).check(["ddpm"], 3)
    Report(columns=("fid", "accuracy/test", "fid_floor", "all")).check(["ddpm"], 3)


def test_columns_choose_and_order_what_people_see_and_files_keep_all() -> None:
    shown = [column.key for column in everything().columns if not column.minor]
    assert shown == ["accuracy", "fid", "sample_s"]  # the exact-set rate of classes is the accuracy
    chosen = table(*map(gathered, VALUES), report=Report(columns=("train_flop", "fid", "recall")))
    assert [column.key for column in chosen.columns if not column.minor] == ["train_flop", "fid"]
    assert {column.key for column in chosen.columns} == {column.key for column in everything().columns}
    assert "not measured: recall" in chosen.notes
    everything_shown = table(*map(gathered, VALUES), report=Report(columns=("all",)))
    assert not any(column.minor for column in everything_shown.columns)


def test_refinements_are_named_after_what_they_refine() -> None:
    assert describe("accuracy/new_test").title == "Accuracy (new test)"
    assert (describe("accuracy_guide").better, describe("accuracy_guide").shown) == ("higher", False)
    assert (describe("fid_floor").title, describe("fid_floor").better) == ("FID (floor)", "neither")
    assert describe("kid_subsets").better == "lower"
    assert describe("something").title == "something"


def test_times_of_other_machines_stand_apart_and_say_which_seeds_they_cover() -> None:
    slow = {"sample_s": {"value": 0.02, "identity": {"threads": 1}, "ceiling": None}}
    records = [record("ddpm", 0), record("ddpm", 1), record("ddpm", 2, metrics=slow)]
    made = table(gathered("ddpm", records), gathered("cgan"))
    titles = {column.key: column.title for column in made.columns}
    assert titles["sample_s"] == "Sampling a picture (threads 2)"
    assert titles["sample_s [2]"] == "Sampling a picture (threads 1)"
    assert made.rows[0].cells["sample_s"].repetitions == [0, 1]
    (note,) = [note for note in made.notes if "not mixed" in note]
    assert "(threads 2) has ddpm 2 of 3 seeds, cgan 3 of 3 seeds" in note
    assert "(threads 1) has ddpm 1 of 3 seeds" in note


def test_failed_and_diverged_seeds_are_told_apart_and_pairs_are_what_both_finished() -> None:
    failures = [Failure(1, "diverged", "loss is nan at step 3")]
    made = table(gathered("ddpm"), gathered("cgan", [record("cgan", 0), record("cgan", 2)], failures=failures))
    row = made.rows[1]
    assert (row.failed, row.seeds) == (1, 3)
    against = row.cells["fid"].against
    assert against is not None
    assert against.pairs == 2
    assert against.difference == pytest.approx(((2.4 - 2.0) + (2.6 - 2.1)) / 2)
    assert "cgan: seed 1 diverged: loss is nan at step 3" in made.notes


def test_selection_and_marks_come_from_the_records() -> None:
    chosen = {"name": "validation", "score": "mean validation loss", "step": 400, "value": 0.1}
    records = [record("ddpm", k, selection=chosen, marks=["evaluator-guided"]) for k in range(3)]
    made = table(gathered("ddpm", records), gathered("cgan"))
    assert [(row.selection, list(row.marks)) for row in made.rows[:2]] == [
        ("validation", ["evaluator-guided"]),
        ("final", []),
    ]
    assert "ddpm: weights chosen by mean validation loss (step 400, 400, 400)" in made.notes


def test_fronts_are_of_quality_against_times() -> None:
    made = everything()
    assert [(front.quality, front.cost, list(front.rows)) for front in made.fronts] == [
        ("fid", "sample_s", ["ddpm", "cgan"])
    ]


@pytest.mark.parametrize(
    ("budget", "recorded", "words"),
    [
        ("120s", "120s", "120 s of training for every row"),
        ("2e14flop", "2e+14flop", "2e14 FLOP of training for every row"),
        ("100kimg", "100kimg", "training on 100,000 pictures for every row"),
        ("5000steps", "5000steps", "5,000 steps of training for every row"),
    ],
)
def test_an_equal_budget_is_in_the_title(budget: str, recorded: str, words: str) -> None:
    entry = gathered("ddpm", [{**record("ddpm", k), "budget": recorded} for k in range(3)])
    assert table(entry, budget=budget).title == f"digits at 16×16, 3 seeds, {words}"


def test_budgets_of_presets_are_told_when_they_differ() -> None:
    other = [{**record("cgan", k), "budget": "400kimg"} for k in range(3)]
    assert "budgets differ: ddpm 200kimg, cgan 400kimg" in table(gathered("ddpm"), gathered("cgan", other)).notes


def test_labels_are_distinct_and_say_how_weights_were_chosen() -> None:
    def row(**values: Any) -> Any:
        return SimpleNamespace(**{"preset": "quick", "label": None, "selection": "final", **values})

    rows = [row(family="ddpm"), row(family="ddpm", selection="validation"), row(family="cgan")]
    assert unique_labels(rows) == ["ddpm", "ddpm@validation", "cgan"]
    assert unique_labels([row(family="ddpm"), row(family="ddpm", preset="smoke")]) == ["ddpm:quick", "ddpm:smoke"]
    assert unique_labels([row(family="ddpm"), row(family="ddpm")]) == ["ddpm:quick", "ddpm:quick (2)"]
    assert unique_labels([row(family="ddpm", label="mine", selection="guide")]) == ["mine@guide"]
