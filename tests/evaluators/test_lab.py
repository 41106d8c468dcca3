"""The lab's ResNet-18: loaded as tensors only, or refused in one line."""

import os
import pickle

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from genbench.api import DataInfo
from genbench.data.base import ImageData
from genbench.errors import ConfigError, DataError
from genbench.evaluators import Evaluators
from genbench.evaluators.lab import load_lab


@pytest.fixture(scope="module")
def lab_network():
    torch.manual_seed(0)
    network = resnet18(weights=None)
    network.fc = nn.Sequential(nn.Linear(512, 24), nn.Sigmoid())
    return network.eval()


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (4, 64, 64, 3), dtype=torch.uint8, generator=generator)


def test_scores_are_those_of_the_lab(lab_network, images, tmp_path, device):
    torch.save({"model": lab_network.state_dict()}, tmp_path / "checkpoint.pth")
    evaluator = load_lab(tmp_path / "checkpoint.pth", device)
    with torch.no_grad():
        expected = lab_network(images.permute(0, 3, 1, 2) / 127.5 - 1)
    assert torch.from_numpy(evaluator.logits(images.numpy())).sigmoid().numpy() == pytest.approx(
        expected.numpy(), abs=1e-5
    )
    assert evaluator.features(images.numpy()).shape == (4, 512)
    assert evaluator.identity["evaluator"] == "lab-resnet18"


def test_usual_spellings_are_the_same_network(lab_network, tmp_path, device):
    state = lab_network.state_dict()
    spellings = {
        "sequential": state,
        "linear": {k.replace("fc.0.", "fc."): v for k, v in state.items()},
        "parallel": {f"module.{k}": v for k, v in state.items()},
    }
    for name, spelling in spellings.items():
        torch.save({"model": spelling}, tmp_path / name)
    assert len({load_lab(tmp_path / name, device).weights for name in spellings}) == 1


class Code:
    def __reduce__(self):
        return (os.mkdir, ("code-was-run",))


def test_code_in_a_file_is_not_run(tmp_path, device, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Code()}, "torch.pth")
    with open("plain.pth", "wb") as file:  # noqa: PTH123
        pickle.dump({"model": Code()}, file)
    for name in ("torch.pth", "plain.pth"):
        with pytest.raises(DataError, match=f"{name}: "):
            load_lab(tmp_path / name, device)
    assert not (tmp_path / "code-was-run").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s, "'model'"),
        (lambda s: [s], "'model'"),
        (lambda s: {"model": [1, 2]}, "'model'"),
        (lambda s: {"model": {k: v for k, v in s.items() if k != "conv1.weight"}}, "conv1.weight is missing"),
        (lambda s: {"model": {**s, "extra.weight": torch.zeros(1)}}, "extra.weight is unknown"),
        (lambda s: {"model": {**s, "fc.0.weight": torch.zeros(10, 512)}}, r"fc.weight has shape \(10, 512\), not"),
        (lambda s: {"model": {**s, "fc.0.bias": torch.full((24,), torch.nan)}}, "fc.bias holds .* not finite"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(lab_network, tmp_path, device, change, message):
    torch.save(change(lab_network.state_dict()), tmp_path / "checkpoint.pth")
    with pytest.raises(DataError, match=f"checkpoint.pth: .*{message}"):
        load_lab(tmp_path / "checkpoint.pth", device)


def test_damaged_files_are_refused(lab_network, tmp_path, device):
    torch.save({"model": lab_network.state_dict()}, tmp_path / "good")
    (tmp_path / "cut").write_bytes((tmp_path / "good").read_bytes()[:10000])
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    for name in ("cut", "text", "empty", "folder", "absent"):
        with pytest.raises(DataError, match=f"{name}: "):
            load_lab(tmp_path / name, device)


def test_it_scores_only_iclevr_at_64(lab_network, tmp_path, device):
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": lab_network.state_dict()}, path)
    names = tuple(map(str, range(24)))
    for name, resolution in (("iclevr", 32), ("clevr-synth", 64)):
        data = ImageData(DataInfo(name, resolution, 3, names, False, 1), {}, {}, "0" * 64)
        with pytest.raises(ConfigError, match="scores only iclevr at 64 pixels"):
            Evaluators(data, device=device, lab_checkpoint=path)
    data = ImageData(DataInfo("iclevr", 64, 3, names, False, 1), {}, {}, "0" * 64)
    assert [e.role for e in Evaluators(data, device=device, lab_checkpoint=path).extra] == ["resnet18"]
    assert Evaluators(data, device=device).extra == []
