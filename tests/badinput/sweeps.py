"""Sweep files, and where trials are kept."""

from tests.badinput.cases import Case, Content, nested

HEAD = 'family = "ddpm"\npreset = "smoke"\nobjectives = ["accuracy"]\n'
SPACE = '[space]\n"train.size" = ["xs", "s"]\n'
SWEEP = ["sweep", "s.toml", "--dry-run"]


def sweep(name: str, content: Content, names: str, advises: str) -> Case:
    """A sweep's file."""
    return Case(f"sweep file: {name}", SWEEP, names, advises, {"s.toml": content})


def parameter(name: str, content: str, names: str, advises: str, head: str = HEAD) -> Case:
    """One dimension of the space, in a file that is good else."""
    return sweep(name, f'{head}[space."train.learning_rate"]\n{content}\n', names, advises)


def storage(name: str, address: str, names: str, advises: str) -> Case:
    """A place for trials."""
    arguments = ["sweep", "s.toml", "--storage", address, "--pictures", "20", "--seeds", "1"]
    return Case(f"storage: {name}", arguments, names, advises, {"s.toml": HEAD + SPACE})


TWO = '[space]\n"train.size" = ["xs"]\n[space."train.learning_rate"]\n'

CASES = [
    sweep("broken syntax", "family = \n", "s.toml", "line 1"),
    sweep("empty", "", "s.toml", "add it"),
    sweep("UTF-16", HEAD.encode("utf-16"), "s.toml", "UTF-8"),
    sweep("deep nesting", f"{HEAD}x = {nested()}", "s.toml", "nested too deeply"),
    sweep("a number of 5,000 digits", f"trials = {'9' * 5_000}\n{HEAD}{SPACE}", "s.toml", "digits"),
    sweep("no space", HEAD, "space", "add it"),
    sweep("an empty space", HEAD + "[space]\n", "space", "at least 1"),
    sweep("a space that is text", 'space = "train.size"\n' + HEAD, "space", "must be a table"),
    sweep("no objective", 'family = "ddpm"\n' + SPACE, "objectives", "add it"),
    sweep("objectives that are none", 'family = "ddpm"\nobjectives = []\n' + SPACE, "objectives", "at least 1"),
    sweep("an unknown objective", 'family = "ddpm"\nobjectives = ["acuracy"]\n' + SPACE, "acuracy", "did you mean"),
    sweep("an objective twice", 'family = "ddpm"\nobjectives = ["fid", "fid"]\n' + SPACE, "objectives", "twice"),
    sweep("no family", 'objectives = ["fid"]\n' + SPACE, "family", "add it"),
    sweep("an unknown family", 'family = "dpm"\nobjectives = ["fid"]\n' + SPACE, "dpm", "did you mean 'ddpm'"),
    sweep("a name that climbs", 'name = "../up"\n' + HEAD + SPACE, "name", "letters a to z"),
    sweep("an unknown sampler", HEAD + '[sampler]\nname = "magic"\n' + SPACE, "sampler.name", "'tpe'"),
    sweep("a sampler without an end", HEAD + '[sampler]\nname = "tpe"\n' + SPACE, "trials", "missing"),
    sweep("an unknown pruner", HEAD + '[pruner]\nname = "axe"\n' + SPACE, "pruner.name", "'median'"),
    sweep("a pruner that sees nothing", HEAD + '[pruner]\nname = "median"\n' + SPACE, "watch", "known:"),
    sweep("a setting that is none", HEAD + '[space]\n"size" = ["xs"]\n', "'size'", "write train.KEY"),
    sweep("an unknown setting", HEAD + '[space]\n"train.sise" = ["xs"]\n', "sise", "did you mean 'size'"),
    sweep("a value that does not fit", HEAD + '[space]\n"train.size" = ["xs", "galactic"]\n', "galactic", "'xs'"),
    sweep("no values", HEAD + '[space]\n"train.size" = []\n', "train.size", "at least 1"),
    sweep("a value twice", HEAD + '[space]\n"train.size" = ["xs", "xs"]\n', "train.size", "twice"),
    sweep("what is fixed, too", HEAD + '[train]\nsize = "xs"\n' + SPACE, "train.size", "leave one out"),
    sweep(
        "a grid of 10^20 points",
        HEAD + "[space]\n" + "".join(f'"train.k{n}" = {list(range(10))}\n' for n in range(20)),
        "space",
        "set GENBENCH_MAX_GRID_POINTS higher",
    ),
    parameter("NaN among values", "values = [1e-3, nan]", "train.learning_rate", "finite"),
    parameter("infinity among values", "values = [inf]", "train.learning_rate", "finite"),
    parameter("a list among values", "values = [[1]]", "train.learning_rate", "valid"),
    parameter("a range without an end", "low = 1", "train.learning_rate", "needs both low and high"),
    parameter("a range without a step", "low = 0.1\nhigh = 0.2", "train.learning_rate", "needs values"),
    parameter("a range that falls", "low = 2\nhigh = 1", "train.learning_rate", "must be below"),
    parameter("a range from NaN", "low = nan\nhigh = 1.0\nstep = 0.1", "train.learning_rate", "must be numbers"),
    parameter("a range to infinity", "low = 0.0\nhigh = inf\nstep = 0.1", "train.learning_rate", "must be numbers"),
    parameter("a range to 10^400", f"low = 0\nhigh = 1{'0' * 400}", "train.learning_rate", "must be numbers"),
    parameter("no step", "low = 0.0\nhigh = 1.0\nstep = 0.0", "train.learning_rate", "greater than 0"),
    parameter("a NaN step", "low = 0.0\nhigh = 1.0\nstep = nan", "train.learning_rate", "greater than 0"),
    parameter("a tiny step", "low = 0.0\nhigh = 1.0\nstep = 1e-300", "space", "set GENBENCH_MAX_GRID_POINTS"),
    parameter("a range of trillions", "low = 1\nhigh = 1000000000000", "space", "set GENBENCH_MAX_GRID_POINTS"),
    parameter("a logarithm of zero", "low = 0.0\nhigh = 1.0\nlog = true", "train.learning_rate", "starts above 0"),
    parameter("an unknown key", "hihg = 1", "hihg", "did you mean 'high'"),
    parameter("both kinds", "values = [1]\nlow = 0\nhigh = 2", "train.learning_rate", "give one of"),
    sweep("when of nothing", HEAD + TWO + 'values = [1e-3]\nwhen = {"train.x" = 1}\n', "train.x", "above it"),
    sweep(
        "when of another choice", HEAD + TWO + 'values = [1e-3]\nwhen = {"train.size" = "z"}\n', "'z'", "of its choices"
    ),
    storage("an unknown kind", "carrier-pigeon://loft", "carrier-pigeon://loft", "write sqlite:///FILE"),
    storage("no address", "??", "'??'", "write sqlite:///FILE"),
    storage("nothing", "", "--storage", "write sqlite:///FILE"),
    storage("in memory", "sqlite://", "sqlite", "name a file"),
    storage("a folder", "sqlite:////", "sqlite", "check --storage"),
    storage("a journal without a name", "journal:", "journal:", "write journal:FILE"),
    Case(
        "storage: a file of something else",
        ["sweep", "s.toml", "--storage", "sqlite:///notes.db", "--seeds", "1"],
        "sqlite:///",
        "check --storage or OPTUNA_STORAGE",
        {"s.toml": HEAD + SPACE, "notes.db": "dear diary, " * 1000},
    ),
    Case(
        "storage: a server that is not there, with a password",
        ["sweep", "s.toml", "--storage", "postgresql://me:hunter2@127.0.0.1:1/db"],
        "postgresql://me:***@127.0.0.1:1/db",
        "check --storage or OPTUNA_STORAGE",
        {"s.toml": HEAD + SPACE},
    ),
    Case("sweep: unknown", ["sweep", "ddpm-unet-sise"], "ddpm-unet-sise", "did you mean 'ddpm-unet-size'"),
    Case("sweep: no such file", ["sweep", "nowhere.toml"], "nowhere.toml", "give a sweep's name"),
    Case("sweep: another preset", ["sweep", "ddpm-unet-size", "-p", "quik"], "quik", "did you mean 'quick'"),
    Case("sweep: no such executor", ["sweep", "ddpm-unet-size", "--executor", "slurm"], "--executor", "'ray'"),
    Case("sweep: no workers", ["sweep", "ddpm-unet-size", "--jobs", "0"], "--jobs", "greater than or equal to 1"),
    Case(
        "sweep: NaN CPUs",
        ["sweep", "s.toml", "--cpus", "nan"],
        "--cpus",
        "greater than or equal to 0",
        {"s.toml": HEAD + SPACE},
    ),
]
