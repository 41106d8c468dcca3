"""Every sampler's step against diffusers' scheduler of the same name, and the laws they keep."""

from itertools import pairwise

import diffusers.schedulers.scheduling_ddpm as diffusers_ddpm
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from genbench_ddpm.prediction import Estimate, estimate
from genbench_ddpm.samplers import DDIMSampler, DDPMSampler, DPMSolverSampler, timesteps, walk
from genbench_ddpm.schedules import NoiseProcess

SCHEDULES = {
    "linear": "linear",
    "scaled-linear": "scaled_linear",
    "squared-cosine": "squaredcos_cap_v2",
    "sigmoid": "sigmoid",
}
KINDS = ("epsilon", "v_prediction", "sample")
SHAPE = (2, 3, 4, 4)
T = 1000


def noise_settings(schedule):
    """A schedule in diffusers' words; its DDIM and DPM-Solver schedulers don't know the sigmoid by name."""
    if schedule != "sigmoid":
        return {"beta_schedule": SCHEDULES[schedule]}
    return {"trained_betas": DDPMScheduler(T, beta_schedule="sigmoid").betas.tolist()}


def no_noise():
    raise AssertionError("a deterministic step asked for noise")


def answer(process, kind, x, clean, t):
    """What a network says whose estimate of x₀ is the given picture."""
    a, s = process.alpha_bar(t) ** 0.5, (1 - process.alpha_bar(t)) ** 0.5
    return {"epsilon": (x - a * clean) / s, "v_prediction": (a * x - clean) / s, "sample": clean}[kind]


def ours(process, kind, output, x, t):
    alpha_bar = process.alpha_bar(t)
    return estimate(kind, output, x, alpha_bar**0.5, (1 - alpha_bar) ** 0.5)


@pytest.fixture
def x():
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def output():
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("count", [1000, 20])
def test_ddpm_step_equals_diffusers(schedule, variance, kind, count, spacing, x, output, monkeypatch):
    noise = torch.randn(SHAPE)
    monkeypatch.setattr(diffusers_ddpm, "randn_tensor", lambda *_, **__: noise)
    theirs = DDPMScheduler(
        T,
        beta_schedule=SCHEDULES[schedule],
        variance_type=variance,
        prediction_type=kind,
        clip_sample=False,
        timestep_spacing=spacing,
    )
    theirs.set_timesteps(count)
    theirs.alphas_cumprod = theirs.alphas_cumprod.double()  # in float32, their 1 - ᾱ_t/ᾱ_s has three digits
    process = NoiseProcess(theirs.alphas_cumprod)
    sampler = DDPMSampler(process, variance=variance)
    path = theirs.timesteps.tolist()
    assert path == timesteps(T, count, spacing)
    first = 1 if schedule == "squared-cosine" and kind == "epsilon" else 0  # as for dpm-solver++ below
    for index in (first, count // 2, count - 2, count - 1):
        t = path[index]
        s = max(int(theirs.previous_timestep(t)), -1)
        if s < 0:
            noise.zero_()  # where it leaps from t > 0 to the picture, theirs adds noise; the paper's last step has none
        expected = theirs.step(output, t, x).prev_sample.float()
        found = sampler.step(x, ours(process, kind, output, x, t), t, s, lambda: noise)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eta", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_ddim_step_equals_diffusers(schedule, eta, kind, spacing, x, output):
    theirs = DDIMScheduler(
        T, **noise_settings(schedule), prediction_type=kind, clip_sample=False, timestep_spacing=spacing
    )
    theirs.set_timesteps(50)
    process = NoiseProcess(theirs.alphas_cumprod)
    noise = torch.randn(SHAPE)
    sampler = DDIMSampler(process, eta=eta)
    for t in theirs.timesteps.tolist()[::7]:
        s = max(t - T // 50, -1)
        expected = theirs.step(output, t, x, eta=eta, variance_noise=noise).prev_sample
        found = sampler.step(x, ours(process, kind, output, x, t), t, s, lambda: noise)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("spacing", "count"), [("leading", 12), ("trailing", 12), ("linspace", 12), ("trailing", 20)])
def test_dpm_solver_equals_diffusers_at_every_step(schedule, kind, spacing, count, x):
    """With its own settings for the last steps; theirs depend on whether there are fewer than 15."""
    theirs = DPMSolverMultistepScheduler(
        T,
        **noise_settings(schedule),
        prediction_type=kind,
        solver_order=2,
        algorithm_type="dpmsolver++",
        final_sigmas_type="zero",
        timestep_spacing=spacing,
    )
    theirs.set_timesteps(count)
    process = NoiseProcess(theirs.alphas_cumprod)
    sampler = DPMSolverSampler(process)
    first = 1 if kind == "epsilon" else 0  # at ᾱ = 2e-9, x₀ = (x - s·ε)/a has no digits in float32
    path = [*theirs.timesteps.tolist(), -1][first:]
    generator = torch.Generator().manual_seed(3)
    for t, s in pairwise(path):
        clean = torch.rand(SHAPE, generator=generator) * 2 - 1
        output = answer(process, kind, x, clean, t)
        expected = theirs.step(output, t, x).prev_sample
        x = sampler.step(x, ours(process, kind, output, x, t), t, s, no_noise)
        torch.testing.assert_close(x, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(x, clean, atol=1e-5, rtol=1e-5)  # the last step lands on the estimate


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("total", [300, 1000, 1200])
@pytest.mark.parametrize("count", [1, 7, 10, 50, 300])
def test_timesteps_equal_diffusers(total, count, spacing):
    theirs = DDIMScheduler(total, timestep_spacing=spacing)
    theirs.set_timesteps(count)
    if spacing == "linspace" and count == 1:
        assert timesteps(total, 1, spacing) in ([0], [total - 1])
    else:
        assert timesteps(total, count, spacing) == theirs.timesteps.tolist()[:count]  # theirs may append a -1


def test_ddim_with_full_eta_has_the_distribution_of_small_variance_ddpm(x, output):
    process = NoiseProcess.build("linear", T)
    noise = torch.randn(SHAPE)
    found = ours(process, "epsilon", output, x, 600)
    a = DDIMSampler(process, eta=1.0).step(x, found, 600, 580, lambda: noise)
    b = DDPMSampler(process, variance="fixed_small").step(x, found, 600, 580, lambda: noise)
    torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


SAMPLERS = {
    "ddpm": DDPMSampler,
    "ddim": DDIMSampler,
    "ddim stochastic": lambda process: DDIMSampler(process, eta=1.0),
    "dpm-solver++": DPMSolverSampler,
}


@pytest.mark.parametrize("zero_terminal_snr", [False, True])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_perfect_network_leads_to_the_picture(name, zero_terminal_snr, x):
    """When x₀ is always estimated rightly, every sampler ends there from any noise; also from ᾱ = 0."""
    process = NoiseProcess.build("squared-cosine", T, zero_terminal_snr=zero_terminal_snr)
    picture = torch.rand(SHAPE) * 2 - 1

    def predict(x, t):
        alpha_bar = process.alpha_bar(t)
        return Estimate(picture, (x - alpha_bar**0.5 * picture) / (1 - alpha_bar) ** 0.5)

    path = [*timesteps(T, 20, "trailing"), -1]
    *_, end = walk(predict, SAMPLERS[name](process), x, path, lambda: torch.randn(SHAPE))
    torch.testing.assert_close(end, picture, atol=1e-5, rtol=0)


def gaussian(process, deviation):
    """The exact estimates for pictures that are N(0, deviation²)."""

    def predict(x, t):
        alpha_bar = process.alpha_bar(t)
        variance = alpha_bar * deviation**2 + 1 - alpha_bar
        return Estimate(alpha_bar**0.5 * deviation**2 / variance * x, (1 - alpha_bar) ** 0.5 / variance * x)

    return predict


@pytest.mark.parametrize("name", SAMPLERS)
def test_gaussian_data_come_out_with_their_deviation(name):
    process = NoiseProcess.build("squared-cosine", T)
    start = torch.randn(4000, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    path = [*timesteps(T, 250, "trailing"), -1]
    *_, end = walk(
        gaussian(process, 0.5),
        SAMPLERS[name](process),
        start,
        path,
        lambda: torch.randn(4000, 1, 1, 1, generator=generator),
    )
    assert float(end.std()) == pytest.approx(0.5, rel=0.04)


def test_second_order_beats_first_at_few_steps():
    process = NoiseProcess.build("squared-cosine", T)
    x = torch.linspace(-2, 2, 9).view(-1, 1, 1, 1)
    predict = gaussian(process, 0.5)

    def end(sampler, count):
        *_, last = walk(predict, sampler, x, [*timesteps(T, count, "trailing"), -1], no_noise)
        return last

    exact = end(DDIMSampler(process), 1000)
    first = (end(DDIMSampler(process), 20) - exact).abs().max()
    second = (end(DPMSolverSampler(process), 20) - exact).abs().max()
    assert second < first / 2


def test_ddim_inverts_itself():
    """Upwards encodes a picture into noise, downwards decodes it again."""
    process = NoiseProcess.build("squared-cosine", T)
    predict = gaussian(process, 0.5)
    picture = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    down = timesteps(T, 500, "leading")
    *_, noise = walk(predict, DDIMSampler(process), picture, down[::-1], no_noise)
    *_, decoded = walk(predict, DDIMSampler(process), noise, down, no_noise)
    torch.testing.assert_close(decoded, picture, atol=0.01, rtol=0)
