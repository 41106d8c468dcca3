"""Comparisons and runs from TOML files, and what ``--set`` changes."""

from tests.badinput.cases import Case, Content, nested

ROW = '[[rows]]\nfamily = "ddpm"\npreset = "smoke"\n'
CGAN = '[[rows]]\nfamily = "cgan"\npreset = "smoke"\n'


def table(name: str, content: Content, names: str, advises: str) -> Case:
    """A comparison's file."""
    return Case(f"compare file: {name}", ["compare", "--config", "t.toml"], names, advises, {"t.toml": content})


def run_file(name: str, content: Content, names: str, advises: str) -> Case:
    """A run's file."""
    return Case(f"run file: {name}", ["run", "r.toml"], names, advises, {"r.toml": content})


def change(assignment: str, names: str, advises: str, family: str = "ddpm") -> Case:
    """An assignment on the command line."""
    arguments = ["compare", family, "--preset", "smoke", "--seeds", "1", "--set", assignment]
    return Case(f"--set {assignment[:40]} of {family}", arguments, names, advises)


CASES = [
    table("broken syntax", "rows = = 1\n", "t.toml", "line 1"),
    table("an open string", 'name = "x\n' + ROW, "t.toml", "correct"),
    table("an open table", "[[rows\n", "t.toml", "correct"),
    table("a key twice", "seeds = 1\nseeds = 2\n" + ROW, "t.toml", "correct"),
    table("a table twice", '[data]\nname = "digits"\n[data]\n' + ROW, "t.toml", "correct"),
    table("empty", "", "rows", "add it"),
    table("only white space", " \n\t\n", "rows", "add it"),
    table("NUL bytes", b"name = \x00\n", "t.toml", "correct"),
    table("UTF-16", ROW.encode("utf-16"), "t.toml", "UTF-8"),
    table("Latin-1", 'name = "Bär"\n'.encode("latin-1") + ROW.encode(), "t.toml", "save it as UTF-8"),
    table("a picture", b"\x89PNG\r\n\x1a\n\x00\xff", "t.toml", "UTF-8"),
    table("deep nesting", f"x = {nested()}", "t.toml", "nested too deeply"),
    table("deep inline tables", "x = " + "{a = " * 2_000 + "1" + "}" * 2_000, "t.toml", "correct"),
    table("a number of 5,000 digits", f"seeds = {'9' * 5_000}\n{ROW}", "t.toml", "digits"),
    table("a directory", lambda path: path.mkdir(), "t.toml", "check the path"),
    table("a link in a circle", lambda path: path.symlink_to(path), "t.toml", "check the path"),
    table("a date for a number", "seeds = 2020-01-01\n" + ROW, "seeds", "integer"),
    table("NaN seeds", "seeds = nan\n" + ROW, "seeds", "finite"),
    table("infinite seeds", "seeds = inf\n" + ROW, "seeds", "finite"),
    table("no seeds", "seeds = 0\n" + ROW, "seeds", "greater than or equal to 1"),
    table("negative seeds", "seeds = -1\n" + ROW, "seeds", "greater than or equal to 1"),
    table("a million seeds", "seeds = 1000000\n" + ROW, "seeds", "less than or equal to 1000"),
    table("half a seed", "seeds = 1.5\n" + ROW, "seeds", "integer"),
    table("rows that are none", "rows = []\n", "rows", "at least 1"),
    table("rows that are text", 'rows = "ddpm"\n', "rows", "must be a list"),
    table("a row that is a number", "rows = [1]\n", "rows.0", "must be a table"),
    table("a row without a family", '[[rows]]\npreset = "smoke"\n', "rows.0.family", "add it"),
    table("a family that is a number", "[[rows]]\nfamily = 1\n", "rows.0.family", "string"),
    table("a family as code", '[[rows]]\nfamily = "os:system"\n', "os:system", "known:"),
    table("a family as a path", '[[rows]]\nfamily = "../../evil.py"\n', "../../evil.py", "known:"),
    table("an unknown key", "seedz = 2\n" + ROW, "seedz", "did you mean 'seeds'"),
    table("an unknown key of a row", ROW + "presett = 1\n", "presett", "did you mean 'preset'"),
    table("an unknown setting", ROW + "[rows.train]\nlr = 1\n", "lr", "known:"),
    table("a setting of another family", CGAN + "[rows.train]\nbeta2 = 0.9\n", "beta2", "known:"),
    table("an infinite learning rate", ROW + "[rows.train]\nlearning_rate = inf\n", "learning_rate", "finite"),
    table("a NaN learning rate", ROW + "[rows.train]\nlearning_rate = nan\n", "learning_rate", "finite"),
    table("a negative learning rate", ROW + "[rows.train]\nlearning_rate = -1\n", "learning_rate", "greater than"),
    table("a batch of text", ROW + '[rows.train]\nbatch_size = "many"\n', "batch_size", "integer"),
    table("a batch of trillions", ROW + "[rows.train]\nbatch_size = 1000000000000\n", "batch_size", "less than"),
    table("a schedule that is none", ROW + '[rows.train]\nschedule = "cubic"\n', "schedule", "'linear'"),
    table("a process of terasteps", ROW + "[rows.train]\nnum_train_timesteps = 1000000000000\n", "timesteps", "less"),
    table("a table for a number", ROW + "[rows.train.learning_rate]\na = 1\n", "learning_rate", "number"),
    table("no name", 'name = ""\n' + ROW, "name", "pattern"),
    table("a name that climbs", 'name = "../up"\n' + ROW, "name", "pattern"),
    table("a name that is taken", 'name = "stages"\n' + ROW, "stages", "choose another name"),
    table("a name of a thousand letters", f'name = "{"a" * 1000}"\n{ROW}', "name", "pattern"),
    table("a label without letters", ROW + 'label = "  "\n', "label", "leave it out"),
    table("a budget without a unit", ROW + 'budget = "12"\n', "budget '12'", "write a number and a unit"),
    table("a budget of parsecs", ROW + 'budget = "12 parsecs"\n', "parsecs", "write a number and a unit"),
    table("a negative budget", ROW + 'budget = "-5steps"\n', "-5steps", "write a number and a unit"),
    table("an infinite budget", ROW + 'budget = "1e999steps"\n', "1e999steps", "finite"),
    table("a budget that its unit makes infinite", ROW + 'budget = "1e308kimg"\n', "1e308kimg", "finite"),
    table("a budget of nothing", ROW + 'budget = "0steps"\n', "0steps", "positive"),
    table("a budget of NaN", ROW + 'budget = "nan steps"\n', "nan steps", "write a number"),
    table("an unknown selection", ROW + 'selection = "best"\n', "selection", "'validation'"),
    table("a selection of the other task", ROW + 'selection = "oracle"\n', "selection 'oracle'", "choose one of"),
    table("no such data", '[data]\nname = "digit"\n' + ROW, "digit", "did you mean 'digits'"),
    table("half a pair of domains", '[data]\nname = "digits:"\n' + ROW, "digits:", "write source:target"),
    table("a resolution between", "[data]\nresolution = 17\n" + ROW, "17", "choose 8, 16 or 32"),
    table("a resolution of millions", "[data]\nresolution = 1000000\n" + ROW, "data.resolution", "less than"),
    table("a path with NUL", '[data]\nname = "iclevr"\nroot = "a\\u0000b"\n' + ROW, "data.root", "rename"),
    table(
        "a path of a hundred thousand letters",
        f'[data]\nname = "iclevr"\nroot = "{"a" * 100_000}"\n{ROW}',
        "data.root",
        "check it",
    ),
    table("pictures below two", "[evaluation]\npictures = 1\n" + ROW, "evaluation.pictures", "greater than"),
    table("pictures by the billion", "[evaluation]\npictures = 1000000000\n" + ROW, "evaluation.pictures", "less than"),
    table("metrics as text", '[evaluation]\nmetrics = "fid"\n' + ROW, "evaluation.metrics", "must be a list"),
    table("an unknown metric", '[evaluation]\nmetrics = ["fdi"]\n' + ROW, "fdi", "did you mean 'fid'"),
    table("an unknown extractor", '[evaluation]\nextractor = "vgg"\n' + ROW, "vgg", "referee"),
    table("an unknown device", 'device = "tpu"\n' + ROW, "device 'tpu'", "use auto"),
    table("a device that is not there", 'device = "cuda:99"\n' + ROW, "cuda:99", "use --device cpu"),
    table("an unknown precision", 'precision = "float8"\n' + ROW, "float8", "use auto"),
    table("another task's family", ROW + '[[rows]]\nfamily = "dann"\n', "dann does adaptation", "compared"),
    run_file("a comparison in its place", ROW, "family", "add it"),
    run_file("no family", 'preset = "smoke"\n', "family", "add it"),
    run_file("an unknown preset", 'family = "ddpm"\npreset = "quik"\n', "quik", "did you mean 'quick'"),
    run_file("a negative repetition", 'family = "ddpm"\nrepetition = -1\n', "repetition", "greater than"),
    run_file("processes by the thousand", 'family = "ddpm"\nprocesses = 5000\n', "processes", "less than"),
    run_file("data that are text", 'family = "ddpm"\ndata = "digits"\n', "data", "must be a table"),
    run_file("data under another key", 'family = "ddpm"\ndataset = "digits"\n', "dataset", "write name under [data]"),
    change("lr=1", "--set 'lr=1'", "train.KEY=VALUE"),
    change("train.=1", "--set 'train.=1'", "train.KEY=VALUE"),
    change("train.lr", "--set 'train.lr'", "train.KEY=VALUE"),
    change("train.learning_rate=fast", "learning_rate", "number"),
    change("train.learning_rate=", "learning_rate", "number"),
    change("train.learning_rate=[1", "learning_rate", "number"),
    change(f"train.learning_rate={nested()}", "learning_rate", "number"),
    change(f"train.batch_size={'9' * 5_000}", "batch_size", "integer"),
    change("train.batch_size=1979-05-27", "batch_size", "integer"),
    change("train.__class__=1", "__class__", "known:"),
    change("sample.eta=2", "eta", "less than or equal to 1"),
    change("sample.num_inference_steps=0", "num_inference_steps", "greater than"),
    change("sample.guidance_interval=[1]", "guidance_interval", "add it"),
    change("train.lambda_schedule=sudden", "lambda_schedule", "train", family="cgan"),
    change("train.betas=[2,2]", "betas", "less than 1", family="cgan"),
]
