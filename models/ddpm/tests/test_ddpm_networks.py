"""The U-Net: shapes, sizes, every parameter in use, every way of conditioning."""

import pytest
import torch
from genbench_ddpm.networks import layers
from genbench_ddpm.networks.context_unet import ContextUNet
from genbench_ddpm.networks.layers import CrossAttention, SelfAttention, attend, sinusoidal_embedding
from genbench_ddpm.networks.norm import GroupNorm
from genbench_ddpm.networks.unet import UNet

CONDITIONINGS = ("add", "adagn", "concat", "cross-attention", "adagn+cross-attention")
K = 5


def inputs(n, channels, resolution):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, channels, resolution, resolution, generator=generator)
    conditions = (torch.rand(n, K, generator=generator) < 0.5).float()
    return x, torch.linspace(0, 0.9, n), conditions


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [16, 28, 32, 64])
def test_output_has_the_shape_of_the_picture(resolution, channels, patch):
    network = UNet(channels, K, resolution, size="xs", patch=patch)
    x, time, conditions = inputs(2, channels, resolution)
    assert network(x, time, conditions).shape == x.shape


@pytest.mark.parametrize(("size", "millions"), [("xs", 1), ("xs+", 3), ("s", 5), ("m", 20), ("l", 60)])
def test_sizes_are_about_as_named(size, millions):
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in UNet(3, 24, 32, size=size, patch=patch).parameters()) / 1e6 for patch in (1, 2)
        ]
    assert 0.7 * millions < min(counts)
    assert max(counts) < 1.8 * millions


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_every_parameter_gets_a_gradient_at_once(conditioning):
    network = UNet(1, K, 16, size="xs", patch=2, conditioning=conditioning)
    x, time, conditions = inputs(4, 1, 16)
    network(x, time, conditions).square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_time_and_every_single_condition_change_the_output(conditioning):
    network = UNet(1, K, 16, size="xs", conditioning=conditioning).eval()
    x, time, conditions = inputs(2, 1, 16)
    with torch.no_grad():
        plain = network(x, time, conditions)
        assert not torch.allclose(plain, network(x, time + 0.05, conditions), rtol=1e-3)
        for k in range(K):
            flipped = conditions.clone()
            flipped[:, k] = 1 - flipped[:, k]
            changes = (network(x, time, flipped) - plain).abs().amax(dim=(1, 2, 3))
            assert changes.min() > 1e-5 * plain.abs().mean()  # cross-attention starts small


def test_without_a_way_in_conditions_change_nothing():
    network = UNet(1, K, 16, size="xs", conditioning="none").eval()
    x, time, conditions = inputs(2, 1, 16)
    with torch.no_grad():
        assert torch.equal(network(x, time, conditions), network(x, time, 1 - conditions))


@pytest.mark.parametrize(("resolution", "channels"), [(16, 1), (28, 3), (32, 3), (64, 3)])
def test_context_unet_keeps_the_shape_and_uses_every_parameter(resolution, channels):
    network = ContextUNet(channels, K, resolution, width=16)
    x, time, conditions = inputs(3, channels, resolution)
    output = network(x, time, conditions)
    assert output.shape == x.shape
    output.square().mean().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize(("resolution", "widths"), [(64, [8, 16, 32]), (28, [8, 16])])
def test_context_unet_has_three_levels_or_two_and_one_vector_at_the_bottom(resolution, widths):
    network = ContextUNet(3, K, resolution, width=8)
    sizes = {}
    for name, layer in (*((f"down {i}", d) for i, d in enumerate(network.down)), ("vector", network.to_vector)):
        layer.register_forward_hook(lambda _, __, output, name=name: sizes.__setitem__(name, list(output.shape[1:])))
    x, time, conditions = inputs(2, 3, resolution)
    network(x, time, conditions)
    halved = [resolution // 2**level for level in range(1, len(widths) + 1)]
    expected = {f"down {i}": [width, side, side] for i, (width, side) in enumerate(zip(widths, halved, strict=True))}
    assert sizes == expected | {"vector": [widths[-1], 1, 1]}


def test_context_unet_looks_at_time_and_conditions():
    network = ContextUNet(1, K, 16, width=8).eval()
    x, time, conditions = inputs(2, 1, 16)
    with torch.no_grad():
        assert not torch.allclose(network(x, time, conditions), network(x, time + 0.3, conditions))
        assert not torch.allclose(network(x, time, conditions), network(x, time, 1 - conditions))


@pytest.mark.parametrize("conditioning", ["cross-attention", "adagn+cross-attention"])
def test_pictures_of_a_batch_do_not_mix(conditioning):
    network = UNet(3, K, 16, size="xs", conditioning=conditioning).eval()
    x, time, conditions = inputs(3, 3, 16)
    with torch.no_grad():
        together = network(x, time, conditions)
        alone = torch.cat([network(*(part[i : i + 1] for part in (x, time, conditions))) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_conditions_are_looked_at_from_every_block_of_the_coarsest_grid():
    """Silencing the embedded vector leaves the tokens, and silencing the tokens leaves the vector."""
    network = UNet(1, K, 16, size="xs", conditioning="adagn+cross-attention").eval()
    looks = [module for module in network.modules() if isinstance(module, CrossAttention)]
    assert len(looks) == 5
    x, time, conditions = inputs(2, 1, 16)

    def change():
        with torch.no_grad():
            return (network(x, time, conditions) - network(x, time, 1 - conditions)).abs().mean()

    assert change() > 0
    silenced = network.embed_conditions.weight.detach().clone()
    with torch.no_grad():
        network.embed_conditions.weight.zero_()
        assert change() > 0
        for look in looks:
            look.out.weight.zero_()
        assert change() == 0
        network.embed_conditions.weight.copy_(silenced)
        assert change() > 0


# torch's own kernel; narrow groups on a small grid, of another number of places, on a large grid, without a grid
@pytest.mark.parametrize(
    ("groups", "shape"),
    [(2, (6, 6)), (8, (8, 8)), (8, (6, 6)), (16, (32, 32)), (8, (64,)), (32, (4, 4)), (16, (1024,))],
)
def test_group_norm_in_bfloat16_is_the_float64_norm_rounded(groups, shape):
    """And so are its gradients: nothing errs by more than a few roundings to bfloat16."""
    generator = torch.Generator().manual_seed(0)
    norm = GroupNorm(groups, 32)
    weight, bias = (torch.randn(32, generator=generator) for _ in range(2))
    norm.load_state_dict({"weight": weight, "bias": bias})
    x = (torch.randn(2, 32, *shape, generator=generator) + 3).bfloat16()
    gradient = torch.randn(x.shape, generator=generator).bfloat16()
    # Channels last, as convolutions leave them and as attention hands tokens on.
    x, gradient = (tensor.movedim(1, -1).contiguous().movedim(-1, 1) for tensor in (x, gradient))
    x.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = norm(x)
    found.backward(gradient)
    exact, (weight, bias) = x.detach().double().requires_grad_(), (p.double().requires_grad_() for p in (weight, bias))
    expected = torch.nn.functional.group_norm(exact, groups, weight, bias)
    expected.backward(gradient.double())
    assert found.dtype == x.grad.dtype == torch.bfloat16
    for ours, reference in (
        (found, expected),
        (x.grad, exact.grad),
        (norm.weight.grad, weight.grad),
        (norm.bias.grad, bias.grad),
    ):
        error = (ours.double() - reference).abs().max() / reference.abs().max()
        assert error < 0.015


def test_self_attention_does_not_know_where_things_are():
    """Permuting positions permutes the output: attention itself is blind to place."""
    attention = SelfAttention(64).eval()
    x = torch.randn(2, 64, 4, 4)
    order = torch.randperm(16)
    permuted = x.flatten(2)[:, :, order].view_as(x)
    expected = attention(x).flatten(2)[:, :, order].view_as(x)
    torch.testing.assert_close(attention(permuted), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("most", [2**27, 100])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("tokens", [9, layers.FEW_TOKENS + 1])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_attention_is_one_function_however_it_is_computed(monkeypatch, gradients, most, masked, tokens, dtype, close):
    monkeypatch.setattr(layers, "LARGEST_SCORES", most)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, length, 8, generator=generator) for length in (7, tokens, tokens))
    mask = torch.rand(2, 1, 1, tokens, generator=generator) < 0.5 if masked else None
    with torch.set_grad_enabled(gradients):
        mixed = attend(*(part.to(dtype) for part in (q, k, v)), mask)
    assert mixed.dtype == dtype
    mixed = mixed.float()
    scores = torch.einsum("nhld,nhsd->nhls", q, k) / 8**0.5
    if mask is not None:
        scores = scores.where(mask, torch.tensor(float("-inf")))
    torch.testing.assert_close(mixed, torch.einsum("nhls,nhsd->nhld", scores.softmax(-1), v), rtol=0, atol=close)


def test_cross_attention_looks_only_at_conditions_that_are_present():
    attention = CrossAttention(32, 3)
    x = torch.randn(1, 32, 4, 4)
    present = torch.tensor([[1.0, 0.0, 1.0]])
    attention(x, present).square().sum().backward()
    gradient = attention.tokens.grad
    assert gradient is not None
    assert gradient[[0, 2, 3]].abs().sum(1).min() > 0
    assert not gradient[1].any()


def test_tokens_of_conditions_are_as_large_as_the_features_beside_them():
    """Else they are learned late: tokens of unit length left 20,000 pictures' training at chance."""
    attention = CrossAttention(128, 24)
    x = torch.randn(2, 128, 4, 4)
    keys, values = attention.kv(attention.tokens).chunk(2, dim=1)
    queries = attention.q(attention.norm(x).permute(0, 2, 3, 1))
    for part in (keys, values):
        assert 0.5 < part.std() / queries.std() < 2


def test_time_embedding_tells_neighbouring_steps_apart_and_has_unit_pairs():
    embedding = sinusoidal_embedding(torch.arange(1000) / 1000, 64)
    assert (embedding.diff(dim=0).norm(dim=1) > 0.5).all()
    torch.testing.assert_close(embedding.norm(dim=1), torch.full((1000,), 32**0.5))
