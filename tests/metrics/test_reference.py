"""Features of real pictures as a file: the same values as from the pictures, and nothing taken on trust."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from genbench.errors import DataError
from genbench.metrics.base import NotMeasurable
from genbench.metrics.features import RefereeExtractor
from genbench.metrics.fid import FID
from genbench.metrics.kid import KID
from genbench.metrics.prdc import Precision
from genbench.metrics.reference import FORMAT, load_reference, reference_features, save_reference


def pictures(toy, n, seed):
    scores = np.random.default_rng(seed).integers(256, size=(n, 6))
    return toy.pictures(scores, np.eye(6)[np.zeros(n, int)], seed)


@pytest.fixture
def context(toy):
    made, test, train = (pictures(toy, n, seed) for seed, n in enumerate((20, 50, 60)))
    return toy.context({"fidelity": made}, test=test, train=train)


@pytest.fixture
def file(context, tmp_path):
    content = reference_features(context, RefereeExtractor(context.evaluators.referee))
    return save_reference(tmp_path / "reference.safetensors", content)


@pytest.mark.parametrize("metric", [FID, KID, Precision])
def test_a_file_gives_what_the_pictures_give(context, file, metric):
    known = load_reference(file)
    assert (len(known.features), known.name) == (50, "toy@8/test")
    from_file = metric().compute(dataclasses.replace(context, reference_features=known))
    assert from_file == metric().compute(context)


def test_identity_changes_with_the_reference(context, toy, file):
    value = FID().compute(context)[0]
    other = pictures(toy, 50, 9)
    given = FID().compute(dataclasses.replace(context, reference=other.images))[0]
    assert given.identity["reference"] == "given pictures"
    assert given.identity["reference_hash"] != value.identity["reference_hash"]
    content = reference_features(
        dataclasses.replace(context, reference=other.images), RefereeExtractor(context.evaluators.referee)
    )
    again = FID().compute(dataclasses.replace(context, reference_features=content))[0]
    assert again == given


def test_features_of_another_extractor_are_refused(context, file):
    known = load_reference(file)
    foreign = dataclasses.replace(known, extractor={**known.extractor, "weights": "sha256:other"})
    with pytest.raises(
        DataError, match=r"holds features of referee-features sha256:other, .* choose the same with --ex"
    ):
        FID().compute(dataclasses.replace(context, reference_features=foreign))
    few = dataclasses.replace(known, features=known.features[:1])
    with pytest.raises(NotMeasurable, match="FID needs at least 2 real pictures, not 1"):
        FID().compute(dataclasses.replace(context, reference_features=few))


def test_damaged_and_foreign_files_are_refused(file, tmp_path):
    features = load_reference(file).features
    good = {"format": FORMAT, "card": json.dumps({"extractor": {}, "reference": "x", "reference_hash": "y"})}
    cases = {
        "text": b"hello",
        "empty": b"",
        "pickle": pickle.dumps({"features": features}),
        "cut": file.read_bytes()[:-9],
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
    save_file({"features": features}, tmp_path / "format", metadata={"format": "other"})
    save_file({"features": features}, tmp_path / "card", metadata={**good, "card": "{}"})
    save_file({"other": features}, tmp_path / "tensor", metadata=good)
    save_file({"features": np.full((3, 2), np.nan, np.float32)}, tmp_path / "nan", metadata=good)
    save_file({"features": np.zeros(3, np.float32)}, tmp_path / "shape", metadata=good)
    for name in (*cases, "format", "card", "tensor", "nan", "shape", "absent"):
        with pytest.raises(DataError, match=rf"{name}: .*--save-reference FILE"):
            load_reference(tmp_path / name)


def test_through_the_command_line(cli, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "made").mkdir()
    for number in range(8):
        Image.fromarray(rng.integers(256, size=(16, 16), dtype=np.uint8)).save(tmp_path / "made" / f"{number}.png")
    options = ("evaluate", "made", "--dataset", "digits", "--metrics", "fid,kid", "--format", "json")
    first = cli(*options, "--save-reference", "digits.safetensors")
    assert first.code == 0, first.err
    second = cli(*options, "--reference-features", "digits.safetensors")
    assert second.code == 0, second.err
    assert json.loads(second.out) == json.loads(first.out)
    fid = json.loads(first.out)["metrics"]["fid"]
    assert fid["low"] < fid["mean"] < fid["high"]
    both = cli(*options, "--reference-features", "digits.safetensors", "--save-reference", "again.safetensors")
    assert (both.code, both.out) == (2, "")
    assert "--reference-features stands in place of pictures" in both.err
    unknown = cli(*options, "--extractor", "refere")
    assert unknown.code == 2
    assert "unknown extractor 'refere': did you mean 'referee'?" in unknown.err
