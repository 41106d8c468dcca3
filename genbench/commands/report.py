"""``genbench report``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from genbench.errors import ConfigError, DataError
from genbench.exporting.archive import ARCHIVE, Archived, read_archive
from genbench.plugins import nearest
from genbench.reporting import REPORT, write_report
from genbench.specs import ComparisonSpec, read_toml, validate


def report(names: Sequence[str], *, out: Path | None, results: Path) -> None:
    """Write one page for each comparison (default: the newest) and print its path.

    Raises:
        ConfigError: ``out`` for several comparisons, or a TOML file that is no comparison.
        DataError: no such comparison, or its files are damaged.
        GenbenchError: when a page cannot be written.
    """
    if out is not None and len(names) > 1:
        raise ConfigError(f"--out names one file, but there are {len(names)} comparisons: report them one by one")
    found = [finished(name, results) for name in names] or [newest(results)]
    for archived in found:
        if not names:
            print(f"newest comparison: {archived.table.name}", file=sys.stderr)
        print(write_report(archived, out or archived.folder / REPORT, _warn))


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def finished(name: str, results: Path) -> Archived:
    """The finished comparison of that name under the results, at that path, or of that TOML file.

    Raises:
        ConfigError: a TOML file that is no comparison. DataError: there is none, or it is damaged.
    """
    folder = find(name, results)
    if folder is not None:
        return read_archive(folder)
    if name.endswith(".toml"):
        wanted = (
            f"the comparison of {name} is not finished under {results}: `genbench compare --config {name}` makes it"
        )
        raise DataError(wanted)
    if (results / name / "table.json").is_file():
        raise DataError(
            f"{results / name}: has no {ARCHIVE} (not finished, or made by an earlier genbench): "
            "compare again, which uses what is done"
        )
    known = [folder.name for folder in comparisons(results)]
    raise DataError(f"no finished comparison {name!r} under {results}: {nearest(name, known)}")


def find(name: str, results: Path) -> Path | None:
    """The folder of a finished comparison: its name under the results, its path, or a TOML file's default name."""
    path = Path(name)
    if name.endswith(".toml"):
        from genbench.comparing import default_name  # imports torch, which takes seconds

        spec = validate(ComparisonSpec, read_toml(path), name)
        path = Path(spec.name or default_name(spec))
    candidates = (results / path, path, path.parent if path.name == ARCHIVE else path)
    return next((folder for folder in candidates if (folder / ARCHIVE).is_file()), None)


def newest(results: Path) -> Archived:
    """The comparison that was finished last. Raises `DataError` when there is none."""
    found = comparisons(results)
    if not found:
        raise DataError(f"no finished comparison under {results}: `genbench compare` makes one")
    return read_archive(max(found, key=lambda folder: (folder / ARCHIVE).stat().st_mtime_ns))


def comparisons(results: Path) -> list[Path]:
    """Folders of all finished comparisons, by name."""
    return sorted(path.parent for path in results.glob(f"*/{ARCHIVE}"))
