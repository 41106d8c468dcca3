"""Diffusers' UNet2DModel behind our signature."""

import sys

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.networks.norm import GroupNorm
from genbench_ddpm.networks.registry import build_network
from genbench_ddpm.networks.unet2d import UNet2D
from genbench_ddpm.recipes import DDPM_RECIPES
from pydantic import ValidationError
from torch import nn

from genbench.api import Batch, ConfigError, DataInfo

K = 5
OBJECTS = DataInfo("objects", 64, 3, tuple(f"object {k}" for k in range(24)), False, 10)
TINY = {"network": "unet2d", "block_out_channels": (16, 24), "attention_levels": (2,), "layers_per_block": 1}


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def tiny(conditioning="add", channels=1, **settings):
    torch.manual_seed(0)
    chosen = {"steps": 100, "widths": (16, 24), "layers": 1, "attention": (2,), **settings}
    return UNet2D(channels, K, 8, conditioning=conditioning, **chosen).eval()


def inputs(channels=1, n=3):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, channels, 8, 8, generator=generator)
    return x, torch.arange(n) * 30 / 100, (torch.rand(n, K, generator=generator) < 0.5).float()


def test_its_norms_have_their_statistics_in_float32():
    norms = [module for module in tiny().modules() if isinstance(module, nn.GroupNorm)]
    assert len(norms) > 10
    assert all(isinstance(norm, GroupNorm) for norm in norms)


@pytest.mark.parametrize("conditioning", ["none", "adagn"])
@pytest.mark.parametrize("resolution", [8, 12])
def test_outputs_and_gradients_are_those_of_diffusers(conditioning, resolution):
    ours = tiny(conditioning, widths=(16, 24, 16), layers=2).train()
    theirs = UNet2DModel.from_config(ours.model.config).train()
    theirs.load_state_dict(ours.model.state_dict())
    x = torch.randn(64, 1, resolution, resolution, generator=torch.Generator().manual_seed(1))
    embedding = None if conditioning == "none" else torch.randn(64, 64, generator=torch.Generator().manual_seed(2))
    outputs = []
    for model in (ours.model, theirs):
        outputs.append(model(x, torch.arange(64), class_labels=embedding).sample)
        outputs[-1].square().sum().backward()
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)
    pairs = [(mine.grad, other.grad) for mine, other in zip(ours.model.parameters(), theirs.parameters(), strict=True)]
    largest = max(float(other.abs().max()) for _, other in pairs)
    for mine, other in pairs:
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-6 * largest)


def test_features_stay_channels_last_in_large_batches():
    network = tiny("none").to(memory_format=torch.channels_last).train()
    seen = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, given, made: seen.append((given[0], made)))
    network(torch.randn(64, 1, 8, 8), torch.zeros(64), torch.zeros(64, K))
    assert len(seen) > 10
    for features in (tensor for pair in seen for tensor in pair if tensor.shape[1] > 1):
        assert features.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("recipe", "down", "widths"),
    [
        ("c-large", ["Down"] * 4 + ["AttnDown", "Down"], (128, 128, 256, 256, 512, 512)),
        ("d1", ["Down"] * 4 + ["AttnDown", "Down"], (128, 128, 256, 256, 512, 512)),
        ("c-small", ["Down", "AttnDown", "AttnDown"], (32, 64, 64)),
    ],
)
def test_recipes_have_the_size_of_diffusers_model_and_one_linear_layer(recipe, down, widths):
    with torch.device("meta"):
        ours = build_network(DDPMTrainConfig(**DDPM_RECIPES[recipe].train), OBJECTS)
        theirs = UNet2DModel(
            sample_size=64,
            layers_per_block=2,
            block_out_channels=widths,
            down_block_types=[f"{kind}Block2D" for kind in down],
            up_block_types=[f"{kind.replace('Down', 'Up')}Block2D" for kind in reversed(down)],
        )
    assert count(ours.model) == count(theirs)
    assert count(ours) == count(theirs) + 24 * 4 * widths[0] + 4 * widths[0]
    assert ours.model.config.norm_num_groups == theirs.config.norm_num_groups
    assert ours.model.config.attention_head_dim == theirs.config.attention_head_dim


@pytest.mark.parametrize("conditioning", ["add", "adagn", "concat"])
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_gradients_time_and_every_single_condition(conditioning, channels):
    network = tiny(conditioning, channels)
    x, time, conditions = inputs(channels)
    output = network(x, time, conditions)
    assert output.shape == x.shape
    output.square().mean().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    with torch.no_grad():
        assert not torch.allclose(output, network(x, time + 0.1, conditions), rtol=1e-3)
        for k in range(K):
            flipped = conditions.clone()
            flipped[:, k] = 1 - flipped[:, k]
            assert not torch.allclose(output, network(x, time, flipped), rtol=1e-4, atol=1e-5)


def test_without_conditions_they_change_nothing():
    network = tiny("none")
    x, time, conditions = inputs()
    with torch.no_grad():
        assert torch.equal(network(x, time, conditions), network(x, time, 1 - conditions))
    assert network.embed_conditions is None
    assert count(network) == count(network.model)


def test_the_model_is_told_the_timestep_itself():
    """t/T in float32 comes back as the whole number t for every t, so a checkpoint means the same in diffusers."""
    network = tiny("none")
    x, _, conditions = inputs(n=2)
    for steps in (300, 1000, 1200):
        t = torch.arange(steps)
        assert torch.equal((t / steps * steps).round().long(), t)
    with torch.no_grad():
        expected = network.model(x, torch.tensor([0, 57])).sample
        found = network(x, torch.tensor([0, 57]) / 100, conditions)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_it_trains_and_samples_as_diffusers_own_pipeline_does():
    """An unconditional network in DDPMPipeline gives our pictures, from the same noises."""
    data = DataInfo("toy", 8, 1, ("a", "b"), True, 16)
    learner = DiffusionLearner(DDPMTrainConfig(**TINY, conditioning="none", num_train_timesteps=50), data)
    torch.manual_seed(0)
    losses = [learner.step(Batch(torch.full((16, 1, 8, 8), 0.5), torch.eye(2).repeat(8, 1)), i / 60) for i in range(60)]
    assert float(losses[-1]["loss"]) < 0.5 * float(losses[0]["loss"])
    learner.network.eval()
    scheduler = DDPMScheduler(
        50, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", variance_type="fixed_small"
    )
    pipeline = DDPMPipeline(learner.network.model, scheduler)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(3)
    theirs = torch.from_numpy(pipeline(2, generator, num_inference_steps=50, output_type="np").images)
    config = DDPMSampleConfig(sampler="ddpm", num_inference_steps=50)
    with torch.no_grad():
        ours = learner.sample(torch.eye(2), config, generator=torch.Generator().manual_seed(3))
    pixels = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    torch.testing.assert_close(pixels, theirs, atol=1e-4, rtol=0)


def test_without_diffusers_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "genbench_ddpm.networks.unet2d", raising=False)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ConfigError, match=r"pip install 'genbench-ddpm\[diffusers\]'"):
        build_network(DDPMTrainConfig(**TINY), OBJECTS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block_out_channels": [8] * 8}, "multiple of 128, but objects has 64"),
        ({"conditioning": "cross-attention"}, "no cross-attention"),
        ({"conditioning": "adagn+cross-attention"}, "no cross-attention"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(settings, message):
    with pytest.raises(ConfigError, match=message):
        build_network(DDPMTrainConfig(**{**TINY, **settings}), OBJECTS)


@pytest.mark.parametrize("settings", [{"attention_levels": [3]}, {"block_out_channels": [12, 16]}])
def test_impossible_levels_are_refused(settings):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        DDPMTrainConfig(**{**TINY, **settings})
