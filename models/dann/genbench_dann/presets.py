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
    "bottleneck": 128,
    "classifier_hidden": (),
    "standardize": True,
    "normalize": "domain",
    "shift": 1,
    "optimizer": "adam",
    "learning_rate": 2e-3,
}
"""Few features that a domain classifier can really align, and few steps. The family card says how this was chosen."""

_LARGER: Mapping[str, Any] = {
    "width": 32,
    "normalize": "instance",
    "rectify": "abs",
    "shift": 2,
    "zoom": 0.3,
    "ema_decay": 0.999,
}
"""What pictures of 28 pixels and more change."""

_ADVERSARIAL: Mapping[str, Any] = {"domain_hidden": (256,)}
"""What the domain classifier adds, at any size."""

_ADVERSARIAL_LARGER: Mapping[str, Any] = {"lambda_max": 0.3, "target_information": 1.0}
"""And for pictures of 28 pixels and more."""


def _presets(adversarial: Mapping[str, Any], larger: Mapping[str, Any]) -> dict[str, Preset]:
    """The same network, optimiser and budget for every family of a comparison.

    Args:
        adversarial: what the domain classifier adds to ``quick`` and ``standard``.
        larger: what it adds to them for pictures of 28 pixels and more.
    """
    at_28 = {**_LARGER, **larger}
    return {
        "smoke": Preset("a few seconds, for tests", "20steps", {"batch_size": 32, "width": 8}),
        "quick": Preset(
            "at most a minute or two on one CPU core",
            "120kimg",
            {**_FAST, **adversarial},
            at={28: {"budget": "100kimg", "train": at_28}},
        ),
        "standard": Preset(
            "minutes on a GPU, ten on two CPU cores",
            "1000kimg",
            {**_FAST, "batch_size": 128, "width": 32, **adversarial},
            at={28: {"train": at_28}},
        ),
    }


def _e3(row: str, *, svhn: float, usps: float, paper: float) -> Preset:
    """A row of report E's table, with its numbers and the original paper's."""
    return Preset(
        f"report E, {row}: 100 epochs, batch 256",
        "100epochs",
        {"batch_size": 256},
        dataset="mnist-m:usps",
        references=(
            Reference("target_accuracy", svhn, "mnist-m:svhn", REPORT),
            Reference("target_accuracy", usps, "mnist-m:usps", REPORT),
            Reference("target_accuracy", paper, "mnist:mnist-m", PAPER),
        ),
    )


SOURCE_ONLY_PRESETS = {
    **_presets({}, {}),
    "e3-source": _e3("trained on source", svhn=0.3125, usps=0.6827, paper=0.5225),
}
CDAN_PRESETS = _presets(_ADVERSARIAL, _ADVERSARIAL_LARGER)
DANN_PRESETS = {**CDAN_PRESETS, "e3": _e3("adaptation (DANN)", svhn=0.44313, usps=0.8495, paper=0.7666)}
TARGET_ONLY_PRESETS = {
    **_presets({}, {}),
    "e3-target": _e3("trained on target", svhn=0.918, usps=0.972, paper=0.9596),
}
