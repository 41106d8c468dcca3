"""``genbench sync``."""

from __future__ import annotations

from pathlib import Path

from genbench.console import ProgressBars
from genbench.tracking import deliver


def sync(results: Path, *, again: bool, quiet: bool) -> None:
    """Deliver what was kept while the server was away, and print how much that was; ``again``: and what it has lost."""
    bars = ProgressBars(quiet=quiet)
    delivered = deliver(results, lambda name: bars.say(f"delivered {name}"), again=again)
    runs = "1 run" if delivered.runs == 1 else f"{delivered.runs} runs"
    rest = f", {delivered.running} still running" if delivered.running else ""
    print(f"{runs} delivered to {delivered.address}{rest}")
    if delivered.lost:
        bars.warned(f"{delivered.lost} delivered earlier and not there any more: `genbench sync --again` delivers anew")
