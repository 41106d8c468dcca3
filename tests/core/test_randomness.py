"""Seeding torch's global generators as `torch.manual_seed` does, for less."""

import pytest
import torch

from genbench.randomness import kept_random_state, seed_generators


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**63 - 1])
def test_draws_are_those_of_torchs_own_seeding(seed):
    with kept_random_state():
        torch.manual_seed(seed)
        expected = torch.randn(5)
        torch.rand(1)
        seed_generators(seed)
        assert torch.equal(torch.randn(5), expected)


@pytest.mark.parametrize("initialised", [True, False])
def test_gpus_are_seeded_once_they_are_in_use(monkeypatch, initialised):
    seeds = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: initialised)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    with kept_random_state():
        seed_generators(7)
    assert seeds == ([7] if initialised else [])
