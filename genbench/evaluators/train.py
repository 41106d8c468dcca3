"""Retrains shipped evaluators.

``python -m genbench.evaluators.train digits --resolution 16 --role referee --output DIR``

The same seed on the same kind of machine with the same number of threads gives the same weights.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from genbench import plugins
from genbench.data.base import DataRequest
from genbench.data.cache import load
from genbench.errors import GenbenchError
from genbench.evaluators import Evaluators, store
from genbench.evaluators.scoring import exact_set_rate, topk_accuracy
from genbench.precision import resolve_device


def main(arguments: list[str] | None = None) -> int:
    """Train, save and score one evaluator or both; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m genbench.evaluators.train", description="Train evaluators.")
    parser.add_argument("dataset", help="a data set from `genbench ls datasets`")
    parser.add_argument("--resolution", type=int, help="pixels on a side; default: the data set's own")
    parser.add_argument("--role", choices=("guide", "referee", "both"), default="both")
    parser.add_argument("--output", type=Path, required=True, help="folder for <data>-<resolution>-<role>.safetensors")
    parser.add_argument("--root", type=Path, help="folder with the data set's files, if it is not built in")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    try:
        _train(options)
    except GenbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _train(options: argparse.Namespace) -> None:
    device = resolve_device(options.device)
    request = DataRequest(resolution=options.resolution, root=options.root)
    data = load(plugins.dataset(options.dataset), request, progress=lambda done, total: _show("data", done, total))
    evaluators = Evaluators(data, device=device)
    for role in ("guide", "referee") if options.role == "both" else (options.role,):
        started = time.perf_counter()
        module, card = store.make(data, role, device, _show)
        seconds = time.perf_counter() - started
        path = options.output / f"{card.name}.safetensors"
        store.save(path, module, card)
        evaluator, _ = store.load(path, device)
        logits, truth = evaluators.held_out_logits(evaluator), data.splits["test"].conditions
        accuracy, exact = topk_accuracy(logits, truth), exact_set_rate(logits, truth)
        print(f"{path}: ceiling accuracy {accuracy:.4f}, exact set {exact:.4f}, {evaluator.weights}, {seconds:.0f} s")


def _show(what: str, done: int, total: int) -> None:
    """A line that counts up, for people only."""
    if sys.stderr.isatty():
        print(f"\r{what} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
