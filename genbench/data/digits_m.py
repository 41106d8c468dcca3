"""Digits over coloured textures: what MNIST-M is to MNIST, for the built-in digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from genbench.data.base import DataRequest, Dataset, Progress, RawData, Split, UInt8Array
from genbench.data.digits import Digits
from genbench.errors import ConfigError
from genbench.hashing import derive_seed

TEXTURES = 200
LAYERS = (4, 12, 24)
"""Colours along a side of the layers whose mean is a texture, from coarse to fine."""


class DigitsM(Dataset):
    """The pictures of `digits`, each blended over a crop of a procedural texture; same splits, same classes.

    As MNIST-M's authors blend (Y. Ganin et al., JMLR 2016, section 5.2.3), a picture is |texture - digit|, channel by
    channel. Textures are layers of random colours, interpolated smoothly. All arithmetic is on whole numbers, so that
    the pictures are the same on every machine.
    """

    name: ClassVar[str] = "digits-m"
    title: ClassVar[str] = "digits over coloured textures (1,797 RGB pictures, 10 classes)"
    default_resolution: ClassVar[int] = Digits.default_resolution
    builtin: ClassVar[bool] = True

    def source(self, request: DataRequest) -> Mapping[str, Any]:  # noqa: ARG002
        """Nothing: the pictures never change."""
        return {}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        """Make textures and blend.

        Raises:
            ConfigError: when the resolution is none of 8, 16 and 32.
        """
        try:
            digits = Digits().decode(request, resolution, _silent)
        except ConfigError:
            raise ConfigError(f"{self.name} cannot be had at resolution {resolution}: choose 8, 16 or 32") from None
        textures = [texture(number, 4 * resolution) for number in range(TEXTURES)]
        total, done, splits = sum(map(len, digits.splits.values())), 0, {}
        for name, split in digits.splits.items():
            generator = np.random.default_rng(derive_seed("digits-m", name))
            splits[name] = Split(blend(split.images, textures, generator), split.conditions)
            done += len(split)
            progress(done, total)
        return replace(digits, splits=splits)


def _silent(done: int, total: int) -> None:
    """Loading the digits is nothing to report."""


def texture(number: int, side: int) -> UInt8Array:
    """Texture ``number`` as uint8 [side, side, 3]: layers of random colours, their contrast doubled, then dimmed.

    Values stay below 60 % of white, so that strokes are mostly lighter than what they are blended over.
    """
    generator = np.random.default_rng(derive_seed("texture", number))
    total = np.zeros((side, side, 3), np.int64)
    for cells in LAYERS:
        colours = generator.integers(0, 256, (cells, cells, 3), np.uint8)
        total += np.asarray(Image.fromarray(colours).resize((side, side), Image.Resampling.BICUBIC), np.int64)
    contrasted = (2 * (total // len(LAYERS)) - 128).clip(0, 255)
    return (contrasted * 3 // 5).astype(np.uint8)


def blend(digits: UInt8Array, textures: list[UInt8Array], generator: np.random.Generator) -> UInt8Array:
    """|texture - digit| with a random crop of a random texture for each digit.

    Args:
        digits: uint8 [N, R, R, 1].
        textures: uint8 [S, S, 3] each, S > R.
        generator: chooses textures and crops.

    Returns:
        uint8 [N, R, R, 3].
    """
    side, room = digits.shape[1], textures[0].shape[0] - digits.shape[1] + 1
    chosen = generator.integers(0, len(textures), len(digits))
    corners = generator.integers(0, room, (len(digits), 2))
    crops = np.stack([textures[k][y : y + side, x : x + side] for k, (y, x) in zip(chosen, corners, strict=True)])
    return np.abs(crops.astype(np.int16) - digits.astype(np.int16)).astype(np.uint8)
