"""Inception weights: known tensors only, never unpickled; the features are torch-fidelity's."""

import os

import numpy as np
import pytest
import torch

from genbench.errors import DataError
from genbench.metrics import inception
from genbench.metrics.inception import FILE, InceptionExtractor, find_weights, load_state, weights_hash
from tests.metrics.inception_files import untrained


@pytest.fixture(scope="module")
def reference():
    """torch-fidelity's own extractor with random weights, and its state."""
    return untrained("2048")


@pytest.fixture
def weights(reference, tmp_path, monkeypatch):
    """A file of these weights, which are made known for the test."""
    state = reference.state_dict()
    torch.save(state, tmp_path / FILE)
    monkeypatch.setattr(inception, "KNOWN_TENSORS", (weights_hash(state),))
    return tmp_path / FILE


def test_features_are_those_of_torch_fidelity(reference, weights):
    extractor = InceptionExtractor.load(weights, torch.device("cpu"))
    images = np.random.default_rng(0).integers(256, size=(3, 16, 16, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = reference(torch.from_numpy(images).permute(0, 3, 1, 2))[0].numpy()
    features = extractor.features(images)
    assert features.shape == (3, 2048)
    assert features == pytest.approx(expected, rel=1e-4, abs=1e-4 * float(expected.max()))
    grey = images[..., :1]
    assert np.array_equal(extractor.features(grey), extractor.features(np.repeat(grey, 3, axis=-1)))
    assert extractor.identity == {
        "extractor": "inception-v3-compat",
        "weights": weights_hash(reference.state_dict()),
        "resize": "bilinear-tf1-299",
    }


def test_the_classifier_plays_no_part(reference, weights):
    state = {k: v for k, v in reference.state_dict().items() if not k.startswith("fc.")}
    assert weights_hash(state) == weights_hash(reference.state_dict())
    torch.save(state, weights)
    assert InceptionExtractor.load(weights, torch.device("cpu")).weights == weights_hash(state)


def test_unknown_weights_are_refused(reference, tmp_path):
    torch.save(reference.state_dict(), tmp_path / FILE)
    with pytest.raises(DataError, match="are not the known Inception-v3: get weights-inception"):
        load_state(tmp_path / FILE)


def test_a_file_known_by_its_sum_is_taken(reference, tmp_path, monkeypatch):
    torch.save(reference.state_dict(), tmp_path / FILE)
    monkeypatch.setattr(inception, "KNOWN_FILES", (inception.file_hash(tmp_path / FILE)[:8],))
    assert weights_hash(load_state(tmp_path / FILE)) == weights_hash(reference.state_dict())


class Code:
    def __reduce__(self):
        return (os.mkdir, ("code-was-run",))


def test_code_in_a_file_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"fc.weight": Code()}, FILE)
    with pytest.raises(DataError, match="not a file of tensors"):
        load_state(tmp_path / FILE)
    assert not (tmp_path / "code-was-run").exists()


def test_damaged_and_foreign_files_are_refused(tmp_path, monkeypatch):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    torch.save([1, 2], tmp_path / "list")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other")
    for name in ("text", "empty", "list", "other", "absent"):
        with pytest.raises(DataError, match=f"{name}: "):
            load_state(tmp_path / name)
    monkeypatch.setattr(inception, "KNOWN_TENSORS", (weights_hash({"a": torch.zeros(2)}),))
    with pytest.raises(DataError, match="does not fit Inception-v3"):
        InceptionExtractor.load(tmp_path / "other", torch.device("cpu"))


def test_weights_are_found_in_the_usual_places(tmp_path, monkeypatch):
    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path))
    assert find_weights() is None
    (tmp_path / "inception").mkdir()
    (tmp_path / "inception" / FILE).touch()
    assert find_weights() == tmp_path / "inception" / FILE
    (tmp_path / FILE).touch()
    assert find_weights() == tmp_path / FILE
    assert find_weights(tmp_path / "inception" / FILE) == tmp_path / "inception" / FILE
    with pytest.raises(DataError, match=f"no file of Inception weights: name {FILE}"):
        find_weights(tmp_path / "absent.pth")
