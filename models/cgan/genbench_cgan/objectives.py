"""The classifier term of each objective: what it adds to the discriminator's and to the generator's loss."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.api import condition_loss
from genbench_cgan.networks import Verdict

__all__ = ["AuxiliaryDiscriminativeClassifier", "ClassifierTerm", "GuideClassifier", "JointClassifier"]


class ClassifierTerm(ABC):
    """A classifier's part in the game.

    Attributes:
        outputs: size of the auxiliary head that the discriminator must have, 0 for none.
        head: whether the generator's term is read off that head, and not off the pictures.
    """

    outputs: int = 0

    def discriminator_loss(self, real: Verdict, fake: Verdict, conditions: Tensor) -> Tensor:
        """What the auxiliary head learns, a scalar; by default nothing."""
        del fake, conditions
        return real.logits.new_zeros(())

    @abstractmethod
    def generator_loss(self, images: Tensor, verdict: Verdict, conditions: Tensor) -> Tensor:
        """The term that λ weights, a scalar, for generated pictures [N, C, S, S] and the discriminator's verdict."""


class GuideClassifier(ClassifierTerm):
    """Recipe D2: a frozen classifier p(c|x), trained beforehand on real pictures. Term: -log p(c|G(z, c))."""

    def __init__(self, guide: nn.Module, *, exclusive: bool) -> None:
        self.guide, self.exclusive = guide, exclusive

    def generator_loss(self, images: Tensor, verdict: Verdict, conditions: Tensor) -> Tensor:  # noqa: ARG002
        """The guide's loss on the pictures."""
        return condition_loss(self.guide(images), conditions, exclusive=self.exclusive)


class JointClassifier(ClassifierTerm):
    """AC-GAN (Odena et al. 2017): the discriminator's own head learns to classify real and generated pictures."""

    def __init__(self, conditions: int, *, exclusive: bool) -> None:
        self.outputs, self.exclusive = conditions, exclusive

    def discriminator_loss(self, real: Verdict, fake: Verdict, conditions: Tensor) -> Tensor:
        """The head's loss on real and on generated pictures."""
        return self._loss(real, conditions) + self._loss(fake, conditions)

    def generator_loss(self, images: Tensor, verdict: Verdict, conditions: Tensor) -> Tensor:  # noqa: ARG002
        """The head's loss on generated pictures."""
        return self._loss(verdict, conditions)

    def _loss(self, verdict: Verdict, conditions: Tensor) -> Tensor:
        assert verdict.classes is not None
        return condition_loss(verdict.classes, conditions, exclusive=self.exclusive)


class AuxiliaryDiscriminativeClassifier(ClassifierTerm):
    """ADC-GAN (Hou et al. 2022): the head classifies condition and origin at once.

    For class labels the head has 2K outcomes, (class, real) and (class, generated), under one softmax. The
    generator's term, -log C(c, real|x) + log C(c, generated|x), is a difference of two logits, for the softmax's
    normaliser cancels. For sets of objects this class generalises: each object has a softmax of its own over
    {absent, present} × {real, generated}, and losses are means over objects.
    """

    def __init__(self, conditions: int, *, exclusive: bool) -> None:
        self.exclusive = exclusive
        self.outputs = conditions * (2 if exclusive else 4)

    def discriminator_loss(self, real: Verdict, fake: Verdict, conditions: Tensor) -> Tensor:
        """Cross-entropy of condition and origin, on real and on generated pictures."""
        return self._cross_entropy(real, conditions, 0) + self._cross_entropy(fake, conditions, 1)

    def generator_loss(self, images: Tensor, verdict: Verdict, conditions: Tensor) -> Tensor:  # noqa: ARG002
        """log C(c, generated|x) - log C(c, real|x): 0 where origins cannot be told apart."""
        logits = self._logits(verdict)
        real, fake = (logits.gather(-1, self._outcome(conditions, origin)) for origin in (0, 1))
        return (fake - real).mean()

    def _cross_entropy(self, verdict: Verdict, conditions: Tensor, origin: int) -> Tensor:
        logits, outcome = self._logits(verdict), self._outcome(conditions, origin)
        return F.cross_entropy(logits.flatten(0, -2), outcome.flatten())

    def _logits(self, verdict: Verdict) -> Tensor:
        """[N, 1, 2K] for class labels, [N, K, 4] for sets: one softmax over the last axis."""
        assert verdict.classes is not None
        n = len(verdict.classes)
        return verdict.classes.view(n, 1, -1) if self.exclusive else verdict.classes.view(n, -1, 4)

    def _outcome(self, conditions: Tensor, origin: int) -> Tensor:
        """Indices [N, 1, 1] or [N, K, 1] into the last axis of `_logits`: condition first, then origin (0 = real)."""
        index = conditions.argmax(dim=1, keepdim=True) if self.exclusive else conditions.to(torch.int64)
        return (2 * index + origin)[..., None]
