"""A trained ``unet2d`` as a folder that diffusers opens: ``model_index.json``, ``unet/``, ``scheduler/``, safetensors.

A network without conditions becomes a whole pipeline. A conditional one takes, in place of a class number, an embedding
that a linear layer makes of the multi-hot vector. No pipeline of diffusers knows of it: the layer's weights lie beside
the model, and the folder's README.md says how to put the two together.
"""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from genbench.api import ConfigError, DataInfo
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.schedules import SCHEDULES, ScheduleName

SCHEDULE_NAMES: dict[ScheduleName, str] = {
    "linear": "linear",
    "scaled-linear": "scaled_linear",
    "squared-cosine": "squaredcos_cap_v2",
    "sigmoid": "sigmoid",
}
"""Our noise schedules as diffusers calls them."""

CONDITION = "condition/diffusion_pytorch_model.safetensors"
"""The linear layer from conditions [K] to the class embedding, tensors ``weight`` and ``bias``."""


def diffusers() -> Any:
    """The package, imported when it is needed. Raises `ConfigError` when it is not installed."""
    try:
        package = importlib.import_module("diffusers")
    except ImportError as error:
        raise ConfigError(f"this needs diffusers ({error}): pip install 'genbench-ddpm[diffusers]'") from error
    package.utils.logging.set_verbosity(logging.CRITICAL)  # what it complains of, it also raises or reports
    return package


def write_diffusers(learner: DiffusionLearner, config: DDPMSampleConfig, data: DataInfo, folder: Path) -> None:
    """Write the learner's network, as it is now, and its noise process.

    Args:
        learner: with ``network = "unet2d"``, or read from such a folder itself.
        config: decides between DDPM's and DDIM's scheduler, and its settings.
        data: names the conditions in the README.
        folder: an existing folder.

    Raises:
        ConfigError: when the network is none of diffusers', pictures are scaled, or diffusers is not installed.
    """
    if learner.scale != 1:
        raise ConfigError(
            f"train.scaling_factor multiplies pictures by {learner.scale:.3g} inside the model, which no pipeline "
            "of diffusers undoes: train with train.scaling_factor=1"
        )
    model, linear = split(learner.network)
    if linear is not None and learner.config.condition_dropout == 1:  # never told a condition, so it knows none
        fold_embedding(model, linear.bias.detach())
        linear = None
    conditional = model.config.in_channels != data.channels or model.class_embedding is not None
    model.save_pretrained(folder / "unet")
    if linear is not None:
        (folder / CONDITION).parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in linear.state_dict().items()}, folder / CONDITION
        )
    scheduler = make_scheduler(learner.config, config)
    if conditional:
        scheduler.save_pretrained(folder / "scheduler")
    else:
        library = diffusers()
        kind = library.DDIMPipeline if config.sampler == "ddim" else library.DDPMPipeline
        kind(model, scheduler).save_pretrained(folder)
    (folder / "README.md").write_text(_readme(learner, config, data, conditional, linear), encoding="utf-8")


def split(network: nn.Module) -> tuple[Any, nn.Linear | None]:
    """A copy, on the CPU, of the ``UNet2DModel`` in a network, and the linear layer in front of it, if any.

    Raises:
        ConfigError: when there is no such model in it.
    """
    kind = diffusers().UNet2DModel
    model = getattr(network, "model", None)
    if not isinstance(model, kind):
        raise ConfigError(
            "layout diffusers is for train.network unet2d: diffusers has no class for this network; "
            "use --layout safetensors, or train with train.network=unet2d and train.conditioning=adagn"
        )
    copy = kind.from_config(model.config)
    copy.load_state_dict({name: value.detach().cpu() for name, value in model.state_dict().items()})
    linear = getattr(network, "embed_conditions", None)
    return copy.eval(), linear if isinstance(linear, nn.Linear) else None


def fold_embedding(model: Any, embedding: Tensor) -> None:
    """Turn a model with class embeddings into one that always has this one: it becomes part of the time embedding."""
    with torch.no_grad():
        model.time_embedding.linear_2.bias += embedding.to(model.time_embedding.linear_2.bias)
    model.class_embedding = None
    model.register_to_config(class_embed_type=None, num_class_embeds=None)


def make_scheduler(train: DDPMTrainConfig, sample: DDPMSampleConfig) -> Any:
    """Diffusers' scheduler of the same noise process, and of the same sampler where that is ``ddpm`` or ``ddim``."""
    settings: dict[str, Any] = {
        "num_train_timesteps": train.num_train_timesteps,
        "beta_start": train.beta_start,
        "beta_end": train.beta_end,
        "beta_schedule": SCHEDULE_NAMES[train.schedule],
        "prediction_type": train.prediction_type,
        "rescale_betas_zero_snr": train.zero_terminal_snr,
        "clip_sample": sample.clip_sample,
        "timestep_spacing": sample.timestep_spacing,
    }
    if train.schedule == "sigmoid":  # DDIMScheduler does not know it by name
        betas = SCHEDULES["sigmoid"](train.beta_start, train.beta_end).betas(train.num_train_timesteps)
        settings["trained_betas"] = betas.tolist()
    if sample.sampler == "ddim":
        return diffusers().DDIMScheduler(**settings)
    return diffusers().DDPMScheduler(**settings, variance_type=sample.variance_type)


def _readme(
    learner: DiffusionLearner, config: DDPMSampleConfig, data: DataInfo, conditional: bool, linear: nn.Linear | None
) -> str:
    lines = [
        f"# A diffusion model of {data.name}, {data.resolution}×{data.resolution}, in diffusers' layout",
        "",
        "Written by genbench. The weights are those that it samples with: averaged, where training averaged them.",
        f"genbench sampled with `{config.sampler}`, {config.num_inference_steps} steps"
        + (f", eta {config.eta:g}" if config.sampler == "ddim" else "")
        + (f", guidance scale {config.guidance_scale:g}" if conditional else "")
        + ".",
        "",
    ]
    if config.sampler == "dpm-solver++":
        lines += ["The scheduler here is DDPM's: pipelines of unconditional models have no DPM-Solver++.", ""]
    if not conditional:
        kind, more = ("DDIMPipeline", f", eta={config.eta:g}") if config.sampler == "ddim" else ("DDPMPipeline", "")
        if kind == "DDIMPipeline" and config.clip_sample and config.use_clipped_model_output:
            more += ", use_clipped_model_output=True"
        lines += [
            "```python",
            f"from diffusers import {kind}",
            "",
            f'pipeline = {kind}.from_pretrained("FOLDER")',
            f"pictures = pipeline(batch_size=4, num_inference_steps={config.num_inference_steps}{more}).images",
            "```",
        ]
    else:
        lines += ["No pipeline of diffusers hands conditions to a `UNet2DModel`: call the model yourself.", ""]
        lines += ["```python", "import torch", "from diffusers import UNet2DModel"]
        lines += ["from safetensors.torch import load_file", ""] if linear is not None else [""]
        lines += ['unet = UNet2DModel.from_pretrained("FOLDER/unet")', *_call(learner, data, linear), "```"]
        lines += ["", f"Conditions, in index order: {', '.join(data.conditions)}.", "All zeros means no condition."]
    return "\n".join(lines) + "\n"


def _call(learner: DiffusionLearner, data: DataInfo, linear: nn.Linear | None) -> list[str]:
    count = len(data.conditions)
    example = [
        f"x = torch.randn(1, {data.channels}, {data.resolution}, {data.resolution})",
        f"t = {learner.process.steps - 1}",
        f"conditions = torch.zeros(1, {count})",
        "conditions[0, 0] = 1",
    ]
    if linear is not None:
        return [
            f'layer = load_file("FOLDER/{CONDITION}")',
            *example,
            'embedding = conditions @ layer["weight"].T + layer["bias"]',
            "output = unet(x, t, class_labels=embedding).sample",
        ]
    if learner.config.conditioning == "concat":
        return [
            *example,
            "planes = conditions[:, :, None, None].expand(-1, -1, *x.shape[2:])",
            "output = unet(torch.cat([x, planes], dim=1), t).sample",
        ]
    return [*example, "output = unet(x, t, class_labels=conditions.argmax(dim=1)).sample"]
