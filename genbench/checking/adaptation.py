"""The checks of families that classify an unlabelled target domain."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.budgets import Budget
from genbench.checking.contract import Violation
from genbench.checking.subject import STEPS, Held, Subject, adapting
from genbench.checking.toys import OBJECTS, ToySet
from genbench.checking.trend import falls
from genbench.errors import ConfigError
from genbench.precision import Precision
from genbench.training import Training

FEW_STEPS = 3
VARIANTS: tuple[tuple[int | None, int, Precision], ...] = (
    (None, 1, "float32"),
    (28, 3, "bfloat16"),
    (32, 3, "float32"),
)
"""Resolution (None: the subject's own), channels, precision."""
LEAST_ACCURACY = 0.5
"""Of four classes that a linear classifier tells apart."""
PROBE_STEPS = 300
LAST = 150
"""Steps at the end of a probe over which the domain classifier's accuracy is averaged."""
LEAST_DOMAIN_ACCURACY = 0.7
"""Of two domains that differ in brightness and texture; chance is one half, to three standard errors of 0.005."""


def shapes(subject: Subject) -> str:
    """For grey and colour, one picture or several: finite float32 logits [N, K] and features [N, D]."""
    seen, refused = [], []
    for resolution, channels, precision in VARIANTS:
        side = resolution or subject.toys.info.resolution
        toys = subject.toy_set(side, channels)
        variant = f"{channels}×{side}×{side}"
        try:
            training = subject.training(toys, Budget("steps", FEW_STEPS), precision=precision)
        except ConfigError:
            refused.append(variant)
            continue
        training.run()
        for count in (1, 5):
            logits, features = _outputs(training, toys.images[:count])
            if tuple(logits.shape) != (count, len(OBJECTS)):
                raise Violation(
                    f"classify returns shape {tuple(logits.shape)}, not {(count, len(OBJECTS))} ({variant})"
                )
            if features.ndim != 2 or len(features) != count:
                raise Violation(f"features returns shape {tuple(features.shape)}, not ({count}, D) ({variant})")
            for name, output in (("classify", logits), ("features", features)):
                if output.dtype != torch.float32 or not bool(output.isfinite().all()):
                    raise Violation(f"{name} returns {output.dtype} values, not finite float32 ones ({variant})")
        seen.append(variant)
    if not seen:
        raise Violation(f"the family refuses all of: {', '.join(refused)}")
    return ", ".join(seen) + (f"; refused: {', '.join(refused)}" if refused else "")


def inference(subject: Subject) -> str:
    """A picture's scores and features are always the same, whatever is classified beside it."""
    images = subject.toys.images[:12]
    together = _outputs(subject.trained, images)
    for name, first, second in zip(("scores", "features"), together, _outputs(subject.trained, images), strict=True):
        if not torch.equal(first, second):
            raise Violation(f"the same pictures get other {name} the second time: nothing may be random in eval mode")
    alone = _outputs(subject.trained, images[:3])
    for name, first, second in zip(("scores", "features"), together, alone, strict=True):
        if not torch.allclose(first[:3], second, rtol=1e-3, atol=1e-4):
            raise Violation(
                f"a picture's {name} depend on the pictures beside it: use no batch statistics in eval mode"
            )
    return f"{together[1].shape[1]} features"


def learning(subject: Subject) -> str:
    """Training lowers the monitored scalar, if there is one, and raises the accuracy on the source."""
    before = _accuracy(subject.training(subject.toys, Budget("steps", 1)), subject.toys)
    after = _accuracy(subject.trained, subject.toys)
    change = f"source accuracy {before:.0%} → {after:.0%}"
    if after < LEAST_ACCURACY or after <= before:
        raise Violation(f"{change} in {STEPS} steps is not above {max(LEAST_ACCURACY, before):.0%}")
    monitor = subject.trained.learner.monitor
    if monitor is None:
        return change
    values = torch.tensor(subject.trained.history.values[monitor])
    tenth = len(values) // 10
    return f"{change}, {falls(monitor, values[:tenth], values[-tenth:])}"


def domains(subject: Subject) -> str:
    """A domain classifier, if the family logs its ``domain_accuracy``, learns at λ = 0 and is confused at λ > 0.

    Training is held at progress 0, where ``lambda`` must be 0, and then at ½.
    """
    scalars = subject.trained.history.values
    if not {"domain_accuracy", "lambda"} <= scalars.keys():
        return "no domain_accuracy and lambda are logged: no domain classifier to look at"
    alone, heard = (_held(subject, progress) for progress in (0.0, 0.5))
    if alone["lambda"].any() or not heard["lambda"].all():
        raise Violation("lambda must be 0 at progress 0 and positive at ½, so that both can be told apart")
    accuracy = alone["domain_accuracy"][-LAST:]
    if accuracy.mean() < LEAST_DOMAIN_ACCURACY:
        raise Violation(
            f"in {PROBE_STEPS} steps at λ = 0 the domain classifier tells {accuracy.mean():.0%} of two domains that "
            f"differ in brightness and texture apart, not {LEAST_DOMAIN_ACCURACY:.0%}: it is dead, and nothing adapts"
        )
    return falls("domain accuracy", accuracy, heard["domain_accuracy"][-LAST:])


def _held(subject: Subject, progress: float) -> dict[str, Tensor]:
    """What is logged in a fresh training with schedules held at ``progress``."""
    training = subject.training(subject.toys, Held("steps", PROBE_STEPS, at=progress))
    training.run()
    return {name: torch.tensor(values) for name, values in training.history.values.items()}


def _outputs(training: Training, images: Tensor) -> tuple[Tensor, Tensor]:
    with adapting(training) as learner:
        return learner.classify(images), learner.features(images)


def _accuracy(training: Training, toys: ToySet) -> float:
    logits, _ = _outputs(training, toys.images)
    return (logits.argmax(dim=1) == toys.conditions.argmax(dim=1)).float().mean().item()
