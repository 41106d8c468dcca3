"""What the core sees of the families."""

import pytest
import torch
from genbench_ddpm import DDIM, DDPM
from genbench_ddpm.networks.registry import build_network
from genbench_ddpm.recipes import DDIM_RECIPES, DDPM_RECIPES

from genbench.api import DataInfo

REQUIRED = {"smoke", "quick", "standard"}
RECIPES = DDPM_RECIPES | DDIM_RECIPES


def test_ddim_shares_the_training_of_ddpm():
    assert DDIM.trains_as == DDPM.name
    assert DDIM.TrainConfig is DDPM.TrainConfig
    for name in set(DDPM.presets) - set(RECIPES):
        preset, twin = DDPM.presets[name], DDIM.presets[name]
        assert (twin.train, twin.budget) == (preset.train, preset.budget)
        assert {k: v.get("train") for k, v in twin.at.items()} == {k: v.get("train") for k, v in preset.at.items()}
        assert twin.sample["sampler"] == "ddim"


@pytest.mark.parametrize("family", [DDPM, DDIM])
@pytest.mark.parametrize("resolution", [16, 28, 32, 64])
def test_every_preset_builds_at_every_resolution(family, resolution):
    assert set(family.presets) >= REQUIRED
    for name, preset in family.presets.items():
        if (name in RECIPES and resolution != preset.resolution) or name == "pretrained":
            continue  # a recipe's network is for its own resolution, a checkpoint brings its network along
        entries = [key for key in preset.at if key <= resolution]
        change = preset.at[max(entries)] if entries else {}
        train = family.TrainConfig(**{**preset.train, **change.get("train", {})})
        family.SampleConfig(**{**preset.sample, **change.get("sample", {})})
        with torch.device("meta"):
            pictures = DataInfo("some", resolution, 3, ("a", "b"), False, 10)
            assert next(build_network(train, pictures).parameters()).is_meta
