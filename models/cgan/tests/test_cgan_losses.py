"""Adversarial losses against their formulas, and R1 against a critic whose gradient is known."""

from __future__ import annotations

import pytest
import torch
from genbench_cgan.config import CGANTrainConfig
from genbench_cgan.losses import ADVERSARIAL, r1_penalty
from torch.nn import functional as F

REAL, FAKE = torch.tensor([2.0, -0.5, 0.3]), torch.tensor([-1.5, 0.7, -3.0])


def test_cross_entropy_is_pytorchs_on_the_sigmoid() -> None:
    ones, zeros = torch.ones(3), torch.zeros(3)
    by_hand = F.binary_cross_entropy(REAL.sigmoid(), ones) + F.binary_cross_entropy(FAKE.sigmoid(), zeros)
    for name in ("non-saturating", "minimax"):
        torch.testing.assert_close(ADVERSARIAL[name].discriminator(REAL, FAKE), by_hand)
    torch.testing.assert_close(
        ADVERSARIAL["non-saturating"].generator(FAKE), F.binary_cross_entropy(FAKE.sigmoid(), ones)
    )
    torch.testing.assert_close(ADVERSARIAL["minimax"].generator(FAKE), -F.binary_cross_entropy(FAKE.sigmoid(), zeros))


def test_hinge_by_hand() -> None:
    assert ADVERSARIAL["hinge"].discriminator(REAL, FAKE).item() == pytest.approx((1.5 + 0.7) / 3 + 1.7 / 3)
    assert ADVERSARIAL["hinge"].generator(FAKE).item() == pytest.approx(3.8 / 3)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_players_pull_in_opposite_directions(name: str) -> None:
    logits = torch.zeros(3, requires_grad=True)
    (of_generator,) = torch.autograd.grad(ADVERSARIAL[name].generator(logits), logits)
    (of_discriminator,) = torch.autograd.grad(ADVERSARIAL[name].discriminator(REAL, logits), logits)
    assert (of_generator < 0).all()
    assert (of_discriminator > 0).all()


def test_the_minimax_generator_saturates_where_the_discriminator_is_sure() -> None:
    sure = torch.full((1,), -8.0, requires_grad=True)
    pull = {name: torch.autograd.grad(ADVERSARIAL[name].generator(sure), sure)[0].item() for name in ADVERSARIAL}
    assert abs(pull["minimax"]) < 1e-3
    assert pull["non-saturating"] == pytest.approx(-1, abs=1e-3)
    assert pull["hinge"] == -1


def test_bce_is_the_non_saturating_loss() -> None:
    assert CGANTrainConfig(loss="bce") == CGANTrainConfig(loss="non-saturating")


def test_r1_of_a_linear_critic_is_its_squared_norm() -> None:
    weight = torch.randn(2, 4, 4, requires_grad=True)
    images = torch.randn(5, 2, 4, 4, requires_grad=True)
    penalty = r1_penalty((images * weight).sum(dim=(1, 2, 3)), images)
    torch.testing.assert_close(penalty, weight.square().sum())
    (gradient,) = torch.autograd.grad(penalty, weight)  # the penalty itself can be descended: ∂‖w‖²/∂w = 2w
    torch.testing.assert_close(gradient, 2 * weight)


def test_r1_of_a_quadratic_critic_is_a_mean_over_pictures() -> None:
    images = torch.randn(5, 1, 4, 4, requires_grad=True)
    penalty = r1_penalty(images.square().sum(dim=(1, 2, 3)), images)
    torch.testing.assert_close(penalty, 4 * images.square().sum(dim=(1, 2, 3)).mean())
