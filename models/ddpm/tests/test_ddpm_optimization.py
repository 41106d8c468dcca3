"""Muon, scaled pictures and where timesteps are drawn: against their definitions."""

import math
from dataclasses import replace

import pytest
import torch
from genbench_ddpm import muon
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.muon import Muon, orthogonalized
from genbench_ddpm.optimization import EDGES

from genbench.api import Batch, DataInfo

DATA = DataInfo("toy", 8, 1, ("dark", "bright"), True, 64, std=0.1)


def learner(**settings):
    torch.manual_seed(0)
    return DiffusionLearner(DDPMTrainConfig(**{"size": "xs", "patch_size": 2, **settings}), DATA)


@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (24, 24), (16, 144), (144, 16)])
def test_singular_values_are_pulled_to_one(shape):
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalized(matrix[None])[0]
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6
    assert values.max() < 1.3
    cosine = torch.nn.functional.cosine_similarity(found.flatten(), (u @ v).flatten(), dim=0)
    assert cosine > 0.97


@pytest.mark.parametrize("shape", [(48, 432), (64, 256)])
@pytest.mark.parametrize("smallest", [1.0, 1e-3])
def test_wide_matrices_take_the_same_iterations_on_their_gram_matrix(shape, smallest):
    """However ill-conditioned: no singular value grows, and the direction is that of the iteration on X itself."""
    generator = torch.Generator().manual_seed(4)
    u, s, v = torch.linalg.svd(torch.randn(*shape, generator=generator), full_matrices=False)
    matrix = u @ (s * torch.logspace(0, math.log10(smallest), len(s))).diag() @ v
    x = (matrix / matrix.norm()).bfloat16()
    expected, found = muon._directly(x.float()[None], 5)[0], orthogonalized(matrix[None])[0]
    assert shape[1] >= muon.WIDE * shape[0]
    assert torch.linalg.svdvals(found).max() < 1.5
    cosine = torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0)
    assert cosine > (0.999 if smallest == 1.0 else 0.98)


def test_one_muon_step_is_the_formula():
    weight = torch.nn.Parameter(torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(2)))
    before = weight.detach().clone()
    weight.grad = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(3))
    Muon([weight], lr=0.01, momentum=0.9, weight_decay=0.5).step()
    # From rest, momentum leaves the gradient's direction as it is.
    direction = orthogonalized(weight.grad.flatten(1)[None]).view(8, 4, 3, 3)
    expected = before * (1 - 0.01 * 0.5) - 0.01 * 0.2 * math.sqrt(36) * direction
    assert torch.allclose(weight, expected, atol=1e-4)


def test_weights_of_the_same_shape_do_not_mix():
    def moved(count):
        weights = [torch.nn.Parameter(torch.zeros(6, 4, 3, 3)) for _ in range(count)]
        for number, weight in enumerate(weights):
            weight.grad = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(number))
        Muon(weights, lr=0.1).step()
        return [weight.detach() for weight in weights]

    together, alone = moved(3), moved(1)
    torch.testing.assert_close(together[0], alone[0], atol=1e-3, rtol=1e-2)
    assert not torch.allclose(together[1], together[0], atol=1e-2)


def test_weights_without_a_gradient_stay_and_layouts_do_not_matter():
    layouts = torch.contiguous_format, torch.channels_last
    weights = [torch.nn.Parameter(torch.zeros(24, 2, 3, 3).to(memory_format=layout)) for layout in layouts]
    idle = torch.nn.Parameter(torch.zeros(24, 2, 3, 3))
    gradient = torch.randn(24, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    for weight in weights:
        weight.grad = gradient.clone(memory_format=torch.preserve_format).to(memory_format=torch.channels_last)
    Muon([*weights, idle], lr=0.1).step()
    torch.testing.assert_close(weights[0], weights[1])
    assert weights[0].abs().min() > 0
    assert not idle.any()


def test_muon_agrees_with_torchs():
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 60).view(6, 10)) for _ in range(2))
    own = Muon([ours], lr=0.02, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(4):
        gradient = torch.randn(6, 10, generator=torch.Generator().manual_seed(step))
        for parameter, optimizer in ((ours, own), (theirs, reference)):
            parameter.grad = gradient.clone()
            optimizer.step()
    assert torch.allclose(ours, theirs, atol=2e-3)
    assert not torch.allclose(ours, torch.linspace(-1, 1, 60).view(6, 10), atol=0.02)


def test_every_parameter_has_one_optimizer():
    trained = learner(optimizer="muon")
    groups = [{id(p) for g in o.param_groups for p in g["params"]} for o in trained.optimizers.values()]
    assert not groups[0] & groups[1]
    assert groups[0] | groups[1] == {id(parameter) for parameter in trained.network.parameters()}
    hidden = {id(p): name for name, p in trained.network.named_parameters()}
    names = [hidden[key] for key in groups[1]]
    assert all(not name.startswith(EDGES) for name in names)
    assert any("conv1.weight" in name for name in names)


def test_muon_lowers_the_loss():
    trained = learner(optimizer="muon", learning_rate=3e-3, num_train_timesteps=100)
    images = torch.full((16, 1, 8, 8), 0.4)
    batch = Batch(images, torch.eye(2).repeat(8, 1))
    losses = [float(trained.step(batch, step / 60)["loss"]) for step in range(60)]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


def test_scaling_the_model_equals_scaling_the_pictures():
    """A model that scales by 4 does with x what an unscaled one does with 4·x, in training and in sampling."""
    plain, scaled = learner(scaling_factor=1.0), learner(scaling_factor=4.0)
    images = 0.1 * torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    conditions = torch.eye(2).repeat(4, 1)
    losses = []
    for model, pictures in ((plain, 4 * images), (scaled, images)):
        torch.manual_seed(5)
        losses.append(float(model.loss(Batch(pictures, conditions))))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    config = DDPMSampleConfig(sampler="ddim", num_inference_steps=5, clip_sample=False)
    with torch.no_grad():
        found = [m.sample(conditions, config, generator=torch.Generator().manual_seed(6)) for m in (plain, scaled)]
    assert torch.allclose(found[0] / 4, found[1], atol=1e-6)


def test_automatic_scale_brings_the_spread_to_one_half():
    assert learner(scaling_factor="auto").scale * DATA.std == pytest.approx(0.5)
    assert learner().scale == 1.0


def test_clipping_bounds_pictures_whatever_the_scale():
    model = learner(scaling_factor=5.0)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(3.0)
        config = DDPMSampleConfig(sampler="ddim", num_inference_steps=4)
        pictures = model.sample(torch.eye(2), config, generator=torch.Generator().manual_seed(7))
    assert pictures.abs().max() <= 1 + 1e-6


def test_timesteps_have_a_normal_logit():
    model = learner(timestep_sampling="logit-normal", logit_mean=0.5, logit_std=1.3)
    torch.manual_seed(8)
    t = model._timesteps(40_000, torch.device("cpu"))
    assert t.min() >= 0
    assert t.max() < 1000
    logits = ((t + 0.5) / 1000).logit()
    assert logits.mean() == pytest.approx(0.5, abs=0.03)
    assert logits.std() == pytest.approx(1.3, abs=0.03)


def test_uniform_timesteps_reach_both_ends():
    torch.manual_seed(9)
    t = learner()._timesteps(40_000, torch.device("cpu"))
    assert (t.min(), t.max()) == (0, 999)
    assert float(t.float().mean()) == pytest.approx(499.5, abs=5)


def test_data_without_spread_is_refused():
    with pytest.raises(Exception, match="scaling_factor"):
        DiffusionLearner(DDPMTrainConfig(size="xs", scaling_factor="auto"), replace(DATA, std=0.0))
