"""Complete configurations."""

from __future__ import annotations

from typing import Any

from genbench.api import Preset, Reference

__all__ = ["PRESETS"]

_SMALL: dict[str, Any] = {
    "network": "resnet",
    "width": 16,
    "batch_size": 32,
    "objective": "acgan",
    "conditioning": "projection",
    "loss": "hinge",
    "lambda_schedule": {"kind": "constant", "value": 0.1},
    "learning_rate_g": 4e-4,
    "learning_rate_d": 4e-4,
    "decay_from": 0.5,
}
"""A residual pair with projection, helped by the guide. Small batches make many steps, which short trainings need."""

_SCENES: dict[str, Any] = {
    "network": "dcgan",
    "width": 32,
    "batch_size": 64,
    "loss": "bce",
    "lambda_schedule": {"kind": "linear", "initial": 0.0, "final": 5.0},
    "learning_rate_g": 4e-4,
    "learning_rate_d": 4e-4,
}
"""For sets of objects: strided convolutions see five times as many pictures in the same time as residual blocks. λ is
larger because binary cross-entropy is a mean over all objects, most of them absent; and it rises, because a
guide that is heard before there is an adversary is pleased by paint."""

_D2: dict[str, Any] = {
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
}
"""As report D has it; its other schedule is ``{kind = "linear", initial = 0.2, final = 0.5}``."""

PRESETS = {
    "smoke": Preset(
        "a few hundred steps of a very small network, for tests",
        budget="200steps",
        train=_SMALL | {"width": 4, "batch_size": 16, "noise": 8, "embedding": 8},
    ),
    "quick": Preset(
        "a small residual network with projection and the guide: minutes on two CPU cores",
        budget="40kimg",
        train=_SMALL,
        at={
            28: {"budget": "250kimg", "train": {"batch_size": 64, "learning_rate_g": 5e-4, "learning_rate_d": 5e-4}},
            32: {"budget": "1000kimg", "train": _SCENES},
            64: {"budget": "400kimg", "train": _SCENES},
        },
    ),
    "standard": Preset(
        "the same, wider, with longer training: under an hour on one GPU",
        budget="1000kimg",
        train=_SMALL | {"width": 32, "batch_size": 64, "learning_rate_g": 2e-4, "learning_rate_d": 2e-4},
        at={
            28: {"budget": "3000kimg", "train": {"width": 48}},
            32: {"budget": "3000kimg", "train": _SCENES | {"width": 64}},
            64: {"budget": "3000kimg", "train": _SCENES | {"width": 64}},
        },
    ),
    "d2": Preset(
        "report D's conditional GAN with auxiliary classifier loss, λ = 0.2",
        budget="3000epochs",
        train=_D2,
        dataset="iclevr",
        resolution=64,
        references=(
            Reference("accuracy/test", 0.6111, "iclevr", "report D"),
            Reference("accuracy/new_test", 0.6310, "iclevr", "report D"),
        ),
    ),
}
