"""Features of picture sets: extracted once, kept by content; and which real pictures to compare with.

Metrics over features (FID, KID, precision and recall, …) take these as they are and add statistics and a value.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from genbench.data.base import UInt8Array
from genbench.errors import DataError
from genbench.files import whole_file
from genbench.hashing import content_hash
from genbench.metrics.base import MetricContext
from genbench.metrics.extractors import Extractor, Features, RefereeExtractor, choose_extractor

__all__ = [
    "Extractor",
    "Features",
    "RefereeExtractor",
    "choose_extractor",
    "chosen_rows",
    "extract",
    "pictures_hash",
    "real_pictures",
]


def extract(extractor: Extractor, images: UInt8Array, cache: Path | None = None) -> Features:
    """Features float32 [N, D], taken from ``cache`` when these very pictures were met before.

    Raises:
        DataError: when features are not finite numbers, or not one vector a picture.
        GenbenchError: when the cache cannot be written.
    """
    if cache is None:
        return _checked(extractor.features(images), len(images))
    path = cache / content_hash(dict(extractor.identity)) / f"{pictures_hash(images)}.npy"
    if (known := _read(path, len(images))) is not None:
        return known
    features = _checked(extractor.features(images), len(images))
    with whole_file(path) as part, part.open("wb") as file:
        np.save(file, features, allow_pickle=False)
    return features


def real_pictures(context: MetricContext, split: str, count: int) -> UInt8Array:
    """``count`` real pictures of a split (or all, if there are fewer): always the same random choice, in order."""
    given = context.reference if split == "test" else None
    images = context.data.splits[split].images if given is None else given
    return images if count >= len(images) else images[chosen_rows(len(images), count)]


def chosen_rows(total: int, count: int) -> np.ndarray:
    """Which ``count`` of ``total`` pictures are compared with: always the same random choice, in order.

    A random choice, because neighbouring pictures may be of one scene or one class.
    """
    if count >= total:
        return np.arange(total)
    # The stream of RandomState is frozen for ever, unlike that of newer generators.
    return np.sort(np.random.RandomState(0).permutation(total)[:count])


def pictures_hash(images: UInt8Array) -> str:
    """16 hex digits of the SHA-256 over shape and pixels."""
    digest = hashlib.sha256(repr((str(images.dtype), images.shape)).encode())
    for start in range(0, len(images), 1024):
        digest.update(np.ascontiguousarray(images[start : start + 1024]).tobytes())
    return digest.hexdigest()[:16]


def _checked(values: Features, count: int) -> Features:
    features = np.asarray(values, dtype=np.float32)
    if features.ndim != 2 or len(features) != count:
        raise DataError(f"features must be one vector a picture, not {list(features.shape)} for {count} pictures")
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
