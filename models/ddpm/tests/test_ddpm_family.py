"""What the core sees of the families."""

import pytest
import torch
from genbench_ddpm import DDIM, DDPM
from genbench_ddpm.networks.registry import build_network

from genbench.api import DataInfo

REQUIRED = {"smoke", "quick", "standard"}


def test_ddim_shares_the_training_of_ddpm():
    assert DDIM.trains_as == DDPM.name
    assert DDIM.TrainConfig is DDPM.TrainConfig
    for name, preset in DDPM.presets.items():
        twin = DDIM.presets[name]
        assert (twin.train, twin.budget) == (preset.train, preset.budget)
        assert {k: v.get("train") for k, v in twin.at.items()} == {k: v.get("train") for k, v in preset.at.items()}
        assert twin.sample["sampler"] == "ddim"


@pytest.mark.parametrize("family", [DDPM, DDIM])
@pytest.mark.parametrize("resolution", [16, 28, 32, 64])
def test_every_preset_builds_at_every_resolution(family, resolution):
    assert set(family.presets) >= REQUIRED
    for preset in family.presets.values():
        entries = [key for key in preset.at if key <= resolution]
        change = preset.at[max(entries)] if entries else {}
        train = family.TrainConfig(**{**preset.train, **change.get("train", {})})
        family.SampleConfig(**{**preset.sample, **change.get("sample", {})})
        with torch.device("meta"):
            pictures = DataInfo("some", resolution, 3, ("a", "b"), False, 10)
            assert next(build_network(train, pictures).parameters()).is_meta
