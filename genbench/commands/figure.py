"""``genbench figure``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.commands.noise import check_ending, read_noise, write_noise
from genbench.commands.output import print_rows
from genbench.commands.sample import read_conditions
from genbench.console import ProgressBars
from genbench.data.base import UInt8Array
from genbench.drawing import save_sheet
from genbench.errors import ConfigError, RunError
from genbench.figuring import Conditions, Figure, FigureContext, Sheet
from genbench.filming import save_film
from genbench.plugins import check_choice
from genbench.specs import RunSpec, parse_toml, validate
from genbench.tasks.generation import Generation
from genbench.workbench import Workbench

REAL = 40
"""Held-out pictures that a figure can choose from."""
SETS = 40
"""Sets of objects that a figure can choose from, where conditions are sets."""


@dataclass(frozen=True)
class Request:
    """What the command line asked for, beside the run and the figure."""

    conditions: str | None = None
    changes: Sequence[str] = field(default_factory=tuple)
    seed: int = 0
    noise: Path | None = None
    save_noise: Path | None = None
    out: Path | None = None
    device: str = "auto"


def draw_figure(run: str, name: str, request: Request, *, results: Path, quiet: bool) -> None:
    """Draw a figure of a finished run; print the paths of its files.

    Raises:
        ConfigError: an unknown figure, option or condition, or options that do not fit.
        DataError: no such run, its trained weights are not on this machine, or a noise file that does not fit.
    """
    options, sampling = parse_changes(request.changes)
    for path in (request.noise, request.save_noise):
        if path is not None:
            check_ending(path)
    with ProgressBars(quiet=quiet) as bars:
        bench = Workbench(results, bars)
        run_id = bench.resolve(run)
        spec = validate(RunSpec, bench.store.record(run_id)["spec"], f"run {run}")
        spec = spec.model_copy(update={"sample": {**spec.sample, **sampling}, "device": request.device})
        planned = bench.plan(spec)
        figure = find_figure(planned.resolved.family.figures, name, spec.family)
        if (request.noise or request.save_noise) and not figure.starts_from_noise:
            raise ConfigError(f"figure {name!r} starts from no noise: leave --noise and --save-noise out")
        if request.conditions is not None and not figure.takes_conditions:
            raise ConfigError(f"figure {name!r} shows held-out pictures: leave --conditions out")
        chosen = validate(figure.Options, options, f"figure {name} --set")
        if not isinstance(planned.task, Generation):
            raise ConfigError(f"run {run!r} does {planned.task.task}: figures are for generation")
        context = make_context(planned.task, planned.resolved.sample, planned.device, request)
        with bench.trained(planned).applied() as learner:
            made = figure.draw(learner, context, chosen)
        if request.save_noise is not None:
            if context.used_noise is None:
                raise RunError(f"figure {name!r} says that it starts from noise, and did not")
            write_noise(request.save_noise, context.used_noise)
    folder = request.out or results / "figures" / run_id[:8]
    for item in made:
        for path in save_sheet(item, folder) if isinstance(item, Sheet) else save_film(item, folder):
            print(path)


def list_figures(run: str, *, results: Path, output: str) -> None:
    """Print what can be drawn of a run, with the options and their defaults."""
    bench = Workbench(results)
    run_id = bench.resolve(run)
    spec = validate(RunSpec, bench.store.record(run_id)["spec"], f"run {run}")
    from genbench import plugins

    rows = [
        {"figure": name, "draws": figure.description, "options": describe_options(figure)}
        for name, figure in plugins.family(spec.family).figures.items()
    ]
    print_rows(rows, ["figure", "draws", "options"], output)


def describe_options(figure: Figure) -> str:
    """``key=default`` of each option."""
    fields = figure.Options.model_fields.items()
    return " ".join(f"{key}={'' if entry.default is None else _as_typed(entry.default)}" for key, entry in fields)


def find_figure(figures: Any, name: str, family: str) -> Figure:
    """The figure of that name. Raises `ConfigError` with the nearest name, or that the family has none."""
    if not figures:
        raise ConfigError(f"family {family!r} has no figures to draw")
    check_choice(f"figure of {family}", name, figures)
    found: Figure = figures[name]
    return found


def parse_changes(assignments: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Turn ``["columns=5", "sample.eta=0.5"]`` into options ``{"columns": 5}`` and sampling ``{"eta": 0.5}``.

    Raises:
        ConfigError: for another form, or a ``train.`` key.
    """
    options: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        part, dot, name = key.strip().partition(".")
        if not equals or not part or (dot and (part != "sample" or not name)):
            raise ConfigError(f"--set {assignment!r} is not understood: write OPTION=VALUE or sample.KEY=VALUE")
        try:
            value = parse_toml(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        (sampling if dot else options)[name if dot else part] = value
    return options, sampling


def make_context(task: Generation, sample: Any, device: torch.device, request: Request) -> FigureContext:
    """Held-out pictures, conditions and start noises as a figure needs them."""
    held_out = task.data.splits["test"]
    names, exclusive = task.info.conditions, task.info.exclusive
    chosen = in_turn(held_out.conditions, REAL)
    real = torch.from_numpy(np.array(held_out.images[chosen])).permute(0, 3, 1, 2).float() / 127.5 - 1
    lists = task.data.condition_lists.values()
    known = np.eye(len(names), dtype=np.uint8) if exclusive else next(iter(lists), held_out.conditions)

    def conditions(rows: UInt8Array) -> Conditions:
        tensor = torch.from_numpy(np.array(rows)).to(device, torch.float32)
        return Conditions(tuple(task.describe(row) for row in rows), tensor)

    asked = request.conditions
    return FigureContext(
        data=task.info,
        sample=sample,
        seed=request.seed,
        device=device,
        real=real.to(device),
        real_conditions=conditions(held_out.conditions[chosen]),
        all_conditions=conditions(known if exclusive else known[in_turn(known, SETS)]),
        asked=None if asked is None else conditions(read_conditions(asked, names, exclusive=exclusive)),
        given_noise=None if request.noise is None else (str(request.noise), read_noise(request.noise)),
    )


def in_turn(conditions: UInt8Array, count: int) -> list[int]:
    """Indices of at most ``count`` rows: the first of each distinct condition, then the second of each, and so on.

    Class labels come in the order of the classes, sets of objects in the order in which they appear.
    """
    _, kinds = np.unique(conditions[:, ::-1], axis=0, return_inverse=True)
    if conditions.sum(axis=1).max() > 1:  # sets of objects: in the order in which they appear
        kinds = np.unique(kinds.reshape(-1), return_index=True)[1][kinds.reshape(-1)]
    turns: dict[int, int] = {}
    order = []
    for index, kind in enumerate(kinds.reshape(-1).tolist()):
        turns[kind] = turns.get(kind, -1) + 1
        order.append((turns[kind], kind, index))
    return [index for _, _, index in sorted(order)[:count]]


def _as_typed(value: Any) -> str:
    return ",".join(map(str, value)).join("[]") if isinstance(value, list | tuple) else str(value)
