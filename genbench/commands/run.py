"""``genbench run``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genbench import plugins
from genbench.commands.assist import assist
from genbench.commands.compare import default_data
from genbench.commands.flags import split_selection
from genbench.commands.output import print_json, print_rows
from genbench.console import ProgressBars
from genbench.distributing import launching
from genbench.distributing.meeting import Launched
from genbench.errors import ConfigError
from genbench.specs import RunSpec, validate
from genbench.workbench import Finished, Workbench


def spec_from_flags(
    what: str, preset: str | None, changes: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> RunSpec:
    """What to run: a family, ``FAMILY:PRESET`` or a recipe's name, and ``@SELECTION``; a recipe brings its own data."""
    what, selection = split_selection(what, common["selection"])
    family, preset = find_recipe(what, preset)
    chosen = plugins.family(family)
    plugins.check_choice(f"preset of {family}", preset, chosen.presets)
    recipe, data = chosen.presets[preset], common["data"]
    published = data["name"] in (None, recipe.dataset)
    data = {
        **data,
        "name": data["name"] or recipe.dataset or default_data(family),
        "resolution": data["resolution"] or (recipe.resolution if published else None),
    }
    row = {"family": family, "preset": preset, "selection": selection or "final"}
    return validate(RunSpec, {**common, **row, "data": data, **changes}, "run")


def find_recipe(what: str, preset: str | None) -> tuple[str, str]:
    """Family and preset for ``FAMILY``, ``FAMILY:PRESET`` or the name of a preset that only one family has."""
    family, colon, own = what.partition(":")
    if colon:
        return family, own
    if family in plugins.names("families"):
        return family, preset or "quick"
    owners = [name for name, _ in plugins.find_preset(what)]
    if len(owners) == 1:
        return owners[0], what
    if owners:
        raise ConfigError(f"{what!r} is a preset of {', '.join(owners)}: write FAMILY:{what}")
    raise ConfigError(
        f"unknown family or recipe {what!r}: {plugins.nearest(what, [*plugins.names('families'), *plugins.recipes()])}"
    )


def run_one(spec: RunSpec, *, results: Path, output: str, quiet: bool) -> int:
    """Run it and print its measures on stdout; return the exit code.

    Of several processes that a launcher started, the first does so; the others train with it and say nothing.
    """
    launched = Launched()
    if launched.size > 1 and spec.processes == 1:
        spec = spec.model_copy(update={"processes": launched.size})
    if launched.rank:
        return assist(spec, results)
    try:
        _run(spec, results=results, output=output, quiet=quiet)
    finally:
        launching.dismiss()
    return 0


def _run(spec: RunSpec, *, results: Path, output: str, quiet: bool) -> None:
    with ProgressBars(quiet=quiet) as bars:
        bench = Workbench(results, bars)
        planned = bench.plan(spec)
        bench.announce(1, 1, planned)
        finished = bench.execute(planned)
    print_measures(finished, output)
    bars.say(f"run {finished.id[:8]} ({finished.record['label']}) is in {bench.store.address}")


def print_measures(finished: Finished, output: str) -> None:
    """Print a run's measures: JSON has their identities, table and CSV one line each."""
    metrics = finished.record["metrics"]
    if output == "json":
        keys = ["schema", "label", "task", "family", "preset", "dataset", "resolution", "repetition", "budget"]
        keys += ["selection", "marks"]
        print_json({**{key: finished.record[key] for key in keys}, "id": finished.id, "metrics": metrics})
    else:
        rows = [{"metric": name, **entry} for name, entry in metrics.items()]
        print_rows(rows, ["metric", "value", "ceiling"], output)
