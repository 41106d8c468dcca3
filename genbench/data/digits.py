"""scikit-learn's handwritten digits: real, small, and installed already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from genbench.data.base import DataRequest, Dataset, Progress, RawData, Split
from genbench.data.pictures import one_hot
from genbench.data.splitting import split_by_hash
from genbench.errors import ConfigError

RESOLUTIONS = (8, 16, 32)
VALIDATION, TEST = 200, 500


class Digits(Dataset):
    """1,797 grey digits: 1,097 for training, 200 for validation, 500 for test, each with all classes in proportion.

    The originals are 8x8 with values 0 to 16, counts of ink in 4x4 blocks of a 32x32 bitmap (E. Alpaydın and C. Kaynak,
    *Optical Recognition of Handwritten Digits*, UCI, 1998). Levels are scaled by 255/16; larger sizes are bicubic
    interpolations, which Pillow computes in whole numbers, so that the pictures are the same on every machine.
    """

    name: ClassVar[str] = "digits"
    title: ClassVar[str] = "handwritten digits of scikit-learn (1,797 grey pictures, 10 classes)"
    default_resolution: ClassVar[int] = 16
    builtin: ClassVar[bool] = True

    def source(self, request: DataRequest) -> Mapping[str, Any]:  # noqa: ARG002
        """Nothing: the pictures never change."""
        return {}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:  # noqa: ARG002
        """Scale and split.

        Raises:
            ConfigError: when the resolution is none of 8, 16 and 32.
        """
        from sklearn.datasets import load_digits

        if resolution not in RESOLUTIONS:
            raise ConfigError(f"digits cannot be had at resolution {resolution}: choose 8, 16 or 32")
        digits = load_digits()
        levels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        size = (resolution, resolution)
        pictures = [np.asarray(Image.fromarray(level).resize(size, Image.Resampling.BICUBIC)) for level in levels]
        images = np.stack(pictures)[..., None]
        conditions = one_hot(digits.target, 10)
        parts = split_by_hash([f"digits/{i}" for i in range(len(images))], VALIDATION, TEST, digits.target.tolist())
        progress(len(images), len(images))
        return RawData(
            conditions=tuple("0123456789"),
            exclusive=True,
            splits={name: Split(images[rows], conditions[rows]) for name, rows in parts.items()},
        )
