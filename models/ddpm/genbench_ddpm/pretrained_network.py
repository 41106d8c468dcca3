"""A network that someone trained with diffusers, behind our call signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from genbench.api import ConfigError, DataError, DataInfo, GenbenchError
from genbench_ddpm.diffusers_layout import CONDITION, diffusers
from genbench_ddpm.pretrained import UNET, read_json


def read_network(folder: Path, data: DataInfo, steps: int) -> PretrainedUNet:
    """The checkpoint's network behind our call signature, for pictures as described.

    Raises:
        DataError: when weights are missing, damaged or not safetensors, or the model is for other pictures.
        ConfigError: when diffusers is not installed, or the classes do not fit.
    """
    _check_pictures(read_json(folder / UNET), data, folder)
    model_class = diffusers().UNet2DModel
    try:
        model, report = model_class.from_pretrained(
            folder / "unet",
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            torch_dtype=torch.float32,
            output_loading_info=True,
        )
    except GenbenchError:
        raise
    except Exception as error:  # diffusers raises almost anything on configurations that make no network
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{folder / 'unet'}: weights cannot be read from safetensors: {reason}") from None
    for problem in ("missing_keys", "unexpected_keys"):
        if report[problem]:
            raise DataError(f"{folder / 'unet'}: the weights do not fit config.json: {problem} {report[problem][0]}, …")
    linear = None
    if model.config.class_embed_type == "identity":
        linear = _read_linear(folder / CONDITION, len(data.conditions), model.time_embedding.linear_2.out_features)
    return PretrainedUNet(model, data, steps=steps, linear=linear)


class PretrainedUNet(nn.Module):
    """A ``UNet2DModel`` that someone trained, called as (x, time, conditions).

    Args:
        model: unconditional; or with K classes, or K + 1 of which the last is "no class"; or one that takes embeddings.
        data: its conditions.
        steps: T; the model is told the timestep t.
        linear: from conditions to embeddings, for a model that takes them.

    Raises:
        ConfigError: when the numbers of classes differ, or the model takes embeddings and there is no such layer.
    """

    def __init__(self, model: Any, data: DataInfo, *, steps: int, linear: nn.Linear | None = None) -> None:
        super().__init__()
        self.steps = steps
        self.model = model
        self.embed_conditions = linear
        self.classes: int | None = model.config.num_class_embeds if model.config.class_embed_type is None else None
        count = len(data.conditions)
        if self.classes is not None and (not data.exclusive or self.classes not in (count, count + 1)):
            kind = f"{count} classes" if data.exclusive else "sets of objects as conditions"
            raise ConfigError(
                f"train.checkpoint has {self.classes} classes, but {data.name} has {kind}: use the data it was made for"
            )
        if model.config.class_embed_type == "timestep":
            raise ConfigError("train.checkpoint has class_embed_type 'timestep', whose conditions are not class labels")

    def forward(self, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
        """x [N, C, H, W], time [N] in [0, 1) as t/T, conditions [N, K] → [N, C, H, W].

        Raises:
            ConfigError: when a condition is blank and the model has no class for that.
        """
        labels: Tensor | None = None
        if self.embed_conditions is not None:
            labels = self.embed_conditions(conditions)
        elif self.classes is not None:
            labels = self._classes(conditions)
        output: Tensor = self.model(x, (time * self.steps).round(), class_labels=labels, return_dict=False)[0]
        return output

    def _classes(self, conditions: Tensor) -> Tensor:
        blank = ~conditions.any(dim=1)
        if self.classes == conditions.shape[1] and bool(blank.any()):
            raise ConfigError(
                "train.checkpoint has no class for 'no condition': use sample.guidance_scale=1 and "
                "train.condition_dropout=0"
            )
        return torch.where(blank, conditions.shape[1], conditions.argmax(dim=1))


def _check_pictures(unet: dict[str, Any], data: DataInfo, folder: Path) -> None:
    where = folder / UNET
    for key in ("in_channels", "out_channels"):
        if unet.get(key, 3) != data.channels:
            raise DataError(f"{where}: {key} is {unet.get(key, 3)}, but pictures of {data.name} have {data.channels}")
    size = unet.get("sample_size")
    if size is not None and size not in (data.resolution, [data.resolution] * 2):
        raise DataError(
            f"{where}: sample_size is {size}, but pictures of {data.name} have {data.resolution}: use --resolution"
        )


def _read_linear(path: Path, conditions: int, width: int) -> nn.Linear:
    """The layer that `write_diffusers` puts beside a conditional model."""
    if not path.is_file():
        raise ConfigError(
            f"the checkpoint takes embeddings of conditions, and {path} with the layer for them is missing"
        )
    layer = nn.Linear(conditions, width)
    try:
        layer.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a layer from {conditions} conditions to {width} channels: {reason}") from None
    return layer
