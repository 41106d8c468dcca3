"""`genbench ui`: where it listens, and that a browser finds there what was compared."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
PATIENCE = 120
"""Seconds that the server and each page may take on a busy machine."""


def started(cli: Cli, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[str, list[str]]:
    """What is said, and the command that would take the process over."""
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda path, command, variables: commands.append(command))
    answer = cli("ui", *options)
    assert answer.code == 0, answer.err
    (command,) = commands
    return answer.err, command


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_it_listens_on_this_machine_only_unless_told_otherwise(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    said, command = started(cli, monkeypatch)
    assert option(command, "--host") == "127.0.0.1"
    assert "http://127.0.0.1:5000/#/experiments/" in said
    assert "warning" not in said
    said, command = started(cli, monkeypatch, "--host", "0.0.0.0", "--port", "5001")
    assert (option(command, "--host"), option(command, "--port")) == ("0.0.0.0", "5001")
    assert "warning: 0.0.0.0 is not this machine only" in said
    assert "http://[::1]:5000/" in started(cli, monkeypatch, "--host", "::1")[0]


def test_a_port_that_is_none_is_refused(cli: Cli) -> None:
    answer = cli("ui", "--port", "70000")
    assert answer.code == 2
    assert "--port" in answer.err


@pytest.fixture
def address(cli: Cli, tmp_path: Path) -> Iterator[str]:
    """The address of the runs of a comparison, served."""
    compared = cli("compare", "ddpm", "cgan", "--preset", "smoke", "--seeds", "1", "--metrics", "accuracy", "--quiet")
    assert compared.code == 0, compared.err
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "ui.log"
    with log.open("w") as sink:
        server = subprocess.Popen(
            [sys.executable, "-m", "genbench.cli", "ui", "--port", str(port)], cwd=tmp_path, stdout=sink, stderr=sink
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield next(word for word in log.read_text().split() if word.startswith("http://127.0.0.1"))
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium")
def test_a_browser_finds_runs_by_name_and_tag_with_curves_and_pictures(address: str, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    shots = Path(os.environ.get("GENBENCH_SCREENSHOTS", tmp_path))
    names = [f"{family} · digits 16 · smoke · seed 0" for family in ("ddpm", "cgan")]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1500, "height": 950})
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(address)
        for name in names:
            page.get_by_text(name).first.wait_for()
        page.screenshot(path=shots / "runs.png")

        search = page.locator("input[placeholder*='metrics.']").first
        search.fill("tags.`genbench.family` = 'cgan'")
        search.press("Enter")
        page.get_by_text("1 matching run").wait_for()
        assert page.get_by_text(names[0]).count() == 0
        page.screenshot(path=shots / "filtered.png")

        page.get_by_text(names[1]).first.click()
        page.get_by_text("genbench.family").first.wait_for()
        page.screenshot(path=shots / "run.png")
        run = page.url.split("?")[0].rstrip("/")
        page.goto(f"{run}/model-metrics")
        page.get_by_placeholder("Search metric charts").fill("loss_g")  # charts below the fold are drawn when seen
        page.get_by_text("loss_g", exact=True).first.wait_for()
        page.locator(".js-plotly-plot .scatterlayer path").first.wait_for(state="attached")
        page.screenshot(path=shots / "curves.png")

        page.goto(f"{run}/artifacts/samples.png")
        picture = page.locator("img[src^='blob:']").first
        picture.wait_for()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        page.screenshot(path=shots / "picture.png")
        browser.close()
