"""Splits of data that comes as labelled training pictures and labelled test pictures."""

from __future__ import annotations

from genbench.data.base import Split, UInt8Array
from genbench.data.pictures import one_hot
from genbench.data.splitting import IntArray, order_by_hash, split_by_hash

VALIDATION_SHARE = 12
"""One training picture in so many is held out for validation."""

Labelled = tuple[UInt8Array, IntArray]
"""Pictures uint8 [N, H, W, C] and their classes int64 [N]."""


def split_labelled(train: Labelled, test: Labelled, classes: int) -> dict[str, Split]:
    """Hold a twelfth of the training pictures out for validation, each class in proportion.

    Every split comes in a fixed shuffled order, so that any stretch of it is a fair sample.
    """
    images, labels = train
    keys = [f"train/{index}" for index in range(len(images))]
    parts = split_by_hash(keys, max(1, len(images) // VALIDATION_SHARE), 0, labels.tolist())
    splits = {n: Split(images[parts[n]], one_hot(labels[parts[n]], classes)) for n in ("train", "validation")}
    test_images, test_labels = test
    order = order_by_hash([f"test/{index}" for index in range(len(test_images))], test_labels.tolist())
    return {**splits, "test": Split(test_images[order], one_hot(test_labels[order], classes))}
