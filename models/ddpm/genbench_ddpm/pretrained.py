"""Starting from a checkpoint in diffusers' layout: someone's ``UNet2DModel`` evaluated, or trained on, as a run.

``train.checkpoint=FOLDER`` names a folder with ``unet/`` and ``scheduler/``. The noise process and what the network
predicts are read from it; a hash of its content, not its place, is part of the training stage's hash. Weights are read
from safetensors files only: nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_serializer, model_validator

from genbench.api import ConfigError, DataError, Preset
from genbench_ddpm.configuration import DDPMTrainConfig
from genbench_ddpm.diffusers_layout import CONDITION, SCHEDULE_NAMES
from genbench_ddpm.schedules import SCHEDULES

UNET, SCHEDULER = Path("unet/config.json"), Path("scheduler/scheduler_config.json")
KNOWN_SCHEDULERS = {
    f"{name}Scheduler"
    for name in ("DDPM", "DDIM", "DDPMParallel", "DDIMParallel", "PNDM", "DPMSolverMultistep", "UniPCMultistep")
}
"""Those that share DDPM's noise process."""


class CheckpointTrainConfig(DDPMTrainConfig):
    """A diffusion model's training, from fresh weights or from a checkpoint's."""

    learning_rate: float = Field(1e-3, ge=0, description="peak learning rate; 0 leaves a checkpoint as it is")
    checkpoint: Path | None = Field(None, description="folder in diffusers' layout to start from")

    @model_validator(mode="before")
    @classmethod
    def _as_the_checkpoint_says(cls, values: Any, info: ValidationInfo) -> Any:  # noqa: ARG003
        """Fill in what the folder decides. Raises `DataError` or `ConfigError` naming the file or the key."""
        if not isinstance(values, dict) or values.get("checkpoint") is None:
            return values
        found = described(Path(values["checkpoint"]))
        for key in found.keys() & values.keys():
            if values[key] != found[key]:
                raise ConfigError(
                    f"train.{key} {values[key]!r} contradicts the checkpoint {values['checkpoint']}, "
                    f"which has {found[key]!r}: leave it out"
                )
        return {**found, **values}

    @field_serializer("checkpoint", when_used="json")
    def _by_content(self, checkpoint: Path | None) -> str | None:
        return None if checkpoint is None else f"sha256:{folder_hash(checkpoint)}"


def pretrained(sampler: dict[str, Any]) -> Preset:
    """The preset ``pretrained`` for a sampler's settings."""
    return Preset(
        "your own UNet2DModel in diffusers' layout, as it is: give train.checkpoint=FOLDER",
        budget="1steps",  # at learning rate zero: the loss is measured, nothing changes
        train={"network": "unet2d", "learning_rate": 0.0, "condition_dropout": 0.0, "ema_decay": 0.0},
        sample={"timestep_spacing": "leading", **sampler},
    )


def described(folder: Path) -> dict[str, Any]:
    """What a checkpoint says about training: noise process, prediction type, whether there are conditions.

    Raises:
        DataError: when a file is missing or damaged, or holds another kind of model.
        ConfigError: when the noise process is not one of ours.
    """
    unet, scheduler = read_json(folder / UNET), read_json(folder / SCHEDULER)
    if unet.get("_class_name") != "UNet2DModel":
        raise DataError(f"{folder / UNET}: expected a UNet2DModel, found {unet.get('_class_name')!r}")
    if str(scheduler.get("_class_name")) not in KNOWN_SCHEDULERS:
        raise ConfigError(
            f"{folder / SCHEDULER}: {scheduler.get('_class_name')!r} has another noise process than DDPM: "
            f"known are {', '.join(sorted(KNOWN_SCHEDULERS))}"
        )
    _check_shards(folder / UNET.parent)
    names = {theirs: ours for ours, theirs in SCHEDULE_NAMES.items()}
    schedule = str(scheduler.get("beta_schedule", "linear"))
    if schedule not in names:
        raise ConfigError(f"{folder / SCHEDULER}: unknown beta_schedule {schedule!r} (known: {', '.join(names)})")
    try:
        found = _noise_process(scheduler, names[schedule])
        _check_betas(found, scheduler.get("trained_betas"), folder)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{folder / SCHEDULER}: a number in it is none ({reason}): correct it") from None
    if unet.get("class_embed_type") is None and unet.get("num_class_embeds") is None:
        return {**found, "conditioning": "none"}
    return {**found, "conditioning": "add"}


def _check_shards(unet: Path) -> None:
    """Weights in several files have an index that names them: only files beside it, which are in the hash, are read."""
    for index in sorted(unet.glob("*.index.json")):
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict):
            raise DataError(f"{index}: has no weight_map: expected an index as diffusers writes it")
        for name in shards.values():
            if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
                raise DataError(f"{index}: {name!r:.200} is no safetensors file beside it: name files in {unet}")


def _noise_process(scheduler: dict[str, Any], schedule: str) -> dict[str, Any]:
    """The settings of training that a scheduler's configuration stands for."""
    return {
        "network": "unet2d",
        "scaling_factor": 1.0,
        "schedule": schedule,
        "num_train_timesteps": int(scheduler.get("num_train_timesteps", 1000)),
        "beta_start": float(scheduler.get("beta_start", 1e-4)),
        "beta_end": float(scheduler.get("beta_end", 0.02)),
        "prediction_type": scheduler.get("prediction_type", "epsilon"),
        "zero_terminal_snr": bool(scheduler.get("rescale_betas_zero_snr", False)),
    }


@cache
def _hashed(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - a changed file is hashed again
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_hash(folder: Path) -> str:
    """SHA-256 over names and contents of the configuration and weight files, wherever the folder lies."""
    digest = hashlib.sha256()
    weights = sorted((folder / "unet").glob("*.safetensors*"))
    for path in (folder / UNET, folder / SCHEDULER, *weights, folder / CONDITION):
        if path.is_file():
            stat = path.stat()
            digest.update(
                f"{path.relative_to(folder).as_posix()} {_hashed(path, stat.st_size, stat.st_mtime_ns)}\n".encode()
            )
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """An object from one of the folder's JSON files. Raises `DataError` naming the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}): train.checkpoint is a folder with unet/ and scheduler/"
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON: {' '.join(str(error).split())[:200]}: correct it") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected an object {{…}} as diffusers writes it")
    return content


def _check_betas(found: dict[str, Any], given: Any, folder: Path) -> None:
    """Explicit variances are fine when they are those of the schedule that is named beside them."""
    if given is None:
        return
    named = SCHEDULES[found["schedule"]](found["beta_start"], found["beta_end"]).betas(found["num_train_timesteps"])
    betas = torch.as_tensor(given, dtype=torch.float64)
    if betas.shape != named.shape or not torch.allclose(betas, named, rtol=1e-5, atol=1e-8):
        raise ConfigError(f"{folder / SCHEDULER}: trained_betas are not those of any schedule that is known here")
