"""``genbench check``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from genbench import plugins
from genbench.checking import Check, Finding, Subject, checks_for, examine
from genbench.checking.description import REQUIRED_PRESETS
from genbench.commands.output import print_rows
from genbench.errors import RunError

_RESULTS = {True: "passed", False: "failed", None: "not tried"}


def check_family(name: str, preset: str, *, output: str) -> None:
    """Hold a family to the contract and print what was found on stdout.

    Raises:
        PluginError, ConfigError: when there is no such family or preset.
        RunError: when the family breaks a check.
    """
    subject = Subject(name, preset)
    if preset not in REQUIRED_PRESETS:  # the lack of one of these is a finding
        plugins.check_choice(f"preset of {name}", preset, subject.family.presets)
    checks = checks_for(subject)
    findings = _examined(subject, checks)
    laws = {check.name: check.law for check in checks}
    rows: list[dict[str, Any]] = [
        {
            "check": finding.name,
            "result": _RESULTS[finding.passed],
            "seconds": round(finding.seconds, 2),
            "law": laws[finding.name],
            "detail": finding.detail,
        }
        for finding in findings
    ]
    columns = ("check", "result", "seconds", "detail")
    print_rows(rows, columns if output == "table" else (*columns, "law"), output)
    if broken := [finding.name for finding in findings if finding.passed is False]:
        raise RunError(f"{name} breaks {len(broken)} of {len(findings)} checks: {', '.join(broken)}")


def _examined(subject: Subject, checks: Sequence[Check]) -> list[Finding]:
    """All findings; a terminal on stderr shows which check is running."""
    console = Console(stderr=True, highlight=False)
    with console.status(f"check {subject.name}") as status:

        def starting(check: Check) -> None:
            status.update(f"check {subject.name} · {check.name}")

        return list(examine(subject, checks, starting=starting))
