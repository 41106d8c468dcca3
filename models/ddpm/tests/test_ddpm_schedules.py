"""Noise schedules against diffusers' schedulers, and the laws of the forward process."""

import pytest
import torch
from diffusers import DDPMScheduler
from genbench_ddpm.schedules import SCHEDULES, NoiseProcess, rescale_to_zero_terminal_snr

from genbench.api import ConfigError

DIFFUSERS_NAMES = {
    "linear": "linear",
    "scaled-linear": "scaled_linear",
    "squared-cosine": "squaredcos_cap_v2",
    "sigmoid": "sigmoid",
}
LENGTHS = (50, 300, 1000, 1200)


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_betas_and_alpha_bars_equal_diffusers(name, steps):
    theirs = DDPMScheduler(steps, 1e-4, 0.02, DIFFUSERS_NAMES[name])
    betas = SCHEDULES[name](1e-4, 0.02).betas(steps)
    torch.testing.assert_close(betas.float(), theirs.betas, atol=1e-6, rtol=0)
    ours = NoiseProcess.build(name, steps)
    torch.testing.assert_close(ours.alpha_bars.float(), theirs.alphas_cumprod, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", SCHEDULES)
def test_zero_terminal_snr_equals_diffusers_and_ends_in_pure_noise(name):
    theirs = DDPMScheduler(400, 1e-4, 0.02, DIFFUSERS_NAMES[name], rescale_betas_zero_snr=True)
    betas = rescale_to_zero_terminal_snr(SCHEDULES[name](1e-4, 0.02).betas(400))
    torch.testing.assert_close((1 - betas).cumprod(0).float(), theirs.alphas_cumprod, atol=1e-6, rtol=0)
    torch.testing.assert_close(betas.float(), theirs.betas, atol=1e-5, rtol=0)  # theirs divide in float32
    plain = NoiseProcess.build(name, 400)
    rescaled = NoiseProcess.build(name, 400, zero_terminal_snr=True)
    assert rescaled.alpha_bar(399) == 0
    assert rescaled.alpha_bar(0) == pytest.approx(plain.alpha_bar(0), abs=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
def test_noise_only_grows_and_variance_is_preserved(name):
    process = NoiseProcess.build(name, 300)
    assert (process.alpha_bars.diff() < 0).all()
    a, s = process.signal_and_noise(torch.arange(300))
    torch.testing.assert_close(a.square() + s.square(), torch.ones(300, 1, 1, 1))
    assert process.alpha_bar(-1) == 1


def test_marginal_equals_the_chain_of_single_steps():
    """q(x_t | x_0) in one jump has the mean and variance of t steps of q(x_s | x_{s-1})."""
    betas = SCHEDULES["linear"](1e-4, 0.02).betas(200)
    mean, variance = 1.0, 0.0
    for beta in betas.tolist():
        mean, variance = mean * (1 - beta) ** 0.5, variance * (1 - beta) + beta
    alpha_bar = NoiseProcess.build("linear", 200).alpha_bar(199)
    assert mean == pytest.approx(alpha_bar**0.5, rel=1e-5)
    assert variance == pytest.approx(1 - alpha_bar, rel=1e-5)


def test_impossible_variances_are_one_clear_error():
    with pytest.raises(ConfigError, match="beta_end"):
        NoiseProcess.build("linear", 10, beta_start=0.5, beta_end=1.5)


@pytest.mark.parametrize("zero_terminal_snr", [False, True])
def test_a_schedule_whose_signal_underflows_is_one_clear_error(zero_terminal_snr):
    with pytest.raises(ConfigError, match=r"100000 timesteps.*use fewer timesteps"):
        NoiseProcess.build("linear", 100_000, zero_terminal_snr=zero_terminal_snr)
