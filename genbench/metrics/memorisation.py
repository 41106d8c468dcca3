"""Memorisation: are generated pictures copies of training pictures?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from genbench.data.base import UInt8Array
from genbench.metrics.base import Better, Estimate, Identity, Metric, MetricContext, NotMeasurable, Value
from genbench.metrics.conditional import has_conditions, share
from genbench.metrics.extractors import Extractor, RefereeExtractor, choose_extractor
from genbench.metrics.features import extract, pictures_hash, real_pictures
from genbench.metrics.fidelity import enough_pictures
from genbench.metrics.frechet import Array
from genbench.metrics.neighbours import nearest, squared_distances
from genbench.metrics.reference import EVERY

PAIRS = 10
"""Closest pairs that a figure shows."""

QUICK, QUICK_BY_REFEREE = 2000, 60_000
"""Most training pictures whose features are computed unasked: about a minute of one core, once a data set."""


def distance_ratio(generated: Array, held_out: Array) -> Estimate:
    """Mean distance of generated pictures to their nearest training picture, over that of held-out real pictures.

    Args:
        generated: distances [N], N ≥ 2.
        held_out: distances [M], M ≥ 2, not all zero.
    """
    scale = held_out.mean()
    ratio = float(generated.mean() / scale)
    errors = [float(part.std(ddof=1) / np.sqrt(len(part)) / scale) for part in (generated, held_out)]
    return Estimate(ratio, errors[0], ratio * errors[1])


def authentic(distance: Array, index: npt.NDArray[np.int64], train: Array) -> npt.NDArray[np.bool_]:
    """Which pictures are authentic (Alaa et al., 2022, section 4.3).

    A picture is a noisy copy when it is nearer to its nearest training picture than any other training picture is to
    that one.

    Args:
        distance: [N] to the nearest training picture.
        index: [N], which one that is.
        train: features [M, D] of all training pictures, M ≥ 2.
    """
    chosen, back = np.unique(index, return_inverse=True)
    alone = np.empty(len(chosen))
    for start in range(0, len(chosen), 256):
        part = chosen[start : start + 256]
        alone[start : start + 256] = _second_nearest(train, part)
    return np.asarray(distance > alone[back])


@dataclass(frozen=True)
class Neighbours:
    """Nearest training pictures: distances and indices of generated and of held-out pictures, and all features."""

    images: UInt8Array
    train: Array
    generated: tuple[Array, npt.NDArray[np.int64]]
    held_out: tuple[Array, npt.NDArray[np.int64]]
    identity: Identity


class _AgainstTraining(Metric):
    """What both metrics need. Real pictures are always the data's own, whatever else pictures are compared with."""

    def neighbours(self, context: MetricContext) -> Neighbours:
        """Find them.

        Raises:
            NotMeasurable: when there are fewer than two pictures anywhere, or the features of all training pictures
                would take long and the metric was not asked for by name.
        """
        images = enough_pictures(context, self.title, 2)
        extractor = self._extractor(context)
        train, held_out = (_own_pictures(context, *which) for which in (("train", EVERY), ("test", len(images))))
        if min(len(train), len(held_out)) < 2:
            raise NotMeasurable(f"{self.title} needs at least two training and two held-out pictures")
        known, made, real = (
            np.asarray(extract(extractor, pictures, context.cache), np.float64)
            for pictures in (train, images, held_out)
        )
        info = context.data.info
        identity: Identity = {
            **extractor.identity,
            "samples": len(images),
            "reference": f"{info.name}@{info.resolution}/train",
            "reference_samples": len(train),
            "reference_hash": pictures_hash(train),
        }
        return Neighbours(images, known, nearest(made, known), nearest(real, known), identity)

    def _extractor(self, context: MetricContext) -> Extractor:
        """The referee unless another extractor is asked for: it is quick, and there are many training pictures."""
        if context.extractor is not None:
            return choose_extractor(context)
        by_referee, count = has_conditions(context), len(context.data.splits["train"])
        if count > (QUICK_BY_REFEREE if by_referee else QUICK):
            raise NotMeasurable(
                f"{self.title} takes the features of all {count} training pictures, which is slow: "
                f"ask for it with --extractor {'referee' if by_referee else 'inception'}"
            )
        return RefereeExtractor(context.evaluators.referee) if by_referee else choose_extractor(context)


class Memorisation(_AgainstTraining):
    """Mean distance to the nearest training picture, as a ratio to that of as many held-out real pictures.

    1 is as far from the training pictures as unseen real ones are; towards 0 pictures are copies; above 1 they are
    unlike training pictures, as bad ones are, so that this says nothing good about a model whose FID is poor.
    """

    name: ClassVar[str] = "memorisation"
    title: ClassVar[str] = "Distance to training"
    better: ClassVar[Better] = "neither"

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Value ``memorisation``, its ceiling 1.

        Raises:
            NotMeasurable: when there are too few pictures, or all held-out pictures are training pictures.
        """
        found = self.neighbours(context)
        if not found.held_out[0].mean() > 0:
            raise NotMeasurable(f"{self.title}: every held-out picture is also a training picture")
        estimate = distance_ratio(found.generated[0], found.held_out[0])
        value = estimate.named(self.name, found.identity, lowest=0.0)
        return [replace(value, ceiling=1.0)]

    def draw(self, context: MetricContext, folder: Path) -> Sequence[Path]:
        """``closest.png``: the generated pictures nearest to a training picture, each beside that one."""
        from genbench.metrics.drawing import draw_pairs

        found = self.neighbours(context)
        distance, index = found.generated
        rows = np.argsort(distance, kind="stable")[:PAIRS]
        train = _own_pictures(context, "train", EVERY)
        scale = float(found.held_out[0].mean()) or 1.0
        pairs = [(found.images[row], train[index[row]], float(distance[row] / scale)) for row in rows]
        return (draw_pairs(pairs, folder / "closest.png"),)


class Authenticity(_AgainstTraining):
    """AuthPct (Alaa et al., 2022) as a share: generated pictures that are not noisy copies of training pictures.

    The ceiling is the same share of held-out real pictures, usually far below 1.
    """

    name: ClassVar[str] = "authenticity"
    title: ClassVar[str] = "Authenticity"
    better: ClassVar[Better] = "higher"

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Value ``authenticity``.

        Raises:
            NotMeasurable: when there are too few pictures.
        """
        found = self.neighbours(context)
        made, real = (authentic(*part, found.train) for part in (found.generated, found.held_out))
        value = float(made.mean())
        error = float(np.sqrt(value * (1 - value) / len(made)))
        return [share(self.name, value, error, len(made), found.identity, float(real.mean()))]


def _own_pictures(context: MetricContext, split: str, count: int) -> UInt8Array:
    return real_pictures(replace(context, reference=None), split, count)


def _second_nearest(train: Array, rows: npt.NDArray[np.int64]) -> Array:
    """Distance of some training pictures to their nearest other one."""
    result = np.empty(len(rows))
    for part, squared in squared_distances(train[rows], train):
        result[part] = np.sqrt(np.partition(squared, 1, axis=1)[:, 1])
    return result
