"""Where evaluators' weights are kept: shipped with the package, or trained on first use and cached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from genbench.allocating import bounded
from genbench.data.base import ImageData
from genbench.errors import DataError
from genbench.evaluators.evaluator import Evaluator
from genbench.evaluators.networks import Classifier, build
from genbench.evaluators.training import VERSION, Progress, Role, train
from genbench.files import whole_file
from genbench.home import home_folder

FORMAT = "genbench-evaluator-1"
SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Card:
    """What a weight file says of itself: who it is, what it takes, and the data that it was trained on."""

    name: str
    role: str
    version: int
    architecture: str
    resolution: int
    channels: int
    conditions: tuple[str, ...]
    data: str

    def fits(self, data: ImageData) -> bool:
        """Whether pictures of this data can be scored: same name, size and conditions."""
        info = data.info
        mine = (self.name, self.resolution, self.channels, self.conditions)
        return mine == (evaluator_name(data, self.role), info.resolution, info.channels, info.conditions)


def evaluator_name(data: ImageData, role: str) -> str:
    """E.g. ``"clevr-synth-32-referee"``."""
    return f"{data.info.name}-{data.info.resolution}-{role}"


def tensors_hash(state: Mapping[str, Tensor]) -> str:
    """``"sha256:"`` and 16 hex digits over names, types, shapes and bytes, whatever the order or file format."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def save(path: Path, module: Classifier, card: Card) -> None:
    """Write a weight file whole."""
    state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    with whole_file(path) as part:
        save_file(state, part, metadata={"format": FORMAT, "card": json.dumps(card.__dict__, sort_keys=True)})


def load(path: Path, device: torch.device) -> tuple[Evaluator, Card]:
    """Read a weight file.

    Raises:
        DataError: when it is missing, damaged, or not an evaluator's.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        if metadata.get("format") != FORMAT:
            raise DataError(f"{path}: not an evaluator of format {FORMAT}: delete it")
        content = json.loads(metadata["card"])
        card = Card(**{**content, "conditions": tuple(content["conditions"])})
        with bounded(str(path)):
            module = build(card.architecture, card.resolution, card.channels, len(card.conditions))
        module.load_state_dict(state)
        if bad := [name for name, value in state.items() if not value.isfinite().all()]:
            raise ValueError(f"{bad[0]} holds numbers that are not finite")
    except DataError:
        raise
    except Exception as error:  # readers and builders raise almost anything on what a damaged card says
        raise DataError(f"{path}: damaged evaluator ({(str(error).splitlines() or [''])[0]}): delete it") from None
    shape = (card.resolution, card.channels)
    return Evaluator(card.role, card.name, card.version, tensors_hash(state), shape, module, device), card


def obtain(data: ImageData, role: Role, device: torch.device, progress: Progress | None = None) -> Evaluator:
    """The evaluator of this role: shipped for built-in data, else from the cache, else trained now and cached.

    A second process that asks at the same time waits and takes what the first has trained.

    Raises:
        ConfigError: when the pictures are too small, or have fewer than two conditions to tell apart.
        GenbenchError: when the cache cannot be written.
    """
    shipped = SHIPPED / f"{evaluator_name(data, role)}.safetensors"
    if shipped.is_file():
        evaluator, card = load(shipped, device)
        if card.fits(data) and card.version == VERSION:
            return evaluator
    path = home_folder("evaluators", data.identity[:16]) / f"{evaluator_name(data, role)}-v{VERSION}.safetensors"
    if (cached := _cached(path, data, device)) is not None:
        return cached
    with FileLock(path.with_suffix(".lock")):
        if (cached := _cached(path, data, device)) is not None:
            return cached
        save(path, *make(data, role, device, progress))
    return load(path, device)[0]


def make(
    data: ImageData, role: Role, device: torch.device, progress: Progress | None = None
) -> tuple[Classifier, Card]:
    """Train an evaluator, and write its card."""
    info = data.info
    module = train(data, role, device=device, progress=progress)
    architecture: Literal["residual", "plain"] = "residual" if role == "referee" else "plain"
    name = evaluator_name(data, role)
    card = Card(name, role, VERSION, architecture, info.resolution, info.channels, info.conditions, data.identity)
    return module, card


def _cached(path: Path, data: ImageData, device: torch.device) -> Evaluator | None:
    """What the cache holds, or None when that is nothing or damaged."""
    if not path.is_file():
        return None
    try:
        evaluator, card = load(path, device)
    except DataError:
        return None
    return evaluator if card.fits(data) else None
