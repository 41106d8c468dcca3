"""A look at samples during training: real pictures look perfect, one picture for all looks collapsed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genbench.api import Batch, GenerativeLearner
from genbench.data.base import Split
from genbench.evaluators.evaluator import Evaluator, FeatureClassifier
from genbench.tasks.looking import ACCURACY, DIVERSITY, FID, PICTURES, diversity, look
from tests.conftest import Cli


class MeansByChannel(FeatureClassifier):
    """Features are the channels' means, and the logits too."""

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images)


class Painter(GenerativeLearner):
    def __init__(self) -> None:
        self.networks, self.optimizers = {}, {}

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        return {}

    def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
        raise AssertionError("the sampler draws")


GUIDE = Evaluator("guide", "means", 1, "sha256:0", (4, 3), MeansByChannel(), torch.device("cpu"))
LABELS = np.arange(60) % 3
SPLIT = Split(
    (
        np.random.default_rng(0).integers(0, 60, (60, 1, 1, 3)) + 150 * np.eye(3)[LABELS][:, None, None]
    ).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2),
    np.eye(3, dtype=np.uint8)[LABELS],
)  # fmt: skip


def scores(drawn: Any, pictures: int = PICTURES) -> Mapping[str, float]:
    found = look(SPLIT, GUIDE, lambda _, conditions: drawn(conditions)).compute(Painter(), pictures)
    assert isinstance(found, Mapping)
    return found


def real(conditions: np.ndarray) -> np.ndarray:
    """The validation pictures, in another order but for the same conditions."""
    places = {k: iter(np.flatnonzero(k == LABELS)) for k in range(3)}
    return SPLIT.images[[next(places[int(k)]) for k in conditions.argmax(axis=1)]]


def test_the_real_pictures_have_distance_0_and_diversity_1() -> None:
    found = scores(real)
    assert found[FID] == pytest.approx(0, abs=1e-6)
    assert found[DIVERSITY] == pytest.approx(1)
    assert found[ACCURACY] == 1


def test_one_picture_a_condition_has_diversity_0() -> None:
    found = scores(lambda conditions: (200 * conditions[:, None, None]).repeat(4, axis=1).repeat(4, axis=2))
    assert found[DIVERSITY] == 0
    assert found[ACCURACY] == 1
    assert found[FID] > 0.01


def test_diversity_is_a_ratio_of_distances_within_conditions() -> None:
    conditions = np.eye(2, dtype=np.uint8)[[0, 0, 1, 1]]
    points = np.array([[0.0], [2.0], [100.0], [104.0]])
    assert diversity(points / 2, points, conditions) == pytest.approx(0.5)
    assert np.isnan(diversity(points[:2], points[:2], np.eye(2, dtype=np.uint8)))


def test_the_curves_of_a_look_are_logged_and_choose_weights(cli: Cli, tmp_path: Path) -> None:
    results = tmp_path / "results"
    made = cli("run", "cgan@validation", "--preset", "smoke", "--budget", "20steps", "--results", results)
    assert made.code == 0, made
    (folder,) = (path.parent for path in results.glob("stages/train/*/done.json"))
    curves = (folder / "history.csv").read_text()
    assert all(name in curves for name in (FID, DIVERSITY, ACCURACY))
    chosen = json.loads((folder / "done.json").read_text())["record"]["selections"]["validation"]
    assert chosen["score"].startswith("the Fréchet distance")
    assert f"{FID},{chosen['step']},{chosen['value']!r}" in curves
