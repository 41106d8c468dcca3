"""The networks by name. Each maps (x [N, C, H, W], time [N] in [0, 1], conditions [N, K]) to [N, C, H, W]."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from genbench.api import ConfigError, DataInfo
from genbench_ddpm.configuration import DDPMTrainConfig, NetworkName
from genbench_ddpm.networks.context_unet import FACTOR, ContextUNet
from genbench_ddpm.networks.unet import UNet

__all__ = ["NETWORKS", "build_network"]


def _unet(config: DDPMTrainConfig, data: DataInfo) -> nn.Module:
    if data.resolution % config.patch_size:
        raise ConfigError(
            f"train.patch_size {config.patch_size} does not divide the resolution {data.resolution} of {data.name}: "
            "use 1, or another resolution"
        )
    return UNet(
        data.channels,
        len(data.conditions),
        data.resolution,
        size=config.size,
        patch=config.patch_size,
        conditioning=config.conditioning,
        dropout=config.dropout,
    )


def _context_unet(config: DDPMTrainConfig, data: DataInfo) -> nn.Module:
    if data.resolution % FACTOR:
        raise ConfigError(
            f"train.network context-unet needs a resolution that is a multiple of {FACTOR}, but {data.name} has "
            f"{data.resolution}: use another resolution, or network unet"
        )
    if config.conditioning == "none":
        raise ConfigError(
            "train.network context-unet has no form without conditions: use train.condition_dropout 1, or network unet"
        )
    return ContextUNet(data.channels, len(data.conditions), data.resolution, width=config.width)


def _unet2d(config: DDPMTrainConfig, data: DataInfo) -> nn.Module:
    levels, conditioning = len(config.block_out_channels), config.conditioning
    if data.resolution % 2 ** (levels - 1):
        raise ConfigError(
            f"train.block_out_channels has {levels} levels, which need a resolution that is a multiple of "
            f"{2 ** (levels - 1)}, but {data.name} has {data.resolution}: use fewer levels, or another resolution"
        )
    if conditioning == "cross-attention" or conditioning == "adagn+cross-attention":  # noqa: PLR1714 - mypy follows ==
        raise ConfigError(
            f"train.network unet2d has no cross-attention, but train.conditioning is {conditioning} (a preset may have "
            "set it): use add, adagn or concat"
        )
    try:
        from genbench_ddpm.networks.unet2d import UNet2D
    except ImportError as error:
        raise ConfigError(
            f"train.network unet2d needs diffusers ({error}): pip install 'genbench-ddpm[diffusers]'"
        ) from error
    return UNet2D(
        data.channels,
        len(data.conditions),
        data.resolution,
        steps=config.num_train_timesteps,
        widths=config.block_out_channels,
        layers=config.layers_per_block,
        attention=config.attention_levels,
        conditioning=conditioning,
        dropout=config.dropout,
    )


NETWORKS: dict[NetworkName, Callable[[DDPMTrainConfig, DataInfo], nn.Module]] = {
    "unet": _unet,
    "context-unet": _context_unet,
    "unet2d": _unet2d,
}


def build_network(config: DDPMTrainConfig, data: DataInfo) -> nn.Module:
    """The network that the configuration names, for pictures as described.

    Raises:
        ConfigError: when the network cannot work at that resolution or with those conditions, or needs a package that
            is not installed.
    """
    return NETWORKS[config.network](config, data)
