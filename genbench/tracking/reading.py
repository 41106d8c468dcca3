"""Reading runs: what is asked of a store, and the answer, by MLflow or straight from a store's SQLite database.

Importing MLflow takes seconds, and its database layer milliseconds a run. Listings and finished comparisons only look,
so where the store is a file on this machine they read its tables, which MLflow has had since its first versions.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import Run

PATIENCE = 5.0
"""Seconds that a database is waited for while somebody writes it. Ctrl-C waits as long."""

_LONG = "genbench.identity."
"""Beginning of the tags that nobody reads back, and that are most of a run's bytes."""


@dataclass(frozen=True)
class Wanted:
    """A condition on runs; all parts of it hold.

    Attributes:
        tags: tags with these values. None stands for any value but an empty one.
        status: MLflow's word for how the run ended.
        name: of the run.
        begins: the first digits of its id.
    """

    tags: Mapping[str, str | None] = field(default_factory=dict)
    status: str | None = None
    name: str | None = None
    begins: str | None = None

    @property
    def filter(self) -> str | None:
        """The condition in MLflow's words; None when they have none for it: a name with both kinds of quotes."""
        parts = [f"tags.`{key}` {_is(value)}" for key, value in self.tags.items()]
        parts += [f"attributes.status = '{self.status}'"] if self.status is not None else []
        parts += [f"attributes.run_name {_is(self.name)}"] if self.name is not None else []
        parts += [f"attributes.run_id LIKE '{self.begins}%'"] if self.begins is not None else []
        quotable = all(not ("'" in text and '"' in text) for text in (self.name or "", *map(str, self.tags.values())))
        return " and ".join(parts) if quotable else None

    @property
    def sql(self) -> tuple[str, list[str]]:
        """The condition on a row of the table of runs, and its values."""
        parts, values = ["lifecycle_stage = 'active'"], []
        for key, value in self.tags.items():
            holds = "value = ?" if value is not None else "value != ''"
            parts.append(f"run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND {holds})")  # noqa: S608 - our words
            values += [key] if value is None else [key, value]
        for column, wanted in (("status", self.status), ("name", self.name)):
            parts += [f"{column} = ?"] if wanted is not None else []
            values += [wanted] if wanted is not None else []
        if self.begins is not None:
            parts.append("run_uuid LIKE ?")
            values.append(f"{self.begins}%")
        return " AND ".join(parts), values


@dataclass(frozen=True)
class StoredRun:
    """A run as a store has it.

    Attributes:
        id, name: of the run.
        status: MLflow's word for how it ended, ``RUNNING`` when it did not.
        started: milliseconds since 1970.
        files: the address of the folder of its files.
        tags: its tags; from a database, without the identities of metrics.
        metrics: its latest metrics; from a database, without curves.
    """

    id: str
    name: str
    status: str
    started: int
    files: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, run: Run) -> StoredRun:
        """From MLflow's own."""
        info, data = run.info, run.data
        tags, metrics = dict(data.tags), dict(data.metrics)
        return cls(
            info.run_id, info.run_name or "", info.status, info.start_time or 0, info.artifact_uri or "", tags, metrics
        )


@dataclass(frozen=True)
class Experiment:
    """The experiment that holds a store's runs: its id, whether it was deleted, and where its runs' files are."""

    id: str
    deleted: bool
    files: str


class UnknownTables(Exception):  # noqa: N818 - a state
    """A database's tables are not those of an MLflow store that is known here, or there are none yet."""


class Database:
    """An MLflow store's SQLite file, read and never made.

    Raises:
        UnknownTables: from every method, when only MLflow itself may know what to do.
        sqlite3.Error: when it is damaged or locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def experiment(self, name: str) -> Experiment | None:
        """The experiment of that name, deleted or not."""
        columns = "experiment_id, lifecycle_stage, artifact_location"
        with self._asked() as database:
            row = database.execute(f"SELECT {columns} FROM experiments WHERE name = ?", (name,)).fetchone()  # noqa: S608
        return Experiment(str(row[0]), row[1] == "deleted", row[2] or "") if row else None

    def experiment_with(self, tag: str) -> str | None:
        """The name of an experiment with a run that has this tag; None when there is none."""
        with self._asked() as database:
            row = database.execute(
                "SELECT experiments.name FROM experiments JOIN runs USING (experiment_id) JOIN tags USING (run_uuid) "
                "WHERE key = ? LIMIT 1",
                (tag,),
            ).fetchone()
        return None if row is None else str(row[0])

    def is_foreign(self) -> bool:
        """Whether it has tables, and not the one in which MLflow notes its version."""
        with self._asked() as database:
            names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return bool(names) and "alembic_version" not in names

    def run(self, run_id: str) -> StoredRun | None:
        """The run of that id, unless there is none."""
        with self._asked() as database:
            return next(iter(_runs(database, "run_uuid = ?", [run_id], 1)), None)

    def runs(self, experiment: str, wanted: Wanted, limit: int) -> list[StoredRun]:
        """The latest runs that satisfy a condition, newest first."""
        condition, values = wanted.sql
        with self._asked() as database:
            return _runs(database, f"experiment_id = ? AND {condition}", [experiment, *values], limit)

    @contextmanager
    def _asked(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=rw", uri=True, timeout=PATIENCE)) as database:
            database.text_factory = lambda text: text.decode(errors="replace")
            try:
                database.execute("BEGIN")  # so that several queries see the same
                yield database
            except sqlite3.OperationalError as error:
                if str(error).startswith(("no such table", "no such column")):
                    raise UnknownTables(str(error)) from error
                raise


def _runs(database: sqlite3.Connection, condition: str, values: Sequence[Any], limit: int) -> list[StoredRun]:
    """Runs with their tags and metrics, in three queries however many they are; ``condition`` is in our own words."""
    order = "ORDER BY start_time DESC, run_uuid LIMIT ?"
    chosen = f"FROM runs WHERE {condition} {order}"
    given = [*values, limit]
    rows = database.execute(f"SELECT run_uuid, name, status, start_time, artifact_uri {chosen}", given).fetchall()
    tags: dict[str, dict[str, str]] = {row[0]: {} for row in rows}
    metrics: dict[str, dict[str, float]] = {row[0]: {} for row in rows}
    within = f"WHERE run_uuid IN (SELECT run_uuid {chosen})"
    for run, key, value in database.execute(
        f"SELECT run_uuid, key, value FROM tags {within} AND key NOT LIKE '{_LONG}%'",  # noqa: S608 - our own words
        given,
    ):
        tags[run][key] = str(value)
    for run, key, value, is_nan in database.execute(
        f"SELECT run_uuid, key, value, is_nan FROM latest_metrics {within} AND key NOT LIKE 'train/%'",  # noqa: S608
        given,
    ):
        metrics[run][key] = float(value) if isinstance(value, int | float) and not is_nan else math.nan
    return [
        StoredRun(run, str(name or ""), str(status), _moment(started), str(files or ""), tags[run], metrics[run])
        for run, name, status, started, files in rows
    ]


def _moment(started: Any) -> int:
    """Milliseconds since 1970, and 0 for what no clock can have written: a year beyond 9999, or no number."""
    return started if isinstance(started, int) and 0 <= started < 253_000_000_000_000 else 0


def _is(value: str | None) -> str:
    """A comparison in MLflow's words, which know no escapes."""
    if value is None:
        return "!= ''"
    quote = '"' if "'" in value else "'"
    return f"= {quote}{value}{quote}"
