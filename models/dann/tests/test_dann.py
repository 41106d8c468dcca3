"""Gradient reversal, schedules, networks and learners."""

import math

import numpy as np
import pytest
import torch
from genbench_dann import CDAN, DANN, SourceOnly, TargetOnly
from genbench_dann.augmentation import random_shift, random_zoom
from genbench_dann.config import AdversarialConfig, CDANConfig, SupervisedConfig
from genbench_dann.information import mutual_information
from genbench_dann.learner import CDANLearner, DANNLearner, SupervisedLearner
from genbench_dann.networks import EXTRACTORS, DomainBatchNorm, Standardize, build_extractor, feature_size, set_domains
from genbench_dann.reversal import reverse_gradient
from genbench_dann.schedules import adaptation_factor, learning_rate_factor
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.api import AdaptationBatch, ConfigError, DataInfo, Diverged

INFO = DataInfo("a:b", 16, 3, tuple("0123456789"), True, 100)
SMALL = {"width": 4, "batch_size": 16, "classifier_hidden": (16,)}


def batch(seed: int = 0, n: int = 16, gap: float = 0.8) -> AdaptationBatch:
    """Two domains that differ in brightness; classes differ in where a bright column stands."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (n,), generator=generator)
    images = torch.randn(2 * n, 3, 16, 16, generator=generator) * 0.1
    for k, label in enumerate(labels):
        images[k, :, :, label + 3] += 1.0
        images[n + k, :, :, labels[-1 - k] + 3] += 1.0
    images[n:] -= gap
    return AdaptationBatch(images[:n], labels, images[n:])


# ------------------------------------------------------------------------------------------------------------ reversal


def test_reversal_is_the_identity_forward_and_minus_lambda_backward():
    x = torch.randn(4, 3, requires_grad=True)
    y = reverse_gradient(x, 0.7)
    assert torch.equal(y, x)
    g = torch.randn(4, 3)
    y.backward(g)
    assert torch.equal(x.grad, -0.7 * g)


def test_no_gradient_passes_at_lambda_zero():
    x = torch.randn(5, requires_grad=True)
    reverse_gradient(x, 0.0).square().sum().backward()
    assert torch.equal(x.grad, torch.zeros(5))


def test_second_order_is_right():
    """d/dx of (-λ·∂f(R x)/∂x): for f = Σ x³, the first gradient is -3λx² and its own is -6λx, reversed once more."""
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    (first,) = torch.autograd.grad(reverse_gradient(x, 0.5).pow(3).sum(), x, create_graph=True)
    assert torch.allclose(first, -0.5 * 3 * x**2)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.allclose(second, -0.5 * -0.5 * 6 * x)


# ----------------------------------------------------------------------------------------------------------- schedules


def test_lambda_starts_at_zero_and_rises_to_its_maximum():
    assert adaptation_factor(0.0) == 0.0
    assert adaptation_factor(1.0) == pytest.approx(2 / (1 + math.exp(-10)) - 1)
    assert adaptation_factor(1.0, gamma=1e3, maximum=0.3) == pytest.approx(0.3)
    assert adaptation_factor(0.1) == pytest.approx(math.tanh(0.5))  # 2/(1+e^{-x}) - 1 = tanh(x/2)
    rising = [adaptation_factor(p) for p in np.linspace(0, 1, 50)]
    assert rising == sorted(rising)


def test_the_learning_rate_starts_at_mu0_and_falls():
    assert learning_rate_factor(0.0) == 1.0
    assert learning_rate_factor(1.0) == pytest.approx(11**-0.75)
    assert learning_rate_factor(0.3, alpha=0.0) == 1.0


# ------------------------------------------------------------------------------------------------------------ networks


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
@pytest.mark.parametrize("normalize", ["none", "batch", "domain", "instance"])
@pytest.mark.parametrize(("resolution", "channels"), [(16, 3), (28, 1), (28, 3), (32, 3)])
def test_extractors_take_every_size(name: str, normalize: str, resolution: int, channels: int):
    network = build_extractor(name, channels, resolution, width=4, normalize=normalize)
    features = network(torch.randn(2, channels, resolution, resolution))
    assert features.shape == (2, feature_size(network, channels, resolution))


def test_lenet_has_the_papers_feature_size():
    for resolution, expected in ((16, 48 * 16), (28, 48 * 16), (32, 48 * 25)):
        network = build_extractor("lenet", 3, resolution, width=32, normalize="none")
        assert feature_size(network, 3, resolution) == expected


@pytest.mark.parametrize("normalize", ["none", "batch", "domain", "instance"])
def test_a_bottleneck_sets_the_number_of_features(normalize: str):
    network = build_extractor("lenet", 3, 28, width=4, normalize=normalize, standardize=True, bottleneck=7)
    assert feature_size(network, 3, 28) == 7
    assert network(torch.randn(6, 3, 28, 28)).shape == (6, 7)
    normalized = [type(module).__name__ for module in network if "1d" in type(module).__name__]
    assert normalized == (["BatchNorm1d"] if normalize == "batch" else [])


def test_small_pictures_are_refused():
    with pytest.raises(ConfigError, match="at least 16×16"):
        build_extractor("lenet", 1, 8, width=4, normalize="none")


def test_standardize_ignores_brightness_and_contrast():
    images = torch.randn(3, 3, 16, 16)
    standard = Standardize()(images)
    assert torch.allclose(standard.mean((1, 2, 3)), torch.zeros(3), atol=1e-6)
    assert torch.allclose(Standardize()(5 * images + 2), standard, atol=1e-3)
    assert Standardize()(torch.ones(1, 3, 4, 4)).abs().max() == 0


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
def test_to_absolute_values_an_inverted_picture_is_the_same(name: str):
    images = torch.rand(4, 3, 28, 28)
    for rectify, same in (("abs", True), ("relu", False)):
        network = build_extractor(
            name, 3, 28, width=4, normalize="instance", rectify=rectify, standardize=True, bottleneck=8
        )
        assert torch.allclose(network(1 - images), network(images), atol=1e-4) == same


def test_shifted_pictures_are_windows_of_the_padded_one():
    torch.manual_seed(0)
    image = torch.rand(1, 1, 6, 6)
    padded = nn.functional.pad(image, (2, 2, 2, 2), mode="replicate")[0, 0]
    windows = {padded[y : y + 6, x : x + 6].numpy().tobytes() for y in range(5) for x in range(5)}
    shifted = random_shift(image.expand(300, 1, 6, 6), 2)
    assert {picture[0].contiguous().numpy().tobytes() for picture in shifted} == windows


def test_zoomed_pictures_are_scaled_about_their_centre_within_limits():
    torch.manual_seed(0)
    image = torch.zeros(1, 1, 28, 28)
    image[..., 9:19, 9:19] = 1.0
    areas = random_zoom(image.expand(400, 1, 28, 28), 0.5).sum((1, 2, 3))
    assert 100 / 1.5**2 * 0.95 < areas.min() < 55
    assert 190 < areas.max() < 100 * 1.5**2 * 1.05
    centred = random_zoom(image.expand(20, 1, 28, 28), 0.5)
    assert torch.allclose(centred, centred.flip(2, 3), atol=1e-5)
    assert torch.allclose(random_zoom(image, 0.0), image, atol=1e-5)


def test_each_domain_is_normalised_by_its_own_statistics_and_the_last_ones_are_kept():
    torch.manual_seed(0)
    layer = DomainBatchNorm(3)
    set_domains(nn.Sequential(layer), 2)
    source, target = torch.randn(64, 3, 4, 4) * 3 + 5, torch.randn(64, 3, 4, 4) - 2
    mixed = layer(torch.cat([source, target]))
    for half in mixed.chunk(2):
        assert torch.allclose(half.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
        assert torch.allclose(half.var((0, 2, 3)), torch.ones(3), atol=1e-2)
    reference = nn.BatchNorm2d(3)
    assert torch.allclose(mixed[64:], reference(target))
    assert torch.equal(layer.running_mean, reference.running_mean)
    assert torch.equal(layer.running_var, reference.running_var)
    assert torch.allclose(layer.eval()(target), reference.eval()(target))


def test_with_one_domain_it_is_batch_normalisation():
    layer, reference = DomainBatchNorm(3), nn.BatchNorm2d(3)
    images = torch.randn(8, 3, 4, 4)
    assert torch.equal(layer(images), reference(images))
    assert torch.equal(layer.running_mean, reference.running_mean)


# ------------------------------------------------------------------------------------------------------------ learners


def test_the_batch_has_no_target_labels():
    assert set(AdaptationBatch.__dataclass_fields__) == {"source_images", "source_labels", "target_images"}


def test_source_only_never_looks_at_the_target():
    class Untouchable:
        def __getattr__(self, name: str) -> Tensor:
            raise AssertionError(f"source-only touched target_images.{name}")

    learner = SupervisedLearner(SupervisedConfig(**SMALL), INFO)
    seen = batch()
    blind = AdaptationBatch(seen.source_images, seen.source_labels, Untouchable())  # type: ignore[arg-type]
    assert learner.step(blind, 0.0)["loss_class"] > 0


def test_three_groups_with_rates_of_their_own():
    config = AdversarialConfig(**SMALL, learning_rate=0.01, domain_learning_rate=0.03)
    learner = DANNLearner(config, INFO)
    scalars = learner.step(batch(), 0.5)
    rates = [group["lr"] for group in learner.optimizer.param_groups]
    assert rates == pytest.approx([0.01 * 6**-0.75, 0.01 * 6**-0.75, 0.03 * 6**-0.75])
    assert scalars["lr"] == pytest.approx(rates[0])
    assert scalars["lambda"] == pytest.approx(adaptation_factor(0.5))
    parameters = [{id(p) for p in group["params"]} for group in learner.optimizer.param_groups]
    assert parameters == [{id(p) for p in network.parameters()} for network in learner.networks.values()]


@pytest.mark.parametrize(("kind", "config"), [(DANNLearner, AdversarialConfig), (CDANLearner, CDANConfig)])
def test_the_extractor_gets_minus_lambda_times_the_domain_gradient(kind: type, config: type):
    """∂L/∂θ_f at λ, less the same at 0, is -λ·∂L_d/∂θ_f; the domain classifier's own gradient does not depend on λ."""
    torch.manual_seed(0)
    learner = kind(config(**SMALL), INFO)
    data = batch()

    def gradients(strength: float) -> tuple[Tensor, Tensor]:
        source, target = learner.extractor(data.source_images), learner.extractor(data.target_images)
        loss, _ = learner._domain_loss(source, target, learner.classifier(source), strength)
        parts = (learner.extractor.parameters(), learner.domain.parameters())
        ours, theirs = (torch.autograd.grad(loss, list(p), retain_graph=True) for p in parts)
        return torch.cat([g.flatten() for g in ours]), torch.cat([g.flatten() for g in theirs])

    # With λ = -1 two reversals cancel: the plain gradient.
    (plain, domain), (reversed_, same), (silent, _) = gradients(-1.0), gradients(0.3), gradients(0.0)
    assert plain.abs().max() > 0
    assert torch.allclose(reversed_, -0.3 * plain, atol=1e-8)
    assert silent.abs().max() == 0
    assert torch.equal(domain, same)


def train(learner: DANNLearner, steps: int, progress: float, gap: float = 0.4) -> list[float]:
    return [float(learner.step(batch(k, n=32, gap=gap), progress)["domain_accuracy"]) for k in range(steps)]


def alive(strength: float = 1.0, **settings: object) -> DANNLearner:
    torch.manual_seed(0)
    config = {**SMALL, "learning_rate": 0.01, "mu_alpha": 0.0, "domain_hidden": (16,), "lambda_max": strength}
    return DANNLearner(AdversarialConfig(**(config | settings)), INFO)


def test_the_domain_classifier_learns_when_nobody_hears_it_and_is_confused_when_heard():
    learner, heard = alive(0.0), alive(1.0)
    alone, against = (train(one, 350, 1.0) for one in (learner, heard))
    assert np.mean(alone[:50]) < 0.6 < 0.95 < np.mean(alone[-50:])
    assert np.mean(against[-50:]) < 0.65 < np.max(np.convolve(against, np.ones(50) / 50, "valid"))
    assert learner.health.steps == heard.health.steps == 350  # neither was taken for dead


class SaysTheSame(nn.Module):
    """A softmax over one logit: 1 for every picture."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        return self.network(features).softmax(1)


def test_a_softmax_over_one_logit_fails_the_run_in_words():
    learner = alive()
    learner.domain = SaysTheSame(learner.domain)
    with pytest.raises(Diverged, match="domain classifier is dead: at step 50 it gives every picture the same score"):
        train(learner, 60, 0.5)


def heard_by_nobody(x: Tensor, strength: float) -> Tensor:
    return x.detach()


def not_reversed(x: Tensor, strength: float) -> Tensor:
    return x * 1.0


def always_the_same_strength(x: Tensor, strength: float) -> Tensor:
    return reverse_gradient(x, 0.0)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (heard_by_nobody, "dead: at step 50 no gradient leaves it"),
        (always_the_same_strength, "not heard .* at step 50 λ is 0.987, but the features get -?0 times"),
        (not_reversed, "not heard .* at step 50 λ is 0.987, but the features get -1 times"),
    ],
)
@pytest.mark.parametrize(("kind", "config"), [(DANNLearner, AdversarialConfig), (CDANLearner, CDANConfig)])
def test_a_lambda_that_never_arrives_fails_the_run_in_words(
    broken: object, words: str, kind: type, config: type, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("genbench_dann.learner.reverse_gradient", broken)
    learner = kind(config(**SMALL), INFO)
    with pytest.raises(Diverged, match=words):
        train(learner, 60, 0.5)


def test_a_domain_classifier_outside_the_loss_fails_the_run_in_words():
    learner = alive()
    loss = learner._domain_loss
    learner._domain_loss = lambda *args: (loss(*args)[0].detach(), loss(*args)[1])  # type: ignore[method-assign]
    with pytest.raises(Diverged, match="dead: at step 50 no gradient leaves it"):
        train(learner, 60, 0.5)


def test_a_domain_classifier_that_never_leaves_chance_fails_the_run_in_words():
    """Its weights do not move, and its first guesses are as good for one domain as for the other."""
    learner = alive(domain_learning_rate=1e-30)
    with pytest.raises(Diverged, match=r"dead: in 300 steps with λ up to 0\.25 it never told source from"):
        train(learner, 301, 0.0, gap=0.0)


def test_chance_is_success_while_the_domain_classifier_is_heard():
    train(alive(domain_learning_rate=1e-30), 301, 0.5, gap=0.0)


def test_numbers_that_are_no_longer_finite_are_not_called_a_dead_domain_classifier():
    """They have other causes, and training itself names the step at which the loss stopped being finite."""
    learner = alive()
    learner.health.steps = 49
    learner.health.look(torch.full((8,), math.nan), torch.ones(8), 0.5)
    assert learner.health.steps == 50


@pytest.mark.parametrize("settings", [{"domain_hidden": (-3,)}, {"classifier_hidden": (0,)}])
def test_layers_without_features_are_refused(settings: dict[str, tuple[int, ...]]):
    with pytest.raises(ValidationError, match="greater than 0"):
        AdversarialConfig(**settings)


def test_health_survives_an_interruption():
    learner, resumed = alive(), alive()
    train(learner, 70, 0.2)
    resumed.load_extra_state(learner.extra_state())
    for key, value in learner.extra_state().items():
        assert torch.equal(resumed.extra_state()[key], value)
    assert resumed.health.steps == 70


def test_entropy_weights_have_mean_one_in_each_domain_and_prefer_the_sure():
    learner = CDANLearner(CDANConfig(**SMALL), INFO)
    sure, unsure = torch.eye(10)[:1], torch.full((1, 10), 0.1)
    weights = learner._weights(torch.cat([sure, unsure, sure, sure]), 2)
    assert weights is not None
    assert weights[:2].mean() == pytest.approx(1.0)
    assert weights[2:].tolist() == pytest.approx([1.0, 1.0])
    assert float(weights[0] / weights[1]) == pytest.approx(2.0 / 1.1, rel=1e-4)


# ------------------------------------------------------------------------------------------- the target's information


def test_information_is_the_mean_divergence_from_the_mean_prediction():
    """I = mean KL(p_i, mean p): at least 0, at most the logarithm of the number of classes, and blind to order."""
    logits = 3 * torch.randn(64, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = logits.softmax(1)
    divergence = (p * (p / p.mean(0)).log()).sum(1).mean()
    found = mutual_information(logits)
    assert found.item() == pytest.approx(divergence.item(), abs=1e-12)
    assert 0 < found < math.log(10)
    assert mutual_information(logits[torch.randperm(64)][:, torch.randperm(10)]).item() == pytest.approx(found.item())


def test_information_has_its_ends_where_predictions_say_nothing_and_where_they_say_all():
    certain = 200 * torch.eye(10)
    assert mutual_information(certain).item() == pytest.approx(math.log(10))
    assert mutual_information(certain[:1].repeat(20, 1)).item() == pytest.approx(0, abs=1e-6), "all in one class"
    assert mutual_information(torch.zeros(20, 10)).item() == pytest.approx(0, abs=1e-6), "all undecided"


def test_certain_predictions_have_finite_gradients():
    logits = torch.tensor([[1e4, 0.0, -1e4], [1e4, 0.0, 0.0]], requires_grad=True)
    mutual_information(logits).backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


@pytest.mark.parametrize(("kind", "config"), [(DANNLearner, AdversarialConfig), (CDANLearner, CDANConfig)])
def test_a_step_descends_cross_entropy_of_the_source_less_weighted_information_of_the_target(kind: type, config: type):
    learner = kind(config(**SMALL, target_information=0.7), INFO)
    given, progress = batch(), 0.1
    loss = F.cross_entropy(learner.classify(given.source_images), given.source_labels)
    weight = adaptation_factor(progress, maximum=0.7)
    loss = loss - weight * mutual_information(learner.classify(given.target_images))
    parameters = list(learner.classifier.parameters())  # the domain classifier's loss does not reach these
    expected = torch.autograd.grad(loss, parameters)
    scalars = learner.step(given, progress)
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-7)
    assert 0 < weight < 0.7
    assert "target_information" in scalars


@pytest.mark.parametrize("family", [DANN, CDAN])
def test_tables_say_where_the_targets_information_is_trained_for(family: type):
    plain, informed = family.TrainConfig(), family.TrainConfig(target_information=0.5)
    assert list(family().remarks(plain)) == []
    (said,) = family().remarks(informed)
    assert "mutual information" in said
    assert "0.5" in said


def test_the_weight_of_information_rises_from_zero_as_lambda_does():
    """At progress 0 a step is the same with and without it; later it is not."""

    def after(weight: float, progress: float) -> Tensor:
        torch.manual_seed(0)
        learner = DANNLearner(AdversarialConfig(**SMALL, target_information=weight), INFO)
        learner.step(batch(), progress)
        return torch.cat([p.detach().flatten() for p in learner.classifier.parameters()])

    assert torch.equal(after(1.0, 0.0), after(0.0, 0.0))
    assert not torch.equal(after(1.0, 0.5), after(0.0, 0.5))


@pytest.mark.parametrize("family", [SourceOnly, TargetOnly, DANN, CDAN])
def test_families_are_complete(family: type):
    made = family()
    assert {"smoke", "quick", "standard"} <= set(made.presets)
    for preset in made.presets.values():
        for resolution in (16, 28, 32):
            larger = preset.at.get(28, {}).get("train", {}) if resolution >= 28 else {}
            config = made.TrainConfig(**{**preset.train, **larger})
            info = DataInfo("a:b", resolution, 3, tuple("0123456789"), True, 100)
            learner = made.learner(config, info)
            for network in learner.networks.values():
                network.eval()
            images = torch.zeros(2, 3, resolution, resolution)
            assert learner.classify(images).shape == (2, 10)
            assert learner.features(images).ndim == 2
    assert getattr(made, "oracle", False) is (family is TargetOnly)


def test_every_parameter_gets_a_gradient():
    for kind, config in ((DANNLearner, AdversarialConfig), (CDANLearner, CDANConfig)):
        learner = kind(config(**SMALL), INFO)
        learner.step(batch(), 0.5)
        for network in learner.networks.values():
            assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_a_batch_of_one_cannot_be_normalised():
    with pytest.raises(ConfigError, match=r"train\.batch_size is 1"):
        SourceOnly().learner(SupervisedConfig(batch_size=1, bottleneck=8, normalize="batch"), INFO)
    SourceOnly().learner(SupervisedConfig(batch_size=1, bottleneck=8), INFO)


def test_sets_of_objects_are_refused():
    with pytest.raises(ConfigError, match="class labels"):
        SourceOnly().learner(SupervisedConfig(), DataInfo("a:b", 16, 3, ("x", "y"), False, 10))


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_families_of_a_comparison_differ_in_what_adaptation_adds_alone(preset: str):
    """Network, normalisation, augmentation, optimiser, average and budget are the same, at every size."""
    added = set(CDANConfig.model_fields) - set(SupervisedConfig.model_fields)
    for at in (0, 28):
        found = []
        for family in (SourceOnly, DANN, CDAN, TargetOnly):
            made = family.presets[preset]
            larger = made.at[at] if at else {}
            train = {**made.train, **larger.get("train", {})}
            found.append((larger.get("budget", made.budget), {k: v for k, v in train.items() if k not in added}))
        assert all(settings == found[0] for settings in found)


def test_recipe_e3_has_the_reports_numbers():
    recipes = [SourceOnly.presets["e3-source"], DANN.presets["e3"], TargetOnly.presets["e3-target"]]
    table = {
        "mnist-m:svhn": [0.3125, 0.44313, 0.918],
        "mnist-m:usps": [0.6827, 0.8495, 0.972],
        "mnist:mnist-m": [0.5225, 0.7666, 0.9596],
    }
    for dataset, numbers in table.items():
        found = [next(r.value for r in recipe.references if r.dataset == dataset) for recipe in recipes]
        assert found == numbers
    for recipe in recipes:
        assert (recipe.budget, recipe.train, recipe.dataset) == ("100epochs", {"batch_size": 256}, "mnist-m:usps")
        config = AdversarialConfig(**recipe.train)
        assert (config.optimizer, config.momentum, config.mu_alpha, config.mu_beta) == ("sgd", 0.9, 10.0, 0.75)
        assert (config.gamma, config.lambda_max) == (10.0, 1.0)
