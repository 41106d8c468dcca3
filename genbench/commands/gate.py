"""``genbench gate``: is a run or a comparison worse than a baseline, by more than is tolerated?"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from genbench.commands.baseline import Measured, Scored, compared, read_scores, target_scores
from genbench.commands.output import print_json
from genbench.errors import ConfigError, DataError, GenbenchError
from genbench.exporting.numbers import digits, significant_decimals
from genbench.files import write_json
from genbench.plugins import nearest
from genbench.statistics import Tolerance, Verdict, judge

CONFIDENCE = 0.95
"""Of the one-sided limits, for all rows of a gate together."""


class GateError(GenbenchError):
    """The gate is not met."""

    exit_code = 1


@dataclass(frozen=True)
class Gated:
    """One row's verdict, and the sentence that says it."""

    row: str
    verdict: Verdict
    sentence: str


def gate(
    target: str,
    *,
    baseline: Path,
    metric: str,
    tolerance: str,
    row: str | None,
    strict: bool,
    results: Path,
    output: str,
) -> None:
    """Judge every row that the baseline has (or ``row``), print a sentence for each or one JSON object.

    Raises:
        GateError: when a row is worse, or, with ``strict``, when that cannot be told.
        ConfigError, DataError: bad input, values that cannot be compared.
    """
    tolerated = Tolerance.parse(tolerance)
    old, new = read_scores(baseline), target_scores(target, results)
    pairs = compared(new, old, row)
    confidence = 1 - (1 - CONFIDENCE) / len(pairs)  # Bonferroni's, so that all rows together keep it
    found = [
        _gated(_measured(new, label, metric), _measured(old, other, metric), label, metric, tolerated, confidence)
        for label, other in pairs
    ]
    failing = [entry for entry in found if entry.verdict.outcome == "worse"]
    unsure = [entry for entry in found if entry.verdict.outcome == "inconclusive"]
    outcome = "worse" if failing else "inconclusive" if unsure else "ok"
    passed = not failing and not (strict and unsure)
    if output == "json":
        print_json(
            {
                "schema": 1,
                "metric": metric,
                "tolerance": str(tolerated),
                "outcome": outcome,
                "passed": passed,
                "rows": [{"row": g.row, **asdict(g.verdict), "sentence": g.sentence} for g in found],
            }
        )
    else:
        for entry in found:
            print(entry.sentence)
    if not passed:
        raise GateError(f"gate not met: {metric} is {outcome} for {', '.join(g.row for g in failing or unsure)}")


def write_baseline(target: str, path: Path, *, metric: str | None, row: str | None, results: Path) -> None:
    """Write the scores of a run or comparison, or of one metric or row of it, as a file that `gate` reads.

    Raises:
        ConfigError, DataError: bad input. GenbenchError: when the file cannot be written.
    """
    scored = target_scores(target, results)
    labels = [row] if row is not None else list(scored.rows)
    rows = []
    for label in labels:
        measures = scored.row(label)
        if metric is not None:
            measures = {metric: _measured(scored, label, metric)}
        rows.append({"label": label, "metrics": {name: asdict(entry) for name, entry in measures.items()}})
    write_json(path, {"schema": 1, "kind": "baseline", "rows": [_listed(entry) for entry in rows]})
    print(f"wrote {path}", file=sys.stderr)


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON: lists in place of mappings by repetition, whose keys JSON would turn into strings."""
    metrics = {
        name: {
            "values": list(entry["values"].values()),
            "repetitions": list(entry["values"]),
            "stderr_generated": list(entry["errors"].values()),
            "identity": entry["identity"],
            "better": entry["better"],
        }
        for name, entry in row["metrics"].items()
    }
    return {**row, "metrics": metrics}


def _gated(
    current: Measured, baseline: Measured, label: str, metric: str, tolerance: Tolerance, confidence: float
) -> Gated:
    """One row's verdict."""
    named = f"{metric} of {label}" if label else metric
    keys = sorted(current.identity.keys() | baseline.identity.keys())
    differing = [key for key in keys if current.identity.get(key) != baseline.identity.get(key)]
    if differing:
        told = ", ".join(
            f"{key} is {current.identity.get(key)}, the baseline's {baseline.identity.get(key)}" for key in differing
        )
        raise DataError(f"{named} cannot be compared with the baseline: {told}")
    if current.better not in ("higher", "lower"):
        raise ConfigError(f"{metric} has no better direction: a gate needs a metric that has one")
    better = cast(Literal["higher", "lower"], current.better)
    verdict = judge(current.side, baseline.side, better, tolerance, confidence=confidence)
    return Gated(label, verdict, sentence(named, current, baseline, tolerance, verdict, confidence))


def sentence(
    named: str, current: Measured, baseline: Measured, tolerance: Tolerance, verdict: Verdict, confidence: float
) -> str:
    """The verdict in one sentence with its numbers."""
    scale = max(abs(current.side.mean), abs(baseline.side.mean), abs(verdict.margin))
    decimals = max(0, significant_decimals(scale, 4)) if scale else 2
    says = {"ok": "not worse", "worse": "WORSE", "inconclusive": "INCONCLUSIVE"}[verdict.outcome]
    margin = f"{tolerance} ({digits(verdict.margin, decimals)})" if tolerance.relative else str(tolerance)
    limits = ""
    if verdict.low is not None and verdict.high is not None:
        limits = (
            f" (one-sided {100 * confidence:.4g} % limits {digits(verdict.low, decimals)} and "
            f"{digits(verdict.high, decimals)})"
        )
    basis = {
        "paired": f"{verdict.n} paired seeds",
        "unpaired": f"unpaired seeds, {len(current.values)} here and {len(baseline.values)} there",
        "resampling": "one seed: resampled pictures only, training again may differ",
        "equal": "equal to the last digit",
        "none": "one seed and no resampling error: run more seeds",
    }[verdict.method]
    return (
        f"{named}: {says}: {digits(current.side.mean, decimals)} against {digits(baseline.side.mean, decimals)}, "
        f"worse by {digits(verdict.worse_by, decimals)}{limits}, tolerated {margin}; {basis}"
    )


def _measured(scored: Scored, label: str, metric: str) -> Measured:
    measures: Mapping[str, Measured] = scored.row(label)
    if metric not in measures:
        known: Sequence[str] = [name for name, entry in measures.items() if entry.better != "neither"]
        raise DataError(f"{scored.where}: {label or 'it'} has no value of {metric!r}: {nearest(metric, known)}")
    if not measures[metric].values:
        raise DataError(f"{scored.where}: {label or 'it'} has no finite value of {metric!r}")
    return measures[metric]
