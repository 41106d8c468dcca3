"""The benchmark that asks when pictures are good: what it concludes from its rows."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.time_to_quality import PARTS, Row, table, verdict

PART = PARTS["iclevr"]
SHORT = Row("`quick`, 30 thousand pictures", 3e4, 1e14, 600, {"accuracy/test": 0.8, "accuracy/new_test": 0.7})
LONG = Row("`quick`, 60 thousand pictures", 6e4, 2e14, 1200, {"accuracy/test": 0.8, "accuracy/new_test": 0.76})
PUBLISHED = Row("D1", 1.8e6, 4e17, 2e6, {"accuracy/test": 0.85, "accuracy/new_test": 0.87}, "worked out")


def test_good_is_what_is_good_by_every_measure() -> None:
    said = verdict(PART, [SHORT, LONG, PUBLISHED])
    assert "least arithmetic is `quick`, 60 thousand pictures: 20.0 minutes" in said
    assert "D1: 2,000 times its operations" in said
    assert "30 thousand" not in said


def test_what_was_not_measured_does_not_count_as_reached() -> None:
    assert verdict(PART, [SHORT, PUBLISHED]) == "None of the measured rows reached 0.75."


def test_the_table_says_what_nobody_has_measured() -> None:
    line = table(PART, [replace(PUBLISHED, scores={})]).splitlines()[-1]
    assert line == "| D1 | 1,800,000 | 4e+17 | 33,333 | – | – | worked out |"
