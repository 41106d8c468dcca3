"""The files that a finished training leaves for people and programs: weights and curves."""

from __future__ import annotations

import csv
from pathlib import Path

from genbench.checkpoints import History, save_tensors
from genbench.errors import DataError
from genbench.files import whole_file
from genbench.selection import FINAL
from genbench.weights import Weights, file_tensors

HISTORY = "history.csv"


def weights_file(selection: str) -> str:
    """The name of the file with the weights of a selection."""
    return "weights.safetensors" if selection == FINAL else f"weights-{selection}.safetensors"


def write_weights(path: Path, weights: Weights) -> None:
    """Write a learner's weights as they are sampled from, as safetensors with keys ``NETWORK.KEY``."""
    save_tensors(path, file_tensors(weights), {"format": "pt"})


def write_history(path: Path, history: History) -> None:
    """Write a training history as CSV with the columns name, step, value."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "step", "value"])
        for name, steps in history.steps.items():
            writer.writerows((name, step, repr(value)) for step, value in zip(steps, history.values[name], strict=True))


def read_history(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Read what `write_history` wrote: steps and values by name.

    Raises:
        DataError: when the file is missing or damaged, naming it.
    """
    history: dict[str, tuple[list[int], list[float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                steps, values = history.setdefault(row["name"], ([], []))
                steps.append(int(row["step"]))
                values.append(float(row["value"]))
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: damaged curves ({error}): delete {path.parent} and run again") from None
    return history
