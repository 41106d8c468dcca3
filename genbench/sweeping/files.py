"""Where sweep files are found, and what is wrong with one, with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import genbench
from genbench.errors import ConfigError
from genbench.plugins import nearest
from genbench.specs import read_toml, validate
from genbench.sweeping.specification import SweepSpec


def folders() -> list[Path]:
    """Where sweeps are looked for by name: ``sweeps/`` here, in the checkout, and in the installed package."""
    package = Path(genbench.__file__).resolve().parent
    found = [Path("sweeps"), package.parent / "sweeps", package / "sweeps"]
    return [folder for folder in found if folder.is_dir()]


def available() -> dict[str, Path]:
    """Sweep files by name, the nearest of equal names."""
    files: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.toml")):
            files.setdefault(path.stem, path)
    return files


def find(name: str) -> Path:
    """The file of a sweep given by name or by path.

    Raises:
        ConfigError: when there is none.
    """
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"{path}: no such file: give a sweep's name or the path of its TOML file")
        return path
    known = available()
    if name not in known:
        raise ConfigError(f"unknown sweep {name!r}: {nearest(name, known)}")
    return known[name]


def read(path: Path) -> SweepSpec:
    """The sweep in a file; its name is the file's unless it says otherwise.

    Raises:
        ConfigError: naming the file, the line, the key and what is wrong with it.
    """
    values = {"name": path.stem, **read_toml(path)}
    try:
        return validate(SweepSpec, values, "")
    except ConfigError as error:
        message = str(error).removeprefix(": ")
        line = _line(path.read_text(encoding="utf-8"), _key(message))
        raise ConfigError(f"{path}{f':{line}' if line else ''}: {message}") from None


@contextmanager
def located(path: Path) -> Iterator[None]:
    """Within this, a `ConfigError` about what is in the file names it, and the line of what it quotes."""
    try:
        yield
    except ConfigError as error:
        message = str(error)
        if message.startswith(str(path)):
            raise
        lines = path.read_text(encoding="utf-8").splitlines()
        quoted = re.findall(r"'([^']+)'", message)
        numbers = (n for word in quoted for n, line in enumerate(lines, 1) if word in line.partition("#")[0])
        number = next(numbers, None)
        raise ConfigError(f"{path}{f':{number}' if number else ''}: {message}") from None


def _key(message: str) -> list[str]:
    """The dotted key that a message of `validate` begins with or names, as far as the file has it."""
    named = re.match(r"unknown key '([^']+)'", message) or re.match(r"([^:]+): (?:Value error, )?([^:]*)", message)
    if named is None:
        return []
    dotted = named[1]
    if dotted == "(top level)" or (dotted == "space" and (named.lastindex or 0) > 1):
        dotted = f"{dotted}.{named[2]}".removeprefix("(top level).")
    return re.split(r"\.", dotted)


def _line(text: str, key: list[str]) -> int | None:
    """The line that says the most of a dotted key: its own, else that of a section it is in."""
    best: tuple[int, int] | None = None
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*(.+?)\s*\]+\s*(?:#.*)?$", line):
            table = _parts(header[1])
            here = table
        elif entry := re.match(
            r"\s*((?:\"[^\"]*\"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[\w-]+))*)\s*=", line
        ):
            here = [*table, *_parts(entry[1])]
        else:
            continue
        wanted = [part for part in key if not part.isdigit()]
        common = next(
            (k for k, (a, b) in enumerate(zip(here, wanted, strict=False)) if a != b), min(len(here), len(wanted))
        )
        if common and common == len(here) and (best is None or common > best[0]):
            best = (common, number)
    return best[1] if best else None


def _parts(dotted: str) -> list[str]:
    """The parts of a TOML key; a quoted part with dots in it counts as several."""
    parts = re.findall(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)", dotted)
    return [piece for part in parts for piece in "".join(part).split(".")]
