"""Whatever bytes a reader is given, it gives a value or one of genbench's own errors, and runs no code."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genbench.budgets import Budget
from genbench.commands.baseline import read_scores
from genbench.commands.figure import parse_changes
from genbench.commands.noise import read_noise
from genbench.commands.sample import read_conditions
from genbench.data.base import DataRequest
from genbench.data.iclevr import IClevr
from genbench.data.mnist import read_idx
from genbench.data.mnist_m import read_labels
from genbench.data.pictures import read_picture
from genbench.data.svhn import read_mat
from genbench.data.usps import read_libsvm
from genbench.errors import GenbenchError
from genbench.evaluators.store import load as load_evaluator
from genbench.evaluators.tensors import read_pth
from genbench.exporting.archive import ARCHIVE, read_archive
from genbench.files import read_json, read_text
from genbench.keeping import read_history
from genbench.masking import mask_secrets
from genbench.metrics.reference import load_reference
from genbench.specs import ComparisonSpec, RunSpec, parse_assignments, read_toml, validate
from genbench.statistics import Tolerance
from genbench.sweeping.files import read as read_sweep
from tests.badinput.cases import idx, picture, safetensors
from tests.badinput.sources import mat
from tests.badinput.weights import Bomb, features, npy, saved

quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TOML = (
    b'seeds = 1\nname = "x"\n[data]\nname = "digits"\nresolution = 16\n[[rows]]\nfamily = "ddpm"\n'
    b"[rows.train]\nlearning_rate = 1e-3\n"
)
SWEEP = (
    b'family = "ddpm"\nobjectives = ["accuracy"]\ntrials = 3\n[sampler]\nname = "tpe"\n[space]\n'
    b'"train.size" = ["xs", "s"]\n[space."train.learning_rate"]\nlow = 1e-4\nhigh = 1e-2\nlog = true\n'
    b'when = {"train.size" = "s"}\n'
)
SCORES = json.dumps({"schema": 1, "metrics": {"fid": {"values": [1.0], "identity": {}, "better": "lower"}}}).encode()


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Any bytes, or a good file of which some bytes are changed, cut out, doubled or put in."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=200))
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 40)))
        put = draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"", b"nan", b"-1", b"1e999", b"[", b"{", b"\0"])))
        content[start:end] = put
    return bytes(content)


def survives(read: Callable[[], Any]) -> None:
    """It reads, or refuses to."""
    with suppress(GenbenchError):
        read()


READERS: dict[str, tuple[str, Callable[[Path], Any], bytes]] = {
    "text": ("x.txt", read_text, "grüße".encode()),
    "JSON": ("x.json", read_json, b'{"a": [1, 2.5, null, "b"]}'),
    "comparison": ("x.toml", lambda path: validate(ComparisonSpec, read_toml(path), str(path)), TOML),
    "run": (
        "x.toml",
        lambda path: validate(RunSpec, read_toml(path), str(path)),
        b'family = "ddpm"\n[data]\nroot = "x"\n',
    ),
    "sweep": ("x.toml", read_sweep, SWEEP),
    "baseline": ("x.json", read_scores, SCORES),
    "archive": (ARCHIVE, lambda path: read_archive(path.parent), b'{"schema": 1, "table": {"rows": []}, "runs": []}'),
    "curves": ("history.csv", read_history, b"name,step,value\nloss,1,0.5\nloss,2,0.25\n"),
    "idx": ("x-ubyte", lambda path: read_idx(path, 1), idx(np.arange(50))),
    "gzipped idx": ("x.gz", lambda path: read_idx(path, 1), gzip.compress(idx(np.arange(50)))),
    "bz2": ("x.bz2", read_libsvm, bz2.compress(b"1 1:-0.5 2:0.5\n" * 9)),
    "mat": ("x.mat", read_mat, mat(X=np.zeros((32, 32, 3, 2), np.uint8), y=np.ones((2, 1)))),
    "list of labels": ("x.txt", read_labels, b"a.png 1\nb.png 2\n"),
    "PNG": ("x.png", lambda path: read_picture(path, 8, "crop"), picture()),
    "JPEG": ("x.jpg", lambda path: read_picture(path, 8, "crop"), picture("JPEG", "RGB", (24, 24))),
    "WebP": ("x.webp", lambda path: read_picture(path, 8, "crop"), picture("WEBP", "RGB")),
    "BMP": ("x.bmp", lambda path: read_picture(path, 8, "crop"), picture("BMP", "RGB")),
    "npy": ("x.npy", read_noise, npy(np.zeros((2, 1, 2, 2), np.float32))),
    "noise": (
        "x.safetensors",
        read_noise,
        safetensors({"noise": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}, b"\0" * 16),
    ),
    "features": ("x.safetensors", load_reference, features(np.zeros((2, 2)))),
    "evaluator": (
        "x.safetensors",
        lambda path: load_evaluator(path, torch.device("cpu")),
        safetensors({"__metadata__": {"format": "genbench-evaluator-1", "card": '{"name": "a", "conditions": ["b"]}'}}),
    ),
    "torch": ("x.pth", lambda path: read_pth(path, "get another"), saved({"model": {"a": torch.zeros(3)}})),
    "old torch": (
        "x.pth",
        lambda path: read_pth(path, "get another"),
        saved([torch.ones(2)], _use_new_zipfile_serialization=False),
    ),
    "pickle": ("x.pth", lambda path: read_pth(path, "get another"), pickle.dumps(Bomb())),
}


@pytest.mark.parametrize("kind", READERS)
@quickly
@given(data=st.data())
def test_readers_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, data: st.DataObject) -> None:
    name, read, good = READERS[kind]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(data.draw(damaged(good)))
    survives(lambda: read(path))
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@quickly
@given(data=st.data())
def test_label_files_of_a_folder(tmp_path: Path, data: st.DataObject) -> None:
    good = {"objects.json": b'{"a": 0, "b": 1}', "train.json": b'{"s_0.png": ["a"]}', "test.json": b'[["a"]]'}
    bad = data.draw(st.sampled_from(sorted(good)))
    for name, content in {**good, "new_test.json": b'[["b"]]', "s_0.png": picture()}.items():
        (tmp_path / name).write_bytes(data.draw(damaged(content)) if name == bad else content)
    request = DataRequest(root=tmp_path)
    survives(lambda: IClevr().source(request))
    survives(lambda: IClevr().decode(request, 16, lambda done, total: None))


@quickly
@given(st.one_of(st.text(), st.from_regex(r"[0-9.e+-]{1,12}\s?[a-z]{1,6}", fullmatch=True)))
def test_budgets_and_tolerances(text: str) -> None:
    survives(lambda: Budget.parse(text, train_size=100))
    survives(lambda: Tolerance.parse(text))


@quickly
@given(st.one_of(st.text(), st.from_regex(r"(train|sample|x)?\.?[a-z_.]{0,9}=.{0,30}", fullmatch=True)))
def test_assignments(text: str) -> None:
    survives(lambda: parse_assignments([text]))
    survives(lambda: parse_changes([text]))


@quickly
@given(st.one_of(st.text(max_size=50), st.lists(st.sampled_from(["0", "1", ",", ";", " ", "x"])).map("".join)))
def test_lists_of_conditions(text: str) -> None:
    if not text.endswith(".json"):
        survives(lambda: read_conditions(text, ("0", "1", "2"), exclusive=False))


@quickly
@given(user=st.from_regex(r"[a-z]{1,8}", fullmatch=True), secret=st.from_regex(r"[!-~]{4,20}", fullmatch=True))
def test_no_password_of_an_address_is_shown(user: str, secret: str) -> None:
    hidden = secret.replace("*", "x")
    for address in (f"postgresql+psycopg://{user}:{hidden}@host:5432/db", f"https://{user}:{hidden}@host/"):
        masked = mask_secrets(f"cannot reach {address}: refused")
        assert "***" in masked
        assert hidden not in masked.replace(f"{user}:***@host", "").replace("postgresql+psycopg://", "")
        assert mask_secrets(masked) == masked


def test_the_good_files_are_good(tmp_path: Path) -> None:
    """What is damaged above is read when it is whole: else nothing would be shown of the readers' insides."""
    for kind, (name, read, good) in READERS.items():
        if kind not in ("archive", "evaluator", "pickle"):
            (tmp_path / name).write_bytes(good)
            assert read(tmp_path / name) is not None, kind
