"""What a finished comparison leaves in its folder: tables, figures and, last, the archive to make them from again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genbench.exporting import (
    KeptRun,
    draw_fronts,
    draw_losses,
    draw_objects,
    draw_points,
    finished_files,
    write_archive,
    write_tables,
)
from genbench.exporting.curves import History
from genbench.exporting.objects import OBJECTS, ObjectScore, read_objects, write_objects
from genbench.keeping import HISTORY, read_history
from genbench.stages import StageName, StageStore
from genbench.tables import Comparison

_FIGURES = "figures"  # where the evaluate stage has its figures


def deliver(
    table: Comparison,
    folder: Path,
    *,
    stages: StageStore,
    record: Callable[[str], Mapping[str, Any]],
    sheet: Callable[[], Path | None] = lambda: None,
    written: Callable[[Path], None] = lambda _: None,
) -> dict[str, Path]:
    """Write a comparison's tables, figures and archive into ``folder``; the paths by name.

    The archive comes last: a folder that has one is finished. When it is that of this very comparison, nothing is
    written again.

    Args:
        table: the comparison.
        folder: its own, made when absent.
        stages: where its runs' stages are; what is not on this machine is not drawn.
        record: gives a run's record by its id.
        sheet: draws samples of all rows, if there are any.
        written: told of each file that was written now, not found as it would be.

    Raises:
        DataError: when a record or a stage's file is damaged.
        GenbenchError: when the folder cannot be written or the disk is full.
    """
    runs = [KeptRun(row.label, run, record(run)) for row in table.rows for run in row.runs]
    if (finished := finished_files(table, runs, folder)) is not None:
        return finished
    samples = sheet()
    files = {"samples": samples} if samples else {}
    files |= write_tables(table, folder) | draw_figures(table, runs, stages, folder)
    files |= {"comparison": write_archive(table, runs, folder, files)}
    for path in files.values():
        written(path)
    return files


def draw_figures(table: Comparison, runs: Sequence[KeptRun], stages: StageStore, folder: Path) -> dict[str, Path]:
    """Draw what explains a table, from its cells and from what its runs' stages left; the paths by name."""
    scores: dict[str, dict[int, Sequence[ObjectScore]]] = {}
    histories: dict[str, dict[int, History]] = {}
    for run in runs:
        repetition = int(run.record["repetition"])
        objects = _stage_file(stages, "evaluate", run, f"{_FIGURES}/{OBJECTS}")
        history = _stage_file(stages, "train", run, HISTORY)
        if objects is not None:
            scores.setdefault(run.label, {})[repetition] = read_objects(objects)
        if history is not None:
            histories.setdefault(run.label, {})[repetition] = read_history(history)
    files = draw_fronts(table, folder) | draw_points(table, folder) | draw_losses(table, histories, folder)
    if scores:
        files |= {"objects_csv": write_objects(scores, folder)}
    return files | draw_objects(table, scores, folder)


def _stage_file(stages: StageStore, stage: StageName, run: KeptRun, name: str) -> Path | None:
    """A file that a finished stage of a run left, if it is on this machine."""
    found = stages.find(stage, str(run.record["stages"][stage]["hash"]), contents=True)
    path = found.folder / name if found else None
    return path if path is not None and path.is_file() else None
