"""``genbench new``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from genbench.api import Task
from genbench.scaffolding import PluginName, write_family, write_sweep

_RIVALS: dict[Task, str] = {"generation": "ddpm", "adaptation": "source-only"}


def new_family(name: str, *, out: Path | None, task: Task) -> None:
    """Write a plug-in distribution, print its folder on stdout and say on stderr what to do with it.

    Raises:
        ConfigError: when the name is none, or is taken, or the folder exists.
    """
    plugin = PluginName(name)
    folder = out or Path(plugin.distribution)
    written = write_family(plugin, folder, task)
    print(folder)
    steps = (
        f"pip install -e {shlex.quote(str(folder))}",
        f"genbench check {name}",
        f"genbench compare {name} {_RIVALS[task]} --preset smoke",
    )
    print(f"wrote {len(written)} files; next:", *(f"  {step}" for step in steps), sep="\n", file=sys.stderr)


def new_sweep(name: str, family: str, *, out: Path | None) -> None:
    """Write a sweep file, print its path on stdout and say on stderr what to do with it.

    Raises:
        ConfigError, PluginError: when the name is none, the family is unknown, or the file exists.
    """
    path = out or Path("sweeps") / f"{name}.toml"
    write_sweep(PluginName(name), family, path)
    print(path)
    print(f"next:\n  genbench sweep {shlex.quote(str(path))} --dry-run", file=sys.stderr)
