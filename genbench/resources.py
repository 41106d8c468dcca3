"""What a computation costs: time, memory, floating-point operations, network evaluations; and on what machine."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

MEGABYTE = 1e6


class Stopwatch:
    """Seconds of work, without the times at which it is paused. Waits for the GPU at every reading."""

    def __init__(self, device: torch.device, start: float = 0.0) -> None:
        self._device = device
        self._total = start
        self._since: float | None = None

    def start(self) -> None:
        """Begin, or go on after `pause`; a running watch goes on running."""
        if self._since is None:
            self._since = time.perf_counter()

    def pause(self) -> None:
        """Stop counting until `start`."""
        self._wait()
        if self._since is not None:
            self._total += time.perf_counter() - self._since
            self._since = None

    @property
    def seconds(self) -> float:
        """Seconds counted so far."""
        return self._total + (time.perf_counter() - self._since if self._since is not None else 0.0)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


class MemoryMeter:
    """The most memory that a computation added to what was there before it, in bytes (`peak`).

    On a GPU, the allocator's own peak. On a CPU, the process's private resident memory, looked at 50 times a second:
    what the interpreter and the libraries hold anyway does not count, and neither do memory-mapped data sets.
    """

    INTERVAL = 0.02

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.peak = 0.0

    def __enter__(self) -> MemoryMeter:
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = float(torch.cuda.memory_allocated(self._device))
            return self
        _return_free_memory()
        self._before = self._resident()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is None:
            self.peak = float(torch.cuda.max_memory_allocated(self._device)) - self._before
            return
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(self.INTERVAL):
            self._look()

    def _look(self) -> None:
        self.peak = max(self.peak, self._resident() - self._before)

    def _resident(self) -> float:
        memory = self._process.memory_info()
        return float(memory.rss - getattr(memory, "shared", 0))


class EvaluationCounter:
    """Counts how many pictures pass through each of the given networks (`pictures`), as a context manager."""

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        self._networks = list(networks)
        self._handles: list[RemovableHandle] = []
        self.pictures = 0

    def __enter__(self) -> EvaluationCounter:
        self._handles = [network.register_forward_hook(self._count) for network in self._networks]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def _count(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG002
        if isinstance(output, torch.Tensor):
            self.pictures += output.shape[0]


@cache
def warm_up(device: torch.device) -> None:
    """Let torch set up what it sets up once a process, so that the first run measured does not pay for it."""
    network = nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Flatten(), nn.Linear(512, 8)
    )
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters())
    with torch.random.fork_rng(), counted_flop():
        for dtype in (torch.float32, torch.bfloat16):
            images = torch.ones(16, 8, 8, 8, device=device).to(memory_format=torch.channels_last)
            with torch.autocast(device.type, dtype=dtype, enabled=dtype is torch.bfloat16):
                features = network(images)
                attended = nn.functional.scaled_dot_product_attention(*[features.reshape(1, 1, 16, 8)] * 3)
            attended.float().square().mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()


@contextmanager
def counted_flop() -> Iterator[list[float]]:
    """Count the floating-point operations of the block's matrix products and convolutions into the yielded list."""
    result: list[float] = []
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton where it is installed

    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _OneModule()  # type: ignore[assignment]
    with counter:
        yield result
    result.append(float(counter.get_total_flops()))


class _OneModule:
    """Stands in for the counter's module tracker, whose hooks break `torch.autograd.grad` on a network's input."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; torch says so of the CPU's in words alone."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = ("not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(part in str(error) for part in words)


def parameter_count(networks: Iterable[nn.Module]) -> int:
    """Trainable and frozen parameters of all networks together."""
    return sum(parameter.numel() for network in networks for parameter in network.parameters())


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Processor, cores, memory, GPU and versions, as recorded beside every result."""
    description: dict[str, Any] = {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "os": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": str(device),
    }
    if device.type == "cuda":
        description["gpu"] = torch.cuda.get_device_name(device)
    return description


def _cpu_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _return_free_memory() -> None:
    """Give freed memory back to the system, so that an earlier computation's does not hide a later one's growth."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
