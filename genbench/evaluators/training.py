"""How evaluators are trained: short, augmented against generated pictures' flaws, chosen by validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from genbench.api import condition_loss
from genbench.data.base import ImageData, Split, UInt8Array
from genbench.errors import ConfigError
from genbench.evaluators.evaluator import to_float
from genbench.evaluators.networks import Classifier, build
from genbench.evaluators.scoring import topk_accuracy
from genbench.hashing import derive_seed
from genbench.precision import resolve_precision

Role = Literal["guide", "referee"]
Progress = Callable[[str, int, int], None]
"""Called as ``progress(role, step, steps)``."""

VERSION = 1
"""Raised when networks or training change: scores of different versions are not comparable."""


@dataclass(frozen=True)
class Recipe:
    """One role's way to train.

    Attributes:
        architecture: from `genbench.evaluators.networks`.
        epochs: passes over the training split, if `pictures` allows.
        pictures: most pictures to train on, for exclusive classes and for sets.
        learning_rate: the peak of a one-cycle schedule (AdamW).
        weight_decay: AdamW's.
        shift: largest shift in either direction, as a share of the resolution.
        noise: largest standard deviation of Gaussian pixel noise, in the scale of [-1, 1].
        light: largest change of contrast (as a factor's distance from 1) and of brightness (in the scale of [-1, 1]).
        checks: how often validation chooses.
    """

    architecture: Literal["residual", "plain"]
    epochs: int = 60
    pictures: tuple[int, int] = (200_000, 360_000)
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    shift: float = 1 / 16
    noise: float = 0.15
    light: float = 0.1
    checks: int = 12


RECIPES: Mapping[Role, Recipe] = {"referee": Recipe("residual"), "guide": Recipe("plain")}


def train(
    data: ImageData, role: Role, *, device: torch.device, seed: int = 0, progress: Progress | None = None
) -> Classifier:
    """Train an evaluator on the train split and return it as it was when validation liked it best.

    The same seed, device and number of threads give the same weights. Torch's global generators are left as they were.

    Raises:
        ConfigError: when the pictures are too small, or have fewer than two conditions to tell apart.
    """
    info, recipe = data.info, RECIPES[role]
    if len(info.conditions) < 2:
        raise ConfigError(f"{info.name} has no two conditions to tell apart, so that no evaluator can be trained on it")
    number = derive_seed("evaluator", role, VERSION, seed)
    with torch.random.fork_rng():
        torch.manual_seed(number)
        module = build(recipe.architecture, info.resolution, info.channels, len(info.conditions))
        module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        _fit(module, data, role, device, np.random.default_rng(number), progress or (lambda *_: None))
    return module.eval()


def _fit(
    module: Classifier, data: ImageData, role: Role, device: torch.device, rng: np.random.Generator, progress: Progress
) -> None:
    recipe, split = RECIPES[role], data.splits["train"]
    batch = 128 if len(split) >= 5000 else 64
    pictures = min(recipe.epochs * len(split), recipe.pictures[0 if data.info.exclusive else 1])
    steps = max(pictures // batch, recipe.checks)
    optimizer = torch.optim.AdamW(module.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.2)
    half = resolve_precision("auto", device) == "bfloat16"
    best, chosen = (-1.0, -np.inf), {}
    for step, rows in enumerate(_orders(len(split), batch, steps, rng), 1):
        module.train()
        images = to_float(_moved(split.images, rows, recipe, not data.info.exclusive, rng), device)
        conditions = torch.from_numpy(split.conditions[rows]).to(device, torch.float32)
        images = _disturbed(images, recipe)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            logits = module(images)
        loss = condition_loss(logits.float(), conditions, exclusive=data.info.exclusive)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        progress(role, step, steps)
        if step * recipe.checks // steps > (step - 1) * recipe.checks // steps:
            score = _validate(module, data.splits["validation"], data.info.exclusive, device)
            if score >= best:
                best, chosen = score, {key: value.clone() for key, value in module.state_dict().items()}
    module.load_state_dict(chosen)


@torch.no_grad()
def _validate(module: Classifier, split: Split, exclusive: bool, device: torch.device) -> tuple[float, float]:
    """Top-k accuracy and, to break ties, the negative loss."""
    module.eval()
    parts = [module(to_float(split.images[i : i + 256], device)).float() for i in range(0, len(split), 256)]
    logits, conditions = torch.cat(parts), torch.from_numpy(np.array(split.conditions)).to(device)
    loss = condition_loss(logits, conditions.float(), exclusive=exclusive)
    return topk_accuracy(logits.cpu().numpy(), split.conditions), -float(loss)


def _orders(count: int, batch: int, steps: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of each batch: every picture once an epoch, in a fresh order."""
    pool = np.empty(0, np.int64)
    for _ in range(steps):
        while len(pool) < batch:
            pool = np.concatenate([pool, rng.permutation(count)])
        rows, pool = pool[:batch], pool[batch:]
        yield rows


def _disturbed(images: Tensor, recipe: Recipe) -> Tensor:
    """Images [N, C, H, W], each with contrast, brightness and noise of its own, as generated pictures have them."""
    contrast, brightness, noise = torch.rand(3, len(images), 1, 1, 1, device=images.device).unbind()
    lit = images * (1 + recipe.light * (2 * contrast - 1)) + recipe.light * (2 * brightness - 1)
    return lit + recipe.noise * noise * torch.randn_like(images)


def _moved(images: UInt8Array, rows: np.ndarray, recipe: Recipe, flips: bool, rng: np.random.Generator) -> UInt8Array:
    """The pictures, each shifted by whole pixels (the border is repeated) and, if ``flips``, half of them mirrored."""
    side = images.shape[1]
    reach = round(side * recipe.shift)
    down, right = rng.integers(-reach, reach + 1, size=(2, len(rows), 1))
    y = np.clip(np.arange(side) + down, 0, side - 1)
    x = np.clip(np.arange(side) + right, 0, side - 1)
    if flips:
        mirrored = rng.random((len(rows), 1)) < 0.5
        x = np.where(mirrored, side - 1 - x, x)
    picked = images[np.sort(rows)][np.argsort(np.argsort(rows))]
    moved: UInt8Array = picked[np.arange(len(rows))[:, None, None], y[:, :, None], x[:, None, :]]
    return moved
