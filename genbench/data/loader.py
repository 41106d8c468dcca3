"""From cached uint8 pictures to training batches: gathered, moved, then normalised and augmented on the device.

What step k gets depends on the seed and on k only. A run that is resumed at step k therefore sees what it would have
seen, and nothing about the loader has to be saved.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genbench.api import AdaptationBatch, Batch
from genbench.data.base import Split, UInt8Array
from genbench.errors import ConfigError, DataError
from genbench.hashing import derive_seed

Augment = Literal["none", "flip"]

RESIDENT_SHARE = 0.25
"""Pictures that need at most this share of a GPU's free memory are kept on it."""


def to_float(images: Tensor) -> Tensor:
    """Pictures as networks take them.

    Args:
        images: uint8 [N, H, W, C].

    Returns:
        float32 [N, C, H, W] in [-1, 1] (x / 127.5 - 1), in channels_last memory format, on the same device.
    """
    return images.permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Pictures as files have them: the inverse of `to_float`, clipping what lies outside.

    Args:
        images: finite, [N, C, H, W], nominally in [-1, 1].

    Returns:
        uint8 [N, H, W, C], contiguous, rounded to the nearest level.
    """
    levels = images.detach().to(torch.float32, copy=True).clamp_(-1.0, 1.0).add_(1.0).mul_(127.5).round_()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class Order:
    """Which pictures each step gets: an endless sequence of shuffled epochs, cut into batches.

    Every epoch visits each picture exactly once; a batch that an epoch does not fill goes on with the next one.
    """

    def __init__(self, size: int, batch_size: int, seed: int) -> None:
        if size < 1 or batch_size < 1:
            raise ConfigError(f"a batch of {batch_size} from {size} pictures is not possible: both must be at least 1")
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self._permutations: dict[int, npt.NDArray[np.int64]] = {}

    def indices(self, step: int) -> npt.NDArray[np.int64]:
        """Picture numbers int64 [batch_size] of step 0, 1, 2, …"""
        start, stop = step * self.batch_size, (step + 1) * self.batch_size
        parts = []
        while start < stop:
            epoch, offset = divmod(start, self.size)
            part = self._permutation(epoch)[offset : offset + stop - start]
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        if epoch not in self._permutations:
            # Two are enough: a batch straddles one border, and larger batches move forward.
            self._permutations = {old: self._permutations[old] for old in self._permutations if old == epoch - 1}
            generator = np.random.default_rng(derive_seed("epoch", self.seed, epoch))
            self._permutations[epoch] = generator.permutation(self.size)
        return self._permutations[epoch]


class Rows:
    """Rows of a (memory-mapped) array, gathered to a device; the whole array stays there if it fits comfortably."""

    def __init__(self, array: UInt8Array, device: torch.device) -> None:
        self.device = device
        self._array = np.asarray(array)  # a plain view: indexing a np.memmap object is slower
        self._resident: Tensor | None = None
        if device.type == "cuda" and array.nbytes <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
            self._resident = torch.from_numpy(np.array(array)).to(device)

    def take(self, indices: npt.NDArray[np.int64]) -> Tensor:
        """Rows uint8 [len(indices), …] on the device, a copy of their own."""
        if self._resident is not None:
            return self._resident[_to_device(indices, self.device)]
        return _to_device(self._array.take(indices, axis=0), self.device)


class Batches:
    """Training batches for generation.

    Args:
        images: uint8 [N, H, W, C].
        conditions: uint8 [N, K] in {0, 1}.
        batch_size: pictures a step; it may exceed N.
        seed: with the step, all that decides what a batch holds.
        device: where batches go.
        augment: ``"flip"`` mirrors each picture left to right with probability one half.

    Raises:
        ConfigError: when a batch is not possible or ``augment`` is unknown.
        DataError: when there are not as many conditions as pictures.
    """

    def __init__(
        self,
        images: UInt8Array,
        conditions: UInt8Array,
        batch_size: int,
        seed: int,
        device: torch.device | str,
        *,
        augment: Augment = "none",
    ) -> None:
        if len(images) != len(conditions):
            raise DataError(f"{len(images)} pictures have {len(conditions)} conditions: the numbers must agree")
        device = torch.device(device)
        self._order = Order(len(images), batch_size, seed)
        self._images = Rows(images, device)
        self._conditions = Rows(conditions, device)
        self._flip = _Flip(seed, augment)

    def batch(self, step: int) -> Batch:
        """The batch of step 0, 1, 2, …"""
        indices = self._order.indices(step)
        images = to_float(self._flip(self._images.take(indices), step))
        return Batch(images, self._conditions.take(indices).to(torch.float32))


class PairBatches:
    """Training batches for adaptation: labelled source pictures beside target pictures without labels.

    Source and target are shuffled independently, and the smaller one is repeated more often. Target labels are not an
    argument, so nothing trained on these batches can have seen them.

    Args:
        source: labelled pictures with one-hot conditions.
        target_images: uint8 [M, H, W, C], of the same shape as the source's.
        batch_size: pictures of each domain a step.
        seed, device, augment: as for `Batches`.

    Raises:
        ConfigError: when a batch is not possible or ``augment`` is unknown.
        DataError: when the pictures' shapes differ, or the source's conditions are not class labels.
    """

    def __init__(
        self,
        source: Split,
        target_images: UInt8Array,
        batch_size: int,
        seed: int,
        device: torch.device | str,
        *,
        augment: Augment = "none",
    ) -> None:
        if source.images.shape[1:] != target_images.shape[1:]:
            shapes = " and ".join("×".join(map(str, images.shape[1:])) for images in (source.images, target_images))
            raise DataError(f"source and target pictures differ in shape ({shapes}): load both at the same size")
        if (source.conditions.sum(axis=1) != 1).any():
            raise DataError("the source's conditions are sets, not class labels: adaptation needs one class a picture")
        device = torch.device(device)
        self._source_order = Order(len(source), batch_size, derive_seed("source", seed))
        self._target_order = Order(len(target_images), batch_size, derive_seed("target", seed))
        self._source_images = Rows(source.images, device)
        self._target_images = Rows(target_images, device)
        self._labels = source.conditions.argmax(axis=1).astype(np.int64)
        self._source_flip = _Flip(derive_seed("source", seed), augment)
        self._target_flip = _Flip(derive_seed("target", seed), augment)
        self._device = device

    def batch(self, step: int) -> AdaptationBatch:
        """The batch of step 0, 1, 2, …"""
        source, target = self._source_order.indices(step), self._target_order.indices(step)
        return AdaptationBatch(
            source_images=to_float(self._source_flip(self._source_images.take(source), step)),
            source_labels=_to_device(self._labels[source], self._device),
            target_images=to_float(self._target_flip(self._target_images.take(target), step)),
        )


class _Flip:
    """Mirror pictures of a batch uint8 [N, H, W, C], in place, as (seed, step) decides, the same on every device."""

    def __init__(self, seed: int, augment: str) -> None:
        if augment not in ("none", "flip"):
            raise ConfigError(f"unknown augmentation {augment!r}: choose none or flip")
        self._seed = seed if augment == "flip" else None

    def __call__(self, images: Tensor, step: int) -> Tensor:
        if self._seed is not None:
            generator = np.random.default_rng(derive_seed("flip", self._seed, step))
            chosen = _to_device(np.flatnonzero(generator.random(len(images)) < 0.5), images.device)
            images[chosen] = images[chosen].flip(2)
        return images


def _to_device(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """A tensor on ``device``, sent to a GPU without waiting for it."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
