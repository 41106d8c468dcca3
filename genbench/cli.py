"""The command line: parse, call, print. Data goes to stdout; progress and messages go to stderr."""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from genbench import __version__
from genbench.commands import completing
from genbench.errors import ConfigError

app = typer.Typer(
    name="genbench",
    help="Benchmark and compare generative image models: one runner, one set of metrics, tables for papers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Make data sets from what you have.", no_args_is_help=True)
app.add_typer(data_app, name="data")
new_app = typer.Typer(help="Start something of your own from a template.", no_args_is_help=True)
app.add_typer(new_app, name="new")


class Format(StrEnum):
    """How a table is printed on stdout."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"
    latex = "latex"


class TableForm(StrEnum):
    """The forms in which a finished comparison is exported."""

    csv = "csv"
    wide = "wide"
    latex = "latex"
    md = "md"
    html = "html"
    json = "json"
    parquet = "parquet"


class ListFormat(StrEnum):
    """How a listing is printed on stdout."""

    table = "table"
    json = "json"
    csv = "csv"


class IntervalKind(StrEnum):
    """How intervals over seeds are made."""

    t = "t"
    bootstrap = "bootstrap"


class Selection(StrEnum):
    """Which of a training's weights are measured."""

    final = "final"
    validation = "validation"
    guide = "guide"
    source = "source"
    unsupervised = "unsupervised"
    oracle = "oracle"


class Compile(StrEnum):
    """How training steps are compiled."""

    off = "off"
    default = "default"
    reduce_overhead = "reduce-overhead"
    max_autotune = "max-autotune"


class NewTask(StrEnum):
    """What a new family does."""

    generation = "generation"
    adaptation = "adaptation"


class Executor(StrEnum):
    """Where a sweep's workers are."""

    local = "local"
    ray = "ray"


class GateFormat(StrEnum):
    """How a verdict is printed on stdout."""

    text = "text"
    json = "json"


class What(StrEnum):
    """What `genbench ls` lists."""

    families = "families"
    datasets = "datasets"
    metrics = "metrics"
    presets = "presets"
    runs = "runs"
    sweeps = "sweeps"


Dataset = Annotated[
    str,
    typer.Option("--dataset", "-d", help="A data set from `genbench ls datasets`.", autocompletion=completing.datasets),
]
Resolution = Annotated[int | None, typer.Option(help="Pixels on a side; default: the data set's own.")]
DataRoot = Annotated[Path | None, typer.Option(help="Folder with the data set's files.")]
Download = Annotated[bool, typer.Option("--download", help="Allow fetching data from its own home.")]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        "-p",
        help="smoke, quick, standard or a recipe; default: quick.",
        autocompletion=completing.presets,
    ),
]
SelectionOption = Annotated[
    Selection | None,
    typer.Option("--selection", help="Which weights: those at the end, or the best by a score; default: final."),
]
Budget = Annotated[str | None, typer.Option(help="When training stops: 200kimg, 5000steps, 20epochs, 120s, 2e14flop.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Change one setting: train.lr=1e-3 or sample.eta=0.5.")]
Pictures = Annotated[int | None, typer.Option(help="Pictures generated for FID; default by preset.")]
Metrics = Annotated[
    str | None,
    typer.Option(help="Metrics to measure, with commas; default: all quick ones.", autocompletion=completing.metrics),
]
Inception = Annotated[Path | None, typer.Option(help="Inception-v3 weights for FID; default: GENBENCH_HOME.")]
Extractor = Annotated[str | None, typer.Option(help="Features for FID and others: referee, inception or a plug-in's.")]
Lab = Annotated[Path | None, typer.Option(help="The lab's ResNet-18 checkpoint.pth, for i-CLEVR.")]
Columns = Annotated[
    str | None, typer.Option(help="Measures that the table shows, with commas, or all; files have every one.")
]
Interval = Annotated[
    IntervalKind, typer.Option(help="Intervals over seeds: Student's t, or the bootstrap (five seeds at least).")
]
ReferenceRow = Annotated[
    str | None, typer.Option(help="Label of the row that all others are compared with; default: the best of each.")
]
Results = Annotated[Path, typer.Option(help="Folder for results, stages and the default store.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
PrecisionOption = Annotated[str, typer.Option("--precision", help="auto, float32 or bfloat16.")]
CompileOption = Annotated[
    Compile, typer.Option("--compile", help="Compile training steps, by one of torch.compile's modes.")
]
RunArgument = Annotated[
    str, typer.Argument(help="A run's id, the beginning of it, or its name.", autocompletion=completing.runs)
]
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
        list[str] | None,
        typer.Argument(
            help="Families, each FAMILY[:PRESET][@SELECTION]; omit with --config.", autocompletion=completing.rows
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A comparison in a TOML file.")] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="Default: digits, or digits:digits-m for adaptation.",
            autocompletion=completing.datasets,
        ),
    ] = None,
    resolution: Resolution = None,
    data_root: DataRoot = None,
    download: Download = False,
    augment: Annotated[str, typer.Option(help="none or flip.")] = "none",
    preset: Preset = None,
    selection: SelectionOption = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of every row.")] = 3,
    budget: Budget = None,
    assignments: Set = None,
    pictures: Pictures = None,
    metrics: Metrics = None,
    extractor: Extractor = None,
    inception_weights: Inception = None,
    lab_checkpoint: Lab = None,
    name: Annotated[str | None, typer.Option(help="Folder under the results; default: made from what runs.")] = None,
    results: Results = Path("results"),
    device: Device = "auto",
    precision: PrecisionOption = "auto",
    compile: CompileOption = Compile.off,
    columns: Columns = None,
    interval: Interval = IntervalKind.t,
    reference_row: ReferenceRow = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print the table.")] = Format.table,
    quiet: Quiet = False,
) -> None:
    """Train families with the same seeds, measure them the same way and print the table."""
    from genbench.commands.compare import from_file_command, run_comparison, spec_from_flags, with_selection
    from genbench.commands.flags import from_file
    from genbench.comparing import Report
    from genbench.specs import ComparisonSpec, parse_assignments

    data = {"name": dataset, "resolution": resolution, "root": data_root, "download": download, "augment": augment}
    common: dict[str, Any] = {
        "name": name,
        "data": data,
        "evaluation": _evaluation(pictures, metrics, extractor, inception_weights, lab_checkpoint),
        "seeds": seeds,
        "budget": budget,
        "device": device,
        "precision": precision,
        "compile": compile.value,
    }
    if config is not None and families:
        raise ConfigError("give families or --config, not both")
    if config is not None:
        spec = from_file(ComparisonSpec, config, flags=common, given=_given_options(context))
        spec = with_selection(spec, selection.value) if selection else spec
    else:
        chosen = selection.value if selection else None
        spec = spec_from_flags(families or [], preset, chosen, parse_assignments(assignments or []), common)
    report = Report(interval.value, reference_row, tuple(_names("--columns", columns)))
    command = from_file_command(config, report) if config else _command_line()
    run_comparison(spec, results=results, output=format.value, quiet=quiet, command=command, report=report)


@app.command()
def run(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            help="FAMILY[:PRESET] or a recipe, with @SELECTION; or a TOML file.", autocompletion=completing.rows
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="Default: the recipe's, else digits.", autocompletion=completing.datasets),
    ] = None,
    resolution: Resolution = None,
    data_root: DataRoot = None,
    download: Download = False,
    augment: Annotated[str, typer.Option(help="none or flip.")] = "none",
    preset: Preset = None,
    selection: SelectionOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Repetition; the same number means the same seed everywhere.")] = 0,
    budget: Budget = None,
    assignments: Set = None,
    pictures: Pictures = None,
    metrics: Metrics = None,
    extractor: Extractor = None,
    inception_weights: Inception = None,
    lab_checkpoint: Lab = None,
    results: Results = Path("results"),
    device: Device = "auto",
    precision: PrecisionOption = "auto",
    compile: CompileOption = Compile.off,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Train in so many processes, a GPU each, which share every batch.")
    ] = None,
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
        "evaluation": _evaluation(pictures, metrics, extractor, inception_weights, lab_checkpoint),
        "repetition": seed,
        "selection": selection.value if selection else None,
        "budget": budget,
        "device": device,
        "precision": precision,
        "compile": compile.value,
        **({} if processes is None else {"processes": processes}),
    }
    if what.endswith(".toml"):
        spec = from_file(RunSpec, Path(what), flags=common, given=_given_options(context))
    else:
        spec = spec_from_flags(what, preset, parse_assignments(assignments or []), common)
    if code := run_one(spec, results=results, output=format.value, quiet=quiet):
        raise typer.Exit(code)


@app.command()
def sweep(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A sweep from `genbench ls sweeps`, or a TOML file.")],
    preset: Annotated[str | None, typer.Option("--preset", "-p", help="In place of the file's, e.g. smoke.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions of every configuration.")] = None,
    budget: Budget = None,
    trials: Annotated[int | None, typer.Option(min=1, help="How many; of a grid, its first points.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="In place of the file's.")] = None,
    resolution: Resolution = None,
    data_root: DataRoot = None,
    download: Download = False,
    pictures: Pictures = None,
    metrics: Metrics = None,
    extractor: Extractor = None,
    inception_weights: Inception = None,
    lab_checkpoint: Lab = None,
    storage: Annotated[
        str | None, typer.Option(help="Optuna storage: sqlite:///FILE, postgresql://…, mysql://…, journal:FILE.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the Optuna study; default: the sweep's.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Workers at once.")] = 1,
    executor: Annotated[Executor, typer.Option(help="Processes on this machine, or tasks of a Ray cluster.")] = (
        Executor.local
    ),
    ray_address: Annotated[str | None, typer.Option(help="HOST:PORT of the cluster; default: RAY_ADDRESS.")] = None,
    cpus: Annotated[float, typer.Option(min=0, help="CPUs a worker takes of the Ray cluster.")] = 1.0,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs, or a share of one, a worker takes of it.")] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would run and about how long.")] = False,
    results: Results = Path("results"),
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or bfloat16.")] = None,
    compile: Annotated[Compile | None, typer.Option(help="Compile training steps, by one of torch's modes.")] = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print the table.")] = Format.table,
    quiet: Quiet = False,
) -> None:
    """Search a family's configurations as a sweep file says, and print the table; the same command goes on."""
    from genbench.commands import sweep as sweeps
    from genbench.sweeping import Execution, Resources

    ray_only = {"ray_address", "cpus", "gpus"} & _given_options(context)
    if ray_only and executor is not Executor.ray:
        raise ConfigError(f"--{min(ray_only).replace('_', '-')} is for --executor ray")
    changes = {
        "preset": preset,
        "seeds": seeds,
        "budget": budget,
        "trials": trials,
        "data": {"name": dataset, "resolution": resolution, "root": data_root, "download": download or None},
        "evaluation": _evaluation(pictures, metrics, extractor, inception_weights, lab_checkpoint),
        "device": device,
        "precision": precision,
        "compile": compile.value if compile else None,
    }
    spec = sweeps.spec_from(what, changes, results=results, quiet=quiet)
    execution = Execution(storage, study, jobs, executor.value, ray_address, Resources(cpus, gpus))
    if dry_run:
        sweeps.dry_run(spec, execution, results=results, output=format.value, quiet=quiet)
        return
    sweeps.run_sweep(spec, execution, results=results, output=format.value, quiet=quiet, command=_command_line())


@app.command()
def sample(
    run: RunArgument,
    conditions: Annotated[
        str | None,
        typer.Option(
            "--conditions", "-c", help='Sets with semicolons: "red cube, cyan sphere; gray cylinder"; or a JSON file.'
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="Pictures for each condition.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the start noise.")] = 0,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="Change sampling: sample.eta=0.5.")] = None,
    noise: Annotated[
        Path | None, typer.Option(help="Start noises, one a picture, from this .npy or .safetensors file.")
    ] = None,
    save_noise: Annotated[Path | None, typer.Option(help="Keep the start noises in this file.")] = None,
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
        noise=noise,
        save_noise=save_noise,
    )


@app.command()
def figure(
    run: RunArgument,
    name: Annotated[str | None, typer.Argument(help="What to draw; without it, what can be drawn is listed.")] = None,
    conditions: Annotated[
        str | None, typer.Option("--conditions", "-c", help="Which conditions, as for `genbench sample`.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the figure, or sampling: frames=6, sample.eta=0.5.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the start noises.")] = 0,
    noise: Annotated[Path | None, typer.Option(help="Start noises from this .npy or .safetensors file.")] = None,
    save_noise: Annotated[Path | None, typer.Option(help="Keep the start noises in this file.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the figure's files; default: in the results.")
    ] = None,
    results: Results = Path("results"),
    device: Device = "auto",
    format: Annotated[ListFormat, typer.Option("--format", "-f", help="How to print the list.")] = ListFormat.table,
    quiet: Quiet = False,
) -> None:
    """Draw a figure of a finished run's model: PNG and PDF, or GIF and WebP."""
    from genbench.commands.figure import Request, draw_figure, list_figures

    if name is None:
        list_figures(run, results=results, output=format.value)
        return
    request = Request(conditions, assignments or [], seed, noise, save_noise, out, device)
    draw_figure(run, name, request, results=results, quiet=quiet)


@app.command()
def export(
    what: Annotated[
        list[str],
        typer.Argument(
            help="A finished comparison's or sweep's name; a run's id, the beginning of it, or its name; several runs.",
            autocompletion=completing.runs,
        ),
    ],
    format: Annotated[
        TableForm | None,
        typer.Option("--format", "-f", help="A comparison's table in this form; default: all, as files."),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="A comparison's measures to export, in order, with commas, or all.")
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Add published numbers on the same data, with their sources, as rows.")
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option(help="A run's networks as safetensors (every family), or in a layout of the family's own."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write, or the file of one --format; default: in the results."),
    ] = None,
    results: Results = Path("results"),
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Write the table of a comparison, a sweep or several runs, or a run's trained networks, for use elsewhere."""
    from genbench.commands.report import find

    form, names = format.value if format else None, _names("--columns", columns)
    if len(what) > 1:
        from genbench.commands.export_table import export_runs

        if layout is not None:
            raise ConfigError("--layout is for one run's networks, and several are named")
        export_runs(
            what, form=form, columns=names, reference=reference, out=out, results=results, command=_command_line()
        )
        return
    folder = find(what[0], results)
    if folder is not None:
        from genbench.commands.export_table import export_table

        if layout is not None:
            raise ConfigError(f"--layout is for a run's networks, and {what[0]!r} is a comparison: leave it out")
        export_table(folder, form=form, columns=names, reference=reference, out=out, results=results)
        return
    from genbench.commands.weights import PLAIN, export_run

    if format is not None or columns is not None or reference:
        given = "--format" if format else "--columns" if columns else "--reference"
        raise ConfigError(f"{given} is for a finished comparison, and there is no {what[0]!r} under {results}")
    export_run(what[0], layout=layout or PLAIN, out=out, results=results, device=device, quiet=quiet)


@app.command()
def report(
    what: Annotated[
        list[str] | None, typer.Argument(help="Finished comparisons by name, or their TOML files; default: the newest.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write; default: report.html beside the tables.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Write a finished comparison as one HTML page: verdict, table, figures, samples, configuration."""
    from genbench.commands.report import report as write

    write(what or [], out=out, results=results)


@app.command()
def evaluate(
    target: Annotated[
        str, typer.Argument(help="A run, or a folder of pictures made elsewhere.", autocompletion=completing.runs)
    ],
    reference: Annotated[
        Path | None, typer.Option(help="Folder of real pictures for FID; default: the data set's.")
    ] = None,
    reference_features: Annotated[
        Path | None, typer.Option(help="File of real pictures' features in their place, by --save-reference.")
    ] = None,
    save_reference: Annotated[
        Path | None, typer.Option(help="Write the features of the real pictures to this .safetensors file.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSON {file: label or [labels]}; default: FOLDER/labels.json or class folders.")
    ] = None,
    dataset: Dataset = "digits",
    resolution: Resolution = None,
    data_root: DataRoot = None,
    metrics: Metrics = None,
    extractor: Extractor = None,
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
        evaluation=_evaluation(None, metrics, extractor, inception_weights, lab_checkpoint),
        reference_features=reference_features,
        save_reference=save_reference,
        results=results,
        device=device,
        output=format.value,
        quiet=quiet,
    )


@app.command()
def gate(
    target: Annotated[str, typer.Argument(help="A run, a comparison (its folder's name), or the JSON of either.")],
    baseline: Annotated[
        Path | None, typer.Option(help="JSON of compare or run, or of --write-baseline, to hold it against.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="The metric to judge by; needed with --baseline.")] = None,
    tolerance: Annotated[str, typer.Option(help="How much worse is fine: a share such as 5%, or an amount.")] = "5%",
    row: Annotated[str | None, typer.Option(help="One row of a comparison; default: all of the baseline's.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail, too, when nothing can be told.")] = False,
    write_baseline: Annotated[Path | None, typer.Option(help="Write a baseline from the target instead.")] = None,
    results: Results = Path("results"),
    format: Annotated[GateFormat, typer.Option("--format", "-f", help="How to print the verdict.")] = GateFormat.text,
) -> None:
    """Exit with 1 when a run or comparison is worse than a baseline by more than is tolerated, intervals considered."""
    from genbench.commands import gate as gates

    if (baseline is None) == (write_baseline is None):
        raise ConfigError("give --baseline FILE to judge by, or --write-baseline FILE to make one")
    if write_baseline is not None:
        gates.write_baseline(target, write_baseline, metric=metric, row=row, results=results)
        return
    if baseline is None or metric is None:
        raise ConfigError("--metric is missing: name the metric to judge by, e.g. --metric fid")
    gates.gate(
        target,
        baseline=baseline,
        metric=metric,
        tolerance=tolerance,
        row=row,
        strict=strict,
        results=results,
        output=format.value,
    )


@app.command("ls")
def list_(
    what: Annotated[What, typer.Argument(help="What to list.")],
    results: Results = Path("results"),
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many runs.")] = 50,
    format: Annotated[ListFormat, typer.Option("--format", "-f", help="How to print the list.")] = ListFormat.table,
) -> None:
    """List families, datasets, metrics, presets, sweeps or runs."""
    from genbench.commands.listing import list_things

    list_things(what.value, results=results, limit=limit, output=format.value)


@app.command()
def check(
    family: Annotated[str, typer.Argument(help="A family.", autocompletion=completing.families)],
    preset: Annotated[
        str,
        typer.Option("--preset", "-p", help="The configuration to check.", autocompletion=completing.presets),
    ] = "smoke",
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


@data_app.command("make")
def make_data(
    what: Annotated[str, typer.Argument(help="mnist-m.")],
    backgrounds: Annotated[Path, typer.Option(help="Folder of photographs, of at least 32x32 pixels each.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the data; DATA/mnist_m fits --data-root DATA.")],
    data_root: Annotated[Path | None, typer.Option(help="Folder with MNIST's files.")] = None,
    download: Download = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides which crop of which photograph a digit gets.")] = 0,
    ink: Annotated[str, typer.Option(help="grey: digits as they are; binary: every inked pixel white.")] = "grey",
    quiet: Quiet = False,
) -> None:
    """Make MNIST-M: MNIST's digits, each blended over a random crop of a photograph."""
    from genbench.commands.data import make

    typer.echo(
        make(
            what,
            backgrounds=backgrounds,
            out=out,
            data_root=data_root,
            download=download,
            seed=seed,
            ink=ink,
            quiet=quiet,
        )
    )


@new_app.command("family")
def new_family(
    name: Annotated[str, typer.Argument(help="What users will type: lower-case words joined by hyphens.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make; default: genbench-NAME.")] = None,
    task: Annotated[NewTask, typer.Option(help="What the family does.")] = NewTask.generation,
) -> None:
    """Write a plug-in distribution with a small working family, its tests and its card."""
    from genbench.commands.new import new_family as write

    write(name, out=out, task=task.value)


@new_app.command("sweep")
def new_sweep(
    name: Annotated[str, typer.Argument(help="What the sweep is called: lower-case words joined by hyphens.")],
    family: Annotated[
        str, typer.Option("--family", help="Whose settings are searched.", autocompletion=completing.families)
    ] = "ddpm",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to make; default: sweeps/NAME.toml.")] = None,
) -> None:
    """Write a sweep file with a few values of one setting, and the family's other settings as comments."""
    from genbench.commands.new import new_sweep as write

    write(name, family, out=out)


@app.command()
def sync(
    again: Annotated[bool, typer.Option("--again", help="Also what was delivered and the server has lost.")] = False,
    results: Results = Path("results"),
    quiet: Quiet = False,
) -> None:
    """Deliver runs that were kept in the results folder while the MLflow server was away."""
    from genbench.commands.sync import sync as deliver

    deliver(results, again=again, quiet=quiet)


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
    from genbench import streams
    from genbench.commands.exits import guarded
    from genbench.interruption import redeliver_interrupts

    redeliver_interrupts()
    os.environ["MPLBACKEND"] = "agg"  # figures become files, whatever the environment prefers
    streams.prepare()

    def command() -> Any:
        result = app(prog_name="genbench", standalone_mode=False)
        sys.stdout.flush()  # what cannot be written is an error, or nobody's loss, while somebody can still tell
        return result

    code = guarded(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is the interpreter's end, which would trace it
    sys.exit(code)


def _evaluation(
    pictures: int | None, metrics: str | None, extractor: str | None, inception: Path | None, lab: Path | None
) -> dict[str, Any]:
    return {
        "pictures": pictures,
        "metrics": _names("--metrics", metrics),
        "extractor": extractor,
        "inception_weights": inception,
        "lab_checkpoint": lab,
    }


def _names(option: str, text: str | None) -> list[str]:
    """The names that an option lists with commas."""
    names = [part.strip() for part in text.split(",") if part.strip()] if text else []
    if text is not None and not names:
        raise ConfigError(f"{option} names none: give names with commas, or leave it out")
    return names


def _given_options(context: typer.Context) -> set[str]:
    """Names of the options that were on the command line, not left at their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def _command_line() -> str:
    """What was typed, as tables and runs keep it: without passwords, which others would read there."""
    import shlex

    from genbench.masking import mask_secrets

    return shlex.join(["genbench", *map(mask_secrets, sys.argv[1:])])


if __name__ == "__main__":
    main()
