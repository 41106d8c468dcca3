"""Shapes, recipe D2's layers, the projection formula, spectral norms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genbench_cgan.networks import (
    Conditioning,
    DCGANDiscriminator,
    DCGANGenerator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from genbench_cgan.networks.layers import DiscriminatorHead, Labels, grid
from genbench_cgan.networks.resnet import ConditionalBatchNorm
from genbench_cgan.presets import PRESETS
from torch import nn

K = 5
GENERATORS = (DCGANGenerator, ResNetGenerator)
DISCRIMINATORS = (DCGANDiscriminator, ResNetDiscriminator)


def generator(kind: Any, resolution: int = 16, channels: int = 1, **options: Any) -> nn.Module:
    settings: dict[str, Any] = {"noise": 6, "embedding": 7, "width": 4, "label_values": "binary"} | options
    network: nn.Module = kind(resolution=resolution, channels=channels, conditions=K, **settings)
    return network


def discriminator(kind: Any, resolution: int = 16, channels: int = 1, **options: Any) -> nn.Module:
    settings: dict[str, Any] = {"width": 4, "conditioning": "concat", "planes": 1, "label_values": "binary"} | options
    network: nn.Module = kind(resolution=resolution, channels=channels, conditions=K, **settings)
    return network


def conditions(n: int) -> torch.Tensor:
    return torch.eye(K)[torch.arange(n) % K]


@pytest.mark.parametrize(("resolution", "expected"), [(16, (4, 2)), (28, (7, 2)), (32, (4, 3)), (64, (4, 4))])
def test_grid(resolution: int, expected: tuple[int, int]) -> None:
    assert grid(resolution) == expected
    side, doublings = expected
    assert side * 2**doublings == resolution


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("resolution", [16, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_generators_draw_pictures_in_range(kind: Any, resolution: int, channels: int) -> None:
    images = generator(kind, resolution, channels)(torch.randn(3, 6), conditions(3))
    assert images.shape == (3, channels, resolution, resolution)
    assert images.abs().max() < 1


@pytest.mark.parametrize("kind", DISCRIMINATORS)
@pytest.mark.parametrize("resolution", [16, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("conditioning", ["concat", "projection", "none"])
def test_discriminators_judge(kind: Any, resolution: int, channels: int, conditioning: Conditioning) -> None:
    network = discriminator(kind, resolution, channels, conditioning=conditioning, planes=2, classes=9)
    images = torch.randn(3, channels, resolution, resolution)
    logits, classes = network.eval()(images, conditions(3))
    assert logits.shape == (3,)
    assert classes.shape == (3, 9)
    others, _ = network(images, conditions(3).roll(1, dims=1))
    assert torch.equal(logits, others) == (conditioning == "none")


@pytest.mark.parametrize("kind", GENERATORS)
def test_generators_use_noise_and_condition(kind: Any) -> None:
    torch.manual_seed(0)
    network, noise = generator(kind).eval(), torch.randn(4, 6)
    images = network(noise, conditions(4))
    assert torch.equal(images, network(noise, conditions(4)))
    assert not torch.allclose(images, network(noise, conditions(4).roll(1, dims=1)))
    assert not torch.allclose(images, network(noise.roll(1, dims=0), conditions(4)))


def test_index_labels_are_index_plus_one() -> None:
    given = torch.tensor([[1.0, 0, 1, 0, 1]])
    assert Labels(K, "index")(given).tolist() == [[1, 0, 3, 0, 5]]
    assert Labels(K, "binary")(given).tolist() == given.tolist()


def test_recipe_d2_has_its_authors_layers() -> None:
    train = PRESETS["d2"].train
    shared = {"resolution": 64, "channels": 3, "conditions": 24, "label_values": train["label_values"]}
    g = DCGANGenerator(noise=train["noise"], embedding=train["embedding"], width=train["width"], **shared)
    d = DCGANDiscriminator(width=train["width"], conditioning="concat", planes=train["planes"], **shared)

    up = [(m.in_channels, m.out_channels, m.stride[0]) for m in g.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert up == [(1024, 512, 1), (512, 256, 2), (256, 128, 2), (128, 64, 2), (64, 3, 2)]
    assert [m.num_features for m in g.modules() if isinstance(m, nn.BatchNorm2d)] == [512, 256, 128, 64]
    down = [(m.in_channels, m.out_channels, m.stride[0]) for m in d.modules() if isinstance(m, nn.Conv2d)]
    assert down == [(4, 64, 2), (64, 128, 2), (128, 256, 2), (256, 512, 2), (512, 1, 1)]
    linear = [(m.in_features, m.out_features) for n in (g, d) for m in n.modules() if isinstance(m, nn.Linear)]
    assert linear == [(24, 512), (24, 4096)]
    slopes = {m.negative_slope for m in d.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}
    labels = [m for n in (g, d) for m in n.modules() if isinstance(m, Labels)]
    assert all(m.values.tolist() == list(range(1, 25)) for m in labels)
    assert len(labels) == 2
    kernels = 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
    assert sum(p.numel() for p in g.parameters()) == 24 * 512 + 512 + kernels + 2 * (512 + 256 + 128 + 64)


def test_projection_adds_the_inner_product_of_label_and_features() -> None:
    head = DiscriminatorHead(6, K, projection=True, classes=0)
    assert head.project is not None
    features, logits = torch.randn(4, 6), torch.randn(4)
    given = torch.tensor([[1.0, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    judged, classes = head(logits, features, given)
    embeddings = head.project.weight.T  # one row a condition
    for i, row in enumerate(given):
        expected = logits[i] + sum((embeddings[k] @ features[i] for k in row.nonzero().flatten()), torch.zeros(()))
        torch.testing.assert_close(judged[i], expected)
    assert classes is None


def test_every_layer_of_the_residual_discriminator_has_spectral_norm_one() -> None:
    torch.manual_seed(0)
    network = discriminator(ResNetDiscriminator, 32, 3, conditioning="projection", classes=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)
        for _ in range(100):  # each pass is one power iteration
            network(torch.randn(2, 3, 32, 32), conditions(2))
    network.eval()
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) > 10
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert norm.item() == pytest.approx(1, abs=0.02)


def test_conditional_batch_norm_scales_and_shifts_by_style() -> None:
    layer, x = ConditionalBatchNorm(3, 2), torch.randn(8, 3, 4, 4) * 5 + 2
    plain = nn.BatchNorm2d(3, affine=False)(x)
    with torch.no_grad():
        layer.modulate.weight.copy_(torch.tensor([[1.0, 0]] * 3 + [[0, 1.0]] * 3))  # γ = s₁, β = s₂
        layer.modulate.bias.zero_()
    style = torch.randn(8, 2)
    expected = (1 + style[:, 0, None, None, None]) * plain + style[:, 1, None, None, None]
    torch.testing.assert_close(layer(x, style), expected)
