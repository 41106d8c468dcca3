"""Guidance and recipes through the command line, at the smallest size."""

import json

import pytest

from genbench.cli import app
from genbench.commands.exits import guarded

TINY = ("--dataset", "digits", "--resolution", "16", "--budget", "2steps", "--pictures", "4", "--metrics", "accuracy")


@pytest.fixture
def cli(capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capfd.readouterr()
        code = guarded(lambda: app([*arguments], prog_name="genbench", standalone_mode=False))
        return code, capfd.readouterr()

    return call


def test_a_recipe_runs_scaled_down_and_its_training_can_be_sampled_with_the_guide(cli, tmp_path):
    smaller = ("train.block_out_channels=[16, 16]", "train.attention_levels=[2]", "train.batch_size=4")
    common = [part for assignment in smaller for part in ("--set", assignment)]
    common += ["--set", "sample.num_inference_steps=2", "--format", "json"]
    answers = [cli("run", "d1", *TINY, *common, "--set", f"sample.guide_scale={scale}") for scale in ("0", "2.0")]
    for code, captured in answers:
        assert code == 0, captured.err
    plain, guided = (json.loads(captured.out) for _, captured in answers)
    assert [plain[key] for key in ("family", "preset", "dataset", "resolution")] == ["ddpm", "d1", "digits", 16]
    assert plain["id"] != guided["id"]
    assert plain["metrics"]["evaluations"]["value"] == guided["metrics"]["evaluations"]["value"] == 2
    stages = tmp_path / "results" / "stages"
    assert [len(list((stages / stage).glob("*/done.json"))) for stage in ("train", "sample")] == [1, 2]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.network=unet2d", "multiple of 32, but digits has 16"),
        ("train.attention_levels=[7]", "attention_levels (7,) must be levels from 1 to 6"),
        ("sample.guide_scale=-1", "guide_scale: Input should be greater"),
    ],
)
def test_bad_settings_are_one_line(cli, assignment, message):
    code, captured = cli("run", "ddpm", *TINY, "--set", "train.network=unet2d", "--set", assignment)
    assert code == 2
    assert message in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("setting", ["condition_dropout=0", "num_train_timesteps=3", "num_train_timesteps=1000000"])
def test_what_could_not_be_sampled_is_refused_before_it_is_trained(cli, tmp_path, setting):
    code, captured = cli("run", "ddpm:smoke", "--set", f"train.{setting}", "--set", "train.schedule=linear", "--quiet")
    assert code == 2
    assert captured.err.count("\n") == 1
    assert "use" in captured.err
    assert not list(tmp_path.glob("results/stages/train/*/done.json"))
