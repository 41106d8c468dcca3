"""Published systems, with the settings of the course reports A to E that describe them.

What a report leaves open is what its authors' tools do unless told otherwise: Adam's own decay rates and weight decay,
a constant learning rate, no clipping of gradients, no average of weights. README.md names every such choice.
"""

from __future__ import annotations

from typing import Any

from genbench.api import Preset, Reference

__all__ = ["DDIM_RECIPES", "DDPM_RECIPES"]

_PLAIN: dict[str, Any] = {
    "schedule": "linear",
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "prediction_type": "epsilon",
    "optimizer": "adam",
    "beta2": 0.999,
    "warmup": 0.0,
    "decay": "constant",
    "max_grad_norm": 0.0,
    "ema_decay": 0.0,
    "condition_dropout": 0.0,
}

_UNCONDITIONAL: dict[str, Any] = {"conditioning": "none", "condition_dropout": 1.0}


def _ancestral(steps: int, **changes: Any) -> dict[str, Any]:
    """Algorithm 2 of Ho et al. (2020) as printed: every step, no clipping, σ² = β."""
    plain = {"sampler": "ddpm", "num_inference_steps": steps, "variance_type": "fixed_large", "clip_sample": False}
    return plain | changes


_A = Preset(
    "report A's conditional DDPM: ContextUNet of width 512, T = 300",
    budget="50epochs",
    train=_PLAIN
    | {
        "network": "context-unet",
        "width": 512,
        "num_train_timesteps": 300,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "condition_dropout": 0.1,
    },
    sample=_ancestral(300),
    dataset="iclevr",
    resolution=64,
    references=(
        Reference("accuracy/test", 0.5795, "iclevr", "report A"),
        Reference("accuracy/new_test", 0.5952, "iclevr", "report A"),
    ),
)


def _b(dataset: str, references: tuple[Reference, ...]) -> Preset:
    return Preset(
        f"report B's plain DDPM on {dataset}: no conditions, T = 1000",
        budget="20epochs",
        train=_PLAIN
        | _UNCONDITIONAL
        | {
            "network": "unet",
            "size": "s",
            "num_train_timesteps": 1000,
            "batch_size": 128,
            "learning_rate": 1e-3,  # printed is 1e-2, at which this network's loss goes back to 1
            "warmup": 0.05,
        },
        sample=_ancestral(1000),
        dataset=dataset,
        resolution=28,
        references=references,
    )


_UNET2D: dict[str, Any] = _PLAIN | {"network": "unet2d", "conditioning": "add", "num_train_timesteps": 1000}
_LARGE: dict[str, Any] = {"block_out_channels": [128, 128, 256, 256, 512, 512], "attention_levels": [5]}
_SMALL: dict[str, Any] = {"block_out_channels": [32, 64, 64], "attention_levels": [2, 3]}
_DIFFUSERS_SAMPLER = {"variance_type": "fixed_small", "clip_sample": True}
"""What diffusers' DDPMScheduler does unless told otherwise."""


def _c(size: str, widths: dict[str, Any], references: tuple[Reference, ...]) -> Preset:
    return Preset(
        f"report C's conditional DDPM: {size} UNet2DModel, T = 1000, squared cosine",
        budget="40epochs",
        train=_UNET2D | widths | {"schedule": "squared-cosine", "batch_size": 32, "learning_rate": 1e-4},
        sample=_ancestral(1000, **_DIFFUSERS_SAMPLER),
        dataset="iclevr",
        resolution=64,
        references=references,
    )


_D1 = Preset(
    "report D's conditional DDPM: large UNet2DModel, T = 1200",
    budget="100epochs",
    train=_UNET2D
    | _LARGE
    | {
        "num_train_timesteps": 1200,
        "batch_size": 20,
        "optimizer": "adamw",
        "learning_rate": 5e-5,
        "weight_decay": 0.01,
    },
    sample=_ancestral(1200, **_DIFFUSERS_SAMPLER),
    dataset="iclevr",
    resolution=64,
    references=(
        Reference("accuracy/test", 0.8472, "iclevr", "report D, epoch 90"),
        Reference("accuracy/new_test", 0.8690, "iclevr", "report D, epoch 90"),
    ),
)

_E1 = Preset(
    "report E's digits: ContextUNet of width 256, T = 400, classifier-free guidance",
    budget="100epochs",
    train=_PLAIN
    | {
        "network": "context-unet",
        "width": 256,
        "num_train_timesteps": 400,
        "batch_size": 256,
        "learning_rate": 1e-4,
        "condition_dropout": 0.1,
    },
    sample=_ancestral(400, guidance_scale=3.0),
    dataset="mnist-m",
    resolution=28,
)

_E2 = Preset(
    "report E's faces: DDIM from fixed noises, no conditions",
    budget="100epochs",
    train=_PLAIN
    | _UNCONDITIONAL
    | {"network": "unet", "size": "m", "num_train_timesteps": 1000, "batch_size": 64, "learning_rate": 1e-4},
    sample={"sampler": "ddim", "eta": 0.0, "num_inference_steps": 50},
    dataset="image-folder",
    resolution=64,
)

DDPM_RECIPES = {
    "a": _A,
    "b": _b("mnist", (Reference("loss", 0.033, "mnist", "report B, epoch 20 (epoch 1: 0.114)"),)),
    "b-fashion": _b("fashion-mnist", ()),
    "c-small": _c("small", _SMALL, ()),
    "c-large": _c("large", _LARGE, (Reference("accuracy/new_test", 0.8095, "iclevr", "report C"),)),
    "d1": _D1,
    "e1": _E1,
}
DDIM_RECIPES = {"e2": _E2}
