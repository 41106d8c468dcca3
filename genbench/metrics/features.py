"""Features of picture sets: extractors, a cache by content, and which real pictures to compare with.

Metrics over features (FID, KID, precision and recall, …) take these as they are and add statistics and a value.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from genbench.data.base import UInt8Array
from genbench.errors import DataError
from genbench.evaluators.evaluator import Evaluator
from genbench.files import whole_file
from genbench.hashing import content_hash
from genbench.metrics.base import Identity, MetricContext

Features = npt.NDArray[np.float32]


class Extractor(Protocol):
    """Turns pictures into feature vectors; ``identity`` names it, its weights by hash, and its resize."""

    @property
    def identity(self) -> Identity:
        """Keys ``extractor``, ``weights`` and ``resize``."""

    def features(self, images: UInt8Array) -> Features:
        """Features float32 [N, D] of images uint8 [N, H, W, C]."""


@dataclass(frozen=True)
class RefereeExtractor:
    """The referee's penultimate features: for small pictures, and where there are no Inception weights."""

    referee: Evaluator

    @property
    def identity(self) -> Identity:
        """The referee's own identity, named as an extractor."""
        return {"extractor": "referee-features", **self.referee.identity, "resize": "none"}

    def features(self, images: UInt8Array) -> Features:
        """Features float32 [N, 128] of images uint8 [N, H, W, C] of the referee's size."""
        return self.referee.features(images)


def choose_extractor(context: MetricContext) -> Extractor:
    """Inception-v3 when the context has its weights, else the referee.

    Raises:
        DataError: when the weights are not those known, or the data has no two conditions for a referee to tell apart.
    """
    if context.inception_weights is not None:
        from genbench.metrics.inception import InceptionExtractor

        return InceptionExtractor.load(context.inception_weights, context.device)
    if len(context.data.info.conditions) < 2:
        raise DataError(
            f"{context.data.info.name} has no two conditions that a referee could tell apart: features need Inception "
            "weights, by --inception-weights"
        )
    return RefereeExtractor(context.evaluators.referee)


def extract(extractor: Extractor, images: UInt8Array, cache: Path | None = None) -> Features:
    """Features float32 [N, D], taken from ``cache`` when these very pictures were met before.

    Raises:
        DataError: when features are not finite numbers.
        GenbenchError: when the cache cannot be written.
    """
    if cache is None:
        return _checked(extractor.features(images))
    path = cache / content_hash(dict(extractor.identity)) / f"{pictures_hash(images)}.npy"
    if (known := _read(path, len(images))) is not None:
        return known
    features = _checked(extractor.features(images))
    with whole_file(path) as part, part.open("wb") as file:
        np.save(file, features, allow_pickle=False)
    return features


def real_pictures(context: MetricContext, split: str, count: int) -> UInt8Array:
    """``count`` real pictures of a split (or all, if there are fewer): always the same random choice, in order.

    A random choice, because neighbouring pictures may be of one scene or one class.
    """
    given = context.reference if split == "test" else None
    images = context.data.splits[split].images if given is None else given
    if count >= len(images):
        return images
    # The stream of RandomState is frozen for ever, unlike that of newer generators.
    return images[np.sort(np.random.RandomState(0).permutation(len(images))[:count])]


def pictures_hash(images: UInt8Array) -> str:
    """16 hex digits of the SHA-256 over shape and pixels."""
    digest = hashlib.sha256(repr((str(images.dtype), images.shape)).encode())
    for start in range(0, len(images), 1024):
        digest.update(np.ascontiguousarray(images[start : start + 1024]).tobytes())
    return digest.hexdigest()[:16]


def _checked(features: Features) -> Features:
    if not np.isfinite(features).all():
        row = int((~np.isfinite(features)).any(axis=1).argmax())
        raise DataError(f"features of picture {row} are not finite numbers")
    return features


def _read(path: Path, count: int) -> Features | None:
    """Cached features, or None when there are none or they are damaged."""
    try:
        features = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = isinstance(features, np.ndarray) and features.dtype == np.float32 and features.ndim == 2
    return features if fits and len(features) == count and np.isfinite(features).all() else None
