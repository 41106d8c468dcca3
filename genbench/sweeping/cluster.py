"""Workers as tasks of an existing Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genbench.errors import ConfigError
from genbench.sweeping.workers import Assignment, Task, work

FORWARDED = ("MLFLOW_TRACKING_", "MLFLOW_S3_", "AWS_", "GENBENCH_")
"""Beginnings of the names of environment variables that workers need: where the store is, and the data."""


REACH_SECONDS = 10.0


@dataclass(frozen=True)
class Resources:
    """What a worker takes of the cluster: whole or fractional CPUs and GPUs."""

    cpus: float = 1.0
    gpus: float = 0.0


class RayTask:
    """A worker somewhere in the cluster."""

    def __init__(self, ray: Any, remote: Any, assignment: Assignment) -> None:
        self.worker = assignment.worker
        self._ray = ray
        self._reference = remote.remote(assignment)

    def poll(self) -> str | None:  # noqa: D102
        ready, _ = self._ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            self._ray.get(self._reference)
        except Exception as error:  # lost nodes, killed workers and errors of the worker itself all arrive here
            return (str(error).splitlines() or [type(error).__name__])[0][:200]
        return ""

    def interrupt(self) -> None:  # noqa: D102
        self._ray.cancel(self._reference)  # raises KeyboardInterrupt in the task

    def wait(self, seconds: float) -> None:  # noqa: D102
        ready, _ = self._ray.wait([self._reference], timeout=seconds)
        if not ready:
            self._ray.cancel(self._reference, force=True)


def launcher(
    address: str | None, resources: Resources, assignment: Callable[[str], Assignment]
) -> Callable[[int, str], Task]:
    """Connect to a cluster; what is returned starts a worker in it.

    Args:
        address: of the cluster, ``HOST:PORT`` or ``ray://…``; None for ``RAY_ADDRESS`` or the one on this machine.
        resources: what each worker takes.
        assignment: of a worker, by its id.

    Raises:
        ConfigError: Ray is not installed, or there is no such cluster.
    """
    try:
        import ray
    except ImportError:
        raise ConfigError("--executor ray needs a package: pip install 'genbench[ray]'") from None
    environment = {k: v for k, v in os.environ.items() if k.startswith(FORWARDED)}
    if not ray.is_initialized():
        _check_reachable(address or os.environ.get("RAY_ADDRESS"))
        try:
            ray.init(
                address=address or os.environ.get("RAY_ADDRESS", "auto"),
                runtime_env={"env_vars": environment},
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = address or os.environ.get("RAY_ADDRESS", "on this machine")
            reason = (str(error).splitlines() or [""])[0][:200]
            raise ConfigError(f"no Ray cluster at {where}: start one with `ray start --head`: {reason}") from None
    remote = ray.remote(_work).options(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=0)
    return lambda slot, worker: RayTask(ray, remote, assignment(worker))  # noqa: ARG005


def _check_reachable(address: str | None) -> None:
    """Raise `ConfigError` when nobody listens at ``HOST:PORT``: Ray itself would try for a minute."""
    host, colon, port = (address or "").rpartition("//")[2].partition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"no Ray cluster at {address}: start one with `ray start --head`: {error}") from None


def _work(assignment: Assignment) -> int:
    return work(assignment)
