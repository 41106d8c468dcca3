"""Classification accuracy score (Ravuri & Vinyals, 2019): train a classifier on generated pictures, test it on real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from genbench.data.base import ImageData, Split
from genbench.errors import DataError
from genbench.evaluators.evaluator import Evaluator
from genbench.evaluators.scoring import topk_accuracy
from genbench.evaluators.training import VERSION, train
from genbench.files import read_json, write_json
from genbench.hashing import content_hash
from genbench.metrics.base import FIDELITY, Better, Identity, Metric, MetricContext, NotMeasurable, Value
from genbench.metrics.conditional import has_conditions
from genbench.metrics.features import chosen_rows, pictures_hash
from genbench.metrics.fidelity import enough_pictures

LEAST = 100
HELD_OUT = 10
"""One picture in so many chooses the classifier's weights; the test pictures choose nothing."""


class ClassificationAccuracy(Metric):
    """Accuracy on real held-out pictures of the referee's network and recipe, trained on generated pictures alone.

    It falls where generated pictures are wrong, and also where they all look the same, so it is the one score that sees
    missing diversity and wrong conditions together. The ceiling is that of a classifier trained alike on as many real
    training pictures. Trains twice (the ceiling once for all runs), so it is measured only when asked for.
    """

    name: ClassVar[str] = "cas"
    title: ClassVar[str] = "Classification accuracy score"
    better: ClassVar[Better] = "higher"
    needs_conditions: ClassVar[bool] = True
    by_default: ClassVar[bool] = False

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Value ``cas``.

        Raises:
            NotMeasurable: when there are fewer than 100 pictures, or no two conditions to tell apart.
        """
        if not has_conditions(context):
            raise NotMeasurable(f"{context.data.info.name} has no two conditions that a classifier could tell apart")
        images = enough_pictures(context, self.title, LEAST)
        made = Split(images, context.pictures[FIDELITY].conditions)
        split = context.data.splits["train"]
        rows = chosen_rows(len(split), len(made))
        real = Split(split.images[rows], split.conditions[rows])
        info, held_out = context.data.info, context.data.splits["test"]
        identity: Identity = {
            "classifier": "referee's network and recipe",
            "version": VERSION,
            "samples": len(made),
            "rule": "top-k",
            "reference": f"{info.name}@{info.resolution}/test",
            "reference_samples": len(held_out),
            "reference_hash": pictures_hash(held_out.images),
        }
        scores = [_kept_score(context, part) for part in (made, real)]
        return [Value(self.name, scores[0], identity, scores[1] if len(real) == len(made) else None)]


def train_and_test(context: MetricContext, split: Split) -> float:
    """Top-k accuracy on the real test pictures of a classifier trained on ``split``."""
    order = np.random.RandomState(0).permutation(len(split))
    kept, chosen = np.sort(order[len(order) // HELD_OUT :]), np.sort(order[: len(order) // HELD_OUT])
    splits = {"train": _part(split, kept), "validation": _part(split, chosen)}
    info = replace(context.data.info, train_size=len(kept))
    module = train(ImageData(info, splits, {}, context.data.identity), "referee", device=context.device)
    held_out = context.data.splits["test"]
    shape = (info.resolution, info.channels)
    classifier = Evaluator("classifier", "classifier", VERSION, "trained here", shape, module, context.device)
    return topk_accuracy(classifier.logits(held_out.images), held_out.conditions)


def _kept_score(context: MetricContext, split: Split) -> float:
    """`train_and_test`, once for these pictures and conditions."""
    if context.cache is None:
        return train_and_test(context, split)
    held_out = context.data.splits["test"]
    hashes = [pictures_hash(part) for part in (split.images, split.conditions, held_out.images, held_out.conditions)]
    path = context.cache / "cas" / f"{content_hash([VERSION, context.device.type, *hashes])}.json"
    if (known := _read(path)) is not None:
        return known
    score = train_and_test(context, split)
    write_json(path, {"accuracy": score})
    return score


def _read(path: Path) -> float | None:
    """A score that is kept, or None when there is none or it is damaged."""
    if not path.is_file():
        return None
    try:
        score = read_json(path)["accuracy"]
    except (DataError, KeyError, TypeError):
        return None
    return float(score) if isinstance(score, float) and 0 <= score <= 1 else None


def _part(split: Split, rows: np.ndarray) -> Split:
    return Split(np.asarray(split.images[rows]), np.asarray(split.conditions[rows]))
