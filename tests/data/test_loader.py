"""The loader: every picture once an epoch, steps without memory, exact conversions, no way to target labels."""

import inspect
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genbench.api import AdaptationBatch
from genbench.data import Batches, PairBatches, Split, UInt8Array, loader, to_float, to_uint8
from genbench.data.loader import Order, Rows
from genbench.errors import ConfigError, DataError


def numbered(size: int, channels: int = 1, side: int = 4) -> UInt8Array:
    """Pictures whose every pixel is the picture's number."""
    return np.broadcast_to(np.arange(size, dtype=np.uint8)[:, None, None, None], (size, side, side, channels)).copy()


def numbers(images: torch.Tensor) -> list[int]:
    return to_uint8(images)[:, 0, 0, 0].tolist()


@given(size=st.integers(1, 40), batch_size=st.integers(1, 100), seed=st.integers(0, 2**63), epochs=st.integers(1, 4))
def test_every_epoch_visits_each_picture_once(size: int, batch_size: int, seed: int, epochs: int) -> None:
    order = Order(size, batch_size, seed)
    steps = -(-size * epochs // batch_size)
    visited = np.concatenate([order.indices(step) for step in range(steps)])
    assert len(visited) == steps * batch_size
    for epoch in range(epochs):
        assert sorted(visited[epoch * size : (epoch + 1) * size]) == list(range(size))


@given(steps=st.lists(st.integers(0, 200), min_size=1, max_size=20))
def test_a_step_does_not_depend_on_earlier_ones(steps: list[int]) -> None:
    used = Order(17, 5, 3)
    for step in steps:
        np.testing.assert_array_equal(used.indices(step), Order(17, 5, 3).indices(step))


def test_epochs_and_seeds_differ() -> None:
    assert Order(50, 50, 0).indices(0).tolist() != Order(50, 50, 0).indices(1).tolist()
    assert Order(50, 50, 0).indices(0).tolist() != Order(50, 50, 1).indices(0).tolist()


def test_order_is_pinned() -> None:
    """Results of resumed and repeated runs hang on this sequence."""
    assert Order(10, 6, 1).indices(1).tolist() == [1, 3, 4, 5, 3, 5]


def test_every_level_survives_the_round_trip() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(4, 8, 8, 1)
    floats = to_float(levels)
    assert floats.dtype == torch.float32
    assert (floats.min().item(), floats.max().item()) == (-1.0, 1.0)
    torch.testing.assert_close(floats, levels.permute(0, 3, 1, 2).double().div(127.5).sub(1).float(), atol=1e-7, rtol=0)
    assert torch.equal(to_uint8(floats), levels)


def test_to_uint8_clips_and_leaves_its_argument_alone() -> None:
    images = torch.tensor([-3.0, -1.0, 0.0, 1.0, 7.0]).reshape(1, 1, 1, 5)
    before = images.clone()
    assert to_uint8(images).flatten().tolist() == [0, 0, 128, 255, 255]
    assert torch.equal(images, before)
    half = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1)
    assert torch.equal(to_uint8(to_float(half).half()), half)


def test_batches_hold_pictures_and_their_conditions() -> None:
    images, conditions = numbered(20, channels=3), np.eye(20, dtype=np.uint8)
    batch = Batches(images, conditions, 8, seed=0, device="cpu").batch(3)
    assert batch.images.shape == (8, 3, 4, 4)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.conditions.dtype == torch.float32
    assert numbers(batch.images) == batch.conditions.argmax(1).tolist()


def test_flip_mirrors_half_of_the_pictures_and_nothing_else() -> None:
    ramp = np.broadcast_to(np.arange(6, dtype=np.uint8)[:, None], (400, 5, 6, 3)).copy()
    ramp[:, 0, 0, 1] = 77
    plain = Batches(ramp, np.zeros((400, 2), np.uint8), 400, 0, "cpu").batch(5).images
    flipping = Batches(ramp, np.zeros((400, 2), np.uint8), 400, 0, "cpu", augment="flip")
    flipped = flipping.batch(5).images
    mirrored = torch.tensor([torch.equal(a, b.flip(2)) for a, b in zip(flipped, plain, strict=True)])
    same = torch.tensor([torch.equal(a, b) for a, b in zip(flipped, plain, strict=True)])
    assert torch.equal(mirrored, ~same)
    assert 150 < mirrored.sum() < 250
    assert torch.equal(flipping.batch(5).images, flipped)
    assert not torch.equal(flipping.batch(6).images, flipped)
    assert ramp[0, 0].tolist() == ramp[399, 0].tolist()  # the source is untouched


def test_memory_mapped_pictures_are_not_changed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", numbered(9))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    batches = Batches(mapped, np.eye(9, dtype=np.uint8), 4, 0, "cpu", augment="flip")
    batches.batch(0).images.zero_()
    np.testing.assert_array_equal(mapped, numbered(9))


def test_pictures_on_the_gpu_only_when_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision, without a GPU: everything 'moves' to the CPU."""
    monkeypatch.setattr(loader, "_to_device", lambda array, device: torch.from_numpy(array))
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *args, **kwargs: tensor)
    array = numbered(10)
    for free, resident in ((array.nbytes * 4, True), (array.nbytes * 4 - 1, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, free))
        rows = Rows(array, torch.device("cuda"))
        assert (rows._resident is not None) is resident
        assert rows.take(np.array([3, 1]))[:, 0, 0, 0].tolist() == [3, 1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("share", [0.25, 0.0])
def test_same_batches_on_the_gpu(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    monkeypatch.setattr(loader, "RESIDENT_SHARE", share)
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    conditions = np.eye(50, dtype=np.uint8)
    here = Batches(images, conditions, 16, 1, "cpu", augment="flip")
    there = Batches(images, conditions, 16, 1, "cuda", augment="flip")
    for step in range(5):
        torch.testing.assert_close(there.batch(step).images.cpu(), here.batch(step).images, atol=1e-6, rtol=0)
        assert torch.equal(there.batch(step).conditions.cpu(), here.batch(step).conditions)
        assert there.batch(step).images.is_contiguous(memory_format=torch.channels_last)


def test_pairs() -> None:
    source = Split(numbered(12), np.eye(12, dtype=np.uint8))
    pairs = PairBatches(source, numbered(30) + 100, 6, seed=0, device="cpu")
    seen_source, seen_target = [], []
    for step in range(10):
        batch = pairs.batch(step)
        assert batch.source_labels.dtype == torch.int64
        assert numbers(batch.source_images) == batch.source_labels.tolist()
        seen_source += numbers(batch.source_images)
        seen_target += numbers(batch.target_images)
    assert sorted(seen_source) == sorted(list(range(12)) * 5)
    assert sorted(seen_target) == sorted(list(range(100, 130)) * 2)


def test_target_labels_have_no_way_in() -> None:
    assert [field.name for field in fields(AdaptationBatch)] == ["source_images", "source_labels", "target_images"]
    assert not [name for name in inspect.signature(PairBatches).parameters if "label" in name or "condition" in name]


def test_source_and_target_are_shuffled_independently() -> None:
    pairs = PairBatches(Split(numbered(30), np.eye(30, dtype=np.uint8)), numbered(30), 30, seed=0, device="cpu")
    batch = pairs.batch(0)
    assert numbers(batch.source_images) != numbers(batch.target_images)


def test_bad_input() -> None:
    one, labels = numbered(3), np.eye(3, dtype=np.uint8)
    with pytest.raises(ConfigError, match="batch of 0 from 3 pictures"):
        Batches(one, labels, 0, 0, "cpu")
    with pytest.raises(DataError, match="3 pictures have 2 conditions"):
        Batches(one, labels[:2], 1, 0, "cpu")
    with pytest.raises(ConfigError, match="unknown augmentation 'rotate'"):
        Batches(one, labels, 1, 0, "cpu", augment="rotate")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="4×4×1 and 4×4×3"):
        PairBatches(Split(one, labels), numbered(3, channels=3), 1, 0, "cpu")
    with pytest.raises(DataError, match="sets, not class labels"):
        PairBatches(Split(one, np.ones((3, 3), np.uint8)), one, 1, 0, "cpu")
