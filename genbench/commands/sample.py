"""``genbench sample``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from genbench.commands.noise import check_ending, read_noise, sample_from_noise, write_noise
from genbench.console import ProgressBars
from genbench.data.base import UInt8Array
from genbench.errors import ConfigError, DataError
from genbench.exporting.sheets import contact_sheet
from genbench.files import clear_os_errors, read_json, write_json
from genbench.plugins import check_choice, nearest
from genbench.specs import RunSpec, validate
from genbench.tasks.generation import Generation
from genbench.workbench import Workbench

LABELS = "labels.json"
MAX_PICTURES = 100_000


def sample_run(
    run: str,
    conditions: str | None,
    *,
    count: int,
    seed: int,
    changes: Mapping[str, Mapping[str, Any]],
    out: Path | None,
    results: Path,
    device: str,
    quiet: bool,
    noise: Path | None = None,
    save_noise: Path | None = None,
) -> None:
    """Make ``count`` pictures for each condition; print the folder (PNGs, labels.json), with a sheet beside it.

    Raises:
        ConfigError: pictures in ``out`` already, an unknown condition, sampling settings that the family does not have,
            or start noises for a family that takes none.
        DataError: no such run, its trained weights are not on this machine, or a noise file that does not fit.
    """
    if out is not None and any((out / name).exists() for name in (LABELS, "00000.png")):
        raise ConfigError(f"{out} has pictures or labels already: choose another folder, or remove them")
    given = None if noise is None else read_noise(noise)
    if save_noise is not None:
        check_ending(save_noise)
    if changes.get("train"):
        raise ConfigError("--set train.… changes nothing here: the model is trained already; use sample.KEY=VALUE")
    with ProgressBars(quiet=quiet) as bars:
        bench = Workbench(results, bars)
        run_id = bench.resolve(run)
        spec = validate(RunSpec, bench.store.record(run_id)["spec"], f"run {run}")
        spec = spec.model_copy(update={"sample": {**spec.sample, **changes.get("sample", {})}, "device": device})
        planned = bench.plan(spec)
        task = planned.task
        if not isinstance(task, Generation):
            raise ConfigError(f"run {run!r} does {task.task}: there is nothing to sample")
        names = task.info.conditions
        rows = read_conditions(conditions, names, exclusive=task.info.exclusive)
        if len(rows) * count > MAX_PICTURES:
            raise ConfigError(f"{len(rows) * count:,} pictures are too many for one call: at most {MAX_PICTURES:,}")
        wanted = np.repeat(rows, count, axis=0)
        if noise is None and save_noise is None:
            images = task.sample(bench.trained(planned), planned, wanted, seed=seed, observer=bars)
        else:
            images, used = sample_from_noise(bench.trained(planned), planned, wanted, given, seed=seed, file=noise)
            if save_noise is not None:
                write_noise(save_noise, used)
        folder = out or results / "samples" / f"{run_id[:8]}-{seed}"
        save_pictures(folder, images, [task.describe(row) for row in wanted])
        blocks = [(task.describe(row), images[i * count : (i + 1) * count]) for i, row in enumerate(rows)]
        beside = folder.resolve()
        contact_sheet(blocks[:32], [], beside.with_name(f"{beside.name}-sheet.png"), title=planned.label)
    print(folder)


def read_conditions(text: str | None, names: tuple[str, ...], *, exclusive: bool) -> UInt8Array:
    """Conditions from ``"red cube, cyan sphere; gray cube"`` or a JSON file of lists; None means each name once.

    Returns:
        uint8 [M, K] in {0, 1}.

    Raises:
        ConfigError: an unknown or repeated name, an empty set, or several classes for one picture.
        DataError: a JSON file that is missing or malformed.
    """
    if text is None:
        return np.eye(len(names), dtype=np.uint8)
    if text.endswith(".json"):
        content = read_json(Path(text))
        if not isinstance(content, list) or not content:
            raise DataError(f'{text}: expected a list of conditions such as [["red cube"], ["gray cube"]]')
        wanted = [[entry] if isinstance(entry, str) else entry for entry in content]
        if not all(isinstance(entry, list) and all(isinstance(name, str) for name in entry) for entry in wanted):
            raise DataError(f"{text}: every condition must be a list of names")
    else:
        wanted = [[name.strip() for name in part.split(",")] for part in text.split(";") if part.strip()]
    rows = np.zeros((len(wanted), len(names)), dtype=np.uint8)
    for row, entry in zip(rows, wanted, strict=True):
        for name in entry:
            check_choice("condition", name, names)
            row[names.index(name)] = 1
        if not row.any() or len(set(entry)) != len(entry):
            raise ConfigError(f"condition {', '.join(entry)!r} is empty or repeats a name: {nearest('', names)}")
        if exclusive and row.sum() != 1:
            raise ConfigError(
                f"condition {', '.join(entry)!r} names several classes; separate pictures with semicolons"
            )
    if not len(rows):
        raise ConfigError(f"no condition given: name some of {', '.join(names)}")
    return rows


def save_pictures(folder: Path, images: UInt8Array, labels: list[str]) -> None:
    """Write numbered PNGs and ``labels.json``, as ``genbench evaluate FOLDER`` reads them."""
    with clear_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        entries = {}
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = f"{index:05d}.png"
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(folder / name)
            entries[name] = label.split(" + ")
    write_json(folder / LABELS, entries)
