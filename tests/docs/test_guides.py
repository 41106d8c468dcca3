"""The code that the guides show works, and what they name exists."""

import re
import shlex
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from genbench import plugins
from genbench.checking.tasks import CHECKS
from genbench.cli import app
from genbench.specs import ComparisonSpec, validate
from tests.conftest import Cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
GUIDES = ROOT / "docs" / "howto"
LINK = re.compile(r"\]\(([^)\s:#]+)(?:#[^)]*)?\)")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def code(page: str, class_name: str) -> dict[str, Any]:
    """The names that the block with this class defines."""
    (source,) = (block for block in blocks(GUIDES / page, "python") if f"class {class_name}" in block)
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(source, page, "exec"), names)
    return names


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Register a class as if a distribution had brought it."""

    def install(kind: str, plugin: type) -> None:
        registered = plugins._registered
        point = EntryPoint(plugin.name, "guide:Plugin", f"genbench.{kind}")  # type: ignore[attr-defined]
        load = EntryPoint.load
        monkeypatch.setattr(EntryPoint, "load", lambda self: plugin if self == point else load(self))
        monkeypatch.setattr(
            plugins,
            "_registered",
            lambda asked: {**registered(asked), **({point.name: point} if asked == kind else {})},
        )

    return install


def test_the_guide_s_data_set_is_one(installed: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from genbench.data import DataRequest, load

    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path))
    installed("datasets", code("own-data.md", "Shapes")["Shapes"])
    data = load(plugins.dataset("shapes"), DataRequest())
    assert data.info.conditions == ("square", "disc")
    assert [len(data.splits[name]) for name in ("train", "validation", "test")] == [800, 100, 100]
    images, labels = data.splits["train"].images, data.splits["train"].conditions.argmax(axis=1)
    filled = (images > 0).mean(axis=(1, 2, 3))
    assert filled[labels == 0].mean() > filled[labels == 1].mean() > 0  # a disc fits into the square of its radius


def test_the_guide_s_metrics_measure(cli: Cli, installed: Any) -> None:
    installed("metrics", code("own-metric.md", "MeanDistance")["MeanDistance"])
    installed("metrics", code("own-metric.md", "Brightness")["Brightness"])
    answer = cli("run", "ddpm", "--preset", "smoke", "--metrics", "mean_distance,brightness,fid", "--format", "csv")
    assert answer.code == 0, answer.err
    values = {line.split(",")[0]: line for line in answer.out.splitlines()}
    assert values.keys() >= {"mean_distance", "mean_distance_floor", "brightness", "fid"}
    assert 0 < float(values["mean_distance"].split(",")[1]) < float(values["fid"].split(",")[1])
    assert 0 < float(values["brightness"].split(",")[1]) < 1


def test_the_guide_s_extractor_extracts() -> None:
    names = code("own-evaluator.md", "Colours")
    extractor = names["load"](torch.device("cpu"))
    assert {"extractor", "weights", "resize"} <= set(extractor.identity)
    images = torch.randint(0, 256, (5, 8, 8, 3), dtype=torch.uint8).numpy()
    features = extractor.features(images)
    assert (features.shape, features.dtype.name) == ((5, 64), "float32")
    assert features.sum(axis=1) == pytest.approx(1)


def test_the_guide_shows_the_checks_that_there_are() -> None:
    (shown,) = (block for block in blocks(GUIDES / "own-family.md", "") if block.startswith("check "))
    rows = [line.split()[:2] for line in shown.splitlines()[1:] if not line.startswith(" ")]
    assert {result for _, result in rows} == {"passed"}
    assert [name for name, _ in rows] == [check.name for check in CHECKS["generation"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    generated = {"docs/reference/cli.md", "docs/reference/configuration.md"}
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in LINK.findall(text):
        path = (page.parent / target).resolve()
        assert path.exists() or str(path.relative_to(ROOT)) in generated, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_pages_show(page: Path) -> None:
    root = typer.main.get_command(app)
    for line in "\n".join(blocks(page, "(?:console|sh)?")).splitlines():
        if not line.lstrip("$ ").startswith("genbench ") or "|" in line or "…" in line:
            continue
        words = shlex.split(line.lstrip("$ "), comments=True)[1:]
        command = root
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        for word in words:
            assert not word.startswith("--") or word.split("=")[0] in known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configurations_that_pages_show_are_valid(page: Path) -> None:
    for block in blocks(page, "toml"):
        values = tomllib.loads(block)
        if "rows" in values:
            spec = validate(ComparisonSpec, values, page.name)
            assert all(row.label for row in spec.rows)
        elif "project" in values:
            groups = {f"genbench.{kind}" for kind in ("families", "datasets", "metrics", "extractors")}
            assert values["project"]["entry-points"].keys() <= groups
