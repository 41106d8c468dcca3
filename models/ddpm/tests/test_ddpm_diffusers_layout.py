"""What is exported opens in diffusers and gives the same; what diffusers wrote is read and gives the same."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from genbench_ddpm.configuration import DDIMSampleConfig, DDPMSampleConfig
from genbench_ddpm.diffusers_layout import CONDITION, write_diffusers
from genbench_ddpm.family import DDIM, DDPM
from genbench_ddpm.pretrained import CheckpointTrainConfig, folder_hash
from pydantic import ValidationError
from safetensors.torch import load_file

from genbench.api import ConfigError, DataError, DataInfo

diffusers = pytest.importorskip("diffusers")

DATA = DataInfo("toy", 16, 1, ("zero", "one", "two"), True, 64)
SMALL = {
    "network": "unet2d",
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "attention_levels": (2,),
    "num_train_timesteps": 100,
    "prediction_type": "epsilon",
}


def learner(data=DATA, **settings):
    torch.manual_seed(0)
    made = DDPM().learner(CheckpointTrainConfig(**{**SMALL, **settings}), data)
    for parameter in made.network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    made.network.eval()
    return made


def sample(model, config, count=3, seed=7):
    with torch.no_grad():
        return model.sample(torch.zeros(count, 3), config, generator=torch.Generator().manual_seed(seed))


def exported(folder, model, config, data=DATA):
    write_diffusers(model, config, data, folder)
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    return folder


def by_pipeline(folder, config, count=3, seed=7):
    kind = diffusers.DDIMPipeline if config.sampler == "ddim" else diffusers.DDPMPipeline
    pipeline = kind.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    more = {}
    if config.sampler == "ddim":
        more = {"eta": config.eta, "use_clipped_model_output": config.use_clipped_model_output}
    images = pipeline(
        batch_size=count,
        generator=torch.Generator().manual_seed(seed),
        num_inference_steps=config.num_inference_steps,
        output_type="np",
        **more,
    ).images
    return torch.from_numpy(images).permute(0, 3, 1, 2) * 2 - 1


def assert_same(ours, theirs, atol=1e-4):
    torch.testing.assert_close(ours.clamp(-1, 1), theirs, rtol=0, atol=atol)
    assert ours.std() > 0.05


UNCONDITIONAL = {"conditioning": "none", "condition_dropout": 1.0}


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize(
    ("train", "how"),
    [
        ({"schedule": "linear"}, {"sampler": "ddim"}),
        ({"schedule": "linear"}, {"sampler": "ddpm"}),
        ({"schedule": "sigmoid"}, {"sampler": "ddim", "eta": 0.5}),
        ({"schedule": "squared-cosine", "prediction_type": "v_prediction"}, {"sampler": "ddim"}),
        ({"schedule": "scaled-linear", "prediction_type": "sample"}, {"sampler": "ddpm", "clip_sample": False}),
        (
            {"schedule": "linear", "prediction_type": "v_prediction", "zero_terminal_snr": True},
            {"sampler": "ddim", "clip_sample": False},
        ),
    ],
)
def test_pipelines_give_the_same_pictures_from_the_same_noise(tmp_path, train, how, spacing):
    model = learner(**UNCONDITIONAL, **train)
    config = DDIMSampleConfig(num_inference_steps=10, timestep_spacing=spacing, **how)
    assert_same(sample(model, config), by_pipeline(exported(tmp_path, model, config), config))


@pytest.mark.parametrize("conditioning", ["add", "adagn"])
def test_a_network_never_told_its_condition_becomes_a_pipeline_too(tmp_path, conditioning):
    model = learner(conditioning=conditioning, condition_dropout=1.0)
    config = DDIMSampleConfig(num_inference_steps=5)
    assert_same(sample(model, config), by_pipeline(exported(tmp_path, model, config), config))


def inputs():
    generator = torch.Generator().manual_seed(1)
    t = torch.tensor([0, 37, 99])
    return torch.randn(3, 1, 16, 16, generator=generator), t, torch.eye(3)


@pytest.mark.parametrize("conditioning", ["add", "adagn"])
def test_a_conditional_model_and_its_layer_give_equal_outputs(tmp_path, conditioning):
    model = learner(conditioning=conditioning)
    exported(tmp_path, model, DDPMSampleConfig())
    assert not (tmp_path / "model_index.json").exists()
    unet = diffusers.UNet2DModel.from_pretrained(tmp_path / "unet")
    layer = load_file(tmp_path / CONDITION)
    x, t, conditions = inputs()
    embedding = conditions @ layer["weight"].T + layer["bias"]
    with torch.no_grad():
        ours, theirs = model.network(x, t / 100, conditions), unet(x, t, class_labels=embedding).sample
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert not torch.allclose(ours, model.network(x, t / 100, conditions.flip(0)), atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        DDIMSampleConfig(num_inference_steps=10),
        DDIMSampleConfig(num_inference_steps=10, eta=0.5, use_clipped_model_output=False),
        DDPMSampleConfig(num_inference_steps=10),
    ],
)
def test_the_readme_s_code_draws_our_pictures(tmp_path, config):
    model = learner(**UNCONDITIONAL)
    names = {"torch": torch}
    exec(code_of(exported(tmp_path, model, config)).replace("pictures =", "torch.manual_seed(7)\npictures ="), names)
    theirs = torch.stack([torch.from_numpy(np.array(picture)) for picture in names["pictures"]])
    ours = (sample(model, config, count=4).squeeze(1).clamp(-1, 1) + 1) * 127.5
    torch.testing.assert_close(theirs.float(), ours, rtol=0, atol=0.6)


def code_of(folder):
    return (folder / "README.md").read_text().split("```python\n")[1].split("```")[0].replace("FOLDER", str(folder))


def test_the_readme_s_code_runs(tmp_path):
    for number, (model, config) in enumerate(
        [
            (learner(**UNCONDITIONAL), DDIMSampleConfig(num_inference_steps=2)),
            (learner(**UNCONDITIONAL), DDPMSampleConfig(num_inference_steps=2)),
            (learner(conditioning="add"), DDPMSampleConfig()),
            (learner(conditioning="concat"), DDPMSampleConfig()),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        names = {}
        exec(code_of(exported(folder, model, config)), names)
        assert ("pictures" in names) != ("output" in names)


def test_own_networks_and_scaled_pictures_are_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"train.scaling_factor=1"):
        write_diffusers(learner(scaling_factor=2.0), DDPMSampleConfig(), DATA, tmp_path)
    model = DDPM().learner(CheckpointTrainConfig(size="xs", num_train_timesteps=10), DATA)
    with pytest.raises(ConfigError, match=r"train.network unet2d.*--layout safetensors"):
        write_diffusers(model, DDPMSampleConfig(), DATA, tmp_path)


# ------------------------------------------------------------------------------------------------------------- reading


def theirs(folder, *, kind="DDIM", classes=None, channels=1, size=16, **scheduler):
    """A random model, saved by diffusers itself."""
    torch.manual_seed(3)
    unet = diffusers.UNet2DModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        num_class_embeds=classes,
    )
    made = getattr(diffusers, f"{kind}Scheduler")(**{"num_train_timesteps": 100, **scheduler})
    getattr(diffusers, f"{kind}Pipeline")(unet, made).save_pretrained(folder)
    return folder


def read(folder, data=DATA, family=DDPM, **settings):
    preset = family.presets["pretrained"]
    config = family.TrainConfig(**{**preset.train, "checkpoint": str(folder), **settings})
    model = family().learner(config, data)
    model.network.eval()
    return model


@pytest.mark.parametrize(
    ("kind", "scheduler"),
    [
        ("DDIM", {}),
        ("DDIM", {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"}),
        ("DDPM", {"beta_schedule": "scaled_linear"}),
    ],
)
def test_a_checkpoint_gives_the_pictures_of_diffusers_own_pipeline(tmp_path, kind, scheduler):
    model = read(theirs(tmp_path, kind=kind, **scheduler))
    config = DDIMSampleConfig(sampler=kind.lower(), num_inference_steps=10, timestep_spacing="leading")
    assert_same(sample(model, config), by_pipeline(tmp_path, config))


@pytest.mark.parametrize("classes", [3, 4])
def test_classes_are_the_conditions(tmp_path, classes):
    folder = theirs(tmp_path, classes=classes)
    model = read(folder)
    unet = diffusers.UNet2DModel.from_pretrained(folder / "unet")
    x, t, conditions = inputs()
    with torch.no_grad():
        ours, direct = model.network(x, t / 100, conditions), unet(x, t, class_labels=torch.arange(3)).sample
        torch.testing.assert_close(ours, direct, rtol=0, atol=1e-5)
        if classes == 4:
            blank = unet(x, t, class_labels=torch.full((3,), 3)).sample
            torch.testing.assert_close(model.network(x, t / 100, torch.zeros(3, 3)), blank, rtol=0, atol=1e-5)
        else:
            with pytest.raises(ConfigError, match="no class for 'no condition'"):
                model.network(x, t / 100, torch.zeros(3, 3))


def test_our_own_export_comes_back(tmp_path):
    model = learner(conditioning="add")
    back = read(exported(tmp_path, model, DDPMSampleConfig()))
    x, t, conditions = inputs()
    with torch.no_grad():
        ours, again = model.network(x, t / 100, conditions), back.network(x, t / 100, conditions)
    torch.testing.assert_close(ours, again, rtol=0, atol=1e-5)
    assert back.config.schedule == model.config.schedule
    assert back.config.prediction_type == model.config.prediction_type


def test_the_hash_is_of_the_content(tmp_path):
    first = theirs(tmp_path / "first")
    second = shutil.copytree(first, tmp_path / "second")
    configs = [CheckpointTrainConfig(checkpoint=folder).model_dump(mode="json") for folder in (first, second)]
    assert configs[0] == configs[1]
    before = folder_hash(second)
    path = second / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "beta_end": 0.01}))
    assert folder_hash(second) != before
    weights = first / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert folder_hash(first) != before


def test_nothing_is_unpickled(tmp_path):
    folder = theirs(tmp_path / "model")

    class Bomb:
        def __reduce__(self):
            return (tmp_path / "exploded").mkdir, ()

    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    weights.with_suffix(".bin").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="safetensors"):
        read(folder)
    weights.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="safetensors"):
        read(folder)
    assert not (tmp_path / "exploded").exists()


def test_what_does_not_fit_is_refused(tmp_path):
    folder = theirs(tmp_path / "colour", channels=3)
    with pytest.raises(DataError, match=r"in_channels is 3.*toy have 1"):
        read(folder)
    folder = theirs(tmp_path / "large", size=32)
    with pytest.raises(DataError, match=r"sample_size is 32.*have 16"):
        read(folder)
    folder = theirs(tmp_path / "classes", classes=7)
    with pytest.raises(ConfigError, match="7 classes, but toy has 3 classes"):
        read(folder)
    with pytest.raises(ConfigError, match=r"train.schedule 'sigmoid' contradicts"):
        read(theirs(tmp_path / "good"), schedule="sigmoid")
    with pytest.raises(DataError, match=r"unet/config.json: cannot be read"):
        read(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="trained_betas"):
        read(theirs(tmp_path / "betas", trained_betas=[0.01] * 100))
    (tmp_path / "good" / "unet" / "config.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read(tmp_path / "good")


def test_weights_that_lack_a_tensor_are_refused(tmp_path):
    from safetensors.torch import save_file

    folder = theirs(tmp_path)
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    del tensors["conv_in.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"conv_in.weight"):
        read(folder)
    tensors["conv_in.weight"] = torch.zeros(16, 2, 3, 3)
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(DataError, match="unet"):
        read(folder)


def test_training_nothing_needs_a_checkpoint(tmp_path):
    for family in (DDPM, DDIM):
        preset = family.presets["pretrained"]
        with pytest.raises(ConfigError, match=r"train.checkpoint=FOLDER"):
            family().learner(family.TrainConfig(**preset.train), DATA)
    with pytest.raises(ValidationError):
        CheckpointTrainConfig(learning_rate=-1)
