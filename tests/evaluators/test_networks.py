"""Laws of the classifier architectures: sizes, limits, invariances, differentiability."""

import pytest
import torch
from torch import nn

from genbench.errors import ConfigError
from genbench.evaluators.networks import ARCHITECTURES, FEATURES, build, halvings

BOTH = pytest.mark.parametrize("architecture", list(ARCHITECTURES))


@BOTH
@pytest.mark.parametrize(
    ("resolution", "channels", "classes"),
    [(8, 1, 2), (16, 1, 10), (28, 1, 10), (32, 3, 24), (64, 3, 24), (96, 3, 24), (130, 3, 5)],
)
def test_any_resolution_gives_logits_and_features(architecture, resolution, channels, classes):
    module = build(architecture, resolution, channels, classes).eval()
    images = torch.rand(3, channels, resolution, resolution) * 2 - 1
    with torch.no_grad():
        assert module(images).shape == (3, classes)
        assert module.features(images).shape == (3, FEATURES)
        assert module(images) == pytest.approx(module.head(module.features(images)))


@BOTH
def test_weights_stay_below_three_megabytes(architecture):
    module = build(architecture, 64, 3, 24)
    assert sum(p.numel() for p in module.parameters()) <= 700_000
    assert sum(v.numel() * v.element_size() for v in module.state_dict().values()) < 3e6


def test_the_architectures_differ_in_kind():
    referee, guide = build("residual", 32, 3, 24), build("plain", 32, 3, 24)

    def kinds(module):
        return {type(part) for part in module.modules()}

    assert nn.ReLU in kinds(referee) - kinds(guide)
    assert {nn.SiLU, nn.MaxPool2d} <= kinds(guide) - kinds(referee)
    kernels = [{m.kernel_size for m in module.modules() if isinstance(m, nn.Conv2d)} for module in (referee, guide)]
    assert (5, 5) in kernels[1] - kernels[0]
    assert (1, 1) in kernels[0] - kernels[1]


@pytest.mark.parametrize(("resolution", "count"), [(8, 1), (16, 2), (28, 2), (32, 3), (64, 4), (128, 4), (256, 4)])
def test_maps_are_halved_down_to_four_pixels(resolution, count):
    assert halvings(resolution) == count
    for architecture in ARCHITECTURES:
        module = build(architecture, resolution, 1, 2).eval()
        pooled = torch.zeros(1, 1, resolution, resolution)
        with torch.no_grad():
            side = module.maps(nn.functional.avg_pool2d(pooled, module.shrink)).shape[-1]
        assert 4 <= side < 8


@BOTH
def test_logits_do_not_depend_on_the_company_in_a_batch(architecture):
    module = build(architecture, 16, 1, 10).eval()
    images = torch.rand(5, 1, 16, 16)
    with torch.no_grad():
        together, alone = module(images), torch.cat([module(image[None]) for image in images])
    assert together.numpy() == pytest.approx(alone.numpy(), abs=1e-5)


@BOTH
def test_pictures_get_gradients_from_the_frozen_network(architecture):
    module = build(architecture, 16, 3, 4).eval().requires_grad_(False)
    images = torch.rand(2, 3, 16, 16, requires_grad=True)
    module(images).square().sum().backward()
    assert images.grad.isfinite().all()
    assert (images.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


@BOTH
def test_every_parameter_gets_a_gradient(architecture):
    module = build(architecture, 16, 3, 4)
    module(torch.rand(4, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_plain_pooling_lies_between_mean_and_maximum():
    maps = torch.randn(2, 8, 4, 4)
    pooled = build("plain", 16, 1, 2).pool(maps)
    assert (pooled >= maps.mean(dim=(2, 3)) - 1e-6).all()
    assert (pooled <= maps.amax(dim=(2, 3)) + 1e-6).all()


def test_impossible_networks_are_refused():
    with pytest.raises(ConfigError, match="resolution 4 is too small"):
        build("plain", 4, 1, 10)
    with pytest.raises(ConfigError, match="'vgg' is unknown: use residual or plain"):
        build("vgg", 16, 1, 10)
