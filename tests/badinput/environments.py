"""Variables of the environment that mean nothing, or mean harm."""

from tests.badinput.cases import Case

COMPARE = ["compare", "cgan", "--preset", "smoke", "--seeds", "1", "--budget", "1steps", "--metrics", "accuracy"]
SWEEP = ["sweep", "s.toml", "--preset", "smoke"]
RUNS = ["ls", "runs"]
FILE = 'family = "ddpm"\nobjectives = ["accuracy"]\n[space]\n"train.size" = ["xs"]\n'


def variable(
    name: str, value: str | None, names: str, advises: str, arguments: list[str] | None = None, **files: str
) -> Case:
    """One variable."""
    shown = "unset" if value is None else repr(value[:40])
    return Case(f"variable: {name} {shown}", arguments or COMPARE, names, advises, files, {name: value})


CASES = [
    variable("GENBENCH_HOME", "{folder}/file", "file", "set GENBENCH_HOME elsewhere", file="x"),
    variable("GENBENCH_HOME", "/proc/genbench", "/proc/genbench", "set GENBENCH_HOME elsewhere"),
    variable("GENBENCH_HOME", "/" + "a" * 300, "aaa", "GENBENCH_HOME"),
    variable("GENBENCH_HOME", "~no-such-user/x", "~no-such-user", "set GENBENCH_HOME"),
    Case(
        "variable: no HOME and a user without one",
        COMPARE,
        "~no-such-user",
        "set GENBENCH_HOME",
        {},
        {"GENBENCH_HOME": "~no-such-user", "HOME": None},
    ),
    variable(
        "MLFLOW_TRACKING_URI", "carrier-pigeon://loft", "carrier-pigeon://loft", "check MLFLOW_TRACKING_URI", RUNS
    ),
    variable("MLFLOW_TRACKING_URI", "http://[", "http://[", "correct it", RUNS),
    Case(
        "variable: MLFLOW_TRACKING_URI of a server that is not there, with a password",
        RUNS,
        "http://me:***@127.0.0.1:1",
        "check MLFLOW_TRACKING_URI",
        {},
        {"MLFLOW_TRACKING_URI": "http://me:hunter2@127.0.0.1:1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"},
        code=0,  # a warning: runs are kept here meanwhile
    ),
    variable("OPTUNA_STORAGE", "garbage", "garbage", "write sqlite:///FILE", SWEEP, **{"s.toml": FILE}),
    variable("OPTUNA_STORAGE", "oracle://x", "oracle://x", "driver is missing", SWEEP, **{"s.toml": FILE}),
    variable("OPTUNA_STORAGE", "sqlite:////proc/1/x.db", "/proc/1", "another file", SWEEP, **{"s.toml": FILE}),
    variable("RANK", "first", "RANK", "unset them", ["run", "ddpm", "-p", "smoke"]),
    variable("RANK", "3", "RANK=3", "unset both", ["run", "ddpm", "-p", "smoke"]),
    variable("WORLD_SIZE", "1.5", "WORLD_SIZE", "unset them", ["run", "ddpm", "-p", "smoke"]),
    variable("GENBENCH_MAX_GRID_POINTS", "-1", "GENBENCH_MAX_GRID_POINTS", "whole number", ["sweep", "ddpm-unet-size"]),
    variable("GENBENCH_MAX_TEXT_BYTES", "1e9", "GENBENCH_MAX_TEXT_BYTES", "unset it", ["sweep", "ddpm-unet-size"]),
    variable("GENBENCH_MAX_TEXT_BYTES", "9" * 400, "GENBENCH_MAX_TEXT_BYTES", "unset it", ["sweep", "ddpm-unet-size"]),
    variable("GENBENCH_MAX_TEXT_BYTES", "10", "ddpm-unet-size", "GENBENCH_MAX_TEXT_BYTES", ["sweep", "ddpm-unet-size"]),
]
