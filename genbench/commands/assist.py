"""The other processes of a training that several share: what they do, and how those begin that the leader starts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from genbench.distributing import launching
from genbench.distributing.meeting import Launched
from genbench.distributing.team import Team
from genbench.specs import RunSpec
from genbench.workbench import Workbench


def assist(spec: RunSpec, results: Path) -> int:
    """Train with the leader when it calls, saying nothing; return the exit code."""

    def prepare() -> tuple[torch.device, Callable[[Team], None]]:
        bench = Workbench(results)
        planned = bench.plan(spec)
        return planned.device, bench.runner.assistant(planned, Launched().rank)

    return launching.assist(prepare)


if __name__ == "__main__":
    request = launching.told()
    sys.exit(assist(RunSpec.model_validate(request["spec"]), Path(request["results"])))
