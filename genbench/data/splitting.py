"""Fixed splits without randomness: the order of SHA-256 digests decides, so they are the same everywhere and always."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def order_by_hash(keys: Sequence[str], strata: Sequence[Hashable] | None = None) -> IntArray:
    """A fixed order of ``keys`` that has nothing to do with their meaning, so that any stretch of it is a fair sample.

    Args:
        keys: distinct names; the hash of each decides where it comes.
        strata: the class of each key; any stretch then holds each class in proportion, to within about one.

    Returns:
        Positions in ``keys``, int64 [len(keys)].
    """
    digests = [hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest() for key in keys]
    order = sorted(range(len(keys)), key=digests.__getitem__)
    return np.array(order if strata is None else _interleave(order, strata), np.int64)


def split_by_hash(
    keys: Sequence[str], validation: int, test: int, strata: Sequence[Hashable] | None = None
) -> dict[str, IntArray]:
    """Divide ``keys`` into train, validation and test.

    Args:
        keys: distinct names of what is divided.
        validation: how many go to validation.
        test: how many go to test.
        strata: the class of each key; every split then has each class in proportion.

    Returns:
        Positions in ``keys`` by split, in `order_by_hash`'s order.
    """
    order = order_by_hash(keys, strata)
    return {"train": order[test + validation :], "validation": order[test : test + validation], "test": order[:test]}


def share(total: int, fraction: float) -> int:
    """The nearest whole number to ``fraction * total``, but at least 1."""
    return max(1, round(fraction * total))


def _interleave(order: list[int], strata: Sequence[Hashable]) -> list[int]:
    """Reorder so that any stretch holds each stratum in proportion: rank r of n in a stratum goes to (r + ½)/n."""
    sizes: dict[Hashable, int] = {}
    ranks: list[tuple[int, Hashable]] = []
    for position in order:
        stratum = strata[position]
        ranks.append((sizes.get(stratum, 0), stratum))
        sizes[stratum] = sizes.get(stratum, 0) + 1
    places = [(rank + 0.5) / sizes[stratum] for rank, stratum in ranks]
    return [order[index] for index in sorted(range(len(order)), key=places.__getitem__)]
