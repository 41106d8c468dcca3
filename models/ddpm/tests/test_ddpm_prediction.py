"""ε, v and x₀ say the same thing; loss weights are the paper's."""

import pytest
import torch
from genbench_ddpm.prediction import add_noise, estimate, loss_weight, target
from genbench_ddpm.schedules import NoiseProcess

KINDS = ("epsilon", "v_prediction", "sample")


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(6, 3, 4, 4, generator=generator, dtype=torch.float64) * 2 - 1
    noise = torch.randn(6, 3, 4, 4, generator=generator, dtype=torch.float64)
    process = NoiseProcess.build("linear", 1000)
    a, s = (part.double() for part in process.signal_and_noise(torch.tensor([0, 10, 200, 500, 900, 999])))
    return clean, noise, a, s


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_network_gives_back_the_picture_and_the_noise(kind, noisy):
    clean, noise, a, s = noisy
    x = add_noise(clean, noise, a, s)
    found = estimate(kind, target(kind, clean, noise, a, s), x, a, s)
    torch.testing.assert_close(found.clean, clean, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.noise, noise, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_any_estimate_recomposes_the_noisy_picture(kind, noisy):
    clean, noise, a, s = noisy
    x = add_noise(clean, noise, a, s)
    found = estimate(kind, torch.randn_like(x), x, a, s)
    torch.testing.assert_close(add_noise(found.clean, found.noise, a, s), x)


@pytest.mark.parametrize("kind", KINDS)
def test_min_snr_weighs_the_error_of_the_clean_picture(kind, noisy):
    clean, noise, a, s = noisy
    x, gamma = add_noise(clean, noise, a, s), 5.0
    true = target(kind, clean, noise, a, s)
    output = true + 0.1 * torch.randn_like(true)
    weighted = loss_weight(kind, "min-snr", a, s, gamma=gamma) * (output - true).square()
    error = estimate(kind, output, x, a, s).clean - clean
    expected = (a / s).square().clamp(max=gamma) * error.square()
    torch.testing.assert_close(weighted, expected, rtol=1e-3, atol=1e-9)


def test_min_snr_has_a_weight_where_float32_holds_no_signal():
    a, s = torch.tensor([0.0, 1e-30]), torch.ones(2)
    assert loss_weight("epsilon", "min-snr", a, s, gamma=5.0).tolist() == [1, 1]


def test_uniform_weights_are_one(noisy):
    _, _, a, s = noisy
    assert (loss_weight("epsilon", "uniform", a, s, gamma=5) == 1).all()
