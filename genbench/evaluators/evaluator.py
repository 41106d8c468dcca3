"""A frozen classifier with a name, a version and a hash."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from genbench.data.base import UInt8Array
from genbench.errors import DataError

Floats = npt.NDArray[np.float32]

BATCH = 256


class FeatureClassifier(nn.Module, ABC):
    """What an evaluator wraps: ``forward`` gives logits [N, K], ``features`` penultimate features [N, D]."""

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Features [N, D] of images [N, C, H, W] in [-1, 1]."""


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A frozen classifier that scores pictures.

    Attributes:
        role: ``"guide"``, ``"referee"`` or ``"resnet18"``.
        name: what it is called in identities, e.g. ``"clevr-synth-32-referee"``.
        version: of networks and training.
        weights: ``"sha256:"`` and 16 hex digits over its tensors.
        shape: (resolution, channels) of the pictures that it takes.
        module: the network, frozen, in eval mode, on `device`; maps images in [-1, 1] to logits, differentiably.
        device: where it computes.
    """

    role: str
    name: str
    version: int
    weights: str
    shape: tuple[int, int]
    module: FeatureClassifier
    device: torch.device

    def __post_init__(self) -> None:
        self.module.requires_grad_(False)
        self.module.eval()
        self.module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def identity(self) -> Mapping[str, str | int | float | None]:
        """What makes two of its scores comparable."""
        return {"evaluator": self.name, "version": self.version, "weights": self.weights}

    def logits(self, images: UInt8Array) -> Floats:
        """Logits float32 [N, K] of images uint8 [N, H, W, C].

        Raises:
            DataError: when the pictures are not uint8 or of another size than the evaluator's.
        """
        return self._batched(self.module, images)

    def features(self, images: UInt8Array) -> Floats:
        """Penultimate features float32 [N, D] of images uint8 [N, H, W, C].

        Raises:
            DataError: when the pictures are not uint8 or of another size than the evaluator's.
        """
        return self._batched(self.module.features, images)

    def _batched(self, function: Callable[[Tensor], Tensor], images: UInt8Array) -> Floats:
        resolution, channels = self.shape
        expected = (resolution, resolution, channels)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected or not len(images):
            size = "×".join(map(str, images.shape[1:]))
            raise DataError(
                f"evaluator {self.name} takes uint8 pictures {'×'.join(map(str, expected))}, "
                f"not {len(images)} of {images.dtype} {size}: evaluate at resolution {resolution}"
            )
        # TF32 and reduced-precision sums would make scores depend on the kind of GPU.
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            parts = [
                function(to_float(images[start : start + BATCH], self.device)).float().cpu().numpy()
                for start in range(0, len(images), BATCH)
            ]
        return np.concatenate(parts)


def to_float(images: UInt8Array, device: torch.device) -> Tensor:
    """Images uint8 [N, H, W, C] to float32 [N, C, H, W] in [-1, 1], laid out channels-last."""
    pixels = torch.from_numpy(np.array(images)).to(device)
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
