"""The game: what λ does, what is logged, determinism, state, gradients, collapse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genbench_cgan import CGAN
from genbench_cgan.config import CGANTrainConfig
from genbench_cgan.learner import CGANLearner
from torch import Tensor, nn

from genbench.api import Batch, ConfigError, DataInfo, Diverged, SampleConfig

K, N = 4, 8
LOGGED = {"lambda", "loss_g", "loss_d", "loss_class", "d_real", "d_fake", "grad_norm_g", "grad_norm_d"}
OBJECTIVES = ("cgan", "acgan", "acgan-joint", "adc-gan", "projection")


class Quadrants(nn.Module):
    """Logit k is the mean of quadrant k."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images.mean(dim=1, keepdim=True), 2).flatten(1)


def info(*, exclusive: bool = True, channels: int = 1, resolution: int = 16) -> DataInfo:
    return DataInfo("toy", resolution, channels, tuple("abcd"), exclusive, 100)


def learner(data: DataInfo | None = None, **options: Any) -> CGANLearner:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"width": 4, "noise": 6, "embedding": 5, "batch_size": N} | options
    family, config = CGAN(), CGANTrainConfig(**settings)
    guide = Quadrants() if family.needs_guide(config) else None
    return family.learner(config, data or info(), guide=guide)


def batch(data: DataInfo | None = None) -> Batch:
    data = data or info()
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(N, data.channels, data.resolution, data.resolution, generator=generator) * 2 - 1
    return Batch(images, torch.eye(K)[torch.arange(N) % K])


def step(game: CGANLearner, seed: int = 7, progress: float = 0.0) -> dict[str, float]:
    torch.manual_seed(seed)
    return {name: float(value) for name, value in game.step(batch(), progress).items()}


def generator_gradient(weight: Any, **options: Any) -> tuple[Tensor, dict[str, float]]:
    """The generator's gradient in the first step, whose pictures and discriminator do not depend on λ."""
    game = learner(lambda_schedule=weight, **options)
    logged = step(game)
    return torch.cat([p.grad.flatten() for p in game.generator.parameters() if p.grad is not None]), logged


@pytest.mark.parametrize("network", ["dcgan", "resnet"])
@pytest.mark.parametrize("objective", ["acgan", "acgan-joint", "adc-gan"])
def test_lambda_reaches_the_loss(network: str, objective: str) -> None:
    options = {"network": network, "objective": objective, "adversarial_weight": 0.8}
    none, logged_none = generator_gradient(0.0, **options)
    one, logged_one = generator_gradient(1.0, **options)
    some, logged = generator_gradient(0.35, **options)
    assert (one - none).norm() > 1e-4 * none.norm()
    torch.testing.assert_close(some - none, 0.35 * (one - none), rtol=1e-3, atol=1e-6 * one.norm().item())
    assert logged_none["loss_class"] == pytest.approx(logged["loss_class"], rel=1e-5)
    assert logged["loss_g"] == pytest.approx(logged_none["loss_g"] + 0.35 * logged["loss_class"], rel=1e-5)
    assert (logged_none["lambda"], logged["lambda"], logged_one["lambda"]) == (0.0, pytest.approx(0.35), 1.0)


def test_the_classifier_gradient_is_that_of_the_guides_loss() -> None:
    from genbench.api import condition_loss

    none, _ = generator_gradient(0.0)
    one, _ = generator_gradient(1.0)
    game, data = learner(), batch()
    torch.manual_seed(7)
    fake = game.generator(torch.randn(N, 6), data.conditions)
    loss = condition_loss(Quadrants()(fake), data.conditions, exclusive=True)
    by_hand = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(game.generator.parameters()))])
    torch.testing.assert_close(one - none, by_hand, rtol=1e-3, atol=1e-6)


def test_the_logged_lambda_follows_the_schedule() -> None:
    game = learner(lambda_schedule={"kind": "linear", "initial": 0.2, "final": 0.5})
    logged = [step(game, progress=p)["lambda"] for p in (0.0, 0.5, 0.9)]
    assert logged == pytest.approx([0.2, 0.35, 0.47])


@pytest.mark.parametrize("objective", ["acgan", "acgan-joint"])
def test_adaptive_lambda_is_the_one_used(objective: str) -> None:
    options: dict[str, Any] = {"objective": objective}
    adaptive, logged = generator_gradient({"kind": "adaptive", "ratio": 0.5, "maximum": 1e6}, **options)
    fixed, _ = generator_gradient(logged["lambda"], **options)
    assert logged["lambda"] > 0
    torch.testing.assert_close(adaptive, fixed, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("network", ["dcgan", "resnet"])
@pytest.mark.parametrize("exclusive", [True, False])
def test_every_parameter_gets_a_gradient(objective: str, network: str, exclusive: bool) -> None:
    data = info(exclusive=exclusive, channels=3)
    game = learner(data, objective=objective, network=network, r1=1.0)
    logged = game.step(batch(data), 0.0)
    assert set(logged) == LOGGED
    assert all(torch.isfinite(torch.as_tensor(value)) for value in logged.values())
    assert not any(isinstance(value, Tensor) and value.requires_grad for value in logged.values())
    for network_name, module in game.networks.items():
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, (network_name, name)
            assert parameter.grad.any(), (network_name, name)


@pytest.mark.parametrize("loss", ["bce", "minimax", "hinge"])
def test_losses_are_what_is_descended(loss: str) -> None:
    game = learner(objective="projection", loss=loss)
    before = {name: [p.detach().clone() for p in m.parameters()] for name, m in game.networks.items()}
    logged = step(game)
    assert logged["lambda"] == 0
    assert logged["loss_class"] == 0
    for name, module in game.networks.items():
        assert any(not torch.equal(p, q) for p, q in zip(module.parameters(), before[name], strict=True))


def test_separate_learning_rates_and_their_decay() -> None:
    game = learner(learning_rate_g=1e-3, learning_rate_d=4e-3, decay_from=0.5)
    rates = {}
    for progress in (0.0, 0.5, 0.75):
        step(game, progress=progress)
        rates[progress] = [game.optimizers[name].param_groups[0]["lr"] for name in ("generator", "discriminator")]
    assert rates == {0.0: [1e-3, 4e-3], 0.5: [1e-3, 4e-3], 0.75: pytest.approx([5e-4, 2e-3])}


def test_r1_is_added_only_now_and_then() -> None:
    def norms(r1: float) -> list[float]:
        game = learner(r1=r1, r1_every=2, learning_rate_d=1e-12, learning_rate_g=1e-12, network="dcgan")
        return [step(game)["grad_norm_d"] for _ in range(4)]

    without, penalised = norms(0.0), norms(100.0)
    assert penalised[0] > 1.01 * without[0]
    assert penalised[2] > 1.01 * without[2]
    assert [penalised[1], penalised[3]] == pytest.approx([without[1], without[3]], rel=1e-3)


@pytest.mark.parametrize("network", ["dcgan", "resnet"])
def test_the_same_generator_gives_the_same_pictures_whatever_is_beside_them(network: str) -> None:
    game = learner(network=network)
    for seed in range(3):
        step(game, seed)
    for module in game.networks.values():
        module.eval()

    def draw(conditions: Tensor, seed: int) -> Tensor:
        with torch.no_grad():
            return game.sample(conditions, SampleConfig(), generator=torch.Generator().manual_seed(seed))

    conditions = torch.eye(K).repeat(4, 1)
    first = draw(conditions, 3)
    assert first.shape == (4 * K, 1, 16, 16)
    assert torch.equal(first, draw(conditions, 3))
    assert not torch.equal(first, draw(conditions, 4))
    conditions[0] = torch.eye(K)[2]
    torch.testing.assert_close(draw(conditions, 3)[1:], first[1:])


def test_restoring_continues_bit_for_bit() -> None:
    options: dict[str, Any] = {"r1": 1.0, "r1_every": 2}
    whole, part = learner(**options), learner(**options)
    for seed in range(3):
        step(whole, seed)
        step(part, seed)
    resumed = learner(**options)
    for name, module in part.networks.items():
        resumed.networks[name].load_state_dict(module.state_dict())
    for name, optimizer in part.optimizers.items():
        resumed.optimizers[name].load_state_dict(optimizer.state_dict())
    resumed.load_extra_state(part.extra_state())
    assert [step(whole, 3), step(whole, 4)] == [step(resumed, 3), step(resumed, 4)]
    for mine, theirs in zip(whole.generator.parameters(), resumed.generator.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def looks(game: CGANLearner, *diversities: float, progress: float = 0.5) -> None:
    for diversity in diversities:
        game.scored({"validation/fid": 10.0, "validation/diversity": diversity}, progress)


def test_a_collapsed_generator_is_reported_after_two_looks_in_a_row() -> None:
    game = learner()
    looks(game, 0.9, 0.01, 0.9, 0.01)  # each time it recovers
    resumed = learner()
    resumed.load_extra_state(game.extra_state())
    with pytest.raises(Diverged, match=r"collapsed.* 4.00% .*collapse_below = 5.00%"):
        looks(resumed, 0.04)


def test_a_slow_start_is_no_collapse() -> None:
    game = learner()
    looks(game, 0.01, 0.02, 0.03, 0.2, 0.04)
    with pytest.raises(Diverged, match="collapsed"):
        looks(game, 0.04)


@pytest.mark.parametrize("before", [(), (0.9,), (0.01, 0.01)])
def test_at_the_end_of_training_one_look_is_enough(before: tuple[float, ...]) -> None:
    game = learner()
    looks(game, *before)
    with pytest.raises(Diverged, match="collapsed"):
        looks(game, 0.01, progress=1.0)


def test_collapse_can_be_let_pass() -> None:
    game = learner(collapse_below=0.0)
    looks(game, 0.0, 0.0, 0.0, progress=1.0)
    game.scored({"validation/fid": 10.0}, 1.0)  # data in which no condition has two pictures
    assert game.low_looks == 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"25×25.*resolution"):
        learner(info(resolution=25))
    with pytest.raises(ConfigError, match="guide"):
        CGAN().learner(CGANTrainConfig(objective="acgan"), info(), guide=None)


def test_only_the_guides_loss_has_to_fall() -> None:
    assert learner(objective="acgan").monitor == "loss_class"
    assert {learner(objective=o).monitor for o in OBJECTIVES if o != "acgan"} == {None}
