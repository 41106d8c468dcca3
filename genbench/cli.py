"""The command line: parse, call, print. Data goes to stdout; progress and messages go to stderr."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from genbench import __version__
from genbench.errors import ConfigError

app = typer.Typer(
    name="genbench",
    help="Benchmark and compare generative image models: one runner, one set of metrics, tables for papers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How a table is printed on stdout."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"
    latex = "latex"


class ListFormat(StrEnum):
    """How a listing is printed on stdout."""

    table = "table"
    json = "json"
    csv = "csv"


class What(StrEnum):
    """What `genbench ls` lists."""

    families = "families"
    datasets = "datasets"
    metrics = "metrics"
    presets = "presets"
    runs = "runs"


Dataset = Annotated[str, typer.Option("--dataset", "-d", help="A data set from `genbench ls datasets`.")]
Resolution = Annotated[int | None, typer.Option(help="Pixels on a side; default: the data set's own.")]
DataRoot = Annotated[Path | None, typer.Option(help="Folder with the data set's files.")]
Download = Annotated[bool, typer.Option("--download", help="Allow fetching data from its own home.")]
Preset = Annotated[
    str | None, typer.Option("--preset", "-p", help="smoke, quick, standard or a recipe; default: quick.")
]
Budget = Annotated[str | None, typer.Option(help="When training stops: 200kimg, 5000steps, 20epochs, 120s, 2e14flop.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Change one setting: train.lr=1e-3 or sample.eta=0.5.")]
Pictures = Annotated[int | None, typer.Option(help="Pictures generated for FID; default by preset.")]
Metrics = Annotated[str | None, typer.Option(help="Metrics to measure, with commas; default: all that fit.")]
Inception = Annotated[Path | None, typer.Option(help="Inception-v3 weights for FID; default: GENBENCH_HOME.")]
Lab = Annotated[Path | None, typer.Option(help="The lab's ResNet-18 checkpoint.pth, for i-CLEVR.")]
Results = Annotated[Path, typer.Option(help="Folder for results, stages and the default store.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
PrecisionOption = Annotated[str, typer.Option("--precision", help="auto, float32 or bfloat16.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"genbench {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def compare(
    context: typer.Context,
    families: Annotated[
        list[str] | None, typer.Argument(help="Families, each FAMILY or FAMILY:PRESET; omit when --config is given.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A comparison in a TOML file.")] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Default: digits, or digits:digits-m for adaptation.")
    ] = None,
    resolution: Resolution = None,
    data_root: DataRoot = None,
    download: Download = False,
    augment: Annotated[str, typer.Option(help="none or flip.")] = "none",
    preset: Preset = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of every row.")] = 3,
    budget: Budget = None,
    assignments: Set = None,
    pictures: Pictures = None,
    metrics: Metrics = None,
    inception_weights: Inception = None,
    lab_checkpoint: Lab = None,
    name: Annotated[str | None, typer.Option(help="Folder under the results; default: made from what runs.")] = None,
    results: Results = Path("results"),
    device: Device = "auto",
    precision: PrecisionOption = "auto",
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print the table.")] = Format.table,
    quiet: Quiet = False,
) -> None:
    """Train families with the same seeds, measure them the same way and print the table."""
    from genbench.commands.compare import run_comparison, spec_from_flags
    from genbench.commands.flags import from_file
    from genbench.specs import ComparisonSpec, parse_assignments

    data = {"name": dataset, "resolution": resolution, "root": data_root, "download": download, "augment": augment}
    common: dict[str, Any] = {
        "name": name,
        "data": data,
        "evaluation": _evaluation(pictures, metrics, inception_weights, lab_checkpoint),
        "seeds": seeds,
        "budget": budget,
        "device": device,
        "precision": precision,
    }
    if config is not None and families:
        raise ConfigError("give families or --config, not both")
    if config is not None:
        spec = from_file(ComparisonSpec, config, flags=common, given=_given_options(context))
    else:
        spec = spec_from_flags(families or [], preset, parse_assignments(assignments or []), common)
    run_comparison(spec, results=results, output=format.value, quiet=quiet, command=_command_line())


@app.command()
def run(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="FAMILY, FAMILY:PRESET, the name of a recipe, or a TOML file.")],
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Default: the recipe's, else digits.")] = None,
    resolution: Resolution = None,
    data_root: DataRoot = None,
    download: Download = False,
    augment: Annotated[str, typer.Option(help="none or flip.")] = "none",
    preset: Preset = None,
    seed: Annotated[int, typer.Option(min=0, help="Repetition; the same number means the same seed everywhere.")] = 0,
    budget: Budget = None,
    assignments: Set = None,
    pictures: Pictures = None,
    metrics: Metrics = None,
    inception_weights: Inception = None,
    lab_checkpoint: Lab = None,
    results: Results = Path("results"),
    device: Device = "auto",
    precision: PrecisionOption = "auto",
    format: Annotated[ListFormat, typer.Option("--format", "-f", help="How to print the measures.")] = ListFormat.table,
    quiet: Quiet = False,
) -> None:
    """Train one family once, sample from it and measure the pictures."""
    from genbench.commands.flags import from_file
    from genbench.commands.run import run_one, spec_from_flags
    from genbench.specs import RunSpec, parse_assignments

    data = {"name": dataset, "resolution": resolution, "root": data_root, "download": download, "augment": augment}
    common: dict[str, Any] = {
        "data": data,
        "evaluation": _evaluation(pictures, metrics, inception_weights, lab_checkpoint),
        "repetition": seed,
        "budget": budget,
        "device": device,
        "precision": precision,
    }
    if what.endswith(".toml"):
        spec = from_file(RunSpec, Path(what), flags=common, given=_given_options(context))
    else:
        spec = spec_from_flags(what, preset, parse_assignments(assignments or []), common)
    run_one(spec, results=results, output=format.value, quiet=quiet)


@app.command()
def sample(
    run: Annotated[str, typer.Argument(help="A run's id, the beginning of it, or its name.")],
    conditions: Annotated[
        str | None,
        typer.Option(
            "--conditions", "-c", help='Sets with semicolons: "red cube, cyan sphere; gray cylinder"; or a JSON file.'
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="Pictures for each condition.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the start noise.")] = 0,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="Change sampling: sample.eta=0.5.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the pictures; default: in the results.")
    ] = None,
    results: Results = Path("results"),
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Make pictures with a finished run's model, for any conditions."""
    from genbench.commands.sample import sample_run
    from genbench.specs import parse_assignments

    sample_run(
        run,
        conditions,
        count=count,
        seed=seed,
        changes=parse_assignments(assignments or []),
        out=out,
        results=results,
        device=device,
        quiet=quiet,
    )


@app.command()
def evaluate(
    target: Annotated[str, typer.Argument(help="A run, or a folder of pictures made elsewhere.")],
    reference: Annotated[
        Path | None, typer.Option(help="Folder of real pictures for FID; default: the data set's.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSON {file: label or [labels]}; default: FOLDER/labels.json or class folders.")
    ] = None,
    dataset: Dataset = "digits",
    resolution: Resolution = None,
    data_root: DataRoot = None,
    metrics: Metrics = None,
    inception_weights: Inception = None,
    lab_checkpoint: Lab = None,
    results: Results = Path("results"),
    device: Device = "auto",
    format: Annotated[ListFormat, typer.Option("--format", "-f", help="How to print the measures.")] = ListFormat.table,
    quiet: Quiet = False,
) -> None:
    """Score a run again, or any folder of pictures, with the benchmark's evaluators."""
    from genbench.commands.evaluate import evaluate_target

    evaluate_target(
        target,
        reference=reference,
        labels=labels,
        data={"name": dataset, "resolution": resolution, "root": data_root},
        evaluation=_evaluation(None, metrics, inception_weights, lab_checkpoint),
        results=results,
        device=device,
        output=format.value,
        quiet=quiet,
    )


@app.command("ls")
def list_(
    what: Annotated[What, typer.Argument(help="What to list.")],
    results: Results = Path("results"),
    limit: Annotated[int, typer.Option(min=1, help="At most so many runs.")] = 50,
    format: Annotated[ListFormat, typer.Option("--format", "-f", help="How to print the list.")] = ListFormat.table,
) -> None:
    """List families, datasets, metrics, presets or runs."""
    from genbench.commands.listing import list_things

    list_things(what.value, results=results, limit=limit, output=format.value)


@app.command()
def check(
    family: Annotated[str, typer.Argument(help="A family.")],
    preset: Annotated[str, typer.Option("--preset", "-p", help="The configuration to check.")] = "smoke",
    format: Annotated[ListFormat, typer.Option("--format", "-f", help="How to print the result.")] = ListFormat.table,
) -> None:
    """Hold a family to the contract: shapes, seeds, resume, conditions, gradients, learning."""
    from genbench.commands.check import check_family

    check_family(family, preset, output=format.value)


@app.command()
def doctor(
    results: Results = Path("results"),
    format: Annotated[ListFormat, typer.Option("--format", "-f", help="How to print the findings.")] = ListFormat.table,
) -> None:
    """Say what is installed, what is missing, and which device and precision will be used."""
    from genbench.commands.doctor import examine

    examine(results, output=format.value)


@app.command()
def ui(
    results: Results = Path("results"),
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Open the MLflow UI on the store."""
    from genbench.commands.ui import serve

    serve(results, host, port)


def main() -> None:
    """Entry point: every error the user can act on is one line on stderr and an exit code, never a traceback."""
    from genbench.commands.exits import guarded

    sys.exit(guarded(lambda: app(prog_name="genbench", standalone_mode=False)))


def _evaluation(pictures: int | None, metrics: str | None, inception: Path | None, lab: Path | None) -> dict[str, Any]:
    names = [part.strip() for part in metrics.split(",") if part.strip()] if metrics else []
    if metrics is not None and not names:
        raise ConfigError("--metrics names none: give names with commas, or leave it out")
    return {"pictures": pictures, "metrics": names, "inception_weights": inception, "lab_checkpoint": lab}


def _given_options(context: typer.Context) -> set[str]:
    """Names of the options that were on the command line, not left at their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def _command_line() -> str:
    import shlex

    return shlex.join(["genbench", *sys.argv[1:]])


if __name__ == "__main__":
    main()
