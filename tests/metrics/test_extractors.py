"""Which extractor is chosen, and extractors that a distribution registers."""

import dataclasses
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from genbench.errors import ConfigError, DataError, PluginError
from genbench.metrics import extractors
from genbench.metrics.base import NotMeasurable
from genbench.metrics.extractors import RefereeExtractor, choose_extractor, names
from genbench.metrics.features import extract
from genbench.metrics.fid import FID


class Rows:
    """The mean of each row of pixels."""

    identity = {"extractor": "rows", "weights": "none", "resize": "none"}  # noqa: RUF012

    def __init__(self, device):
        self.device = device

    def features(self, images):
        return images.mean(axis=(2, 3))


class Flat(Rows):
    def features(self, images):
        return images.reshape(-1)


class Nameless(Rows):
    identity = {"extractor": "nameless"}  # noqa: RUF012


def broken(device):
    raise RuntimeError("no\nsuch thing")


@pytest.fixture
def registered(monkeypatch):
    found = {
        name: EntryPoint(name, f"tests.metrics.test_extractors:{value}", extractors.GROUP)
        for name, value in {"rows": "Rows", "flat": "Flat", "nameless": "Nameless", "broken": "broken"}.items()
    }
    monkeypatch.setattr(extractors, "_registered", lambda: found)
    extractors._plugged.cache_clear()


@pytest.fixture
def context(toy):
    made = toy.pictures(np.random.default_rng(0).integers(256, size=(20, 6)), np.eye(6)[np.zeros(20, int)])
    return toy.context({"fidelity": made}, test=made)


def test_a_registered_extractor_measures_under_its_own_identity(context, registered):
    assert names() == ["broken", "flat", "inception", "nameless", "referee", "rows"]
    chosen = dataclasses.replace(context, extractor="rows")
    value = FID().compute(chosen)[0]
    assert value.identity["extractor"] == "rows"
    assert value.identity != FID().compute(context)[0].identity
    assert extract(choose_extractor(chosen), context.pictures["fidelity"].images).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("row", ConfigError, r"unknown extractor 'row': did you mean 'rows'\?"),
        ("broken", PluginError, r"extractor 'broken' \(.*\) cannot be loaded: RuntimeError: no such thing"),
        ("nameless", PluginError, "its identity lacks resize, weights"),
        ("inception", ConfigError, "'inception' has no weights: name their file by --inception-weights"),
    ],
)
def test_what_cannot_be_had_is_refused(context, registered, name, error, message):
    with pytest.raises(error, match=message):
        choose_extractor(dataclasses.replace(context, extractor=name))


def test_features_are_one_vector_a_picture(context, registered):
    with pytest.raises(DataError, match=r"one vector a picture, not \[1280\] for 20 pictures"):
        FID().compute(dataclasses.replace(context, extractor="flat"))


def test_the_referee_by_default_and_by_name(context, tmp_path):
    assert isinstance(choose_extractor(context), RefereeExtractor)
    with_weights = dataclasses.replace(context, extractor="referee", inception_weights=tmp_path)
    assert isinstance(choose_extractor(with_weights), RefereeExtractor)


def test_without_conditions_there_is_no_referee(toy):
    made = toy.pictures(np.zeros((4, 6)), np.eye(6)[np.zeros(4, int)])
    with pytest.raises(NotMeasurable, match=r"no two conditions .* by --inception-weights"):
        choose_extractor(toy.context({"fidelity": made}, test=made, classes=1))
