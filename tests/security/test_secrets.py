"""Passwords in addresses are not in what is printed, kept or recorded."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from genbench.cli import _command_line
from genbench.console import ProgressBars
from genbench.masking import mask_secrets
from genbench.tracking import Store
from tests.conftest import Cli

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://me:hunter2@host/db", "postgresql://me:***@host/db"),
        ("postgresql+psycopg://me:hunter2@host:5432/db?x=1", "postgresql+psycopg://me:***@host:5432/db?x=1"),
        ("mysql://me:hun/ter2@host/db", "mysql://me:***@host/db"),
        ("HTTP://me:hun@ter2@host", "HTTP://me:***@host"),
        ("redis://:hunter2@host", "redis://:***@host"),
        ("https://hunter2@host/x", "https://***@host/x"),
        ("postgresql:///db?user=me&password=hunter2", "postgresql:///db?user=me&password=***"),
        ("s3://bucket/key?X-Amz-Signature=hunter2&y=1", "s3://bucket/key?X-Amz-Signature=***&y=1"),
        ("az://c/b?sv=1&sig=hunter2#access_token=hunter2", "az://c/b?sv=1&sig=***#access_token=***"),
        ("--storage=postgresql://me:hunter2@host/db --jobs 2", "--storage=postgresql://me:***@host/db --jobs 2"),
        ("two: a://b:hunter2@c and d://e:hunter2@f", "two: a://b:***@c and d://e:***@f"),
        (
            "nothing to hide at https://host:8080/a?author=me, a@b.c",
            "nothing to hide at https://host:8080/a?author=me, a@b.c",
        ),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
    ],
)
def test_addresses(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked
    assert mask_secrets(masked) == masked


def test_hostile_text_takes_no_time() -> None:
    for text in ("a" * 10**5, "a://b:" * 2 * 10**4, "?" + "pass" * 3 * 10**4, "http://" * 10**4):
        assert mask_secrets(text)  # seconds or hours, were the patterns not bounded


def test_the_command_of_tables_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["genbench", "sweep", "x", "--storage", "postgresql://me:hunter2@host/db"])
    assert _command_line() == "genbench sweep x --storage 'postgresql://me:***@host/db'"


def test_errors_and_warnings_have_none(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{SECRET}@127.0.0.1:1")
    for arguments in (["ls", "runs"], ["doctor"], ["ui"]):
        answer = cli(*arguments)
        assert "127.0.0.1:1" in answer.err + answer.out
        assert SECRET not in answer.err + answer.out
    bars = ProgressBars()
    bars.say(f"x://me:{SECRET}@h")
    bars.warned(f"x://me:{SECRET}@h")
    bars.run_failed("label", f"x://me:{SECRET}@h")
    shown = capfd.readouterr().err
    assert SECRET not in shown
    assert shown.count("***") == 3


def test_the_ui_has_the_address_in_its_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    place = SimpleNamespace(uri=f"postgresql://me:{SECRET}@host/db")
    monkeypatch.setattr(store, "server", lambda: place)
    command, variables = store.ui_command("127.0.0.1", 5000)
    assert SECRET not in " ".join(command)
    assert variables == {"MLFLOW_BACKEND_STORE_URI": place.uri}


def test_a_failed_run_keeps_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    log = store.begin(name="x", tags={"genbench.kind": "run"}, params={})
    log.fail("failed", f"cannot reach postgresql://me:{SECRET}@host/db")
    (run,) = store.runs()
    assert run.reason == "cannot reach postgresql://me:***@host/db"
    assert SECRET not in json.dumps(run.reason)
