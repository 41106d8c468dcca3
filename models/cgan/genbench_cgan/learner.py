"""The game: one discriminator step, one generator step, and what keeps an eye on them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genbench.api import Averaging, Batch, ConfigError, DataInfo, Diverged, GenerativeLearner, SampleConfig, randn
from genbench_cgan.augmentation import augment
from genbench_cgan.config import CGANTrainConfig
from genbench_cgan.losses import ADVERSARIAL, r1_penalty
from genbench_cgan.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    ResNetDiscriminator,
    ResNetGenerator,
    Verdict,
)
from genbench_cgan.objectives import (
    AuxiliaryDiscriminativeClassifier,
    ClassifierTerm,
    GuideClassifier,
    JointClassifier,
)

__all__ = ["CGANLearner"]

_NETWORKS: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {
    "dcgan": (DCGANGenerator, DCGANDiscriminator),
    "resnet": (ResNetGenerator, ResNetDiscriminator),
}
_LOW_LOOKS = 2
_NEVER_VARIED = -1
"""Collapse is when the diversity was too low so many times in a row."""


class CGANLearner(GenerativeLearner):
    """Trains generator G and discriminator D of a conditional GAN.

    Each step draws one batch of fakes x = G(z, c) for the batch's own conditions. D descends its adversarial loss, its
    head's classification loss and, every ``r1_every`` steps, the gradient penalty. G descends
    ``adversarial_weight·L_adv + λ·L_class``. The two gradients meet at x, where an adaptive λ weighs them:
    ∂L/∂x = adversarial_weight·∂L_adv/∂x + λ·∂L_class/∂x, which is then carried back through G once.
    """

    def __init__(self, config: CGANTrainConfig, data: DataInfo, guide: nn.Module | None) -> None:
        self.config = config
        self.term = _classifier_term(config, data, guide)
        self.monitor = "loss_class" if isinstance(self.term, GuideClassifier) else None
        self.generator, self.discriminator = _networks(config, data, self.term)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers = {
            "generator": _adam(self.generator, config.learning_rate_g, config),
            "discriminator": _adam(self.discriminator, config.learning_rate_d, config),
        }
        if config.ema_decay > 0:
            self.averaging = Averaging(("generator",), decay=config.ema_decay, warmup=config.ema_warmup)
        self.adversarial = ADVERSARIAL[config.loss]
        self.steps = 0
        self.low_looks = _NEVER_VARIED

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        """One step of each network."""
        self._set_learning_rates(progress)
        for _ in range(self.config.discriminator_steps):
            noise = torch.randn(len(batch.images), self.config.noise, device=batch.images.device)
            fake = self.generator(noise + self.config.noise_mean, batch.conditions)
            logged = self._discriminator_step(batch, fake.detach())
        logged |= self._generator_step(batch, fake, progress)
        self.steps += 1
        return logged

    def scored(self, scores: Mapping[str, float], progress: float) -> None:
        """Raises `Diverged` when pictures made for one condition are next to the same, and were not before.

        That is said after two looks in a row, since a generator may recover, and at the end of training at once; then
        also of one whose pictures have never differed. Earlier, that one may only be slow to start.
        """
        diversity = scores.get("validation/diversity")
        if diversity is None:
            return
        low = diversity < self.config.collapse_below
        if not low:
            self.low_looks = 0
        elif self.low_looks != _NEVER_VARIED:
            self.low_looks += 1
        if self.low_looks >= _LOW_LOOKS or (low and progress >= 1):
            raise Diverged(
                f"the generator collapsed: pictures made for one condition lie {diversity:.2%} as far apart as real "
                f"ones at step {self.steps} (collapse_below = {self.config.collapse_below:.2%})"
            )

    def sample(self, conditions: Tensor, config: SampleConfig, *, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """One pass through G. Batch normalisation uses running statistics: a picture depends on nothing beside it."""
        noise = randn(len(conditions), self.config.noise, generator=generator, device=conditions.device)
        images: Tensor = self.generator(noise + self.config.noise_mean, conditions)
        return images

    def extra_state(self) -> dict[str, Tensor]:
        """The step counter, and how often in a row the diversity was too low since it first was not."""
        return {"steps": torch.tensor(self.steps), "low_looks": torch.tensor(self.low_looks)}

    def load_extra_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `extra_state` gave."""
        self.steps = int(state["steps"])
        self.low_looks = int(state["low_looks"])

    def _discriminator_step(self, batch: Batch, fake: Tensor) -> dict[str, Tensor | float]:
        config, conditions = self.config, batch.conditions
        penalise = config.r1 > 0 and self.steps % config.r1_every == 0
        real_images = augment(batch.images.detach().requires_grad_(penalise).clone(), config.augmentations)
        real = Verdict(*self.discriminator(real_images, conditions))
        generated = Verdict(*self.discriminator(augment(fake, config.augmentations), conditions))
        loss = self.adversarial.discriminator(real.logits, generated.logits)
        if self.term is not None:
            loss = loss + self.term.discriminator_loss(real, generated, conditions)
        penalty = r1_penalty(real.logits, real_images) if penalise else torch.zeros_like(loss)
        norm = _descend(self.optimizers["discriminator"], loss + config.r1 / 2 * config.r1_every * penalty)
        return {
            "loss_d": loss.detach(),
            "d_real": real.logits.detach().sigmoid().mean(),
            "d_fake": generated.logits.detach().sigmoid().mean(),
            "grad_norm_d": norm,
        }

    def _generator_step(self, batch: Batch, fake: Tensor, progress: float) -> dict[str, Tensor | float]:
        config = self.config
        verdict = Verdict(*self.discriminator(augment(fake, config.augmentations), batch.conditions))
        adversarial = config.adversarial_weight * self.adversarial.generator(verdict.logits)
        loss, gradient, weight, classifier = self._combine(batch, fake, verdict, adversarial, progress)
        norm = _descend(self.optimizers["generator"], fake, gradient)
        return {"loss_g": loss, "loss_class": classifier, "lambda": weight, "grad_norm_g": norm}

    def _combine(
        self, batch: Batch, fake: Tensor, verdict: Verdict, adversarial: Tensor, progress: float
    ) -> tuple[Tensor, Tensor, Tensor | float, Tensor]:
        """The generator's loss, its gradient at the pictures, λ, and the classifier term."""
        (pull,) = torch.autograd.grad(adversarial, fake, retain_graph=self.term is not None)
        if self.term is None:
            return adversarial.detach(), pull, 0.0, torch.zeros_like(adversarial)
        images = augment(fake, self.config.guide_augmentations)
        classifier = self.term.generator_loss(images, verdict, batch.conditions)
        (push,) = torch.autograd.grad(classifier, fake)
        weight = self.config.lambda_schedule(progress, pull, push)
        loss = adversarial.detach() + weight * classifier.detach()
        return loss, pull + weight * push, weight, classifier.detach()

    def _set_learning_rates(self, progress: float) -> None:
        rest = 1.0 if self.config.decay_from >= 1 else (1 - progress) / (1 - self.config.decay_from)
        rates = {"generator": self.config.learning_rate_g, "discriminator": self.config.learning_rate_d}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * min(1.0, rest)


def _descend(optimizer: torch.optim.Optimizer, output: Tensor, gradient: Tensor | None = None) -> Tensor:
    """Backpropagate (from a loss, or from an output whose gradient is given), step, and return the gradient's norm."""
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(output, gradient)
    norm = nn.utils.get_total_norm(
        p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
    )
    optimizer.step()
    return norm


def _adam(network: nn.Module, learning_rate: float, config: CGANTrainConfig) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=config.betas)


def _classifier_term(config: CGANTrainConfig, data: DataInfo, guide: nn.Module | None) -> ClassifierTerm | None:
    if config.objective == "acgan":
        if guide is None:
            raise ConfigError("objective acgan needs the guide classifier: use acgan-joint to train without one")
        return GuideClassifier(guide, exclusive=data.exclusive)
    if config.objective == "acgan-joint":
        return JointClassifier(len(data.conditions), exclusive=data.exclusive)
    if config.objective == "adc-gan":
        return AuxiliaryDiscriminativeClassifier(len(data.conditions), exclusive=data.exclusive)
    return None


def _networks(config: CGANTrainConfig, data: DataInfo, term: ClassifierTerm | None) -> tuple[nn.Module, nn.Module]:
    generator, discriminator = _NETWORKS[config.network]
    shared = {
        "resolution": data.resolution,
        "channels": data.channels,
        "conditions": len(data.conditions),
        "label_values": config.label_values,
    }
    return (
        generator(noise=config.noise, embedding=config.embedding, width=config.width, **shared),
        discriminator(
            width=config.discriminator_width or config.width,
            conditioning=config.discriminator_conditioning,
            planes=config.planes,
            classes=term.outputs if term else 0,
            **shared,
        ),
    )
