"""Inception-v3 as FID means it: TensorFlow's network of 2015-12-05 with its resize, as torch-fidelity rebuilds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from genbench.data.base import UInt8Array
from genbench.errors import DataError
from genbench.evaluators.store import tensors_hash
from genbench.evaluators.tensors import read_pth
from genbench.files import file_hash
from genbench.home import home
from genbench.metrics.base import Identity
from genbench.metrics.features import Features
from genbench.metrics.inception_network import inception_v3
from genbench.precision import prepare

FILE = "weights-inception-2015-12-05-6726825d.pth"
"""torch-fidelity's name for its published file; the last part is the beginning of the file's SHA-256."""

KNOWN_FILES = ("6726825d",)
"""Beginnings of SHA-256 sums of files that are known: the published one."""

KNOWN_TENSORS = ("sha256:5b1226f46541c27e",)
"""`weights_hash`es that are known, however the file was made: conversions that kept the network's features."""

SIZE = 299
RESIZE = "bilinear-tf1-299"
BATCH = 32
FC = frozenset({"fc.weight", "fc.bias"})


def find_weights(path: Path | None = None) -> Path | None:
    """The file of Inception weights: ``path``, else ``inception/`` or the top of ``GENBENCH_HOME``, else None.

    Raises:
        DataError: when ``path`` is given but is no file.
    """
    if path is not None:
        if not path.is_file():
            raise DataError(f"{path}: there is no file of Inception weights: name {FILE} or leave it out")
        return path
    places = (home() / FILE, home() / "inception" / FILE)
    return next((place for place in places if place.is_file()), None)


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """Hash of the tensors that features depend on: without the classifier and the counters of batch norm."""
    used = {k: v for k, v in state.items() if not k.startswith("fc.") and not k.endswith("num_batches_tracked")}
    return tensors_hash(used)


def load_state(path: Path) -> dict[str, Tensor]:
    """The network's tensors, after checking that they are the known ones; no code in the file is run.

    Raises:
        DataError: when the file is missing or damaged, holds more than tensors, or is not a known network.
    """
    advice = f"get {FILE} as torch-fidelity publishes it"
    state = read_pth(path, advice)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"{path}: not a state_dict of Inception-v3: {advice}")
    found = weights_hash(state)
    if found not in KNOWN_TENSORS and not file_hash(path).startswith(KNOWN_FILES):
        raise DataError(f"{path}: these weights ({found}) are not the known Inception-v3: {advice}")
    return dict(state)


class ResizeAsTensorFlow(nn.Module):
    """Bilinear resize to 299×299 without antialiasing, as TensorFlow 1 did, and pixels from 0…255 to about [-1, 1].

    Output pixel i lies at i·(size/299) of the input, corners not aligned; between two pixels the value is
    low + (high - low)·distance, first along x, then along y: in this order the numbers are torch-fidelity's to the bit.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 [N, 3, 299, 299], channels last, of uint8 [N, H, W, 3]."""
        rows = self._between(pixels.float(), dim=2)
        return ((self._between(rows, dim=1) - 128) / 128).permute(0, 3, 1, 2)

    def _between(self, values: Tensor, dim: int) -> Tensor:
        size = values.shape[dim]
        places = torch.arange(SIZE, dtype=torch.float32, device=values.device) * torch.tensor(size / SIZE)
        below = places.long()
        above = (below + 1).clamp_max(size - 1)
        distance = (places - below).view([-1 if d == dim else 1 for d in range(values.ndim)])
        low = values.index_select(dim, below)
        return values.index_select(dim, above).sub_(low).mul_(distance).add_(low)


def build_network(path: Path, state: Mapping[str, Tensor], device: torch.device, *, logits: bool = False) -> nn.Module:
    """The checked tensors in their network, from pixels uint8 [N, H, W, 3] to features or logits.

    Raises:
        DataError: when the tensors do not fit.
    """
    try:
        layers = [ResizeAsTensorFlow(), *inception_v3(state)]
    except KeyError as error:
        raise DataError(f"{path}: does not fit Inception-v3: there is no {error.args[0]}") from None
    if logits:
        head = nn.Linear(2048, 1008, bias=False)
        head.weight = nn.Parameter(state["fc.weight"])
        layers.append(head)
    network = nn.Sequential(*layers).requires_grad_(False)
    prepare([network], device, "float32")
    return network


def run_network(network: nn.Module, images: UInt8Array, device: torch.device) -> Features:
    """Outputs float32 [N, D] of images uint8 [N, H, W, C], C = 1 or 3; grey becomes three equal channels."""
    colour = images if images.shape[-1] == 3 else np.repeat(images, 3, axis=-1)
    parts = []
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        for start in range(0, len(colour), BATCH):
            pixels = torch.from_numpy(np.array(colour[start : start + BATCH])).to(device)
            parts.append(network(pixels).cpu().numpy())
    return np.concatenate(parts)


@dataclass(frozen=True)
class InceptionExtractor:
    """The 2,048 pooled features of Inception-v3, of pictures resized to 299×299 as TensorFlow 1 did."""

    network: nn.Module
    weights: str
    device: torch.device

    @classmethod
    def load(cls, path: Path, device: torch.device) -> InceptionExtractor:
        """Build the network from a known file.

        Raises:
            DataError: when the file is not a known network.
        """
        state = load_state(path)
        found = weights_hash(state)
        return cls(build_network(path, state, device), found, device)

    @property
    def identity(self) -> Identity:
        """Extractor, weights and resize."""
        return {"extractor": "inception-v3-compat", "weights": self.weights, "resize": RESIZE}

    def features(self, images: UInt8Array) -> Features:
        """Features float32 [N, 2048] of images uint8 [N, H, W, C], C = 1 or 3; grey becomes three equal channels."""
        return run_network(self.network, images, self.device)


@dataclass(frozen=True)
class InceptionLogits:
    """The 1,008 class scores of Inception-v3 without bias, as the Inception Score takes them."""

    network: nn.Module
    weights: str
    device: torch.device

    @classmethod
    def load(cls, path: Path, device: torch.device) -> InceptionLogits:
        """Build the network from a known file that has its classifier.

        Raises:
            DataError: when the file is not a known network, or lacks the classifier.
        """
        state = load_state(path)
        if lacking := sorted(FC - state.keys()):
            raise DataError(f"{path}: has no {lacking[0]}: the Inception Score needs {FILE} whole")
        found = tensors_hash({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")})
        return cls(build_network(path, state, device, logits=True), found, device)

    @property
    def identity(self) -> Identity:
        """Extractor, weights (those of the classifier too) and resize."""
        return {"extractor": "inception-v3-compat/logits", "weights": self.weights, "resize": RESIZE}

    def features(self, images: UInt8Array) -> Features:
        """Logits float32 [N, 1008] of images uint8 [N, H, W, C], C = 1 or 3."""
        return run_network(self.network, images, self.device)
