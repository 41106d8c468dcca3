"""A check is a law in its docstring and a function that looks for a violation; the list of checks is data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from genbench.checking.subject import Subject


class Violation(Exception):  # noqa: N818 - what was found, not what went wrong with the check
    """A family breaks the law of a check; the message says how, and what would mend it."""


@dataclass(frozen=True)
class Check:
    """One law.

    Attributes:
        look: returns one line on what was seen, or raises `Violation`; whatever else it raises is the family's fault
            too. Its docstring's first line is the law, its name the check's.
        needs: names of earlier checks without which this one says nothing.
    """

    look: Callable[[Subject], str]
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What users see and `needs` refers to."""
        return self.look.__name__

    @property
    def law(self) -> str:
        """The law in a sentence."""
        return (self.look.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True)
class Finding:
    """What came of a check: ``passed`` is None when it was not tried, because a check that it needs did not pass."""

    name: str
    passed: bool | None
    detail: str
    seconds: float


def examine(
    subject: Subject, checks: Sequence[Check], *, starting: Callable[[Check], None] = lambda _: None
) -> Iterator[Finding]:
    """Try the checks in order; ``starting`` is called before each. The caller's random state is left alone."""
    held: dict[str, bool] = {}
    for check in checks:
        lacking = [name for name in check.needs if not held.get(name, False)]
        if lacking:
            finding = Finding(check.name, None, f"not tried, because of: {', '.join(lacking)}", 0.0)
        else:
            starting(check)
            finding = _try(check, subject)
        held[check.name] = finding.passed is True
        yield finding


def _try(check: Check, subject: Subject) -> Finding:
    start = time.perf_counter()
    try:
        with torch.random.fork_rng():
            passed, detail = True, check.look(subject)
    except Violation as violation:
        passed, detail = False, str(violation)
    except Exception as error:  # a family is a stranger's code
        first = (str(error).splitlines() or [""])[0]
        passed, detail = False, f"{type(error).__name__}: {first}"
    return Finding(check.name, passed, detail, time.perf_counter() - start)
