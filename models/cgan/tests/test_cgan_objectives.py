"""The classifier terms against their papers' formulas."""

from __future__ import annotations

import pytest
import torch
from genbench_cgan.networks import Verdict
from genbench_cgan.objectives import AuxiliaryDiscriminativeClassifier, GuideClassifier, JointClassifier
from torch import nn
from torch.nn import functional as F

from genbench.api import condition_loss

N, K = 6, 4
IMAGES = torch.zeros(N, 1, 8, 8)
LABELS = torch.eye(K)[torch.arange(N) % K]
SETS = torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]])


def verdict(outputs: int, seed: int = 0) -> Verdict:
    generator = torch.Generator().manual_seed(seed)
    return Verdict(torch.zeros(N), torch.randn(N, outputs, generator=generator))


@pytest.mark.parametrize(("given", "exclusive"), [(LABELS, True), (SETS, False)])
def test_the_guide_classifies_the_pictures(given: torch.Tensor, exclusive: bool) -> None:
    guide = nn.Sequential(nn.Flatten(), nn.Linear(64, K)).requires_grad_(False)
    images = torch.randn(N, 1, 8, 8, requires_grad=True)
    loss = GuideClassifier(guide, exclusive=exclusive).generator_loss(images, verdict(0), given)
    torch.testing.assert_close(loss, condition_loss(guide(images), given, exclusive=exclusive))
    assert torch.autograd.grad(loss, images)[0].any()


@pytest.mark.parametrize(("given", "exclusive"), [(LABELS, True), (SETS, False)])
def test_the_joint_head_learns_from_real_and_generated_pictures(given: torch.Tensor, exclusive: bool) -> None:
    term = JointClassifier(K, exclusive=exclusive)
    real, fake = verdict(K, 0), verdict(K, 1)
    assert real.classes is not None
    assert fake.classes is not None
    loss = {v: condition_loss(v.classes, given, exclusive=exclusive) for v in (real, fake) if v.classes is not None}
    torch.testing.assert_close(term.discriminator_loss(real, fake, given), loss[real] + loss[fake])
    torch.testing.assert_close(term.generator_loss(IMAGES, fake, given), loss[fake])


def test_adc_gan_for_labels_is_a_softmax_over_class_and_origin() -> None:
    term = AuxiliaryDiscriminativeClassifier(K, exclusive=True)
    real, fake = verdict(term.outputs, 0), verdict(term.outputs, 1)
    assert real.classes is not None
    assert fake.classes is not None
    classes = LABELS.argmax(dim=1)
    expected = F.cross_entropy(real.classes, 2 * classes) + F.cross_entropy(fake.classes, 2 * classes + 1)
    torch.testing.assert_close(term.discriminator_loss(real, fake, LABELS), expected)

    probability = fake.classes.softmax(dim=1).view(N, K, 2)[torch.arange(N), classes]
    expected = -probability[:, 0].log().mean() + probability[:, 1].log().mean()
    torch.testing.assert_close(term.generator_loss(IMAGES, fake, LABELS), expected)


def test_adc_gan_for_sets_is_a_softmax_for_each_object() -> None:
    term = AuxiliaryDiscriminativeClassifier(K, exclusive=False)
    real, fake = verdict(term.outputs, 0), verdict(term.outputs, 1)
    assert real.classes is not None
    assert fake.classes is not None
    expected_d = expected_g = torch.zeros(())
    for k in range(K):
        present = SETS[:, k].long()
        own, others = fake.classes[:, 4 * k : 4 * k + 4], real.classes[:, 4 * k : 4 * k + 4]
        expected_d = expected_d + (F.cross_entropy(others, 2 * present) + F.cross_entropy(own, 2 * present + 1)) / K
        p = own.softmax(dim=1)
        rows = torch.arange(N)
        expected_g = expected_g + (p[rows, 2 * present + 1].log() - p[rows, 2 * present].log()).mean() / K
    torch.testing.assert_close(term.discriminator_loss(real, fake, SETS), expected_d)
    torch.testing.assert_close(term.generator_loss(IMAGES, fake, SETS), expected_g)


def test_adc_gans_generator_is_content_where_real_and_generated_cannot_be_told_apart() -> None:
    for exclusive, given in ((True, LABELS), (False, SETS)):
        term = AuxiliaryDiscriminativeClassifier(K, exclusive=exclusive)
        same = torch.randn(N, term.outputs // 2).repeat_interleave(2, dim=1)  # equal logits for both origins
        assert term.generator_loss(IMAGES, Verdict(torch.zeros(N), same), given).item() == 0
