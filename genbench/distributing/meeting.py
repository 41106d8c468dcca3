"""Where the processes of one training meet: a store of torch's (keys and values over TCP), and groups that it makes.

The leader writes there what it wants of the others; one that fails leaves its reason.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Protocol

import torch
from torch import distributed as dist

from genbench.distributing.team import Crew, PeerLost, Team
from genbench.errors import ConfigError, Diverged, RunError

ORDER, READY, FAILURE = "genbench/order", "genbench/ready", "genbench/failure"
TRAIN, DISMISS = "train", "dismiss"
LOOPBACK = "127.0.0.1"
PATIENCE = timedelta(hours=24)
"""How long processes wait to be called, or for another to be ready: data may have to be prepared."""
SILENCE = timedelta(hours=2)
"""How long one that trains waits for another that lives: the leader scores weights and writes checkpoints meanwhile."""
GRACE_SECONDS = 5.0


class Store(Protocol):
    """The part of ``torch.distributed.Store`` that is used here."""

    def set(self, key: str, value: str, /) -> None:
        """Set a key."""

    def get(self, key: str, /) -> bytes:
        """The value of a key, once it has one."""

    def check(self, keys: list[str], /) -> bool:
        """Whether all have values."""

    def wait(self, keys: list[str], timeout: timedelta, /) -> None:
        """Wait until all have."""

    def compare_set(self, key: str, expected: str, desired: str, /) -> bytes:
        """Set a key if it has the value that is expected, or none and nothing is expected."""


class Launched:
    """This process's place among those that were started together, by the environment that launchers agree on."""

    def __init__(self) -> None:
        """Raises `ConfigError` when the environment is nobody's that was launched."""
        try:
            self.rank, self.size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        except ValueError:
            raise ConfigError("RANK and WORLD_SIZE are not whole numbers: unset them, or use a launcher") from None
        if not 0 <= self.rank < self.size:
            raise ConfigError(f"RANK={self.rank} is none of WORLD_SIZE={self.size} processes: unset both")


@cache
def meeting_place() -> Store:
    """The store at the address in the environment: one a process."""
    store: Store = next(iter(dist.rendezvous("env://", timeout=PATIENCE)))[0]  # type: ignore[attr-defined]
    return store


def new_meeting_place() -> tuple[Store, int]:
    """A store at a free port that this machine alone reaches, and the port: on its own, torch listens everywhere."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
        store = dist.TCPStore(  # type: ignore[attr-defined]
            LOOPBACK,
            port,
            is_master=True,
            wait_for_workers=False,
            timeout=PATIENCE,
            master_listen_fd=listening.detach(),
        )
    return store, port


def loopback_interface() -> str:
    """The name of the network interface that leads to this machine itself: ``lo``, or ``lo0`` on macOS."""
    return next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")


@contextmanager
def joined(store: Store, device: torch.device, lost: Callable[[str], RunError]) -> Iterator[Team]:
    """This process as part of the team that meets at a store; accelerate chooses how tensors travel, and the GPU."""
    from accelerate import PartialState  # type: ignore[import-untyped]

    here = Launched()
    place = dist.PrefixStore("genbench/group", store)  # type: ignore[attr-defined, arg-type]
    try:
        PartialState(cpu=device.type == "cpu", store=place, rank=here.rank, world_size=here.size, timeout=SILENCE)
        control = dist.new_group(backend="gloo", timeout=SILENCE)
        assert not isinstance(control, int)
        yield Crew(control, lost)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        PartialState._reset_state()


def wait_until_ready(store: Store, processes: int, workers: Sequence[subprocess.Popen[str]]) -> None:
    """Wait for the others without being caught in it when one of them fails. Raises as `reason` says."""
    missing = {f"{READY}/{rank}" for rank in range(1, processes)}
    while missing:
        missing -= {key for key in missing if store.check([key])}
        if store.check([FAILURE]) or any(worker.poll() is not None for worker in workers):
            raise reason(store, workers, "")
        time.sleep(0.02)


@contextmanager
def reporting(store: Store) -> Iterator[None]:
    """Leave word of what goes wrong in this process, for the leader to tell; the first word counts."""
    try:
        yield
    except PeerLost:
        raise
    except Exception as error:
        words = str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"
        kind = "diverged" if isinstance(error, Diverged) else "failed"
        report = {"rank": Launched().rank, "kind": kind, "words": (words.splitlines() or [""])[0]}
        with suppress(RuntimeError):
            store.compare_set(FAILURE, "", json.dumps(report))
        raise


def reason(store: Store, workers: Sequence[subprocess.Popen[str]], words: str) -> RunError:
    """Why another process does not answer, as far as can be found out; ``words`` are torch's."""
    size = Launched().size
    until = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < until:
        with suppress(RuntimeError):
            if store.check([FAILURE]):
                report = json.loads(store.get(FAILURE))
                if report["kind"] == "diverged":
                    return Diverged(report["words"])
                return RunError(f"process {report['rank'] + 1} of {size}: {report['words']}")
        if (ended := obituary(workers)) is not None:
            return RunError(ended)
        time.sleep(0.05)
    words = (words.splitlines() or [""])[0]
    return RunError(f"a process of {size} does not answer ({words}); the same command again goes on where it was saved")


def obituary(workers: Sequence[subprocess.Popen[str]], *, well: bool = True) -> str | None:
    """Which process has ended, and how, in one line; None when all live, or have ended well and that does not count."""
    for number, worker in enumerate(workers, start=2):
        if worker.poll() is not None and (well or worker.returncode):
            how = _ending(worker.returncode)
            return f"process {number} of {len(workers) + 1} {how}; the same command again goes on where it was saved"
    return None


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was killed ({signal.Signals(-code).name})"
    return f"was killed (signal {-code})"
