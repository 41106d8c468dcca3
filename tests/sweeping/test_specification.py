"""What a sweep file may say, and what is said of one that is wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from genbench.errors import ConfigError
from genbench.specs import as_toml
from genbench.sweeping import available, find, read
from genbench.sweeping.overriding import override
from genbench.sweeping.space import draw, grid, label_of, row_of
from genbench.sweeping.specification import SweepSpec
from genbench.sweeping.studies import identity

GOOD = """
family = "ddpm"
objectives = ["accuracy"]
seeds = 2

[space]
"train.size" = ["xs", "s"]
"sample.sampler" = ["ddim", "ddpm"]
"sample.eta" = { low = 0.0, high = 1.0, step = 0.5, when = { "sample.sampler" = "ddim" } }
"""


def made(**changes: Any) -> SweepSpec:
    values: dict[str, Any] = {"name": "s", "family": "ddpm", "objectives": ["accuracy"], "space": {"budget": ["1img"]}}
    return SweepSpec.model_validate(values | changes)


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_is_named_after_itself_and_shorthands_are_spelt_out(tmp_path: Path) -> None:
    spec = read(written(tmp_path, GOOD))
    assert spec.name == "mine"
    assert spec.space["train.size"].values == ("xs", "s")
    assert (spec.objectives[0].metric, spec.objectives[0].direction) == ("accuracy", "maximize")


def test_directions_are_the_measures_own_unless_given() -> None:
    spec = made(objectives=["fid", "validation", {"metric": "parameters", "direction": "minimize"}])
    assert [objective.direction for objective in spec.objectives] == ["minimize"] * 3


def test_a_grid_has_each_combination_once_and_skips_what_does_not_apply(tmp_path: Path) -> None:
    points = grid(read(written(tmp_path, GOOD)))
    assert len(points) == 2 * (3 + 1)
    assert len({tuple(point.items()) for point in points}) == len(points)
    assert all(("sample.eta" in point) == (point["sample.sampler"] == "ddim") for point in points)


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ({"low": 1, "high": 4}, [1, 2, 3, 4]),
        ({"low": 0.0, "high": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"low": 2, "high": 9, "step": 3}, [2, 5, 8]),
    ],
)
def test_ranges_on_a_grid(parameter: Mapping[str, Any], values: list[float]) -> None:
    points = grid(made(space={"train.width": parameter}))
    assert [point["train.width"] for point in points] == values
    assert {type(point["train.width"]) for point in points} == {type(values[0])}


def test_a_row_has_the_settings_of_its_variants_and_says_what_it_is() -> None:
    variants = {"small": {"train.size": "xs", "budget": "9steps"}, "c": {"train": {"network": "unet2d"}}}
    spec = made(space={"network": {"variants": variants}}, train={"size": "l", "dropout": 0.1})
    rows = [row_of(spec, point) for point in grid(spec)]
    assert rows[0].train == {"size": "xs", "dropout": 0.1}
    assert rows[0].budget == "9steps"
    assert rows[1].train == {"size": "l", "dropout": 0.1, "network": "unet2d"}
    assert [label_of(point) for point in grid(spec)] == ["network=small", "network=c"]


def test_draws_stay_in_their_ranges_and_respect_conditions() -> None:
    space = {
        "sample.sampler": {"values": ["ddim", "ddpm"]},
        "sample.eta": {"low": 0.0, "high": 1.0, "when": {"sample.sampler": "ddim"}},
        "train.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "train.width": {"low": 8, "high": 64, "step": 8},
    }
    spec = made(space=space, sampler={"name": "random"}, trials=30)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(30):
        chosen = draw(study.ask(), spec)
        assert ("sample.eta" in chosen) == (chosen["sample.sampler"] == "ddim")
        assert 1e-4 <= float(chosen["train.learning_rate"]) <= 1e-2
        assert chosen["train.width"] in range(8, 65, 8)


BAD = [
    ('family = "ddpm"\n[space]\n"train.size" = ["s"]\n', ": objectives: "),
    ('objectives = ["accuracy"]\nfamily = "ddpm"\n', ": space: "),
    (GOOD.replace("seeds = 2", "seeds = 0"), ":4: seeds: "),
    (GOOD.replace("seeds", "sedes"), ":4: unknown key 'sedes': did you mean 'seeds'?"),
    (GOOD.replace('["accuracy"]', '["acuracy"]'), "did you mean 'accuracy'?"),
    (GOOD.replace('["accuracy"]', '["parameters"]'), "no better direction of its own"),
    (GOOD.replace('"train.size"', '"size"'), "'size' is no setting"),
    (GOOD.replace('["xs", "s"]', "[]"), "train.size"),
    (GOOD.replace('["xs", "s"]', '["s", "s"]'), "a choice twice"),
    (GOOD.replace("high = 1.0", "high = -1.0"), ":9: space.sample.eta: "),
    (GOOD.replace("step = 0.5, ", ""), "a grid needs values, or a range with a step"),
    (GOOD.replace('when = { "sample.sampler"', 'when = { "sampler"'), "not a parameter above it"),
    (GOOD.replace('= "ddim" }', '= "dddim" }'), "none of its choices"),
    (GOOD.replace("low = 0.0, ", ""), "needs both low and high"),
    (GOOD.replace("seeds = 2", '[sampler]\nname = "tpe"'), "trials is missing"),
    (GOOD.replace("seeds = 2", '[sampler]\nname = "annealing"'), ":5: sampler.name: "),
    (GOOD.replace("seeds = 2", '[pruner]\nname = "median"'), "watch must name a curve"),
    (GOOD.replace("seeds = 2", '[pruner]\nname = "wilcoxon"'), "at least seeds = 3"),
    (GOOD.replace("seeds = 2", '[pruner]\nname = "median"\nwatch = "guide"'), 'selection = "guide"'),
    (
        GOOD.replace('["accuracy"]', '["accuracy", "fid"]\npruner = {name = "median", watch = "validation"}'),
        "cannot prune",
    ),
    (GOOD + "[[[", "not valid TOML"),
    (GOOD.replace('"xs", "s"', '"xs", "s"]\ntrain.size = ["m"'), "twice, with and without quotes"),
    (GOOD + '[train]\nsize = "m"\n', "train fixes it, too"),
    (GOOD.replace('["accuracy"]', '["accuracy", "accuracy"]'), "one is there twice"),
    (GOOD.replace('= "ddim" }', "= [] }"), "none of the choices"),
    (GOOD.replace("step = 0.5", "step = 5.0"), "longer than the range"),
    (GOOD + '[space.n.variants]\n"" = {budget = "1img"}\n', "printable characters"),
    ('name = "größe"\n' + GOOD, "write name"),
]


def test_a_sweep_written_as_toml_is_read_back(tmp_path: Path) -> None:
    spec = read(written(tmp_path, GOOD))
    assert read(written(tmp_path, as_toml(spec))) == spec


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_wrong_file_is_refused_in_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert said in message
    assert "\n" not in message


def test_every_shipped_sweep_is_sound_and_found_by_name() -> None:
    names = {"acgan-lambda", "cfg-guidance", "cgan-embedding", "dann-lambda", "ddim-eta", "ddim-steps"}
    assert {*names, "ddpm-conditioning", "ddpm-unet-size"} <= set(available())
    for name in available():
        spec = read(find(name))
        assert spec.name == name
        assert spec.description
        assert len(grid(spec)) > 1


def test_an_unknown_sweep_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'ddim-eta'"):
        find("ddim-etta")


def test_overrides_that_change_trials_get_a_study_of_their_own() -> None:
    spec = made(budget="5steps")
    smoke = override(spec, preset="smoke", seeds=3)
    assert (smoke.name, smoke.preset, smoke.budget, smoke.seeds) == ("s-smoke-3seeds", "smoke", None, 3)
    longer = override(spec, trials=7, device="cpu")
    assert (longer.name, longer.trials) == ("s", 7)
    assert identity(longer) == identity(spec) != identity(smoke)
    assert override(spec, data={"name": "mnist", "root": None}).name == "s-mnist"
    with pytest.raises(ConfigError, match="unknown preset of ddpm 'smok'"):
        override(spec, preset="smok")
