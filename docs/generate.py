"""Pages that are made from code, and pages that live beside it; MkDocs calls the functions named ``on_…``."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).resolve().parent.parent
BESIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/results/coverage.md": "benchmarks/coverage.md",
    "results/published/README.md": "published/index.md",
}
"""Pages outside ``docs/`` by their place on the site; family cards and published pictures join them."""
PROJECT_PAGES = {"README.md": "index.md"}
"""Files of the project that have a page of another source on the site."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated, and what lives elsewhere."""
    for name, content in (("cli", command_line()), ("configuration", configuration())):
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    for source, place in _beside().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Point links at where things are on the site; a link to what is not on it becomes plain text."""
    places = _beside() | PROJECT_PAGES
    homes = {place: source for source, place in places.items() if source not in PROJECT_PAGES}
    here = homes.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def pointed(match: re.Match[str]) -> str:
        picture, text, target, anchor = match[1], match[2], match[3], match[4] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        place = path.removeprefix("docs/") if path.startswith("docs/") else _place_of(path, places)
        if place is None:
            return text
        link = posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")
        return f"{picture}[{text}]({link}{anchor})"

    return _LINK.sub(pointed, markdown)


def _beside() -> dict[str, str]:
    cards = {f"models/{card.parent.name}/README.md": f"families/{card.parent.name}.md" for card in _cards()}
    published = {}
    for path in sorted((ROOT / "results" / "published").glob("*/*")):
        if path.suffix in (".md", ".png"):
            published[str(path.relative_to(ROOT))] = f"published/{path.parent.name}/{path.name}"
    return BESIDE | cards | published


def _place_of(path: str, places: Mapping[str, str]) -> str | None:
    """The page of a file, or of a folder's README or table."""
    candidates = (path, f"{path}/README.md", f"{path}/table.md")
    return next((places[candidate] for candidate in candidates if candidate in places), None)


def _cards() -> Iterator[Path]:
    yield from sorted((ROOT / "models").glob("*/README.md"))


# -------------------------------------------------------------------------------------------------------- command line


def command_line() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    import typer

    from genbench.cli import app

    parts = ["# Command line", "", "Data goes to stdout, progress and messages to stderr."]
    parts += ["Exit codes: 0 done; 1 a run failed or a gate is not met; 2 usage or bad input; 130 interrupted.", ""]
    parts += ["`genbench --install-completion` makes the shell complete commands and names after Tab."]
    parts += _commands(typer.main.get_command(app), "genbench")
    return "\n".join(parts) + "\n"


def _commands(command: Any, name: str) -> list[str]:
    if hasattr(command, "commands"):
        return [line for sub, inner in command.commands.items() for line in _commands(inner, f"{name} {sub}")]
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    lines = ["", f"## {name}", "", command.help or "", "", "```", f"{name} {usage}", "```", ""]
    return lines + _table(("option", "meaning"), [(f"`{option}`", _plain(text)) for option, text in rows])


def _plain(text: str) -> str:
    """Help as Markdown takes it: what stands in brackets is no link."""
    return re.sub(r"([\[\]<>*_])", r"\\\1", text)


# ------------------------------------------------------------------------------------------------------- configuration


def configuration() -> str:
    """Files, and every family's settings, from the models that validate them."""
    from genbench import plugins, specs

    lines = [
        "# Configuration",
        "",
        "A flag takes precedence over the environment, that over a file, that over a preset.",
    ]
    lines += ["Unknown keys are errors. Files are TOML.", "", "## Files", ""]
    lines += [
        "`genbench compare --config FILE` reads a *comparison*: its keys, sections `[data]` and `[evaluation]`, and",
        "one `[[rows]]` section for each model. `genbench run FILE` reads a *run*: the keys of a row beside its own.",
    ]
    for title, model in (
        ("Comparison", specs.ComparisonSpec),
        ("Row", specs.RowSpec),
        ("Run", specs.RunSpec),
        ("`[data]`", specs.DataSpec),
        ("`[evaluation]`", specs.EvaluationSpec),
    ):
        skip = specs.RowSpec.model_fields if model is specs.RunSpec else {}
        lines += ["", f"### {title}", "", *_fields(model, skip)]
    families, _ = plugins.available("families")
    for name, family in families.items():
        lines += ["", f"## {name}", "", "Presets:", ""]
        presets = family.presets.items()  # type: ignore[attr-defined]
        lines += _table(("preset", "budget", "what"), [(f"`{key}`", p.budget, p.description) for key, p in presets])
        for part in ("train", "sample"):
            model = getattr(family, f"{part.capitalize()}Config")
            lines += ["", f"`{part}.…`:", "", *_fields(model)]
    lines += ["", "## Environment", ""]
    lines += _table(
        ("variable", "meaning"),
        [
            ("`GENBENCH_HOME`", "caches, evaluators, data and weights; default `~/.cache/genbench`"),
            ("`MLFLOW_TRACKING_URI`", "the store; default: SQLite in the results folder"),
            ("`OPTUNA_STORAGE`", "the storage of sweeps"),
            ("`GENBENCH_STALL_SECONDS`", "how long training or sampling may show no sign of life; default: for ever"),
            ("`NO_COLOR`", "no colour on terminals"),
        ],
    )
    return "\n".join(lines) + "\n"


def _fields(model: type[BaseModel], skip: Mapping[str, Any] | None = None) -> list[str]:
    rows = [
        (f"`{name}`", f"`{_type(field.annotation)}`", _default(field), field.description or "")
        for name, field in model.model_fields.items()
        if name not in (skip or {})
    ]
    return _table(("key", "type", "default", "meaning"), rows)


def _type(annotation: Any) -> str:
    text = str(annotation) if not isinstance(annotation, type) else annotation.__name__
    text = re.sub(r"typing\.Annotated\[(\w+).*?\]", r"\1", text)
    return re.sub(r"(?:\w+\.)+(\w+)", r"\1", text).replace("NoneType", "None").replace(" | ", " or ")


def _default(field: Any) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    return f"`{value!r}`" if not isinstance(value, str) else f"`{value}`"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return ["(none)"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
