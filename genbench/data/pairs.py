"""Two data sets as one pair of domains: ``source:target``, brought to one size and one number of channels.

The rule: pictures have the larger of both data sets' own resolutions, unless another is asked for, and three channels
when either has three. Each data set is decoded at its own resolution; its pictures are then enlarged with Pillow's
bicubic filter or reduced with its Lanczos filter, and grey is repeated over three channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from genbench import plugins
from genbench.data.base import SPLITS, DataRequest, Dataset, ImageData, Progress, RawData, Split, UInt8Array
from genbench.data.cache import Warned, load
from genbench.data.pictures import check_resolution
from genbench.errors import ConfigError
from genbench.hashing import content_hash

RULE = "1: larger resolution, bicubic up, lanczos down; RGB when either is"
"""Part of a pair's identity."""


@dataclass(frozen=True)
class DomainPair:
    """Two data sets with the same classes, resolution and channels."""

    source: ImageData
    target: ImageData

    @property
    def name(self) -> str:
        """``source:target``."""
        return f"{self.source.info.name}:{self.target.info.name}"

    @property
    def identity(self) -> str:
        """A hash of everything in both, and of the rule that aligned them."""
        return content_hash({"source": self.source.identity, "target": self.target.identity, "rule": RULE})


def parse_pair(name: str) -> tuple[str, str]:
    """The names in ``source:target``.

    Raises:
        ConfigError: when there are not two different names.
    """
    source, _, target = name.partition(":")
    if not source or not target or ":" in target:
        raise ConfigError(f"data {name!r} is no pair of domains: write source:target, such as digits:digits-m")
    if source == target:
        raise ConfigError(
            f"data {name!r}: source and target are the same, so the target's labels would be trained on: "
            "name two data sets (family target-only gives the upper bound)"
        )
    return source, target


def load_pair(
    name: str, request: DataRequest, *, progress: Progress | None = None, warned: Warned | None = None
) -> DomainPair:
    """Both data sets of ``source:target``, aligned, from the cache where they are there already.

    ``progress`` and ``warned`` are as in `genbench.data.load`.

    Raises:
        PluginError: an unknown data set.
        ConfigError: no pair, conditions that are not class labels or not the same, a resolution outside [8, 64].
        DataError: files missing or corrupt.
    """
    datasets = [plugins.dataset(part) for part in parse_pair(name)]
    own = replace(request, resolution=None)
    source, target = (load(dataset, own, progress=progress, warned=warned) for dataset in datasets)
    check_classes(source, target)
    resolution = request.resolution or max(source.info.resolution, target.info.resolution)
    check_resolution(name, resolution, 8, 64)
    channels = max(source.info.channels, target.info.channels)
    return DomainPair(
        *(aligned(data, resolution, channels, progress=progress, warned=warned) for data in (source, target))
    )


def check_classes(source: ImageData, target: ImageData) -> None:
    """Raise `ConfigError` unless both data sets have the same class labels in the same order."""
    for data in (source, target):
        if not data.info.exclusive:
            raise ConfigError(f"{data.info.name} has sets of objects, not class labels: adaptation needs classes")
    ours, theirs = source.info.conditions, target.info.conditions
    if len(ours) != len(theirs):
        raise ConfigError(
            f"{source.info.name} has {len(ours)} classes and {target.info.name} has {len(theirs)}: "
            "a pair of domains needs the same classes"
        )
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one != other:
            raise ConfigError(
                f"class {index} is {one!r} in {source.info.name} and {other!r} in {target.info.name}: "
                "a pair of domains needs the same classes"
            )


def aligned(
    data: ImageData,
    resolution: int,
    channels: int,
    *,
    progress: Progress | None = None,
    warned: Warned | None = None,
) -> ImageData:
    """``data`` at another resolution and with at least as many channels; itself when nothing changes."""
    if (data.info.resolution, data.info.channels) == (resolution, channels):
        return data
    request = DataRequest(resolution=resolution)
    changed = load(_Aligned(data, channels), request, progress=progress, warned=warned)
    return replace(changed, info=replace(changed.info, name=data.info.name))


def resize(images: UInt8Array, resolution: int) -> UInt8Array:
    """Pictures uint8 [N, S, S, C] as [N, resolution, resolution, C]: bicubic up, Lanczos (antialiased) down."""
    if images.shape[1] == resolution:
        return images
    smaller = resolution < images.shape[1]
    method = Image.Resampling.LANCZOS if smaller else Image.Resampling.BICUBIC
    result = np.empty((len(images), resolution, resolution, images.shape[3]), np.uint8)
    for index, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        resized = np.asarray(picture.resize((resolution, resolution), method))
        result[index] = resized.reshape(resolution, resolution, -1)
    return result


def with_channels(images: UInt8Array, channels: int) -> UInt8Array:
    """Grey pictures uint8 [N, H, W, 1] repeated over ``channels``; others unchanged."""
    return np.repeat(images, channels, axis=3) if images.shape[3] < channels else images


class _Aligned(Dataset):
    """A cached data set, resized: itself a data set, so that the cache keeps it."""

    name: ClassVar[str] = "aligned"
    title: ClassVar[str] = "resized for a pair of domains"
    default_resolution: ClassVar[int] = 28

    def __init__(self, data: ImageData, channels: int) -> None:
        self._data = data
        self._channels = channels

    def source(self, request: DataRequest) -> Mapping[str, Any]:  # noqa: ARG002
        return {"of": self._data.identity, "channels": self._channels, "rule": RULE}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:  # noqa: ARG002
        total, done, splits = sum(len(split) for split in self._data.splits.values()), 0, {}
        for name in SPLITS:
            split = self._data.splits[name]
            images = with_channels(resize(np.asarray(split.images), resolution), self._channels)
            splits[name] = Split(images, np.asarray(split.conditions))
            done += len(split)
            progress(done, total)
        return RawData(self._data.info.conditions, self._data.info.exclusive, splits)
