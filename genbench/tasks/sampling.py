"""Pictures out of a trained learner, chunk by chunk, and as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch

from genbench.api import GenerativeLearner, Learner
from genbench.data import to_uint8
from genbench.data.base import UInt8Array
from genbench.errors import DataError, RunError
from genbench.files import whole_file
from genbench.metrics.base import Pictures
from genbench.planning import Plan

__all__ = ["chunks", "generator_of", "load_pictures", "sample_chunk", "save_pictures"]


def generator_of(learner: Learner, plan: Plan) -> GenerativeLearner:
    """The learner as one that can sample. Raises `RunError` when the family lied about its task."""
    if not isinstance(learner, GenerativeLearner):
        raise RunError(f"family {plan.spec.family!r} says it generates, but its learner has no sample()")
    return learner


def chunks(conditions: UInt8Array, plan: Plan) -> list[tuple[int, UInt8Array]]:
    """Conditions [N, K] in the portions that are sampled at once, each with the index of its first."""
    size = int(getattr(plan.resolved.sample, "batch_size", 256))
    return [(start, conditions[start : start + size]) for start in range(0, len(conditions), size)]


def sample_chunk(learner: GenerativeLearner, plan: Plan, conditions: UInt8Array, seed: int) -> UInt8Array:
    """Pictures uint8 [N, H, W, C] for conditions uint8 [N, K], which a seed decides.

    Raises:
        RunError: when the family makes pictures of another shape, or not finite ones.
    """
    info = plan.task.info
    generator = torch.Generator().manual_seed(seed)
    condition = torch.from_numpy(np.array(conditions)).to(plan.device, torch.float32)
    images = learner.sample(condition, plan.resolved.sample, generator=generator)
    shape = (len(conditions), info.channels, info.resolution, info.resolution)
    if tuple(images.shape) != shape:
        raise RunError(f"family {plan.spec.family!r} sampled shape {tuple(images.shape)}, expected {shape}")
    if not bool(images.isfinite().all()):
        raise RunError(f"family {plan.spec.family!r} sampled pictures that are not finite")
    return cast(UInt8Array, to_uint8(images).cpu().numpy())


def save_pictures(folder: Path, name: str, pictures: Pictures) -> None:
    """One set of pictures and their conditions, as two files that appear whole."""
    for kind, array in (("images", pictures.images), ("conditions", pictures.conditions)):
        with whole_file(folder / f"{name}.{kind}.npy") as part, part.open("wb") as file:
            np.save(file, array, allow_pickle=False)


def load_pictures(folder: Path) -> Mapping[str, Pictures]:
    """All sets that `save_pictures` wrote into a folder, memory-mapped.

    Raises:
        DataError: when a file is damaged or missing.
    """
    sets = {}
    for path in sorted(folder.glob("*.images.npy")):
        name = path.name.removesuffix(".images.npy")
        try:
            conditions = np.load(folder / f"{name}.conditions.npy", allow_pickle=False)
            sets[name] = Pictures(np.load(path, mmap_mode="r", allow_pickle=False), conditions)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path}: damaged pictures ({error}): delete {folder} and run again") from error
    return sets
