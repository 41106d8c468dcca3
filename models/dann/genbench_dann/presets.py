"""Complete configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genbench.api import Preset, Reference

__all__ = ["CDAN_PRESETS", "DANN_PRESETS", "SOURCE_ONLY_PRESETS", "TARGET_ONLY_PRESETS"]

REPORT = "report E, single run"
PAPER = "Ganin et al., JMLR 2016, table 2"

_FAST: Mapping[str, Any] = {
    "batch_size": 64,
    "width": 16,
    "standardize": True,
    "shift": 1,
    "optimizer": "adam",
    "learning_rate": 2e-3,
}
"""Few steps suffice with Adam; small data needs the shifts."""


def _presets(references: tuple[Reference, ...], **adversarial: Any) -> dict[str, Preset]:
    """The same network, optimiser and budget for every family of a comparison.

    Args:
        references: published numbers for ``e3``.
        adversarial: what the domain classifier adds to ``quick`` and ``standard``.
    """
    return {
        "smoke": Preset("a few seconds, for tests", "20steps", {"batch_size": 32, "width": 8}),
        "quick": Preset("well under a minute on two CPU cores", "120kimg", {**_FAST, **adversarial}),
        "standard": Preset(
            "minutes on a GPU, ten on two CPU cores",
            "1000kimg",
            {**_FAST, "batch_size": 128, "width": 32, **adversarial},
        ),
        "e3": Preset(
            "report E's DANN: 100 epochs, batch 256",
            "100epochs",
            {"batch_size": 256},
            dataset="mnist-m:usps",
            references=references,
        ),
    }


def _references(svhn: float, usps: float, paper: float) -> tuple[Reference, ...]:
    return (
        Reference("target_accuracy", svhn, "mnist-m:svhn", REPORT),
        Reference("target_accuracy", usps, "mnist-m:usps", REPORT),
        Reference("target_accuracy", paper, "mnist:mnist-m", PAPER),
    )


SOURCE_ONLY_PRESETS = _presets(_references(0.3125, 0.6827, 0.5225))
DANN_PRESETS = _presets(_references(0.44313, 0.8495, 0.7666), lambda_max=2.0)
TARGET_ONLY_PRESETS = _presets(_references(0.918, 0.972, 0.9596))
CDAN_PRESETS = _presets((), lambda_max=2.0)
