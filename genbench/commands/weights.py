"""``genbench export``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genbench import __version__, plugins
from genbench.api import Learner
from genbench.checkpoints import save_tensors
from genbench.console import ProgressBars
from genbench.errors import ConfigError, DataError
from genbench.files import clear_os_errors, write_json, write_text
from genbench.planning import Plan
from genbench.specs import RunSpec, validate
from genbench.workbench import Workbench

PLAIN = "safetensors"
"""The layout that every family has."""


def export_run(run: str, *, layout: str, out: Path | None, results: Path, device: str, quiet: bool) -> None:
    """Write a finished run's networks, as they are sampled from, into a folder; print it.

    Raises:
        ConfigError: an unknown layout, or one that does not fit the network.
        DataError: no such run, its weights are not on this machine, or the folder has files in it.
    """
    with ProgressBars(quiet=quiet) as bars:
        bench = Workbench(results, bars)
        run_id = bench.resolve(run)
        spec = validate(RunSpec, bench.store.record(run_id)["spec"], f"run {run}")
        family = plugins.family(spec.family)
        plugins.check_choice(f"layout of {spec.family}", layout, [PLAIN, *family.layouts])
        planned = bench.plan(spec.model_copy(update={"device": device}))
        folder = out or results / "exports" / f"{run_id[:8]}-{layout}"
        with bench.trained(planned).applied() as learner:
            write = _plain(planned) if layout == PLAIN else _own(planned, layout)
            with clear_os_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if any(folder.iterdir()):
                    raise DataError(f"{folder}: has files in it: name another folder with --out, or empty it")
                try:
                    write(learner, folder)
                except ConfigError:
                    folder.rmdir()
                    raise
    print(folder)


Write = Callable[[Learner, Path], None]


def _own(plan: Plan, layout: str) -> Write:
    """The family's own way to write."""
    resolved = plan.resolved
    return lambda learner, folder: resolved.family.layouts[layout](learner, resolved.sample, plan.task.info, folder)


def _plain(plan: Plan) -> Write:
    """One safetensors file a network, beside everything that building it again takes."""
    return lambda learner, folder: write_plain(learner, plan, folder)


def write_plain(learner: Learner, plan: Plan, folder: Path) -> None:
    """Write ``NETWORK.safetensors``, ``config.json`` and a README that says how to load them."""
    resolved, info = plan.resolved, plan.task.info
    for name, network in learner.networks.items():
        tensors = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in network.state_dict().items()}
        save_tensors(folder / f"{name}.safetensors", tensors, {"format": "pt"})
    config: dict[str, Any] = {
        "genbench": __version__,
        "family": resolved.family.name,
        "family_version": resolved.family.version,
        "run": plan.label,
        "train": resolved.train.model_dump(mode="json"),
        "sample": resolved.sample.model_dump(mode="json"),
        "data": asdict(info),
    }
    write_json(folder / "config.json", config)
    write_text(folder / "README.md", _README.format(label=plan.label, family=resolved.family.name))


_README = """# {label}

Written by `genbench export`: the networks as genbench samples with them, one safetensors file each, and the
configuration and the data's description in `config.json`. The layout is genbench's own: diffusers and other libraries
do not open it.

```python
import json
from safetensors.torch import load_file
from genbench import plugins
from genbench.api import DataInfo

config = json.load(open("FOLDER/config.json"))
family = plugins.family("{family}")
data = DataInfo(**(config["data"] | {{"conditions": tuple(config["data"]["conditions"])}}))
learner = family.learner(family.TrainConfig(**config["train"]), data)
for name, network in learner.networks.items():
    network.load_state_dict(load_file(f"FOLDER/{{name}}.safetensors"))
    network.eval()
```
"""
