"""``genbench ui``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from genbench.errors import RunError
from genbench.tracking import Store


def serve(results: Path, host: str, port: int) -> None:
    """Replace this process by the MLflow UI on the store.

    Raises:
        RunError: when MLflow cannot be started.
    """
    store = Store(results)
    shown = f"[{host}]" if ":" in host else host
    print(
        f"runs of {store.address}: http://{shown}:{port}{store.ui_path()} (Ctrl-C ends it)", file=sys.stderr, flush=True
    )
    if not is_loopback(host):
        print(
            f"warning: {host} is not this machine only: whoever reaches the port can read, change and delete runs",
            file=sys.stderr,
            flush=True,
        )
    command, variables = store.ui_command(host, port)
    try:
        os.execve(sys.executable, [sys.executable, "-m", *command], {**os.environ, **variables})  # noqa: S606 - no shell is meant
    except OSError as error:
        raise RunError(f"the MLflow UI cannot be started: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
