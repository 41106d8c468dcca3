"""``genbench sync``."""

from __future__ import annotations

from pathlib import Path

from genbench.console import ProgressBars
from genbench.tracking import deliver


def sync(results: Path, *, quiet: bool) -> None:
    """Deliver what was kept while the server was away, and print how much that was."""
    bars = ProgressBars(quiet=quiet)
    delivered = deliver(results, lambda name: bars.say(f"delivered {name}"))
    runs = "1 run" if delivered.runs == 1 else f"{delivered.runs} runs"
    rest = f", {delivered.running} still running" if delivered.running else ""
    print(f"{runs} delivered to {delivered.address}{rest}")
