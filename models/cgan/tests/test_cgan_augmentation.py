"""Laws of differentiable augmentation: shape, range of change, gradients, randomness."""

from __future__ import annotations

import pytest
import torch
from genbench_cgan.augmentation import AUGMENTATIONS, Augmentation, augment, translation


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_gradient_and_repeatability(name: Augmentation, channels: int) -> None:
    images = torch.rand(16, channels, 12, 12) * 2 - 1
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    torch.manual_seed(3)
    first = augment(images, (name,))
    torch.manual_seed(3)
    assert torch.equal(first, augment(images, (name,)))
    assert first.shape == images.shape
    assert torch.isfinite(first).all()
    (gradient,) = torch.autograd.grad(first.sum(), images)
    assert gradient.any()
    if not (name == "saturation" and channels == 1):  # grey pictures have no saturation to change
        assert not torch.equal(first, images)


def test_translation_moves_whole_pictures_by_the_allowed_reach() -> None:
    torch.manual_seed(0)
    images = torch.zeros(64, 1, 16, 16)
    images[:, :, 8, 8] = 1.0
    moved = translation(images, 0.125)
    assert torch.equal(moved.sum(dim=(1, 2, 3)), torch.ones(64))
    places = moved[:, 0].nonzero()[:, 1:] - 8
    assert places.abs().max() == 2
    assert len(torch.unique(places, dim=0)) > 15  # of 25


def test_translation_repeats_the_edge() -> None:
    rows = torch.arange(16.0)[None, None, :, None].expand(8, 1, 16, 16)
    moved = translation(rows)
    assert set(moved.unique().tolist()) <= set(range(16))
    assert torch.equal(moved, moved[..., :1].expand_as(moved))


def test_means_are_kept_by_contrast_and_saturation() -> None:
    images = torch.rand(8, 3, 6, 6)
    torch.testing.assert_close(augment(images, ("contrast",)).mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)))
    torch.testing.assert_close(augment(images, ("saturation",)).mean(dim=1), images.mean(dim=1))


def test_nothing_changes_without_augmentation() -> None:
    images = torch.rand(2, 1, 8, 8)
    assert augment(images, ()) is images
