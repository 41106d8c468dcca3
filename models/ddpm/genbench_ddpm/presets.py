"""Named configurations. What they reach, on what, in what time, stands in the family's README."""

from __future__ import annotations

from typing import Any

from genbench.api import Preset
from genbench_ddpm.recipes import DDIM_RECIPES, DDPM_RECIPES

FEW_STEPS: dict[str, Any] = {"num_inference_steps": 20, "guidance_scale": 1.5}

SCENES: dict[str, Any] = {
    "size": "xs+",
    "learning_rate": 1e-3,
    "optimizer": "muon",
    "scaling_factor": "auto",
    "timestep_sampling": "logit-normal",
    "logit_mean": 1.0,
    "logit_std": 1.4,
    "conditioning": "adagn+cross-attention",
}
"""What learns sets of objects in front of a plain background soon: how many and which are settled at high noise."""

STRONG: dict[str, Any] = {"num_inference_steps": 25, "guidance_scale": 5.0}


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
                28: {"budget": "200kimg"},
                32: {"budget": "220kimg", "train": SCENES, "sample": STRONG | {"guidance_scale": 3.0}},
                64: {"budget": "300kimg", "train": {**SCENES, "patch_size": 4}, "sample": STRONG},
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


DDPM_PRESETS = presets({"sampler": "dpm-solver++"}) | DDPM_RECIPES
DDIM_PRESETS = presets({"sampler": "ddim"}) | DDIM_RECIPES
