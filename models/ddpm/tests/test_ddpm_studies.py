"""Laws of the deterministic way back: encoding undoes decoding, interpolation keeps lengths."""

import math
from itertools import pairwise

import pytest
import torch
from genbench_ddpm.prediction import Estimate
from genbench_ddpm.samplers import timesteps
from genbench_ddpm.schedules import NoiseProcess
from genbench_ddpm.studies import decode, encode, lerp, slerp

PROCESS = NoiseProcess.build("linear", 1000)
MEAN, SPREAD = 0.3, 0.5
PICTURES = MEAN + SPREAD * torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def path(steps):
    return [*timesteps(PROCESS.steps, steps, "trailing"), -1]


def of_noise(noise, x, t):
    """The estimate that belongs to a predicted noise."""
    alpha_bar = PROCESS.alpha_bar(t)
    return Estimate((x - math.sqrt(1 - alpha_bar) * noise) / math.sqrt(alpha_bar), noise)


def gaussian(x, t):
    """The true E[ε | x_t] when pixels are independent and normal."""
    alpha_bar = PROCESS.alpha_bar(t)
    variance = alpha_bar * SPREAD**2 + 1 - alpha_bar
    return of_noise(math.sqrt(1 - alpha_bar) * (x - math.sqrt(alpha_bar) * MEAN) / variance, x, t)


def encoded_exactly(t):
    """The solution of the differential equation: each pixel keeps its quantile."""
    alpha_bar = PROCESS.alpha_bar(t)
    variance = alpha_bar * SPREAD**2 + 1 - alpha_bar
    return math.sqrt(alpha_bar) * MEAN + math.sqrt(variance) * (PICTURES - MEAN) / SPREAD


def rms(difference):
    return difference.square().mean().sqrt().item()


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_a_constant_network_is_inverted_exactly(steps):
    def constant(x, t):
        return of_noise(torch.full_like(x, 0.7), x, t)

    noise = encode(constant, PROCESS, PICTURES, path(steps))
    assert rms(noise - PICTURES) > 0.1
    torch.testing.assert_close(decode(constant, PROCESS, noise, path(steps)), PICTURES, rtol=0, atol=1e-10)


def test_the_round_trip_error_falls_at_first_order():
    errors = []
    for steps in (50, 100, 200, 400):
        noise = encode(gaussian, PROCESS, PICTURES, path(steps))
        errors.append(rms(decode(gaussian, PROCESS, noise, path(steps)) - PICTURES))
    assert errors[-1] < 0.01
    for coarse, fine in pairwise(errors):
        assert 1.7 < coarse / fine < 2.3


def test_encoding_converges_to_the_equation_s_solution():
    exact = encoded_exactly(999)
    assert abs(exact.std().item() - PICTURES.std().item() / SPREAD) < 1e-3  # noise of about unit variance
    coarse, fine = (rms(encode(gaussian, PROCESS, PICTURES, path(steps)) - exact) for steps in (100, 1000))
    assert fine < 0.005
    assert 7 < coarse / fine < 13


def test_every_step_of_the_path_is_used():
    seen = []

    def noted(x, t):
        seen.append(t)
        return gaussian(x, t)

    encode(noted, PROCESS, PICTURES, path(4))
    assert seen == [0, 249, 499, 749]


NOISES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", [slerp, lerp])
def test_interpolation_begins_and_ends_at_its_ends(kind):
    first, second = NOISES
    torch.testing.assert_close(kind(first, second, 0.0), first)
    torch.testing.assert_close(kind(first, second, 1.0), second)
    torch.testing.assert_close(kind(first, second, 0.3), kind(second, first, 0.7))


def test_slerp_keeps_the_length_and_turns_evenly():
    first, second = NOISES[0] / NOISES[0].norm(), NOISES[1] / NOISES[1].norm()
    points = [slerp(first, second, weight / 10) for weight in range(11)]
    angles = [torch.arccos((a * b).sum()).item() for a, b in pairwise(points)]
    assert all(abs(point.norm().item() - 1) < 1e-5 for point in points)
    assert max(angles) - min(angles) < 1e-4


def test_lerp_loses_length_half_way():
    length = lerp(*NOISES, 0.5).norm() / NOISES[0].norm()
    assert abs(length.item() - math.sqrt(0.5)) < 0.05


def test_slerp_of_parallel_noises_is_the_line():
    first = NOISES[0]
    torch.testing.assert_close(slerp(first, 3 * first, 0.5), 2 * first)
    assert slerp(first, first, 0.4).isfinite().all()
