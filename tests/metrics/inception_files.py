"""A file of random Inception weights that tests make known, for want of the real ones."""

import pytest
import torch

from genbench.metrics import inception
from genbench.metrics.inception import FILE, weights_hash


def untrained(*layers):
    """torch-fidelity's own network with random weights."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Untrained(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, strict=True, assign=False):
            return None

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: {})
        network = Untrained("reference", list(layers), feature_extractor_weights_path="none").eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)  # so that pictures still differ after 94 layers
    return network


def known_file(folder, patch):
    """Write such weights, and have them count as known."""
    state = untrained("2048").state_dict()
    torch.save(state, folder / FILE)
    patch.setattr(inception, "KNOWN_TENSORS", (weights_hash(state),))
    return folder / FILE
