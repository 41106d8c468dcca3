"""Arguments of every command."""

from tests.badinput.cases import Case, nested, picture

MADE = {"made/a.png": picture()}


def line(text: str, names: str, advises: str, name: str = "", code: int = 2) -> Case:
    """A command line, written as in a shell without quotes."""
    return Case(f"line: {name or text[:70]}", text.split(), names, advises, code=code)


def gated(name: str, content: str | bytes, names: str, advises: str) -> Case:
    """A baseline that is bad, held against a good table."""
    good = '{"schema": 1, "metrics": {"fid": {"values": [1.0], "identity": {}, "better": "lower"}}}'
    arguments = ["gate", "new.json", "--baseline", "old.json", "--metric", "fid"]
    return Case(f"gate: {name}", arguments, names, advises, {"new.json": good, "old.json": content})


def measured(entry: str) -> str:
    """A table with this as its FID."""
    return '{"schema": 1, "metrics": {"fid": ' + entry + "}}"


CASES = [
    line("frobnicate", "frobnicate", "--help"),
    line("--nonsense", "--nonsense", "--help"),
    line("compare", "no family", "name at least one"),
    line("compare ddpm --nonsense", "--nonsense", "compare --help"),
    line("compare ddpm --seeds", "--seeds", "--help"),
    line("compare ddpm --seeds three", "--seeds", "integer"),
    line("compare ddpm --seeds 0", "--seeds", "greater than or equal to 1"),
    line("compare ddpm --seeds 5000", "seeds", "less than or equal to 1000"),
    line("compare ddpm:", "''", "known:"),
    line("compare ddpm@", "'ddpm@'", "such as ddpm@validation"),
    line("compare ddpm@best", "selection", "'validation'"),
    line("compare @final", "''", "known:"),
    line("compare ddpm dann", "different tasks", "dann does adaptation"),
    line("compare dann --dataset digits", "family 'dann'", "use source:target data"),
    line("compare dann --dataset digits:digits", "digits:digits", "name two data sets"),
    line("compare ddpm --dataset digits:digits-m", "family 'ddpm'", "use a single data set"),
    line("compare ddpm --columns ,", "--columns", "give names with commas"),
    line("compare ddpm --columns acuracy", "acuracy", "did you mean 'accuracy'"),
    line("compare ddpm --metrics ,,", "--metrics", "give names with commas"),
    line("compare ddpm --interval normal", "--interval", "'bootstrap'"),
    line("compare ddpm --interval bootstrap --seeds 2", "--interval bootstrap", "more --seeds"),
    line("compare ddpm --reference-row dpm", "dpm", "did you mean 'ddpm'"),
    line("compare ddpm --name a/b", "name", "pattern"),
    line("compare ddpm --name .hidden", "name", "pattern"),
    line("compare ddpm --budget 1e999steps", "1e999steps", "finite"),
    line("compare ddpm --format pdf", "--format", "'latex'"),
    line("compare ddpm --augment spin", "data.augment", "'flip'"),
    line("compare ddpm --resolution -4", "data.resolution", "greater than or equal to 4"),
    line("compare ddpm --inception-weights nowhere.pth", "nowhere.pth", "leave it out"),
    line("compare ddpm --lab-checkpoint nowhere.pth", "nowhere.pth", "leave it out"),
    line("compare ddpm --config x.toml", "--config", "not both"),
    line("compare --config nowhere.toml", "nowhere.toml", "check the path"),
    line(
        "compare ddpm@validation -p smoke --set train.network=context-unet --set train.width=800000000",
        "ddpm@validation",
        "set GENBENCH_MAX_NETWORK_NUMBERS higher",
        "networks of terabytes",
    ),
    line("compare ddpm -p smoke --dataset iclevr --data-root " + "a" * 5000, "data.root", "check it", "a long path"),
    line("compare ddpm -p smoke --dataset iclevr --data-root " + "a" * 300, "aaa", "check the path", "a long name"),
    Case("line: a path that is no text", ["compare", "ddpm", "--data-root", "\udcff"], "data.root", "rename"),
    line("run", "'what'", "run --help"),
    line("run dddpm", "dddpm", "did you mean 'ddpm'"),
    line("run smoke", "'smoke'", "write FAMILY:smoke"),
    line("run ddpm --seed -1", "--seed", "greater than or equal to 0"),
    line("run ddpm --processes 0", "--processes", "greater than or equal to 1"),
    line("run ddpm -p smoke --processes 7", "train.batch_size", "use a multiple of 7"),
    line("run ddpm -p smoke --selection guided", "--selection", "'guide'"),
    line("run nowhere.toml", "nowhere.toml", "check the path"),
    line("sample beef", "no run 'beef'", "genbench ls runs"),
    line("sample beef --count 0", "--count", "greater than or equal to 1"),
    line("sample beef --count 1000000", "--count", "less than or equal to 10000"),
    line("sample beef --set train.lr=1", "train.", "use sample.KEY=VALUE"),
    line("sample beef --set eta", "--set 'eta'", "sample.KEY=VALUE"),
    line("sample beef --save-noise n.txt", "n.txt", "name one of these"),
    Case("line: SQL for a run", ["sample", "x' or '1'='1"], "no run", "genbench ls runs"),
    Case("line: an empty run", ["sample", ""], "no run ''", "genbench ls runs"),
    line("figure beef", "no run 'beef'", "genbench ls runs"),
    line("figure beef grid --set grid", "--set 'grid'", "OPTION=VALUE"),
    line("figure beef grid --noise n.bin", "n.bin", "name one of these"),
    line("export nowhere", "no run 'nowhere'", "genbench ls runs"),
    line("export", "'what'", "export --help"),
    line("export nowhere --format parquet", "--format", "finished comparison"),
    line("export nowhere --format docx", "--format", "'latex'"),
    line("export a b --layout diffusers", "--layout", "several are named"),
    line("report", "results", "genbench compare"),
    line("report nowhere", "'nowhere'", "known:"),
    line("report a b --out x.html", "--out", "one by one"),
    Case("line: a comparison's file without rows", ["report", "t.toml"], "rows", "add it", {"t.toml": ""}),
    line("evaluate nowhere", "no run 'nowhere'", "genbench ls runs"),
    line("evaluate no/where", "no/where", "no such folder"),
    Case("line: an unknown measure", ["evaluate", "made", "--metrics", "beauty"], "beauty", "known:", MADE),
    Case("line: FID of one picture", ["evaluate", "made", "--metrics", "fid"], "FID", "generate more", MADE),
    Case(
        "line: features and pictures to compare with",
        ["evaluate", "made", "--reference", "made", "--reference-features", "f"],
        "--reference-features",
        "leave out",
        MADE,
    ),
    line("gate x", "--baseline FILE", "--write-baseline FILE"),
    line("gate nowhere --baseline b.json --metric fid", "b.json", "check the path"),
    line("gate nowhere --baseline b.json", "--metric", "name the metric"),
    Case(
        "line: no such tolerance",
        ["gate", "x", "--baseline", "b", "--metric", "fid", "--tolerance", "lots"],
        "'lots'",
        "such as 5%",
    ),
    Case(
        "line: a tolerance of everything",
        ["gate", "x", "--baseline", "b", "--metric", "fid", "--tolerance", "100%"],
        "100%",
        "such as 5%",
    ),
    Case(
        "line: an infinite tolerance",
        ["gate", "x", "--baseline", "b", "--metric", "fid", "--tolerance", "1e999"],
        "1e999",
        "such as 5%",
    ),
    gated("no JSON", "{", "old.json", "line 1"),
    gated("no text", b"\xff\xfe", "old.json", "save it as UTF-8"),
    gated("nested", nested(), "old.json", "nested too deeply"),
    gated("a list", "[1]", "old.json", "give the JSON of compare"),
    gated("another schema", '{"schema": 99}', "old.json", "make it again"),
    gated("no rows", '{"schema": 1, "rows": []}', "old.json", "has no rows"),
    gated(
        "a value that is text", measured('{"value": "good", "identity": {}}'), "old.json", "give the JSON of compare"
    ),
    gated("a value that is NaN", measured('{"values": [NaN], "identity": {}}'), "old.json", "no finite value"),
    gated(
        "other repetitions",
        measured('{"values": [1, 2], "repetitions": [1], "identity": {}}'),
        "old.json",
        "give the JSON of compare",
    ),
    gated(
        "a repetition that is a list",
        measured('{"values": [1], "repetitions": [[1]], "identity": {}}'),
        "old.json",
        "give the JSON of compare",
    ),
    gated(
        "an error that is text",
        measured('{"values": [1], "stderr_generated": ["x"], "identity": {}}'),
        "old.json",
        "give the JSON of compare",
    ),
    gated(
        "an error that is NaN",
        measured('{"values": [1], "stderr_generated": [NaN], "identity": {}}'),
        "old.json",
        "give the JSON of compare",
    ),
    gated(
        "the other direction",
        measured('{"values": [1], "identity": {}, "better": "higher"}'),
        "old.json",
        "make it again",
    ),
    gated("another metric", '{"schema": 1, "metrics": {}}', "'fid'", "known:"),
    gated(
        "a number of 5,000 digits", measured(f'{{"values": [{"9" * 5000}], "identity": {{}}}}'), "old.json", "digits"
    ),
    line("ls everything", "everything", "'families'"),
    line("ls", "'what'", "ls --help"),
    line("ls runs --limit 0", "--limit", "greater than or equal to 1"),
    line("ls runs --format yaml", "--format", "'json'"),
    line("check dpm", "dpm", "did you mean 'ddpm'"),
    line("check ddpm --preset quik", "quik", "did you mean 'quick'"),
    line("doctor --format xml", "--format", "'json'"),
    line("data frob", "frob", "--help"),
    line("data make", "'what'", "data make --help"),
    line("data make imagenet --backgrounds b --out o", "imagenet", "mnist-m"),
    line("data make mnist-m --backgrounds nowhere --out o --data-root d", "d", "--data-root"),
    line("data make mnist-m --backgrounds b --out o --ink blue", "blue", "grey"),
    line("new family Ünsinn", "Ünsinn", "lower-case"),
    line("new family ../../x", "../../x", "lower-case"),
    line("new family import", "'import'", "keyword"),
    line("new family my-flow --task painting", "--task", "'generation'"),
    line("new sweep my-sweep --family dpm", "dpm", "did you mean 'ddpm'"),
    line("new sweep MySweep", "MySweep", "my-sweep"),
    line("ui --port 0", "--port", "greater than or equal to 1"),
    line("ui --port many", "--port", "integer"),
]
