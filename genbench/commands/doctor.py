"""``genbench doctor``."""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from genbench import __version__, plugins
from genbench.commands.output import print_rows
from genbench.errors import GenbenchError, RunError

PACKAGES = ("torch", "torchvision", "torch-fidelity", "mlflow", "optuna", "numpy", "pandas", "scikit-learn", "pydantic")
OPTIONAL = ("diffusers", "accelerate", "ray")

Finding = tuple[str, str, str]
"""What was looked at, ``ok``, ``missing`` or ``broken``, and the detail."""


def examine(results: Path, *, output: str) -> None:
    """Print the findings on stdout.

    Raises:
        RunError: when something that genbench needs is broken.
    """
    findings: list[Finding] = [("genbench", "ok", f"{__version__}, Python {platform.python_version()}")]
    findings += [_package(name, optional=False) for name in PACKAGES]
    findings += [_package(name, optional=True) for name in OPTIONAL]
    for look in (_torchvision, _device, _home, _inception, lambda: _store(results)):
        findings.append(_safely(look))
    for kind in ("families", "datasets", "metrics"):
        good, broken = plugins.available(kind)
        findings.append((kind, "ok", ", ".join(good)))
        findings += [(entry.name, "broken", entry.reason) for entry in broken]
    rows: list[dict[str, Any]] = [{"what": what, "state": state, "detail": detail} for what, state, detail in findings]
    print_rows(rows, ("what", "state", "detail"), output)
    broken_names = [what for what, state, _ in findings if state == "broken"]
    if broken_names:
        raise RunError(f"broken: {', '.join(broken_names)}")


def _package(name: str, *, optional: bool) -> Finding:
    try:
        return (name, "ok", version(name))
    except PackageNotFoundError:
        return (name, "missing", "optional") if optional else (name, "broken", f"not installed: pip install {name}")


def _torchvision() -> Finding:
    """A torchvision built for another torch imports with an error about a missing operator."""
    try:
        importlib.import_module("torchvision")
    except (RuntimeError, ImportError, AttributeError) as error:
        return (
            "torchvision import",
            "broken",
            f"{(str(error).splitlines() or [''])[0]}: torch {version('torch')} and torchvision "
            f"{version('torchvision')} do not match; install them together, as in constraints.txt",
        )
    return ("torchvision import", "ok", "matches torch")


def _device() -> Finding:
    import torch

    from genbench.precision import resolve_device, resolve_precision

    device = resolve_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    return ("device", "ok", f"{device} ({name}), precision {resolve_precision('auto', device)}")


def _home() -> Finding:
    from genbench.home import home_folder

    return ("GENBENCH_HOME", "ok", str(home_folder()))


def _inception() -> Finding:
    from genbench.metrics.inception import find_weights

    path = find_weights(None)
    if path is None:
        return ("Inception weights", "missing", "FID is computed on the referee's features; see the guide on FID")
    return ("Inception weights", "ok", str(path))


def _store(results: Path) -> Finding:
    from genbench.tracking import Store

    where = "MLFLOW_TRACKING_URI" if os.environ.get("MLFLOW_TRACKING_URI") else "default"
    if where == "default" and not (results / "mlflow.db").exists():
        return ("MLflow store", "ok", f"will be made in {results} by the first run")
    return ("MLflow store", "ok", f"{Store(results).address} ({where})")


def _safely(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except GenbenchError as error:
        return (look.__name__.strip("_"), "broken", str(error))
