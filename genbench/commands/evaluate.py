"""``genbench evaluate``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genbench.commands.output import print_json, print_rows
from genbench.commands.run import print_measures
from genbench.console import ProgressBars
from genbench.data.base import UInt8Array
from genbench.data.image_folder import SUFFIXES
from genbench.data.pictures import opened, read_pictures
from genbench.errors import ConfigError, DataError, GenbenchError
from genbench.files import inside, read_json
from genbench.metrics.base import FIDELITY, Pictures, Value
from genbench.metrics.reference import ReferenceFeatures, load_reference
from genbench.metrics.reference import save_reference as save_reference_file
from genbench.plugins import nearest
from genbench.precision import resolve_device
from genbench.specs import DataSpec, EvaluationSpec, RunSpec, validate
from genbench.tasks.generation import Generation
from genbench.workbench import Workbench

LABELS = "labels.json"


def evaluate_target(
    target: str,
    *,
    reference: Path | None,
    reference_features: Path | None,
    save_reference: Path | None,
    labels: Path | None,
    data: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    results: Path,
    device: str,
    output: str,
    quiet: bool,
) -> None:
    """Score a folder of pictures, or a run of the store again; print the measures.

    Raises:
        DataError: pictures or labels that are missing, corrupt, of another size, or outside the vocabulary.
    """
    settings = validate(EvaluationSpec, evaluation, "evaluate")
    if reference_features is not None and (reference is not None or save_reference is not None):
        raise ConfigError(
            "--reference-features stands in place of pictures: leave out --reference and --save-reference"
        )
    with ProgressBars(quiet=quiet) as bars:
        if not Path(target).is_dir():
            if "/" in target or any((reference, reference_features, save_reference, labels)):
                raise DataError(f"{target}: there is no such folder of pictures")
            bench = Workbench(results, bars)
            run = bench.resolve(target)
            spec = validate(RunSpec, bench.store.record(run)["spec"], f"run {target}")
            planned = bench.plan(spec.model_copy(update={"evaluation": _merged(spec.evaluation, settings)}))
            print_measures(bench.execute(planned), output)
            return
        chosen = resolve_device(device)
        task = Generation.open(validate(DataSpec, data, "evaluate"), settings, chosen, bars)
        pictures = read_folder(Path(target), task, labels)
        if left := len(_files(Path(target))) - len(pictures.images):
            bars.warned(
                f"{target}: {left} pictures have no label, so they are left out: only {len(pictures.images)} count"
            )
        real = None if reference is None else _read_images(_files(reference), task)
        if save_reference is not None:
            save_reference_file(save_reference, task.scoring.reference(settings, real))
        known = real if reference_features is None else load_reference(reference_features)
        values = score_folder(task, pictures, settings, known, device=device, bars=bars)
    _print(values, output)


def score_folder(
    task: Generation,
    pictures: Pictures,
    settings: EvaluationSpec,
    reference: UInt8Array | ReferenceFeatures | None,
    *,
    device: str,
    bars: ProgressBars,
) -> list[Value]:
    """Score pictures made elsewhere with every metric asked for that they allow.

    Pictures without labels have no accuracy, and a single picture has no FID; what is left out is said on stderr.
    Real pictures to compare with are the data's held-out ones, or ``reference``: pictures, or features from a file.
    """
    sets = {FIDELITY: pictures, **dict.fromkeys(task.data.condition_lists, pictures)}
    labelled = bool(pictures.conditions.any(axis=1).all())
    values: list[Value] = []
    for metric in task.scoring.metrics(settings):
        if metric.needs_conditions and not labelled:
            bars.warned(
                f"{metric.name}: left out, because the pictures have no labels ({LABELS}, --labels or class folders)"
            )
            continue
        try:
            values += task.scoring.score(sets, [metric], settings, resolve_device(device), bars, reference=reference)
        except GenbenchError as error:
            if settings.metrics:
                raise
            bars.warned(f"{metric.name}: left out: {error}")
    if not values:
        raise DataError("nothing could be measured on these pictures: see the lines above")
    return values


def read_folder(folder: Path, task: Generation, labels: Path | None) -> Pictures:
    """Pictures of a folder with the conditions that its labels name (all zeros where there are no labels).

    Labels come from ``labels``, else ``labels.json`` in the folder, else from class folders named like conditions.
    """
    names = task.info.conditions
    path = labels or (folder / LABELS if (folder / LABELS).is_file() else None)
    if path is not None:
        entries = _read_labels(path, folder)
        files = [folder / name for name in entries]
        conditions = np.stack([_row(wanted, names, f"{path}: {name}") for name, wanted in entries.items()])
    else:
        files = _files(folder)
        below = [file.relative_to(folder).parts for file in files]
        classes = [parts[0] if len(parts) > 1 else None for parts in below]
        conditions = np.stack([_row([c] if c else [], names, str(folder)) for c in classes])
    return Pictures(_read_images(files, task), conditions)


def _read_labels(path: Path, folder: Path) -> dict[str, list[str]]:
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise DataError(f'{path}: expected {{"file.png": "label" or ["label", …]}} with at least one picture')
    entries = {}
    for name, value in content.items():
        wanted = [value] if isinstance(value, str) else value
        if not isinstance(wanted, list) or not wanted or not all(isinstance(label, str) for label in wanted):
            raise DataError(f'{path}: {name}: expected "label" or ["label", …] in quotation marks, got {value!r:.60}')
        inside(folder, name, path)
        entries[name] = wanted
    return entries


def _row(wanted: Sequence[str], names: tuple[str, ...], where: str) -> UInt8Array:
    row = np.zeros(len(names), dtype=np.uint8)
    for label in wanted:
        if label not in names:
            raise DataError(f"{where}: label {label!r} is not in the vocabulary: {nearest(label, names)}")
        row[names.index(label)] = 1
    return row


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of pictures")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise DataError(f"{folder}: no pictures in it (looked for {', '.join(sorted(SUFFIXES))})")
    return files


def _read_images(files: Sequence[Path], task: Generation) -> UInt8Array:
    """Pictures uint8 [N, R, R, C] at exactly the data's size: resizing here would change every number silently."""
    size = task.info.resolution
    for file in files:
        _check_size(file, size)
    images = read_pictures(files, size, "crop", lambda done, total: None)  # noqa: ARG005
    if task.info.channels == 3:
        return images
    if (images[..., :1] != images).any():
        coloured = int((images[..., :1] != images).any(axis=(1, 2, 3)).argmax())
        raise DataError(f"{files[coloured]}: is coloured, but {task.info.name} is grey: convert the pictures")
    return np.ascontiguousarray(images[..., :1])


def _check_size(file: Path, size: int) -> None:
    with opened(file) as picture:
        width, height = picture.size
    if (width, height) != (size, size):
        raise DataError(
            f"{file}: is {width}×{height}, but the benchmark's pictures are {size}×{size}: "
            "resize the pictures, or choose --resolution"
        )


def _merged(old: EvaluationSpec, new: EvaluationSpec) -> EvaluationSpec:
    """The run's own evaluation settings, with what was given now in their place."""
    return old.model_copy(update={key: value for key, value in new.model_dump().items() if value})


def _print(values: Sequence[Value], output: str) -> None:
    if output == "json":
        metrics = {
            value.name: {
                "mean": value.value,
                "low": value.low,
                "high": value.high,
                "values": [value.value],
                "identity": dict(value.identity),
                **({"ceiling": value.ceiling} if value.ceiling is not None else {}),
            }
            for value in values
        }
        print_json({"schema": 1, "metrics": metrics})
    else:
        rows: list[dict[str, Any]] = [
            {
                "metric": value.name,
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "ceiling": value.ceiling,
                "identity": json.dumps(dict(value.identity), sort_keys=True),
            }
            for value in values
        ]
        columns = [column for column in rows[0] if column != "identity" or output == "csv"]
        print_rows(rows, columns, output)
        if output == "table":
            print("\n" + "\n".join(_footnotes(values)))


def _footnotes(values: Sequence[Value]) -> list[str]:
    """What makes the numbers comparable with others: one line for each identity that occurs."""
    named: dict[str, list[str]] = {}
    for value in values:
        words = ", ".join(f"{key} {part}" for key, part in value.identity.items() if part is not None)
        named.setdefault(words, []).append(value.name)
    return [f"{', '.join(names)}: {words}" for words, names in named.items()]
