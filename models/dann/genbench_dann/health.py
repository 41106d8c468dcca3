"""Signs of life of a domain classifier. Adversarial parts die quietly: the loss looks fine, and nothing adapts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from genbench.api import Diverged

__all__ = ["DomainHealth"]

WINDOW = 50
"""Steps over which the domain classifier's accuracy is averaged, and between two looks at gradients."""
QUIET = 0.25
"""Up to this λ, features hardly hide their domain: only there does accuracy say whether the classifier can learn."""
PATIENCE = 300
"""Steps of quiet within which it must once have been better than chance."""
DEVIATIONS = 3.0
"""Standard errors by which a window's accuracy must exceed ½ to count as better than chance."""
DEAD_SPREAD = 1e-7
"""Standard deviation of domain scores over a batch below which the domain classifier says nothing."""
TOLERANCE = 0.01
"""Relative error of the λ that is found on the way from the domain classifier back to the features."""


class DomainHealth:
    """Looks every `WINDOW` steps whether the domain classifier is alive and heard.

    1. Its scores differ from picture to picture. (A softmax over its one logit would make them all 1.)
    2. Gradients reach it, and from it the features get -λ times what it got itself, as gradient reversal should.
    3. Within `PATIENCE` steps with λ up to `QUIET`, the accuracy of one window is above chance. (Later, chance is
       success.) A run with fewer such steps is not judged by this.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._quiet = 0
        self._right: Tensor | float = 0.0
        self._seen = 0
        self._left_chance = False
        self._before: Tensor | None = None
        self._after: Tensor | None = None

    @property
    def due(self) -> bool:
        """Whether the step that is being done is one at which gradients are looked at."""
        return (self.steps + 1) % WINDOW == 0

    def listen(self, before: Tensor, after: Tensor) -> None:
        """Note what enters gradient reversal and what leaves it, so that their gradients can be compared."""
        self._before = self._after = None
        if self.due:
            self._before, self._after = before, after
            for tensor in (before, after):
                if tensor.requires_grad:
                    tensor.retain_grad()

    def look(self, scores: Tensor, labels: Tensor, strength: float) -> None:
        """Look at a step, after its gradients were computed.

        Args:
            scores: detached [N], positive for the target.
            labels: [N], 1 for the target.
            strength: λ of this step.

        Raises:
            Diverged: when the domain classifier is dead or not heard, in words.
        """
        if strength <= QUIET:
            self._right = self._right + ((scores > 0) == labels.bool()).float().sum()
            self._seen += len(scores)
            self._quiet += 1
        due, self.steps = self.due, self.steps + 1
        if not due or not bool(scores.isfinite().all()):  # training itself looks for losses that are not finite
            return
        self._spread(scores)
        self._reversal(strength)
        if self._seen:
            self._above_chance()

    def state(self) -> dict[str, Tensor]:
        """What must be kept for a resumed run to look at the same steps in the same way."""
        counts = {"steps": self.steps, "quiet": self._quiet, "seen": self._seen}
        values = {**counts, "right": self._right, "left_chance": self._left_chance}
        return {f"health_{name}": torch.as_tensor(value, dtype=torch.float64) for name, value in values.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        self.steps, self._quiet, self._seen = (int(state[f"health_{name}"]) for name in ("steps", "quiet", "seen"))
        self._right, self._left_chance = float(state["health_right"]), bool(state["health_left_chance"])

    def _spread(self, scores: Tensor) -> None:
        if float(scores.std()) < DEAD_SPREAD:
            raise Diverged(
                f"the domain classifier is dead: at step {self.steps} it gives every picture the same score, so "
                "nothing adapts; lower train.lambda_max, train.learning_rate or train.domain_learning_rate"
            )

    def _reversal(self, strength: float) -> None:
        where = f"at step {self.steps}"
        heard = None if self._after is None else self._after.grad
        if heard is None or not bool(heard.any()):
            raise Diverged(f"the domain classifier is dead: {where} no gradient leaves it, so nothing adapts")
        passed = None if self._before is None else self._before.grad
        there = heard.double()
        found = 0.0 if passed is None else -float((passed.double() * there).sum() / there.square().sum())
        self._before = self._after = None
        if not abs(found - strength) <= TOLERANCE * max(strength, TOLERANCE):
            raise Diverged(
                f"the domain classifier is not heard as it should be: {where} λ is {strength:.3g}, but the features "
                f"get {found:.3g} times its reversed gradient"
            )

    def _above_chance(self) -> None:
        accuracy = float(self._right) / self._seen
        self._left_chance |= accuracy > 0.5 + DEVIATIONS * 0.5 / self._seen**0.5
        self._right, self._seen = 0.0, 0
        if not self._left_chance and self._quiet >= PATIENCE:
            raise Diverged(
                f"the domain classifier is dead: in {self._quiet} steps with λ up to {QUIET} it never told source from "
                "target better than chance, so nothing adapts; raise train.domain_learning_rate, or the domains do not "
                "differ, and source-only is what you want"
            )
