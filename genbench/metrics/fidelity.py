"""What metrics of fidelity and diversity have in common: features of generated pictures against as many real ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from genbench.metrics.base import FIDELITY, Estimate, Identity, Metric, MetricContext, NotMeasurable, Value
from genbench.metrics.extractors import Features, choose_extractor
from genbench.metrics.features import extract, real_pictures
from genbench.metrics.reference import compared_with


class FidelityMetric(Metric):
    """A number for n generated pictures against as many real held-out ones (or all, if there are fewer).

    Beside it stands the *floor*: as many real training pictures against the same real held-out ones. What distance is
    left between those is the metric's bias at this n. Features are the chosen extractor's; the identity says which,
    and values of different extractors are never comparable.

    Attributes:
        least: fewest pictures on either side.
        lowest, highest: between which values lie, for intervals.
    """

    least: ClassVar[int] = 2
    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = float("inf")

    @abstractmethod
    def estimate(self, generated: Features, real: Features) -> Estimate:
        """The number for features float32 [N, D] and [M, D], N and M at least `least`.

        Raises:
            DataError: when features cannot be compared.
        """

    def settings(self) -> Mapping[str, str | int | float | None]:
        """What of the metric's own settings belongs to the identity, e.g. ``{"k": 3}``. Default: nothing."""
        return {}

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``name`` and ``name_floor``.

        Raises:
            NotMeasurable: when there are too few pictures, or no extractor.
            DataError: when the extractor's weights are not those known.
        """
        images = enough_pictures(context, self.title, self.least)
        extractor = choose_extractor(context)
        real, reference = compared_with(context, extractor, len(images))
        train = real_pictures(context, "train", len(images))
        if min(len(real), len(train)) < self.least:
            raise NotMeasurable(
                f"{self.title} needs at least {self.least} real pictures, not {min(len(real), len(train))}"
            )
        identity: Identity = {**extractor.identity, **self.settings(), "samples": len(images), **reference}
        made, known = (extract(extractor, pictures, context.cache) for pictures in (images, train))
        floor = {**identity, "samples": len(train), "of": "train"}
        return [
            self._value(self.name, made, real, identity),
            self._value(f"{self.name}_floor", known, real, floor),
        ]

    def _value(self, name: str, generated: Features, real: Features, identity: Identity) -> Value:
        return self.estimate(generated, real).named(name, identity, lowest=self.lowest, highest=self.highest)


def enough_pictures(context: MetricContext, what: str, least: int) -> np.ndarray:
    """The generated pictures uint8 [N, H, W, C].

    Raises:
        NotMeasurable: when there are fewer than ``least``.
    """
    if FIDELITY not in context.pictures:
        raise NotMeasurable(f"{context.data.info.name}: there are no pictures for {what}")
    images = context.pictures[FIDELITY].images
    if len(images) < least:
        count = "two" if least == 2 else least
        raise NotMeasurable(f"{what} needs at least {count} pictures, not {len(images)}: generate more")
    return images
