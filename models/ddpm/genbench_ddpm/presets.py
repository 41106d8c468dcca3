"""Named configurations. What they reach, on what, in what time, stands in the family's README."""

from __future__ import annotations

from typing import Any

from genbench.api import Preset

FEW_STEPS: dict[str, Any] = {"num_inference_steps": 20, "guidance_scale": 1.5}


def presets(sampler: dict[str, Any]) -> dict[str, Preset]:
    """The family's presets with a sampler's settings; training is the same for all of them."""
    few = {**FEW_STEPS, **sampler}
    return {
        "smoke": Preset(
            "seconds, for tests",
            budget="30steps",
            train={"size": "xs", "patch_size": 2, "batch_size": 16},
            sample={**few, "num_inference_steps": 4},
        ),
        "quick": Preset(
            "minutes on two CPU cores",
            budget="40kimg",
            train={"size": "xs", "patch_size": 2, "batch_size": 32, "learning_rate": 2e-3},
            sample=few,
            at={
                28: {"budget": "400kimg"},
                32: {
                    "budget": "300kimg",
                    "train": {"size": "s", "learning_rate": 1e-3},
                    "sample": {"guidance_scale": 3.0},
                },
                64: {"budget": "300kimg", "train": {"patch_size": 4}},
            },
        ),
        "standard": Preset(
            "under an hour on one GPU",
            budget="6Mimg",
            train={"size": "m", "batch_size": 256, "learning_rate": 3e-4, "beta2": 0.999, "dropout": 0.1},
            sample={**few, "num_inference_steps": 50},
            at={64: {"train": {"patch_size": 2}}},
        ),
    }


DDPM_PRESETS = presets({"sampler": "dpm-solver++"})
DDIM_PRESETS = presets({"sampler": "ddim"})
