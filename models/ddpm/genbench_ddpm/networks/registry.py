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
    return ContextUNet(data.channels, len(data.conditions), data.resolution, width=config.width)


NETWORKS: dict[NetworkName, Callable[[DDPMTrainConfig, DataInfo], nn.Module]] = {
    "unet": _unet,
    "context-unet": _context_unet,
}


def build_network(config: DDPMTrainConfig, data: DataInfo) -> nn.Module:
    """The network that the configuration names, for pictures as described.

    Raises:
        ConfigError: when the network cannot work at that resolution.
    """
    return NETWORKS[config.network](config, data)
