"""``genbench ui``."""

from __future__ import annotations

import os
import sys
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
    command = [sys.executable, "-m", *store.ui_command(host, port)]
    try:
        os.execv(sys.executable, command)
    except OSError as error:
        raise RunError(f"the MLflow UI cannot be started: {error}") from error
