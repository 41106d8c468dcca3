"""Contenders take turns: A, B, C, A, B, C, …, so that whatever else the machine does meets all of them alike.

A contender is a command, with an interpreter of its own. It warms up, does the work that it is told to do, and prints
one line of JSON at the end: ``seconds`` and ``units`` (pictures, picture-steps, commands, …) of the part that counts,
and beside them whatever shows that the work was the same: losses, a distance, parameters. Ratios are taken within a
round, and their median is reported with the smallest and the largest.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 3600.0
"""Seconds after which a contender counts as hanging."""

Result = Mapping[str, Any]


class ContenderFailed(Exception):  # noqa: N818 - what happened
    """A contender did not come to its end, or did not say what it took."""


@dataclass(frozen=True)
class Contender:
    """A name for tables, and the command that does the work; ``environment`` is added to the caller's."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ratio:
    """How many times faster than another, over the rounds."""

    median: float
    smallest: float
    largest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.smallest:.2f} to {self.largest:.2f})"


@dataclass
class Bout:
    """What every contender said in every round, and the machine's load (of one minute) before each round."""

    rounds: list[dict[str, Result]] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def ratio(self, name: str, to: str, clock: str = "seconds") -> Ratio:
        """Rate over rate: above 1 when ``name`` was faster than ``to``, by one of the clocks that they report."""
        found = [rate(results[name], clock) / rate(results[to], clock) for results in self.rounds]
        return Ratio(statistics.median(found), min(found), max(found))

    def rate(self, name: str) -> float:
        """Units a second, the median over the rounds."""
        return statistics.median(rate(results[name]) for results in self.rounds)

    def last(self, name: str) -> Result:
        """What a contender said in the last round."""
        return self.rounds[-1][name]

    @property
    def names(self) -> list[str]:
        """The contenders, in their order."""
        return list(self.rounds[0])


def rate(result: Result, clock: str = "seconds") -> float:
    """Units a second, or by another clock: ``cpu_seconds``, of the processor."""
    return float(result["units"] / result[clock])


def alternate(contenders: Sequence[Contender], rounds: int, tell: Callable[[str], None] | None = None) -> Bout:
    """Let them all take their turns, ``rounds`` times.

    Raises:
        ContenderFailed: when one fails; nothing is reported then.
    """
    names = [contender.name for contender in contenders]
    if rounds < 1 or not names or len(set(names)) < len(names):
        raise ValueError(f"{rounds} rounds of {names}: at least one round, and names that differ, are needed")
    tell = tell or (lambda line: print(line, file=sys.stderr, flush=True))
    bout = Bout()
    for number in range(1, rounds + 1):
        bout.loads.append(os.getloadavg()[0])
        results: dict[str, Result] = {}
        for contender in contenders:
            results[contender.name] = result = turn(contender)
            tell(f"round {number} of {rounds}: {contender.name}: {rate(result):.4g} a second")
        bout.rounds.append(results)
    return bout


def turn(contender: Contender) -> Result:
    """Run a contender once.

    Raises:
        ContenderFailed: it ended with an error or hung, or its last line is not the JSON that it should be.
    """
    environment = {**os.environ, **contender.environment}
    try:
        done = subprocess.run(
            contender.command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        raise ContenderFailed(f"{contender.name}: was not done after {LONGEST:.0f} s") from None
    except OSError as error:
        raise ContenderFailed(f"{contender.name}: cannot be started: {error}") from None
    if done.returncode:
        raise ContenderFailed(f"{contender.name}: ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
    try:
        result = json.loads(last)
        if not (result["seconds"] > 0 and result["units"] > 0):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise ContenderFailed(f"{contender.name}: should end with JSON of seconds and units, not {last:.300}") from None
    return result  # type: ignore[no-any-return]
