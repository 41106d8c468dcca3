"""Training on a toy task: it learns, repeats under a seed, and leaves the surroundings alone."""

import numpy as np
import pytest
import torch

from genbench.errors import ConfigError
from genbench.evaluators.evaluator import Evaluator
from genbench.evaluators.scoring import topk_accuracy
from genbench.evaluators.store import tensors_hash
from genbench.evaluators.training import RECIPES, _moved, _orders, train


def wrapped(module, data, device):
    return Evaluator("referee", "toy", 1, "", (data.info.resolution, data.info.channels), module, device)


@pytest.mark.parametrize(("role", "exclusive"), [("referee", False), ("guide", True)])
def test_it_learns(make_data, device, role, exclusive):
    data = make_data(exclusive=exclusive, counts=(240, 60, 120))
    if not exclusive:  # left and right are told apart here, and flips are for data where they are not
        data = mirrored(data)
    module = train(data, role, device=device)
    test = data.splits["test"]
    assert not module.training
    assert topk_accuracy(wrapped(module, data, device).logits(test.images), test.conditions) > 0.95


def mirrored(data):
    """The toy task with conditions that a mirror does not change: upper row lit, lower row lit, …"""
    for split in data.splits.values():
        split.conditions[:, 1] = split.conditions[:, 0]
        split.conditions[:, 3] = split.conditions[:, 2]
        split.conditions[split.conditions.sum(1) == 0] = [1, 1, 0, 0]
        lit = split.conditions.reshape(-1, 2, 2).repeat(4, 1).repeat(4, 2)
        split.images[...] = (60 + 120 * lit)[..., None]
    return data


def test_a_seed_repeats_and_another_differs(make_data, device):
    data = make_data(exclusive=True, counts=(64, 32, 32))
    first, again = (train(data, "guide", device=device, seed=3).state_dict() for _ in range(2))
    other = train(data, "guide", device=device, seed=4).state_dict()
    assert tensors_hash(first) == tensors_hash(again)
    assert tensors_hash(first) != tensors_hash(other)


def test_the_global_generator_is_left_alone(make_data, device):
    data = make_data(exclusive=True, counts=(64, 32, 32))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(data, "guide", device=device)
    assert torch.equal(torch.rand(3), expected)


def test_progress_counts_to_the_end(make_data, device):
    calls = []
    train(
        make_data(exclusive=True, counts=(64, 32, 32)),
        "guide",
        device=device,
        progress=lambda *call: calls.append(call),
    )
    assert calls[-1] == ("guide", len(calls), len(calls))
    assert [done for _, done, _ in calls] == list(range(1, len(calls) + 1))


def test_roles_use_different_architectures():
    assert RECIPES["guide"].architecture != RECIPES["referee"].architecture


def test_one_condition_cannot_be_learnt(make_data, device):
    data = make_data(exclusive=True)
    one = type(data.info)("faces", 8, 3, ("face",), True, 10)
    with pytest.raises(ConfigError, match="faces has no two conditions"):
        train(type(data)(one, data.splits, {}, data.identity), "guide", device=device)


def test_every_picture_comes_once_an_epoch():
    rows = np.concatenate(list(_orders(10, 4, 5, np.random.default_rng(0))))
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))


def test_moved_pictures_are_shifts_of_the_originals():
    images = np.random.default_rng(0).integers(256, size=(4, 16, 16, 1), dtype=np.uint8)
    rows = np.array([3, 0, 3])
    moved = _moved(images, rows, RECIPES["guide"], False, np.random.default_rng(1))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    for row, picture in zip(rows, moved, strict=True):
        shifts = [padded[row, y : y + 16, x : x + 16] for y in range(3) for x in range(3)]
        assert sum(np.array_equal(picture, shift) for shift in shifts) == 1


def test_flips_mirror_about_half():
    images = np.tile(np.arange(16, dtype=np.uint8)[None, None, :, None], (1, 16, 1, 1))
    moved = _moved(images, np.zeros(400, int), RECIPES["guide"], True, np.random.default_rng(1))
    falling = (moved[:, 0, 0, 0] > moved[:, 0, -1, 0]).mean()
    assert 0.4 < falling < 0.6
