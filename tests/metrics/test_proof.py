"""Whole way from pictures to values against torch-fidelity's own front end, on the same pictures and weights.

The weights are random where there is no file; with ``GENBENCH_INCEPTION=FILE`` the slow test takes the real ones.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity

from genbench.metrics import inception
from genbench.metrics.frechet import frechet
from genbench.metrics.inception import InceptionExtractor, InceptionLogits
from genbench.metrics.inception_score import inception_score
from genbench.metrics.kid import kid
from genbench.metrics.prdc import precision, recall
from tests.metrics.inception_files import known_file

REAL = os.environ.get("GENBENCH_INCEPTION", "")


class Dataset(torch.utils.data.Dataset):
    def __init__(self, images):
        colour = images if images.shape[-1] == 3 else np.repeat(images, 3, axis=-1)
        self.images = torch.from_numpy(np.ascontiguousarray(colour.transpose(0, 3, 1, 2)))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


def two_sets(n, size, channels, seed=0):
    """Blobs of light on a dark ground, and noisier ones."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(-1, 1, size)
    centre, colour = rng.uniform(-0.5, 0.5, (2, 2 * n, 1, 1)), rng.uniform(100, 255, (2 * n, 1, 1, channels))
    blob = np.exp(-8 * ((grid[:, None] - centre[0]) ** 2 + (grid - centre[1]) ** 2))
    images = blob[..., None] * colour + rng.normal(0, 12, (2 * n, size, size, channels))
    images[n:] += rng.normal(0, 40, (n, size, size, channels))
    pictures = images.clip(0, 255).astype(np.uint8)
    return pictures[n:], pictures[:n]


def theirs(made, real, path, batch):
    return torch_fidelity.calculate_metrics(
        input1=Dataset(made),
        input2=Dataset(real),
        cuda=False,
        batch_size=batch,
        fid=True,
        kid=True,
        prc=True,
        isc=True,
        isc_splits=2,
        kid_subsets=1,
        kid_subset_size=len(made),
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(path),
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )


def ours(made, real, path):
    extractor, logits = (kind.load(path, torch.device("cpu")) for kind in (InceptionExtractor, InceptionLogits))
    x, y = extractor.features(made), extractor.features(real)
    return {
        "frechet_inception_distance": frechet(x, y).value,
        "kernel_inception_distance_mean": kid(x, y).value,
        "precision": precision(x, y),
        "recall": recall(x, y),
        "inception_score_mean": inception_score(logits.features(made), splits=2)[0],
    }


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield known_file(tmp_path_factory.mktemp("weights"), patch)


def compare(found, expected):
    distance, kernel = (
        expected[f"{name}_inception_distance{end}"] for name, end in (("frechet", ""), ("kernel", "_mean"))
    )
    assert distance > 1e-3
    assert found["frechet_inception_distance"] == pytest.approx(distance, rel=1e-5)
    assert found["kernel_inception_distance_mean"] == pytest.approx(kernel, rel=1e-5, abs=1e-5)
    for name in ("precision", "recall"):
        assert found[name] == pytest.approx(expected[name], abs=1e-6)
    assert found["inception_score_mean"] == pytest.approx(expected["inception_score_mean"], rel=1e-4)


@pytest.mark.parametrize(("size", "channels", "batch"), [(28, 1, 8), (33, 3, 3)])
def test_equals_torch_fidelity_from_pictures_to_values(weights, monkeypatch, size, channels, batch):
    monkeypatch.setattr(inception, "BATCH", batch)  # torch-fidelity sees batches of this size too
    made, real = two_sets(8, size, channels)
    compare(ours(made, real, weights), theirs(made, real, weights, batch))


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="needs GENBENCH_INCEPTION, the file of the real weights")
@pytest.mark.parametrize(
    ("size", "channels", "batch"), [(28, 1, 1), (28, 3, 256), (32, 3, 32), (64, 3, 7), (45, 1, 64), (64, 1, 32)]
)
def test_equals_torch_fidelity_with_the_real_weights(monkeypatch, size, channels, batch):
    monkeypatch.setattr(inception, "BATCH", batch)
    made, real = two_sets(20, size, channels)
    compare(ours(made, real, Path(REAL)), theirs(made, real, Path(REAL), batch))


def test_features_do_not_depend_on_batch_or_order(weights, monkeypatch):
    images, _ = two_sets(5, 20, 3)
    extractor = InceptionExtractor.load(weights, torch.device("cpu"))
    whole = extractor.features(images)
    for batch in (1, 2, 256):
        monkeypatch.setattr(inception, "BATCH", batch)
        order = np.random.default_rng(batch).permutation(5)
        assert extractor.features(images[order]) == pytest.approx(whole[order], rel=1e-4, abs=1e-5 * float(whole.max()))
