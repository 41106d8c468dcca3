"""Folders of templates become folders of files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from genbench import __version__, plugins
from genbench.api import Task
from genbench.errors import ConfigError
from genbench.files import clear_os_errors
from genbench.scaffolding.names import PluginName

_SUFFIX = ".j2"
_PACKAGE = "package/"
"""The folder of templates that is named after the package."""


def write_family(name: PluginName, out: Path, task: Task) -> list[Path]:
    """Write a distribution with a small working family of that task.

    For ``generation`` it is a conditional variational autoencoder, for ``adaptation`` a classifier whose features'
    covariances are aligned. The folder appears at once and whole, or not at all.

    Args:
        name: of the family.
        out: folder to make; its parents are made, too.
        task: what the family does.

    Returns:
        The files, relative to ``out``, sorted.

    Raises:
        ConfigError: when a family or a module of that name is installed, when Python uses the name, or ``out`` exists.
        GenbenchError: when ``out`` cannot be written.
    """
    if name.name in plugins.names("families"):
        raise ConfigError(f"a family {name.name!r} is installed already: choose another name")
    if reason := name.clash:
        raise ConfigError(f"{name.name!r} is {reason}: choose another name, such as {f'{name.name}-model'!r}")
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} exists already: choose another folder with --out, or remove it")
    values = {
        "name": name.name,
        "distribution": name.distribution,
        "package": name.package,
        "family": name.family,
        "title": name.title,
        "task": task,
        "genbench_version": __version__,
    }
    contents = {_place(path, name): text for path, text in _rendered(task, values)}
    with clear_os_errors(out):
        _write_at_once(contents, out)
    return sorted(Path(path) for path in contents)


def _place(path: str, name: PluginName) -> str:
    return f"{name.package}/{path.removeprefix(_PACKAGE)}" if path.startswith(_PACKAGE) else path


def _rendered(task: Task, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Relative paths and contents of what is common to all families, and of what the task's families have."""
    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, TOML and Markdown, not HTML
    )
    templates = files("genbench.scaffolding") / "templates"
    for folder in (templates / "common", templates / task):
        for path, template in _walk(folder):
            yield (
                path.removesuffix(_SUFFIX),
                environment.from_string(template.read_text(encoding="utf-8")).render(values),
            )


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name, entry


def _write_at_once(contents: dict[str, str], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".genbench-new-", dir=out.parent) as scratch:
        made = Path(scratch) / "made"
        for path, text in contents.items():
            target = made / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        made.rename(out)
