"""Extraction, its cache, and the choice of real pictures."""

import numpy as np
import pytest

from genbench.errors import DataError
from genbench.metrics.features import RefereeExtractor, choose_extractor, extract, pictures_hash, real_pictures


class Counting:
    """An extractor that counts its calls."""

    def __init__(self, scale=1.0):
        self.scale, self.calls = scale, 0

    @property
    def identity(self):
        return {"extractor": "counting", "weights": str(self.scale), "resize": "none"}

    def features(self, images):
        self.calls += 1
        return (images.reshape(len(images), -1)[:, :5] * self.scale).astype(np.float32)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(256, size=(30, 4, 4, 1), dtype=np.uint8)


def test_the_same_pictures_are_extracted_once(images, tmp_path):
    extractor = Counting()
    first, again = extract(extractor, images, tmp_path), extract(extractor, images.copy(), tmp_path)
    assert extractor.calls == 1
    assert np.array_equal(first, again)
    extract(extractor, images[::-1], tmp_path)
    assert extractor.calls == 2
    other = Counting(2.0)
    assert np.array_equal(extract(other, images, tmp_path), 2 * first)


def test_a_damaged_cache_is_replaced(images, tmp_path):
    extractor = Counting()
    first = extract(extractor, images, tmp_path)
    (file,) = tmp_path.rglob("*.npy")
    for damage in (b"", b"damaged", file.read_bytes()[:150]):
        file.write_bytes(damage)
        assert np.array_equal(extract(extractor, images, tmp_path), first)
    assert extractor.calls == 4


def test_features_must_be_finite(images):
    with pytest.raises(DataError, match="features of picture 0 are not finite"):
        extract(Counting(np.nan), images)


def test_pictures_hash_sees_content_only(images):
    assert pictures_hash(images) == pictures_hash(np.asfortranarray(images))
    changed = images.copy()
    changed[-1, -1, -1, -1] ^= 1
    hashes = {pictures_hash(a) for a in (images, changed, images[:-1], images[::-1], images.reshape(30, 2, 8, 1))}
    assert len(hashes) == 5


def test_real_pictures_are_a_fixed_choice_without_repeats(toy):
    test = toy.pictures(np.zeros((60, 6)), np.eye(6)[np.zeros(60, int)])
    context = toy.context({}, test=test)
    chosen = real_pictures(context, "test", 20)
    assert np.array_equal(chosen, real_pictures(context, "test", 20))
    assert len(np.unique(chosen, axis=0)) == 20
    places = [int(np.flatnonzero((test.images == picture).all(axis=(1, 2, 3)))[0]) for picture in chosen]
    assert len({place % 3 for place in places}) == 3  # not one picture of each scene of three
    assert np.array_equal(real_pictures(context, "test", 60), test.images)
    assert np.array_equal(real_pictures(context, "test", 99), test.images)


def test_without_inception_weights_the_referee_extracts(toy):
    test = toy.pictures(np.zeros((9, 6)), np.eye(6)[np.zeros(9, int)])
    context = toy.context({}, test=test)
    extractor = choose_extractor(context)
    assert isinstance(extractor, RefereeExtractor)
    assert np.array_equal(extractor.features(test.images), context.evaluators.referee.features(test.images))
    assert set(extractor.identity) >= {"extractor", "weights", "resize"}


def test_features_do_not_depend_on_the_batch(toy):
    test = toy.pictures(np.zeros((600, 6)), np.eye(6)[np.zeros(600, int)])
    referee = toy.evaluator("referee")
    parts = np.concatenate([referee.features(test.images[i : i + 77]) for i in range(0, 600, 77)])
    assert referee.features(test.images) == pytest.approx(parts, abs=1e-6)
