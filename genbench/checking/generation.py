"""The checks of families that make pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.budgets import Budget
from genbench.checking.contract import Violation
from genbench.checking.subject import STEPS, Subject
from genbench.checking.toys import OBJECTS, ToySet
from genbench.checking.trend import falls
from genbench.errors import ConfigError
from genbench.precision import Precision
from genbench.training import Training

NOISES = 16
"""Start noises for each condition."""
FEW_STEPS = 3
VARIANTS: tuple[tuple[int | None, int, bool, Precision], ...] = (
    (None, 1, True, "float32"),
    (None, 3, False, "bfloat16"),
    (28, 1, True, "float32"),
    (32, 3, False, "float32"),
)
"""Resolution (None: the subject's own), channels, exclusive, precision."""


def shapes(subject: Subject) -> str:
    """For grey and colour, classes and sets, one picture or several: float32 [N, C, H, W], finite, not blank."""
    seen, refused = [], []
    for resolution, channels, exclusive, precision in VARIANTS:
        side = resolution or subject.toys.info.resolution
        toys = subject.toy_set(side, channels, exclusive=exclusive)
        variant = f"{channels}×{side}×{side} {'classes' if exclusive else 'sets'}"
        try:
            training = subject.training(toys, Budget("steps", FEW_STEPS), precision=precision)
        except ConfigError:
            refused.append(variant)
            continue
        training.run()
        for conditions in _batches(exclusive=exclusive):
            images = subject.sample(training, toys, conditions)
            if problem := _picture_problem(images, (len(conditions), channels, side, side)):
                raise Violation(f"{len(conditions)} pictures of {variant}, precision {precision}: {problem}")
        seen.append(variant)
    if not seen:
        raise Violation(f"the family refuses all of: {', '.join(refused)}")
    return ", ".join(seen) + (f"; refused: {', '.join(refused)}" if refused else "")


def seeds(subject: Subject) -> str:
    """The same seed gives the same pictures and another seed others; no other source of randomness counts."""
    first = _seeded(subject, seed=1, global_seed=1)
    if not torch.equal(first, _seeded(subject, seed=1, global_seed=2)):
        if torch.equal(first, _seeded(subject, seed=1, global_seed=1)):
            raise Violation(
                "torch's global generator changes the pictures: hand the generator to everything that draws"
            )
        raise Violation("sampling again with the same seed gives other pictures: draw only from the generator")
    different = (first - _seeded(subject, seed=2, global_seed=1)).abs().flatten(1).amax(dim=1)
    if bool((different == 0).any()):
        raise Violation("another seed gives the same pictures: draw from the generator")
    return f"another seed moves pixels by up to {different.max().item():.2g}"


def condition(subject: Subject) -> str:
    """From the same noise, another condition gives another picture, changed towards that condition."""
    images = _by_condition(subject, subject.trained)
    effects = images - images.mean(dim=0)
    size = effects.square().mean().sqrt().item()
    if size < 1e-3:
        raise Violation(f"the condition hardly changes the picture (by {size:.1g} of 2) after {STEPS} steps")
    kinds = subject.toys.clean(torch.eye(len(OBJECTS)))
    towards = torch.einsum("knchw,jchw->knj", effects, kinds - kinds.mean(dim=0))
    hits = (towards.argmax(dim=2) == torch.arange(len(OBJECTS))[:, None]).float().mean().item()
    if hits < 0.5:
        raise Violation(f"only {hits:.0%} of pictures turn towards their condition after {STEPS} steps (chance: 25%)")
    return f"{hits:.0%} of pictures turn towards their condition, by {size:.2g}"


def learning(subject: Subject) -> str:
    """Training lowers the monitored scalar; without one, it brings pictures nearer to their conditions."""
    monitor = subject.trained.learner.monitor
    if monitor is not None:
        values = torch.tensor(subject.trained.history.values[monitor])
        tenth = len(values) // 10
        return falls(monitor, values[:tenth], values[-tenth:])
    start = subject.training(subject.toys, Budget("steps", 1))
    return falls(
        "distance to the condition's pictures", _distances(subject, start), _distances(subject, subject.trained)
    )


def _batches(*, exclusive: bool) -> list[Tensor]:
    """A single condition and an odd number; for sets, the empty one and the full one are among them."""
    if exclusive:
        return [torch.eye(len(OBJECTS))[:1], torch.eye(len(OBJECTS))[[3, 0, 0, 1, 2]]]
    full = torch.ones(1, len(OBJECTS))
    return [full, torch.cat([torch.eye(len(OBJECTS))[:3], torch.zeros_like(full), full])]


def _picture_problem(images: Tensor, shape: tuple[int, ...]) -> str | None:
    if tuple(images.shape) != shape:
        return f"sample returns shape {tuple(images.shape)}, not {shape}"
    if images.dtype != torch.float32:
        return f"sample returns {images.dtype}, not torch.float32"
    if not bool(images.isfinite().all()):
        return "pictures are not finite"
    clipped = images.clamp(-1, 1).flatten(1)
    if bool((clipped.amax(dim=1) == clipped.amin(dim=1)).any()):
        return "a picture is blank within [-1, 1]"
    return None


def _seeded(subject: Subject, *, seed: int, global_seed: int) -> Tensor:
    """One picture of each condition by the trained learner, from both random states."""
    torch.manual_seed(global_seed)
    return subject.sample(subject.trained, subject.toys, torch.eye(len(OBJECTS)), seed=seed)


def _by_condition(subject: Subject, training: Training) -> Tensor:
    """Pictures [K, N, C, H, W] of each condition, from the same noises, clipped."""
    conditions = torch.eye(len(OBJECTS))
    toys: ToySet = subject.toys
    rows = [subject.sample(training, toys, each.expand(NOISES, -1).clone()) for each in conditions]
    return torch.stack(rows).float().clamp(-1, 1)


def _distances(subject: Subject, training: Training) -> Tensor:
    """Root mean square distance of each picture to its condition's picture without noise."""
    kinds = subject.toys.clean(torch.eye(len(OBJECTS)))[:, None]
    return (_by_condition(subject, training) - kinds).square().mean(dim=(2, 3, 4)).sqrt().flatten()
