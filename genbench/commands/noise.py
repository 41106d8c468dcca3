"""Start noises as files: ``.npy`` or ``.safetensors``, never a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from genbench.data import to_uint8
from genbench.data.base import UInt8Array
from genbench.errors import ConfigError, DataError
from genbench.files import whole_file
from genbench.hashing import derive_seed
from genbench.planning import Plan
from genbench.tasks.sampling import generator_of
from genbench.training import Training

_KEY = "noise"
_ENDINGS = (".npy", ".safetensors")
_ADVICE = "write one with --save-noise"


def check_ending(path: Path) -> None:
    """Raise `ConfigError` unless the file's name says which of the two formats it is."""
    if path.suffix not in _ENDINGS:
        raise ConfigError(f"{path}: start noises are kept in {' or '.join(_ENDINGS)} files: name one of these")


def read_noise(path: Path) -> Tensor:
    """Start noises float32 [N, *shape].

    Raises:
        ConfigError: for another kind of file.
        DataError: when the file is missing or damaged, or holds something else, saying what.
    """
    check_ending(path)
    try:
        noise = _read_npy(path) if path.suffix == ".npy" else _read_safetensors(path)
    except DataError:
        raise
    except Exception as error:  # readers raise almost anything on damaged files
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{path}: cannot be read as start noises ({reason}): {_ADVICE}") from None
    if not noise.is_floating_point() or noise.ndim < 2 or not len(noise):
        raise DataError(f"{path}: expected floats [N, …], found {noise.dtype} {list(noise.shape)}: {_ADVICE}")
    if not bool(noise.isfinite().all()):
        raise DataError(f"{path}: holds values that are not finite: {_ADVICE}")
    return noise.float()


def write_noise(path: Path, noise: Tensor) -> None:
    """Write start noises [N, *shape]. Raises `GenbenchError` when the file cannot be written."""
    check_ending(path)
    plain = noise.detach().cpu().contiguous()
    with whole_file(path) as part:
        if path.suffix == ".npy":
            with part.open("wb") as file:
                np.save(file, plain.numpy(), allow_pickle=False)
        else:
            save_file({_KEY: plain}, part)


def sample_from_noise(
    training: Training, plan: Plan, conditions: UInt8Array, given: Tensor | None, *, seed: int, file: Path | None
) -> tuple[UInt8Array, Tensor]:
    """Pictures for conditions uint8 [N, K], from given start noises or from the seed's own, and these start noises.

    With the seed's own noises, the pictures are those of ``genbench sample`` without any noise file; with noises saved
    from there and the same seed, they are too.

    Returns:
        Pictures uint8 [N, H, W, C] and start noises [N, *shape].

    Raises:
        ConfigError: when the family takes no start noises.
        DataError: when the file has another number or shape of them.
    """
    pictures, noises = [], []
    size = int(getattr(plan.resolved.sample, "batch_size", 256))
    with training.applied() as learner:
        generative = generator_of(learner, plan)
        shape = generative.noise_shape
        if shape is None:
            raise ConfigError(f"family {plan.spec.family!r} takes no start noises: leave --noise and --save-noise out")
        if given is not None and given.shape != (len(conditions), *shape):
            raise DataError(
                f"{file}: holds {len(given)} start noises of shape {list(given.shape[1:])}, "
                f"but {len(conditions)} of shape {list(shape)} are needed, one a picture"
            )
        for first in range(0, len(conditions), size):
            wanted = torch.from_numpy(np.array(conditions[first : first + size])).to(plan.device, torch.float32)
            generator = torch.Generator().manual_seed(derive_seed("sample", seed, first))
            start = torch.randn(len(wanted), *shape, generator=generator)
            if given is not None:
                start = given[first : first + size]
            made = generative.sample_from(start.to(plan.device), wanted, plan.resolved.sample, generator=generator)
            pictures.append(to_uint8(made).cpu().numpy())
            noises.append(start)
    return np.concatenate(pictures), torch.cat(noises)


def _read_npy(path: Path) -> Tensor:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise DataError(f"{path}: expected one array of numbers: {_ADVICE}")
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


def _read_safetensors(path: Path) -> Tensor:
    tensors = load_file(path)
    if _KEY not in tensors:
        raise DataError(
            f"{path}: has no tensor named {_KEY!r} (found: {', '.join(sorted(tensors))[:200] or 'none'}): {_ADVICE}"
        )
    return tensors[_KEY]
