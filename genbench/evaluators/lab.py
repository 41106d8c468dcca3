"""The ResNet-18 that users of the i-CLEVR task bring as ``checkpoint.pth``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.api import DataInfo
from genbench.errors import ConfigError, DataError
from genbench.evaluators.evaluator import Evaluator, FeatureClassifier
from genbench.evaluators.store import tensors_hash
from genbench.evaluators.tensors import read_pth

DATASET, RESOLUTION, CLASSES = "iclevr", 64, 24


class LabResNet18(FeatureClassifier):
    """ResNet-18 with 24 outputs; the checkpoint's final sigmoid is left out, so that sure scores keep their order."""

    def __init__(self) -> None:
        from torchvision.models import resnet18

        super().__init__()
        self.network = resnet18(weights=None, num_classes=CLASSES)

    def features(self, images: Tensor) -> Tensor:
        """The pooled features [N, 512] of images [N, 3, 64, 64] in [-1, 1]."""
        net = self.network
        x = net.maxpool(F.relu(net.bn1(net.conv1(images))))
        x = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        return torch.flatten(net.avgpool(x), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, 24] of images [N, 3, 64, 64] in [-1, 1]."""
        logits: Tensor = self.network.fc(self.features(images))
        return logits


def check_use(info: DataInfo, path: Path) -> None:
    """Refuse the checkpoint for data that it cannot score.

    Raises:
        ConfigError: unless the data is i-CLEVR at 64 pixels.
    """
    if (info.name, info.resolution, len(info.conditions)) != (DATASET, RESOLUTION, CLASSES):
        raise ConfigError(
            f"{path}: the ResNet-18 checkpoint scores only {DATASET} at {RESOLUTION} pixels, "
            f"not {info.name} at {info.resolution}: leave it out"
        )


def load_lab(path: Path, device: torch.device) -> Evaluator:
    """The evaluator in ``{"model": state_dict}``; tensors only, no code in the file is run.

    Raises:
        DataError: when the file is missing, damaged, holds anything but tensors, or does not fit the network.
    """
    state = _state(path)
    module = LabResNet18()
    _check_fit(path, state, module.network)
    module.network.load_state_dict(state)
    bad = [name for name, value in state.items() if not torch.isfinite(value.float()).all()]
    if bad:
        raise DataError(f"{path}: {bad[0]} holds numbers that are not finite: get the file again")
    return Evaluator("resnet18", "lab-resnet18", 1, tensors_hash(state), (RESOLUTION, 3), module, device)


def _state(path: Path) -> dict[str, Tensor]:
    content = read_pth(path, "it must be {'model': state_dict}")
    model = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(model, Mapping) or not all(isinstance(value, Tensor) for value in model.values()):
        raise DataError(f"{path}: no state_dict under the key 'model': it must be {{'model': state_dict}}")
    # fc may be a Linear or begin a Sequential; DataParallel puts "module." before every name.
    renamed = {str(key).removeprefix("module."): value for key, value in model.items()}
    return {key.replace("fc.0.", "fc."): value for key, value in renamed.items()}


def _check_fit(path: Path, state: Mapping[str, Tensor], network: nn.Module) -> None:
    expected = network.state_dict()
    advice = f"it must be a ResNet-18 with {CLASSES} outputs"
    if wrong := sorted(expected.keys() - state.keys()):
        raise DataError(f"{path}: {wrong[0]} is missing ({len(wrong)} in all): {advice}")
    if wrong := sorted(state.keys() - expected.keys()):
        raise DataError(f"{path}: {wrong[0]} is unknown ({len(wrong)} in all): {advice}")
    for name, value in expected.items():
        if state[name].shape != value.shape:
            raise DataError(f"{path}: {name} has shape {tuple(state[name].shape)}, not {tuple(value.shape)}: {advice}")
