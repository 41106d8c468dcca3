"""A learner's whole state in one safetensors file: networks, averages, optimisers, history, counters, best weights.

A checkpoint carries a checksum over all that it holds, and the one before it stays beside it until training has ended.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genbench.api import Learner
from genbench.averaging import WeightAverage
from genbench.errors import DataError
from genbench.files import whole_file
from genbench.selection import Best, Choice
from genbench.weights import taken

FORMAT = "genbench-checkpoint-3"
_WITHOUT_CHECKSUM = "genbench-checkpoint-2"


class DamagedCheckpoint(DataError):  # noqa: N818 - a state, as `Diverged` is
    """A checkpoint that training cannot go on from."""


@dataclass
class Counters:
    """How far training has come, and what it took."""

    step: int = 0
    pictures: int = 0
    seconds: float = 0.0
    flop_per_step: float = 0.0


@dataclass
class History:
    """Every scalar that steps returned: for each name, at which steps, and the values."""

    steps: dict[str, list[int]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, step: int, value: float) -> None:
        """Append one value."""
        self.steps.setdefault(name, []).append(step)
        self.values.setdefault(name, []).append(value)


def save(
    path: Path,
    learner: Learner,
    average: WeightAverage | None,
    counters: Counters,
    history: History,
    choice: Choice,
    *,
    extra: Sequence[Mapping[str, Tensor]] = (),
) -> None:
    """Write everything that training needs to go on as if it had not stopped; the checkpoint before it is kept, too.

    Processes that train together differ in the learner's extra state alone: ``extra`` has everybody's, by rank.
    """
    tensors: dict[str, Tensor] = {}
    hyper: dict[str, Any] = {}
    for name, network in learner.networks.items():
        _put(tensors, f"networks/{name}/", network.state_dict())
    if average is not None:
        _put(tensors, "average/", average.state_dict())
    for name, optimizer in learner.optimizers.items():
        state = optimizer.state_dict()
        hyper[name] = state["param_groups"]
        for index, values in state["state"].items():
            _put(tensors, f"optimizers/{name}/{index}/", {k: torch.as_tensor(v) for k, v in values.items()})
    for rank, own in enumerate(extra or [learner.extra_state()]):
        _put(tensors, _extra(rank), own)
    for name, values in history.values.items():
        tensors[f"history/{name}/step"] = torch.tensor(history.steps[name], dtype=torch.int64)
        tensors[f"history/{name}/value"] = torch.tensor(values, dtype=torch.float64)
    for name, best in choice.best.items():
        tensors |= {f"best/{name}/{key}": value for key, value in best.weights.items()}
    metadata = {
        "format": FORMAT,
        "counters": json.dumps(asdict(counters)),
        "param_groups": json.dumps(hyper),
        "choice": json.dumps(_described(choice)),
        "history": json.dumps(list(history.steps)),
    }
    with whole_file(path) as part:
        _write(part, tensors, metadata | {"checksum": _checksum(tensors, metadata)})
        if path.exists():
            path.replace(before(path))


def before(path: Path) -> Path:
    """Where the checkpoint is that was written before the one at ``path``."""
    return path.with_stem(f"{path.stem}-before")


def fall_back(path: Path) -> Path | None:
    """Put a checkpoint that cannot be used aside, and the one before it, if there is one, in its place.

    Returns:
        Where the unusable one is now; None when there was none, because the process ended while it was replaced.
    """
    aside = path.replace(path.with_suffix(".damaged")) if path.exists() else None
    if before(path).exists():
        before(path).replace(path)
    return aside


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file whole. Raises `GenbenchError` when the disk is full, naming the file."""
    with whole_file(path) as part:
        _write(part, tensors, metadata)


def load(
    path: Path, learner: Learner, average: WeightAverage | None, *, rank: int = 0
) -> tuple[Counters, History, Choice]:
    """Put a checkpoint back into a freshly built learner (and its average), with the extra state of one process.

    Raises:
        DamagedCheckpoint: when the file is damaged, of another format, or does not fit the learner.
    """
    tensors, metadata = _read(path)
    try:
        for name, network in learner.networks.items():
            network.load_state_dict(taken(tensors, f"networks/{name}/"))
        if average is not None:
            average.load_state_dict(taken(tensors, "average/"))
        groups = json.loads(metadata["param_groups"])
        for name, optimizer in learner.optimizers.items():
            _load_optimizer(optimizer, taken(tensors, f"optimizers/{name}/"), groups[name])
        learner.load_extra_state(taken(tensors, _extra(rank)) or taken(tensors, _extra(0)))
        counters = Counters(**json.loads(metadata["counters"]))
        choice = _chosen(json.loads(metadata["choice"]), tensors)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DamagedCheckpoint(
            f"{path}: the checkpoint does not fit this family's code ({reason}): delete it"
        ) from error
    return counters, _remembered(taken(tensors, "history/"), metadata), choice


def _remembered(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> History:
    """The history, its names in the order in which they came first: a file has its tensors in that of the alphabet."""
    known = json.loads(metadata.get("history", "[]")) or sorted({key.rpartition("/")[0] for key in tensors})
    return History(
        {name: tensors[f"{name}/step"].tolist() for name in known},
        {name: tensors[f"{name}/value"].tolist() for name in known},
    )


def _write(part: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    try:
        save_file(tensors, part, metadata=metadata)
    except SafetensorError as error:
        full = ("No space left", "File too large", "quota exceeded")
        number = errno.ENOSPC if any(words in str(error) for words in full) else errno.EIO
        raise OSError(number, str(error)) from error


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors, and over the metadata but for the checksum itself."""
    words = {key: value for key, value in metadata.items() if key != "checksum"}
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _extra(rank: int) -> str:
    return f"extra-{rank}/" if rank else "extra/"


def _put(tensors: dict[str, Tensor], prefix: str, state: Mapping[str, Tensor]) -> None:
    for key, value in state.items():
        tensors[prefix + key] = value.detach().to("cpu", copy=True).contiguous()


def _described(choice: Choice) -> dict[str, Any]:
    """Everything of it but the weights."""
    best = {name: {"score": b.score, "step": b.step, "value": b.value} for name, b in choice.best.items()}
    return {"passed": choice.passed, "pictures": choice.pictures, "seconds": choice.seconds, "best": best}


def _chosen(described: dict[str, Any], tensors: Mapping[str, Tensor]) -> Choice:
    best = {
        name: Best(**entry, weights=taken(tensors, f"best/{name}/")) for name, entry in described.pop("best").items()
    }
    return Choice(**described, best=best)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedCheckpoint(f"{path}: damaged checkpoint ({error}): delete it") from error
    if metadata.get("format") not in (FORMAT, _WITHOUT_CHECKSUM):
        raise DamagedCheckpoint(f"{path}: not a {FORMAT}: delete it")
    if (metadata["format"] == FORMAT or "checksum" in metadata) and metadata.get("checksum") != _checksum(
        tensors, metadata
    ):
        raise DamagedCheckpoint(f"{path}: damaged checkpoint (its checksum is not that of its content): delete it")
    return tensors, metadata


def _load_optimizer(optimizer: torch.optim.Optimizer, flat: Mapping[str, Tensor], groups: list[dict[str, Any]]) -> None:
    """Restore moments in the parameters' own memory layout, which the arithmetic's last bits depend on."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in flat.items():
        index, _, name = key.partition("/")
        parameter = parameters[int(index)]
        laid_out = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        state.setdefault(int(index), {})[name] = laid_out.detach()
    optimizer.load_state_dict({"state": state, "param_groups": groups})
