"""Training on labelled pictures, and adversarial adaptation to unlabelled ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.api import AdaptationBatch, AdaptationLearner, Averaging, ConfigError, DataInfo
from genbench_dann.augmentation import random_shift, random_zoom
from genbench_dann.config import AdversarialConfig, CDANConfig, SupervisedConfig
from genbench_dann.health import DomainHealth
from genbench_dann.information import mutual_information
from genbench_dann.networks import build_extractor, feature_size, mlp, set_domains
from genbench_dann.reversal import reverse_gradient
from genbench_dann.schedules import adaptation_factor, learning_rate_factor

__all__ = ["CDANLearner", "DANNLearner", "SupervisedLearner"]

Scalars = dict[str, Tensor | float]


class SupervisedLearner(AdaptationLearner):
    """A feature extractor and a label classifier, trained on the batch's labelled pictures alone."""

    def __init__(self, config: SupervisedConfig, data: DataInfo) -> None:
        if not data.exclusive:
            raise ConfigError(f"{data.name} has sets of objects, not class labels: adaptation needs classes")
        if config.batch_size == 1 and config.bottleneck and config.normalize in ("batch", "domain"):
            raise ConfigError("train.batch_size is 1: one picture cannot be normalised; take 2 or more")
        self.config = config
        self.extractor = build_extractor(
            config.network,
            data.channels,
            data.resolution,
            width=config.width,
            normalize=config.normalize,
            rectify=config.rectify,
            standardize=config.standardize,
            bottleneck=config.bottleneck,
        )
        self.size = feature_size(self.extractor, data.channels, data.resolution)
        self.classes = len(data.conditions)
        self.classifier: nn.Module = mlp(self.size, config.classifier_hidden, self.classes, dropout=config.dropout)
        self.networks = {"features": self.extractor, "classifier": self.classifier}
        self.optimizer = self._make_optimizer({})
        self.optimizers = {"all": self.optimizer}
        if config.ema_decay:
            self.averaging = Averaging(("features", "classifier"), config.ema_decay, config.ema_warmup)

    def step(self, batch: AdaptationBatch, progress: float) -> Mapping[str, Tensor | float]:
        """Take the cross-entropy of the labelled pictures downhill; the target's pictures are not looked at."""
        rate = self._set_learning_rate(progress)
        features = self.extractor(self._augmented(batch.source_images))
        logits = self.classifier(features)
        loss = F.cross_entropy(logits, batch.source_labels)
        self._descend(loss)
        accuracy = (logits.detach().argmax(1) == batch.source_labels).float().mean()
        return {"loss": loss.detach(), "loss_class": loss.detach(), "class_accuracy": accuracy, "lr": rate}

    def classify(self, images: Tensor) -> Tensor:
        """Class scores [N, K]."""
        scores: Tensor = self.classifier(self.extractor(images))
        return scores

    def features(self, images: Tensor) -> Tensor:
        """What the extractor makes of the pictures, [N, D]."""
        features: Tensor = self.extractor(images)
        return features

    def _augmented(self, images: Tensor) -> Tensor:
        if self.config.zoom:
            images = random_zoom(images, self.config.zoom)
        return random_shift(images, self.config.shift) if self.config.shift else images

    def _make_optimizer(self, further: Mapping[str, tuple[nn.Module, float]]) -> torch.optim.Optimizer:
        """One optimiser, one parameter group a network, each with its own μ₀."""
        config = self.config
        parts = {name: (network, config.learning_rate) for name, network in self.networks.items()} | dict(further)
        groups = [{"params": list(part.parameters()), "lr": rate, "mu0": rate} for part, rate in parts.values()]
        if config.optimizer == "adam":
            return torch.optim.Adam(groups, betas=(config.momentum, 0.999), weight_decay=config.weight_decay)
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
        )

    def _set_learning_rate(self, progress: float) -> float:
        """Set each group to μ₀·(1+αp)^-β; return the feature extractor's."""
        factor = learning_rate_factor(progress, alpha=self.config.mu_alpha, beta=self.config.mu_beta)
        for group in self.optimizer.param_groups:
            group["lr"] = group["mu0"] * factor
        return float(self.optimizer.param_groups[0]["lr"])

    def _descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


class DANNLearner(SupervisedLearner):
    """Domain-adversarial training of neural networks (Y. Ganin et al., JMLR 2016, equation 9 and algorithm 1).

    With features f, label classifier y and domain classifier d, a step descends
    CE(y(f(x_s)), labels) + ½·[BCE(d(R_λ f(x_s)), 0) + BCE(d(R_λ f(x_t)), 1)], less, where ``target_information`` is
    set, that times λ_p/λ_max times the `mutual_information` of the target's pictures and predictions.
    """

    config: AdversarialConfig
    monitor = "loss_class"  # the domain classifier's loss is fought over

    def __init__(self, config: AdversarialConfig, data: DataInfo) -> None:
        super().__init__(config, data)
        self.domain: nn.Module = mlp(self._domain_inputs(), config.domain_hidden, 1, dropout=config.dropout)
        self.optimizer = self._make_optimizer(
            {"domain": (self.domain, config.domain_learning_rate or config.learning_rate)}
        )
        self.optimizers = {"all": self.optimizer}
        self.networks = {**self.networks, "domain": self.domain}
        set_domains(self.extractor, 2)
        self.health = DomainHealth()

    def step(self, batch: AdaptationBatch, progress: float) -> Mapping[str, Tensor | float]:
        """One step of all three networks.

        Raises:
            Diverged: when the domain classifier is dead or not heard (see `DomainHealth`), so that nothing adapts.
        """
        rate = self._set_learning_rate(progress)
        strength = adaptation_factor(progress, gamma=self.config.gamma, maximum=self.config.lambda_max)
        images = torch.cat([batch.source_images, batch.target_images])
        source, target = self.extractor(self._augmented(images)).split(len(batch.source_images))
        logits = self.classifier(source)
        loss_class = F.cross_entropy(logits, batch.source_labels)
        loss_domain, scores = self._domain_loss(source, target, logits, strength)
        loss = loss_class + loss_domain
        further: dict[str, Tensor | float] = {}
        if self.config.target_information:
            weight = adaptation_factor(progress, gamma=self.config.gamma, maximum=self.config.target_information)
            information = mutual_information(self.classifier(target))
            loss = loss - weight * information
            further["target_information"] = information.detach()
        self._descend(loss)
        labels = _is_target(len(source), len(target), scores)
        self.health.look(scores, labels, strength)
        return {
            "loss": loss.detach(),
            "loss_class": loss_class.detach(),
            "loss_domain": loss_domain.detach(),
            "class_accuracy": (logits.detach().argmax(1) == batch.source_labels).float().mean(),
            "domain_accuracy": ((scores > 0) == labels.bool()).float().mean(),
            "lambda": strength,
            "lr": rate,
            **further,
        }

    def extra_state(self) -> dict[str, Tensor]:
        """What was seen of the domain classifier's health."""
        return self.health.state()

    def load_extra_state(self, state: Mapping[str, Tensor]) -> None:
        """Take it back."""
        self.health.load(state)

    def _domain_inputs(self) -> int:
        """How many numbers the domain classifier sees of a picture."""
        return self.size

    def _domain_loss(self, source: Tensor, target: Tensor, logits: Tensor, strength: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Binary cross-entropy, both domains weighing the same, and detached scores [Ns + Nt] (positive: target)."""
        scores = self._domain_scores(torch.cat([source, target]), strength)
        loss = F.binary_cross_entropy_with_logits(scores, _is_target(len(source), len(target), scores))
        return loss, scores.detach()

    def _domain_scores(self, seen: Tensor, strength: float) -> Tensor:
        """The domain classifier's scores [N] of what it sees [N, D], through gradient reversal."""
        heard = reverse_gradient(seen, strength)
        self.health.listen(seen, heard)
        scores: Tensor = self.domain(heard).squeeze(1)
        return scores


class CDANLearner(DANNLearner):
    """Conditional adversarial adaptation (M. Long et al., NeurIPS 2018, equations 4 and 8).

    The domain classifier sees the outer product of features and class probabilities, f ⊗ softmax(y(f)), so that classes
    are aligned one by one. Pictures of which the label classifier is sure weigh more.
    """

    config: CDANConfig

    def _domain_inputs(self) -> int:
        return self.size * self.classes

    def _domain_loss(self, source: Tensor, target: Tensor, logits: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        probabilities = torch.cat([logits, self.classifier(target)]).softmax(1)
        features = torch.cat([source, target])
        joint = (probabilities.detach()[:, :, None] * features[:, None, :]).flatten(1)
        scores = self._domain_scores(joint, strength)
        labels = _is_target(len(source), len(target), scores)
        weights = self._weights(probabilities.detach(), len(source))
        return F.binary_cross_entropy_with_logits(scores, labels, weights), scores.detach()

    def _weights(self, probabilities: Tensor, sources: int) -> Tensor | None:
        """w = 1 + e^{-H(p)}, with mean 1 within each domain."""
        if not self.config.entropy_weighting:
            return None
        entropy = -(probabilities * probabilities.clamp_min(1e-12).log()).sum(1)
        raw = 1 + torch.exp(-entropy)
        return torch.cat([part / part.mean() for part in (raw[:sources], raw[sources:])])


def _is_target(sources: int, targets: int, like: Tensor) -> Tensor:
    """Domain labels [Ns + Nt]: 0 for the source, 1 for the target."""
    return torch.cat([like.new_zeros(sources), like.new_ones(targets)])
