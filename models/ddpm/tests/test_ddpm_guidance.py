"""Guidance by the guide's gradient: exact where theory is exact, off when off, and with everything that it meets."""

import pytest
import torch
from genbench_ddpm import DDIM, DDPM
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.guidance import log_likelihood
from genbench_ddpm.learner import DiffusionLearner
from torch import nn

from genbench.api import ConfigError, DataInfo

DEVIATION = 0.5
SAMPLERS = ("ddpm", "ddim", "dpm-solver++")


class GaussianNetwork(nn.Module):
    """The exact ε̂ for pictures whose scaled pixels are independent N(0, DEVIATION²); it knows no conditions."""

    def __init__(self, process):
        super().__init__()
        self.process = process

    def forward(self, x, time, conditions):
        t = int((time[0] * self.process.steps).round())
        alpha_bar = self.process.alpha_bar(t)
        variance = alpha_bar * DEVIATION**2 + 1 - alpha_bar
        return (1 - alpha_bar) ** 0.5 / variance * x


class Brightness(nn.Module):
    """Two logits, ±sharpness times a picture's mean; with an offset of -40, log σ(logit) is the logit."""

    def __init__(self, sharpness=4.0, offset=0.0):
        super().__init__()
        self.sharpness, self.offset = sharpness, offset

    def forward(self, images):
        mean = images.mean(dim=(1, 2, 3))
        return self.offset + self.sharpness * torch.stack([-mean, mean], dim=1)


def learner(guide, *, exclusive=True, **settings):
    data = DataInfo("toy", 8, 1, ("dark", "bright"), exclusive, 64)
    made = DiffusionLearner(DDPMTrainConfig(size="xs", patch_size=2, **settings), data, guide=guide)
    made.network.eval()
    return made


def gaussian(guide, *, exclusive=True, **settings):
    made = learner(guide, exclusive=exclusive, prediction_type="epsilon", **settings)
    made.network = GaussianNetwork(made.process)
    return made


def draw(made, conditions, **settings):
    config = DDPMSampleConfig(**{"num_inference_steps": 20, "clip_sample": False, **settings})
    with torch.no_grad():
        return made.sample(conditions, config, generator=torch.Generator().manual_seed(0))


BRIGHT = torch.tensor([[0.0, 1.0]])


@pytest.mark.parametrize(("sampler", "scaling_factor"), [*((name, 1.0) for name in SAMPLERS), ("ddim", 2.0)])
def test_a_log_linear_guide_tilts_gaussian_pictures_exactly(sampler, scaling_factor):
    """p(x₀)·exp(scale·h·x₀) is N(scale·σ²·h, σ²): for such a guide, log p(c | x̂₀) and log p(c | x_t) differ by a
    constant, so guidance is exact and each pixel's mean moves by scale·σ²·h."""
    sharpness, scale = 64.0, 1.5
    made = gaussian(Brightness(sharpness, offset=-40.0), exclusive=False, scaling_factor=scaling_factor)
    conditions = BRIGHT.expand(64, -1)
    steps = {"sampler": sampler, "num_inference_steps": 500}
    plain = draw(made, conditions, **steps)
    moved = draw(made, conditions, **steps, guide_scale=scale) - plain
    h = sharpness / 64  # of each of the 64 pixels
    torch.testing.assert_close(
        moved, torch.full_like(moved, scale * (DEVIATION / scaling_factor) ** 2 * h), rtol=0.03, atol=0
    )


@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_guide_likes_guided_pictures_better_and_more_so_at_a_larger_scale(sampler, exclusive, guidance_scale):
    made = gaussian(Brightness(), exclusive=exclusive)
    conditions = torch.eye(2).repeat(16, 1)

    def liking(scale):
        pictures = draw(made, conditions, sampler=sampler, guidance_scale=guidance_scale, guide_scale=scale)
        return float(log_likelihood(made.guide(pictures), conditions, exclusive=exclusive).mean())

    assert liking(0.0) < liking(20.0) < liking(60.0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_scale_zero_is_the_plain_sampler_bit_for_bit(sampler):
    guide = Brightness()
    guide.forward = None  # must not be called
    with_guide, without = learner(guide), learner(None)
    without.network.load_state_dict(with_guide.network.state_dict())
    conditions = torch.eye(2)
    settings = {"sampler": sampler, "guidance_scale": 2.0, "num_inference_steps": 5}
    assert torch.equal(draw(with_guide, conditions, guide_scale=0.0, **settings), draw(without, conditions, **settings))


def test_it_works_with_a_real_network_under_no_grad_and_leaves_no_gradients():
    made = learner(Brightness(200.0))
    conditions = torch.eye(2).repeat(2, 1)
    settings = {"clip_sample": True, "guidance_scale": 2.0, "num_inference_steps": 10}
    plain, guided = draw(made, conditions, **settings), draw(made, conditions, guide_scale=3.0, **settings)
    assert not guided.requires_grad
    assert not any(parameter.grad is not None for parameter in made.network.parameters())
    change = (guided - plain).mean(dim=(1, 2, 3))
    assert (change[0::2] < 0).all()
    assert (change[1::2] > 0).all()


def test_pictures_of_a_batch_are_guided_each_on_its_own():
    made = learner(Brightness(50.0))
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    conditions = torch.eye(2)[[0, 1, 1]]
    config = DDPMSampleConfig(guide_scale=2.0)
    with torch.no_grad():
        together = made.predict(x, 300, conditions, config)
        alone = [made.predict(x[i : i + 1], 300, conditions[i : i + 1], config) for i in range(3)]
    for index, name in enumerate(("clean", "noise")):
        torch.testing.assert_close(together[index], torch.cat([getattr(e, name) for e in alone]), atol=1e-5, rtol=1e-4)


def test_estimates_of_picture_and_noise_still_make_up_x_t():
    made = learner(Brightness(50.0))
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        clean, noise = made.predict(x, 400, torch.eye(2), DDPMSampleConfig(guide_scale=5.0, clip_sample=False))
    alpha_bar = made.process.alpha_bar(400)
    torch.testing.assert_close(alpha_bar**0.5 * clean + (1 - alpha_bar) ** 0.5 * noise, x, atol=1e-5, rtol=1e-5)


def test_the_guide_is_asked_only_within_the_guidance_interval_and_where_there_is_signal():
    made = gaussian(Brightness())
    asked = []
    made.guide.register_forward_hook(lambda *call: asked.append(len(call[-1])))
    settings = {"sampler": "ddim", "num_inference_steps": 10, "timestep_spacing": "trailing"}
    draw(made, BRIGHT, guide_scale=1.0, guidance_interval=(0.25, 0.65), **settings)
    assert len(asked) == 4  # t = 299, 399, 499, 599 of 1000
    asked.clear()
    draw(made, BRIGHT, guide_scale=1.0, **settings)
    assert len(asked) == 9  # not at t = 999, where √ᾱ is 5e-5


def test_log_likelihood_is_the_softmax_of_classes_and_the_sum_over_objects():
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
    classes = torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    expected = torch.stack([logits[0].softmax(0)[0].log(), torch.tensor(0.0)])
    torch.testing.assert_close(log_likelihood(logits, classes, exclusive=True), expected)
    sets = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    present = logits[0].sigmoid()
    expected = torch.stack([(present[0] * (1 - present[1]) * present[2]).log(), torch.tensor(0.0)])
    torch.testing.assert_close(log_likelihood(logits, sets, exclusive=False), expected)


@pytest.mark.parametrize("family", [DDPM(), DDIM()])
def test_the_guide_is_needed_for_sampling_with_it_only(family):
    assert family.needs_guide(family.SampleConfig(guide_scale=0.5))
    assert not family.needs_guide(family.SampleConfig())
    assert not family.needs_guide(family.TrainConfig())
    guide = Brightness()
    data = DataInfo("toy", 8, 1, ("dark", "bright"), True, 64)
    made = family.learner(family.TrainConfig(size="xs", patch_size=2), data, guide=guide)
    assert made.guide is guide
    assert guide not in made.networks.values()


def test_guiding_without_a_guide_is_one_clear_error():
    with pytest.raises(ConfigError, match="guide_scale needs the guide"):
        draw(learner(None), BRIGHT, guide_scale=1.0)
