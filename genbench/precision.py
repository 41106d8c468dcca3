"""Devices, number formats and memory layout: decided here once, so that families need not care."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genbench.errors import ConfigError
from genbench.memory import keep_freed_memory

Precision = Literal["float32", "bfloat16"]


def resolve_device(name: str) -> torch.device:
    """The device for ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Raises:
        ConfigError: when the name is unknown or there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device {name!r} is unknown: use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {name!r} is not supported: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name!r} is not there (torch sees {torch.cuda.device_count()} GPUs): use --device cpu"
        )
    return device


def resolve_precision(name: str, device: torch.device) -> Precision:
    """``"auto"`` becomes bfloat16 where the hardware multiplies it natively, else float32.

    Raises:
        ConfigError: when the name is unknown.
    """
    if name == "auto":
        native = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bfloat16()
        return "bfloat16" if native else "float32"
    if name == "float32":
        return "float32"
    if name == "bfloat16":
        return "bfloat16"
    raise ConfigError(f"precision {name!r} is unknown: use auto, float32 or bfloat16")


def cpu_has_bfloat16() -> bool:
    """Whether this CPU has AVX-512 BF16 or AMX instructions."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, probe, bool)()) for probe in probes)


def prepare(networks: Iterable[nn.Module], device: torch.device, precision: Precision) -> None:
    """Move networks to the device, lay convolutions out channels-last, and run each forward at the given precision.

    On a CPU, memory is kept from step to step. Weights stay float32; outputs come back as float32, so losses and
    optimisers never see reduced precision.
    """
    if device.type == "cpu":
        keep_freed_memory()
    for network in networks:
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if precision == "bfloat16":
            network.forward = _autocast(network.forward, device.type)


def _autocast(forward: Callable[..., Any], device_type: str) -> Callable[..., Any]:
    @wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device_type, dtype=torch.bfloat16):
            output = forward(*args, **kwargs)
        return _to_float32(output)

    return run


def _to_float32(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.float() if output.dtype == torch.bfloat16 else output
    if isinstance(output, tuple | list):
        items = [_to_float32(item) for item in output]
        return type(output)(*items) if hasattr(output, "_fields") else type(output)(items)
    if isinstance(output, dict):
        return {key: _to_float32(value) for key, value in output.items()}
    return output
