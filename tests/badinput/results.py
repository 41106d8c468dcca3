"""Results that were edited, cut or mixed up by hand."""

from tests.badinput.cases import Case, Content, changed, nested, shortened

DONE = "results/done/comparison.json"
RECORD = "results/artifacts/*/artifacts/result.json"
STORE = "results/mlflow.db"
NAME = "cgan · digits 16 · smoke · seed 0"
MEASURED = ["--budget", "2steps", "--pictures", "20", "--metrics", "accuracy"]
AGAIN = ["compare", "cgan", "--preset", "smoke", "--seeds", "1", *MEASURED, "--name", "done"]


def damaged(
    name: str, file: str, content: Content, arguments: list[str], names: str, advises: str, code: int = 2
) -> Case:
    """A finished comparison, one of whose files is bad."""
    return Case(f"results: {name}", arguments, names, advises, {file: content}, finished=True, code=code)


def archive(name: str, content: Content, advises: str = "compare again") -> Case:
    """A comparison's own file."""
    return damaged(f"comparison.json {name}", DONE, content, ["report", "done"], "comparison.json", advises)


def record(name: str, content: Content, advises: str = "run it again") -> Case:
    """A run's record."""
    return damaged(f"result.json {name}", RECORD, content, ["sample", NAME], "result.json", advises)


def inverted(path) -> None:  # type: ignore[no-untyped-def]
    """The bytes that are there, each turned over: of the same length, and nothing."""
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))


CASES = [
    archive("cut short", shortened, "line"),
    archive("of no bytes", b"", "replace it"),
    archive("of another encoding", b"\xff\xfe\x00", "save it as UTF-8"),
    archive("nested", nested(), "nested too deeply"),
    archive("as a list", "[]"),
    archive("of another schema", changed(lambda c: c.update(schema=9))),
    archive("without a table", changed(lambda c: c.pop("table") and None)),
    archive("with a row that is text", changed(lambda c: c["table"]["rows"].insert(0, "row"))),
    archive("with a label that is a number", changed(lambda c: c["table"]["rows"][0].update(label=5))),
    archive("with a mean that is text", changed(lambda c: c["table"]["rows"][0]["cells"]["accuracy"].update(mean="x"))),
    archive("with runs that are a number", changed(lambda c: c.update(runs=5))),
    record("cut short", shortened, "line"),
    record("of no bytes", b"", "replace it"),
    record("as a list", "[]"),
    record("without measures", changed(lambda c: c.pop("metrics") and None)),
    record("with a measure that is text", changed(lambda c: c["metrics"].update(accuracy="good"))),
    record("with a value that is text", changed(lambda c: c["metrics"]["accuracy"].update(value="good"))),
    record("without stages", changed(lambda c: c.pop("stages") and None)),
    record("with a repetition that is text", changed(lambda c: c.update(repetition="first"))),
    damaged(
        "result.json with another spec",
        RECORD,
        changed(lambda c: c["spec"].update(family=5)),
        ["sample", NAME],
        "result.json",
        "was changed",
    ),
    damaged(
        "result.json of an unknown family",
        RECORD,
        changed(lambda c: c["spec"].update(family="gone")),
        ["sample", NAME],
        "result.json",
        "was changed",
    ),
    damaged(
        "result.json of other data",
        RECORD,
        changed(lambda c: c["spec"]["data"].update(name="/etc")),
        ["sample", NAME],
        "result.json",
        "was changed",
    ),
    damaged(
        "result.json that is gone", RECORD, lambda path: path.unlink(), ["sample", NAME], "result.json", "put it back"
    ),
    Case(
        "results: a store of something else",
        ["ls", "runs"],
        "mlflow.db",
        "is damaged, or cannot be read",
        {STORE: "diary " * 1000},
    ),
    Case("results: an empty store", ["ls", "runs"], "mlflow.db", "put a copy back", {STORE: b""}),
    Case(
        "results: a store of zeros",
        ["ls", "runs"],
        "mlflow.db",
        "is damaged",
        {STORE: b"SQLite format 3" + b"\0" * 4096},
    ),
    damaged(
        "weights that are gone",
        "results/stages/train/*/done.json",
        lambda path: path.unlink(),
        ["sample", NAME],
        "weights",
        "run it here",
    ),
    damaged(
        "a checkpoint turned over",
        "results/stages/train/*/checkpoint.safetensors",
        inverted,
        ["sample", NAME],
        "checkpoint.safetensors",
        "delete it",
    ),
    damaged("unknown conditions", "results/x", "", ["sample", NAME, "-c", "eleven"], "'eleven'", "known:"),
    damaged("two classes at once", "results/x", "", ["sample", NAME, "-c", "1, 2"], "1, 2", "semicolons"),
    damaged("a class twice", "results/x", "", ["sample", NAME, "-c", "1, 1"], "1, 1", "repeats a name"),
    damaged("no condition", "results/x", "", ["sample", NAME, "-c", ";"], "no condition", "name some"),
    damaged(
        "conditions in no JSON", "results/c.json", "[", ["sample", NAME, "-c", "results/c.json"], "c.json", "line 1"
    ),
    damaged(
        "conditions that are numbers",
        "results/c.json",
        "[[1]]",
        ["sample", NAME, "-c", "results/c.json"],
        "c.json",
        "list of names",
    ),
    damaged(
        "no conditions in JSON", "results/c.json", "[]", ["sample", NAME, "-c", "results/c.json"], "c.json", "expected"
    ),
    damaged(
        "conditions nested", "results/c.json", nested(), ["sample", NAME, "-c", "results/c.json"], "c.json", "nested"
    ),
    damaged(
        "more pictures than a call makes",
        "results/c.json",
        "[" + '"1",' * 60_000 + '"1"]',
        ["sample", NAME, "-c", "results/c.json", "-n", "10000"],
        "600,010,000 pictures",
        "at most 100,000",
    ),
    damaged("an unknown sampling setting", "results/x", "", ["sample", NAME, "--set", "sample.eta=1"], "eta", "known:"),
    damaged("a figure that there is not", "results/x", "", ["figure", NAME, "grid"], "cgan", "no figures"),
    damaged("an unknown layout", "results/x", "", ["export", NAME, "--layout", "onnx"], "onnx", "known:"),
    damaged(
        "a folder with files", "results/x", "", ["export", NAME, "--out", "results"], "results", "name another folder"
    ),
    damaged(
        "a file for a folder",
        "results/x",
        "",
        ["export", NAME, "--out", "results/x"],
        "results/x",
        "choose another folder",
    ),
    damaged("Parquet on the screen", "results/x", "", ["export", "done", "--format", "parquet"], "parquet", "--out"),
    damaged("an unknown column", "results/x", "", ["export", "done", "--columns", "beauty"], "beauty", "known:"),
    damaged(
        "a page where a folder is", "results/x", "", ["report", "done", "--out", "results"], "results", "choose another"
    ),
    damaged(
        "a gate by an unknown measure",
        "results/x",
        "",
        ["gate", "done", "--write-baseline", "b.json", "--metric", "beauty"],
        "beauty",
        "known:",
    ),
    damaged(
        "a gate by an unknown row",
        "results/x",
        "",
        ["gate", "done", "--write-baseline", "b.json", "--row", "ddpm"],
        "ddpm",
        "known:",
    ),
]
