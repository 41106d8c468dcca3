"""What a benchmark leaves behind: a page of Markdown with the machine's description, and the raw numbers beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.alternating import Bout
from genbench.resources import describe_machine

RESULTS = Path(__file__).resolve().parent / "results"

Facts = Mapping[str, Callable[[Mapping[str, Any]], str]]
"""Further columns: titles, and what they say of a contender's result."""


class Page:
    """A page of results under construction.

    Args:
        name: of the files, without a suffix.
        title, introduction: what it is about, and how to read it.
        command: that makes it again.
        device: where the work was done.
        threads: of every contender.
    """

    def __init__(
        self, name: str, title: str, introduction: str, *, command: str, device: torch.device, threads: int
    ) -> None:
        self.name = name
        self._raw: dict[str, Any] = {}
        machine = describe_machine(device) | {"threads": threads}
        self._machine, self._loads = machine, list[float]()
        self._parts = [f"# {title}", introduction.strip()]
        self._command = command

    def table(
        self,
        title: str,
        bout: Bout,
        *,
        unit: str,
        baseline: str,
        facts: Facts | None = None,
        columns: Mapping[str, Mapping[str, str]] | None = None,
        leave_out: Sequence[str] = (),
    ) -> None:
        """Every contender's rate, its ratio to the baseline's in the same round, and facts of its last round.

        ``columns`` are further columns by title, their cells by contender. Where all say what they took of the
        processor, the ratio by that clock stands beside: on a machine that does other work too, it says more.
        """
        facts, columns = facts or {}, dict(columns or {})
        names = [name for name in bout.names if name not in leave_out]
        if self._machine["device"] == "cpu" and all("cpu_seconds" in bout.last(name) for name in names):
            ratios = {name: str(bout.ratio(name, baseline, "cpu_seconds")) for name in names}
            columns = {"by processor time": ratios | {baseline: "1"}} | columns
        rows = [
            [
                f"`{name}`",
                brief(bout.rate(name)),
                "1" if name == baseline else str(bout.ratio(name, baseline)),
                *(cells[name] for cells in columns.values()),
                *(say(bout.last(name)) for say in facts.values()),
            ]
            for name in names
        ]
        heads = ["contender", f"{unit}/s", f"times `{baseline}`", *columns, *facts]
        self.text(f"## {title}", markdown(heads, rows))
        self._raw[title] = {"rounds": bout.rounds, "loads": bout.loads}
        self._loads += bout.loads

    def text(self, *paragraphs: str) -> None:
        """Further paragraphs."""
        self._parts += paragraphs

    def raw(self, name: str, values: Any) -> None:
        """Numbers for the file of raw numbers alone."""
        self._raw[name] = values

    def write(self, folder: Path | None = None) -> Path:
        """Write ``NAME.md`` and ``NAME.json``; the page's path."""
        machine = self._machine
        loads = f"; load {min(self._loads):.1f} to {max(self._loads):.1f}" if self._loads else ""
        where = (
            f"{machine.get('gpu', machine['cpu'])}, {machine['cores']} cores, threads of a contender: "
            f"{machine['threads']}, {machine['memory_gb']} GB, Python {machine['python']}, "
            f"torch {machine['torch']}, device {machine['device']}{loads}"
        )
        foot = (
            f"Made by `{self._command}` on {where}. Ratios are medians over rounds, with the smallest and the largest."
        )
        folder = folder or RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.md"
        path.write_text("\n\n".join([*self._parts, foot]) + "\n")
        content = {"command": self._command, "machine": machine, **self._raw}
        path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
        return path


def brief(number: float) -> str:
    """Three significant digits, without powers of ten."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, the first column to the left and all others to the right."""
    rule = "|" + "|".join([":--", *["--:"] * (len(heads) - 1)]) + "|"
    first, *others = (f"| {' | '.join(row)} |" for row in (heads, *rows))
    return "\n".join([first, rule, *others])
