"""Runs are read straight from a results folder's database, and are what MLflow says they are."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from genbench.commands.listing import _runs
from genbench.errors import DataError, GenbenchError
from genbench.tracking import Store, reading
from genbench.tracking.places import Place
from genbench.tracking.reading import Database, StoredRun, UnknownTables, Wanted
from tests.tracking.test_standby import RECORD, begin, finish, train


@pytest.fixture
def place(tmp_path: Path, quick_store: None) -> Place:
    """A store with runs of every kind, one of them deleted."""
    store = Store(tmp_path)
    place = Place.here(tmp_path)
    logs = {name: begin(store, name) for name in ("finished", "it's", "failed", "deleted", "running")}
    for number, log in enumerate(logs.values()):
        place.client.log_metric(log.id, "accuracy", [0.5, math.nan, math.inf, -math.inf, 0.25][number])
        place.client.set_tag(log.id, "mark", "" if number % 2 else "x")
    train(logs["finished"], 0)
    finish(logs["finished"], tmp_path)
    finish(logs["it's"], tmp_path)
    logs["failed"].fail("diverged", "a reason")
    place.client.delete_run(logs["deleted"].id)
    return place


def by_mlflow(place: Place, wanted: Wanted, limit: int) -> list[StoredRun]:
    """The same, and as much of it, as is read from the database."""
    order = ["attributes.start_time DESC", "attributes.run_id"]
    runs = place.client.search_runs([place.experiment], wanted.filter, ViewType.ACTIVE_ONLY, limit, order)
    return [without_the_long(StoredRun.of(run)) for run in runs]


def without_the_long(run: StoredRun) -> StoredRun:
    tags = {key: value for key, value in run.tags.items() if not key.startswith("genbench.identity")}
    metrics = {key: value for key, value in run.metrics.items() if not key.startswith("train/")}
    return StoredRun(run.id, run.name, run.status, run.started, run.files, tags, metrics)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(), 4),
        (Wanted({"genbench.kind": "run"}), 4),
        (Wanted({"genbench.kind": "run", "genbench.run": "hash-failed"}), 1),
        (Wanted({"mark": None}), 3),
        (Wanted({"mark": "x"}, status="FINISHED"), 1),
        (Wanted(status="RUNNING"), 1),
        (Wanted(name="it's"), 1),
        (Wanted(name="no such"), 0),
        (Wanted({"genbench.run": "hash-it's"}), 1),
    ],
)
def test_the_database_and_mlflow_give_the_same_runs(place: Place, tmp_path: Path, wanted: Wanted, count: int) -> None:
    found = Database(Place.file(tmp_path)).runs(place.experiment, wanted, 100)
    assert len(found) == count
    expected = by_mlflow(place, wanted, 100)
    assert [repr(run) for run in found] == [repr(run) for run in expected]  # a NaN is like another
    assert repr(place.runs(wanted, 100)) == repr(found)


def test_single_runs_beginnings_of_ids_and_limits(place: Place, tmp_path: Path) -> None:
    database = Database(Place.file(tmp_path))
    for run in place.client.search_runs([place.experiment], run_view_type=ViewType.ALL):
        found = database.run(run.info.run_id)
        assert repr(found) == repr(without_the_long(StoredRun.of(run)))
        begins = Wanted(begins=run.info.run_id[:12])
        assert len(database.runs(place.experiment, begins, 9)) == (run.info.lifecycle_stage == "active")
    assert database.run("0" * 32) is None
    assert len(database.runs(place.experiment, Wanted(), 2)) == 2
    assert database.runs(place.experiment, Wanted(), 2) == database.runs(place.experiment, Wanted(), 4)[:2]


def test_a_name_that_mlflow_has_no_words_for_is_found_in_the_database(tmp_path: Path, quick_store: None) -> None:
    store = Store(tmp_path)
    log = begin(store, """it's "a" %""")
    assert store.resolve("""it's "a" %""") == log.id
    assert Wanted(name="""it's "a" %""").filter is None


def test_tables_that_are_not_known_are_left_to_mlflow(place: Place, tmp_path: Path) -> None:
    path = Place.file(tmp_path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE latest_metrics RENAME COLUMN is_nan TO not_a_number")
    with pytest.raises(UnknownTables):
        Database(path).runs(place.experiment, Wanted(), 9)
    with pytest.raises(GenbenchError, match=r"mlflow\.db.*not_a_number|is_nan"):
        place.runs(Wanted(), 9)  # which does not know them, either


def test_what_a_comparison_asks_takes_no_more_memory_among_many_runs(place: Place, tmp_path: Path) -> None:
    def peak() -> int:
        tracemalloc.start()
        try:
            store = Store(tmp_path)
            found = store.find("hash-finished")
            assert found is not None
            assert store.record(found) == RECORD
            assert len(store.runs(3)) == 3
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak()
    few = peak()
    with closing(sqlite3.connect(Place.file(tmp_path))) as database, database:
        (model,) = database.execute("SELECT run_uuid FROM runs WHERE name = 'finished'").fetchone()
        for table in ("runs", "tags", "latest_metrics"):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            chosen = ", ".join("?" if column == "run_uuid" else f'"{column}"' for column in columns)
            database.executemany(
                f"INSERT INTO {table} SELECT {chosen} FROM {table} WHERE run_uuid = ?",
                [(f"{number:032x}", model) for number in range(3000)],
            )
        database.execute("UPDATE tags SET value = run_uuid WHERE key = 'genbench.run' AND run_uuid != ?", [model])
    assert len(Store(tmp_path).runs(5000)) == 3004
    assert peak() < 1.5 * few


def test_looking_needs_no_mlflow(place: Place, tmp_path: Path) -> None:
    """It takes seconds to import."""
    code = f"""
import sys
from pathlib import Path
from genbench.tracking import Store
store = Store(Path({str(tmp_path)!r}))
found = store.find("hash-finished")
assert store.record(found) == {RECORD!r}
assert len(store.runs()) == 4
assert store.resolve("it's")
print([name for name in ("mlflow", "torch", "pandas", "sqlalchemy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_an_experiment_that_was_deleted_is_called_so_and_comes_back(place: Place, tmp_path: Path) -> None:
    place.client.delete_experiment(place.experiment)
    with pytest.raises(GenbenchError, match=f"deleted.*mlflow experiments restore --experiment-id {place.experiment}"):
        Store(tmp_path)
    MlflowClient(place.uri).restore_experiment(place.experiment)
    assert {"finished", "it's", "failed", "running"} <= {run.name for run in Store(tmp_path).runs()}


def test_an_empty_database_is_not_filled_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(GenbenchError, match=r"mlflow\.db: is empty.*delete it"):
        Store(tmp_path)
    assert (tmp_path / "mlflow.db").stat().st_size == 0


def test_a_record_that_was_changed_is_not_believed(place: Place, tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = store.find("hash-finished")
    assert found is not None
    (path,) = (tmp_path / "artifacts" / found).rglob("result.json")
    path.write_text(path.read_text().replace("3.0", "0.1"))
    with pytest.raises(DataError, match=r"result\.json was changed"):
        store.record(found)
    assert store.read_record(found) is None


def test_an_experiment_under_another_name_is_told_and_none_is_made(place: Place, tmp_path: Path) -> None:
    place.client.rename_experiment(place.experiment, "my runs")
    with pytest.raises(GenbenchError, match=r"experiment called 'my runs': call it 'genbench' again"):
        Store(tmp_path)
    place.client.rename_experiment(place.experiment, "genbench")
    assert len(Store(tmp_path).runs()) == 4


def test_a_database_of_somebody_elses_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE mine (a)")
    before = path.read_bytes()
    with pytest.raises(GenbenchError, match=r"mlflow\.db: is a database, but no store of MLflow's"):
        Store(tmp_path)
    assert path.read_bytes() == before


def test_a_link_to_a_disk_that_is_away_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").symlink_to(tmp_path / "away" / "mlflow.db")
    assert Store.exists(tmp_path)
    with pytest.raises(GenbenchError, match="which is away"):
        Store(tmp_path)
    assert (tmp_path / "mlflow.db").is_symlink()


@pytest.mark.parametrize(
    "change",
    [
        "runs SET start_time = 9e18",
        "runs SET start_time = 'abc'",
        "runs SET start_time = -1000000000000000",
        "runs SET status = NULL",
        "runs SET name = CAST(x'ff41' AS TEXT)",
        "tags SET value = x'ff'",
        "tags SET value = NULL",
        "latest_metrics SET value = 'x'",
    ],
)
def test_odd_values_in_the_database_end_no_listing(place: Place, tmp_path: Path, change: str) -> None:
    with closing(sqlite3.connect(Place.file(tmp_path))) as database, database:
        database.execute(f"UPDATE {change}")
    (rows, _) = _runs(tmp_path, 10)
    assert all(isinstance(row["started"], str) for row in rows)


def test_a_locked_database_is_not_called_damaged(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PATIENCE", 0.1)
    with closing(sqlite3.connect(Place.file(tmp_path), isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(GenbenchError, match=r"locked by another process: try again"):
            Store(tmp_path)
