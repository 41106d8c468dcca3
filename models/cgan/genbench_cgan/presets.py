"""Complete configurations."""

from __future__ import annotations

from typing import Any

from genbench.api import Preset, Reference

__all__ = ["PRESETS"]

_SMALL: dict[str, Any] = {
    "network": "resnet",
    "width": 16,
    "batch_size": 64,
    "objective": "acgan",
    "conditioning": "projection",
    "loss": "hinge",
    "lambda_schedule": {"kind": "constant", "value": 0.1},
    "learning_rate_g": 5e-4,
    "learning_rate_d": 5e-4,
    "decay_from": 0.5,
}

_REPORT_D = "report D"

PRESETS = {
    "smoke": Preset(
        "a few steps of a very small network, for tests",
        budget="200steps",
        train=_SMALL | {"width": 4, "batch_size": 16, "noise": 8, "embedding": 8, "decay_from": 1.0},
    ),
    "quick": Preset("a small residual network with projection and the guide", budget="60kimg", train=_SMALL),
    "standard": Preset("a residual network for one GPU", budget="6000kimg", train=_SMALL | {"width": 64}),
    "d2": Preset(
        "report D's conditional GAN with auxiliary classifier loss, λ = 0.2",
        budget="3000epochs",
        train={
            "network": "dcgan",
            "width": 64,
            "noise": 512,
            "noise_mean": -1.0,
            "embedding": 512,
            "planes": 1,
            "label_values": "index",
            "objective": "acgan",
            "conditioning": "concat",
            "loss": "bce",
            "adversarial_weight": 0.8,
            "lambda_schedule": {"kind": "constant", "value": 0.2},
            "learning_rate_g": 2e-4,
            "learning_rate_d": 2e-4,
            "batch_size": 512,
            "ema_decay": 0.0,
        },
        dataset="iclevr",
        resolution=64,
        references=(
            Reference("accuracy/test", 0.6111, "iclevr", _REPORT_D),
            Reference("accuracy/new_test", 0.6310, "iclevr", _REPORT_D),
        ),
    ),
}
