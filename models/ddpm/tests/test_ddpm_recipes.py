"""The published systems: found by name, with the reports' settings, and their training and sampling run."""

import pytest
import torch
from genbench_ddpm import DDIM, DDPM
from genbench_ddpm.recipes import DDIM_RECIPES, DDPM_RECIPES

from genbench import plugins
from genbench.api import Batch, DataInfo
from genbench.commands.run import find_recipe

RECIPES = {name: DDPM() for name in DDPM_RECIPES} | {name: DDIM() for name in DDIM_RECIPES}
SMALLER = {  # of the networks only, so that a step takes milliseconds; the resolution is the least that still fits
    "context-unet": ({"width": 8}, 8),
    "unet2d": ({"block_out_channels": [16, 16], "attention_levels": [2]}, 8),
    "unet": ({"size": "xs", "patch_size": 2}, 8),
}


def config(name, **changes):
    return RECIPES[name].TrainConfig(**{**RECIPES[name].presets[name].train, **changes})


def sampling(name, **changes):
    return RECIPES[name].SampleConfig(**{**RECIPES[name].presets[name].sample, **changes})


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_found_by_its_name_alone_and_brings_its_data(name):
    assert find_recipe(name, None) == (RECIPES[name].name, name)
    preset = RECIPES[name].presets[name]
    assert preset.dataset in plugins.names("datasets")
    assert preset.resolution == (28 if "mnist" in preset.dataset else 64)


@pytest.mark.parametrize(
    ("name", "budget", "dataset", "batch", "rate", "steps", "optimizer", "schedule"),
    [
        ("a", "50epochs", "iclevr", 8, 1e-3, 300, "adam", "linear"),
        ("b", "20epochs", "mnist", 128, 1e-3, 1000, "adam", "linear"),  # printed: 1e-2, which trains no network here
        ("b-fashion", "20epochs", "fashion-mnist", 128, 1e-3, 1000, "adam", "linear"),
        ("c-small", "40epochs", "iclevr", 32, 1e-4, 1000, "adam", "squared-cosine"),
        ("c-large", "40epochs", "iclevr", 32, 1e-4, 1000, "adam", "squared-cosine"),
        ("d1", "100epochs", "iclevr", 20, 5e-5, 1200, "adamw", "linear"),
        ("e1", "100epochs", "mnist-m", 256, 1e-4, 400, "adam", "linear"),
    ],
)
def test_settings_are_the_reports(name, budget, dataset, batch, rate, steps, optimizer, schedule):
    preset, train, sample = DDPM.presets[name], config(name), sampling(name)
    assert (preset.budget, preset.dataset) == (budget, dataset)
    assert (train.batch_size, train.learning_rate, train.optimizer) == (batch, rate, optimizer)
    assert (train.num_train_timesteps, train.schedule, train.prediction_type) == (steps, schedule, "epsilon")
    assert (train.beta_start, train.beta_end) == (1e-4, 0.02)
    assert (train.decay, train.ema_decay, train.max_grad_norm) == ("constant", 0, 0)
    assert train.warmup == (0.05 if name.startswith("b") else 0)
    assert (sample.sampler, sample.num_inference_steps) == ("ddpm", steps)


def test_networks_and_conditions_are_the_reports():
    a, e1, small = config("a"), config("e1"), config("c-small")
    assert (a.network, a.width, a.condition_dropout) == ("context-unet", 512, 0.1)
    assert (e1.network, e1.width, e1.condition_dropout) == ("context-unet", 256, 0.1)
    assert (small.network, small.block_out_channels, small.conditioning) == ("unet2d", (32, 64, 64), "add")
    for name in ("c-large", "d1"):
        train = config(name)
        assert train.block_out_channels == (128, 128, 256, 256, 512, 512)
        assert (train.layers_per_block, train.attention_levels, train.conditioning) == (2, (5,), "add")
    for name in ("b", "b-fashion", "e2"):
        assert config(name).conditioning == "none"
    e2 = sampling("e2")
    assert (e2.sampler, e2.eta) == ("ddim", 0.0)


def test_reference_numbers_are_the_reports():
    found = {name: {(r.metric, r.value) for r in family.presets[name].references} for name, family in RECIPES.items()}
    assert {name: numbers for name, numbers in found.items() if numbers} == {
        "a": {("accuracy/test", 0.5795), ("accuracy/new_test", 0.5952)},
        "b": {("loss", 0.033)},
        "c-large": {("accuracy/new_test", 0.8095)},
        "d1": {("accuracy/test", 0.8472), ("accuracy/new_test", 0.8690)},
    }


@pytest.mark.parametrize("name", RECIPES)
def test_training_and_sampling_run(name):
    """With a smaller network and few inference steps; everything else as in the recipe."""
    changes, resolution = SMALLER[config(name).network]
    channels = 1 if RECIPES[name].presets[name].dataset in ("mnist", "fashion-mnist") else 3
    data = DataInfo("toy", resolution, channels, ("a", "b"), False, 16)
    torch.manual_seed(0)
    learner = RECIPES[name].learner(config(name, **changes), data)
    assert learner.averaging is None
    batch = Batch(torch.rand(8, channels, resolution, resolution) * 2 - 1, torch.eye(2).repeat(4, 1))
    losses = [float(learner.step(batch, progress)["loss"]) for progress in (0.0, 0.5, 0.99)]
    assert all(loss == loss and loss < 1e3 for loss in losses)
    assert learner.optimizers["unet"].param_groups[0]["lr"] == config(name).learning_rate
    learner.network.eval()
    with torch.no_grad():
        pictures = learner.sample(
            torch.eye(2), sampling(name, num_inference_steps=3), generator=torch.Generator().manual_seed(0)
        )
    assert pictures.shape == (2, channels, resolution, resolution)
    assert pictures.isfinite().all()


@pytest.mark.parametrize("name", ["b", "e2"])
def test_unconditional_recipes_make_the_same_picture_for_every_condition(name):
    changes, resolution = SMALLER[config(name).network]
    learner = RECIPES[name].learner(config(name, **changes), DataInfo("toy", resolution, 1, ("a", "b"), True, 16))
    learner.network.eval()
    made = [
        learner.sample(c, sampling(name, num_inference_steps=3), generator=torch.Generator().manual_seed(0))
        for c in torch.eye(2).split(1)
    ]
    assert torch.equal(made[0], made[1])
