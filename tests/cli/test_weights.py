"""Trained networks leave through `genbench export`, and someone else's come in as a run."""

import json
from pathlib import Path

import pytest
import torch

from tests.cli.test_bad_input import refused
from tests.conftest import Cli

SMALL = ("--pictures", "2", "--metrics", "accuracy", "-q", "--set", "sample.num_inference_steps=2")


def latest(cli: Cli) -> str:
    return cli("ls", "runs", "--format", "csv").out.splitlines()[1].split(",")[0]


def test_every_family_s_networks_can_be_taken_along(cli: Cli, tmp_path: Path) -> None:
    answer = cli("run", "ddpm", "--preset", "smoke", "--budget", "2steps", *SMALL)
    assert answer.code == 0, answer.err
    run = latest(cli)
    exported = cli("export", run, "--out", "taken", "-q")
    assert exported.code == 0, exported.err
    assert exported.out.strip() == "taken"
    assert {path.name for path in Path("taken").iterdir()} == {"unet.safetensors", "config.json", "README.md"}
    names: dict[str, object] = {}
    code = Path("taken/README.md").read_text().split("```python\n")[1].split("```")[0]
    exec(code.replace("FOLDER", "taken"), names)
    learner = names["learner"]
    with torch.no_grad():
        x, time, conditions = torch.zeros(1, 1, 16, 16), torch.tensor([0.5]), torch.eye(10)[:1]
        assert learner.networks["unet"](x, time, conditions).isfinite().all()  # type: ignore[attr-defined]

    refused(cli("export", run, "--out", "taken"), "taken", "has files in it")
    refused(cli("export", run, "--layout", "diffuser"), "unknown layout of ddpm 'diffuser'", "'diffusers'")
    refused(cli("export", run, "--layout", "diffusers", "--out", "none"), "train.network unet2d")
    assert not Path("none").exists()
    refused(cli("export", "beef"), "no run 'beef'")


def test_a_checkpoint_of_one_s_own_is_evaluated_as_a_run(cli: Cli, tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=16,
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        num_class_embeds=10,
    )
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained("mine")
    arguments = ("run", "ddim:pretrained", "--set", f"train.checkpoint={tmp_path / 'mine'}", *SMALL)
    answer = cli(*arguments, "--format", "json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["preset"] == "pretrained"

    run = latest(cli)
    exported = cli("export", run, "--layout", "diffusers", "--out", "back", "-q")
    assert exported.code == 0, exported.err
    back = diffusers.UNet2DModel.from_pretrained("back/unet").state_dict()
    assert back.keys() == unet.state_dict().keys()
    assert all(torch.equal(back[key], value) for key, value in unet.state_dict().items())

    (tmp_path / "mine").rename(tmp_path / "moved")
    stages = sorted(path.name for path in Path("results/stages/train").iterdir())
    moved = cli("run", "ddim:pretrained", "--set", f"train.checkpoint={tmp_path / 'moved'}", *SMALL)
    assert moved.code == 0, moved.err
    assert sorted(path.name for path in Path("results/stages/train").iterdir()) == stages  # found by content

    refused(cli(*arguments), "mine", "cannot be read")
    refused(cli("run", "ddim:pretrained", *SMALL), "train.checkpoint=FOLDER")
