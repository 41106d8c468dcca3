"""Files of strangers: nothing in them is executed, none reaches out of its folder, none takes more than its share."""

from __future__ import annotations

import ast
import pickle
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import genbench
from genbench.allocating import bounded
from genbench.commands.noise import read_noise
from genbench.data.locating import DataRequest
from genbench.data.mnist import MNIST, read_idx
from genbench.data.svhn import read_mat
from genbench.data.usps import read_libsvm
from genbench.errors import ConfigError, DataError, GenbenchError
from genbench.evaluators.lab import load_lab
from genbench.evaluators.store import load as load_evaluator
from genbench.files import inside
from genbench.limits import DATA_BYTES, GRID_POINTS, NETWORK_NUMBERS, PIXELS, TEXT_BYTES, UNPACKED_BYTES, Limit
from genbench.metrics.features import extract
from genbench.metrics.inception import load_state
from genbench.metrics.reference import load_reference
from tests.badinput.weights import Bomb, npy, saved

CODE = [Path(genbench.__file__).parent, Path(genbench.__file__).parents[1] / "models"]
CPU = torch.device("cpu")

LOADERS: dict[str, Callable[[Path], object]] = {
    "lab.pth": lambda path: load_lab(path, CPU),
    "inception.pth": load_state,
    "evaluator.safetensors": lambda path: load_evaluator(path, CPU),
    "reference.safetensors": load_reference,
    "noise.npy": read_noise,
    "noise.safetensors": read_noise,
    "train.mat": read_mat,
    "usps.bz2": read_libsvm,
    "train-labels-idx1-ubyte": lambda path: read_idx(path, 1),
}
BOMBS = {
    "pickle": pickle.dumps(Bomb()),
    "torch": saved({"model": Bomb()}),
    "old torch": saved({"model": Bomb()}, _use_new_zipfile_serialization=False),
    "numpy": npy(np.array([Bomb()], object), allow_pickle=True),
}


def test_the_bombs_go_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(BOMBS["pickle"])
    assert Path("exploded").exists()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("file", LOADERS)
def test_no_loader_unpickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, bomb: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / file
    path.write_bytes(BOMBS[bomb])
    with pytest.raises(GenbenchError, match=file):
        LOADERS[file](path)
    assert not Path("exploded").exists()


def test_a_cache_of_features_does_not_unpickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    class Extractor:
        identity: ClassVar[dict[str, str]] = {"extractor": "ones"}

        def features(self, images: np.ndarray) -> np.ndarray:
            return np.ones((len(images), 2), np.float32)

    images = np.zeros((3, 4, 4, 1), np.uint8)
    extract(Extractor(), images, tmp_path / "cache")
    (file,) = (tmp_path / "cache").rglob("*.npy")
    file.write_bytes(BOMBS["numpy"])
    assert (extract(Extractor(), images, tmp_path / "cache") == 1).all()
    assert not Path("exploded").exists()


def test_every_call_that_could_unpickle_says_that_it_must_not() -> None:
    wanted = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
    found = 0
    for path in (path for folder in CODE for path in folder.rglob("*.py") if "tests" not in path.parts):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name in wanted:
                given = {
                    keyword.arg: ast.literal_eval(keyword.value)
                    for keyword in call.keywords
                    if keyword.arg in ("weights_only", "allow_pickle")
                }
                key, value = wanted[name]
                assert given.get(key) is value, f"{path}:{call.lineno}"
                found += 1
            assert name not in ("pickle.load", "pickle.loads", "eval", "exec", "yaml.load"), f"{path}:{call.lineno}"
    assert found >= 3


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../secret", "link", "loop", "a\0b", "x" * 5000, "a"]
)
def test_names_in_lists_stay_inside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(DataError, match=r"list\.txt"):
        inside(folder, name, Path("list.txt"))


def test_links_within_a_folder_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("x")
    (tmp_path / "b.png").symlink_to("a.png")
    assert inside(tmp_path, "b.png", Path("list.txt")) == tmp_path / "b.png"


@pytest.mark.parametrize("limit", [DATA_BYTES, GRID_POINTS, NETWORK_NUMBERS, PIXELS, TEXT_BYTES, UNPACKED_BYTES])
def test_limits_can_be_raised_and_say_how(monkeypatch: pytest.MonkeyPatch, limit: Limit) -> None:
    limit.check(limit.default, "x")
    with pytest.raises(DataError, match=f"x: .* set {limit.variable} higher"):
        limit.check(limit.default + 1, "x")
    monkeypatch.setenv(limit.variable, str(limit.default + 1))
    limit.check(limit.default + 1, "x")
    for bad in ("0", "-1", "many", "1e9", "9" * 30, "\u0663"):
        monkeypatch.setenv(limit.variable, bad)
        with pytest.raises(ConfigError, match=limit.variable):
            limit.check(1, "x")


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Linear(2**30, 2**20),
        lambda: nn.Conv2d(2**20, 2**20, 3),
        lambda: nn.Embedding(2**70, 2),
        lambda: nn.LSTM(8, 2**30),
        lambda: nn.Parameter(torch.zeros(size=(2**40,))),
        lambda: nn.Sequential(*(nn.Linear(2**15, 2**15, bias=False) for _ in range(5))),
    ],
)
def test_networks_that_no_machine_holds_are_not_begun(
    build: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NETWORK_NUMBERS.variable, str(2**20))
    with pytest.raises(ConfigError, match=r"label: .* make the networks smaller"), bounded("label"):
        build()


def test_counting_changes_no_weights() -> None:
    torch.manual_seed(3)
    plain = nn.Conv2d(3, 8, 3).weight
    torch.manual_seed(3)
    with bounded("label"):
        counted = nn.Conv2d(3, 8, 3).weight
    assert torch.equal(plain, counted)


def test_a_download_with_other_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    served = tmp_path / "served"
    served.mkdir()
    for name, _ in datasets.MNIST.resources:
        (served / name).write_bytes(b"not what was published")
    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path / "home"))
    handler = partial(SimpleHTTPRequestHandler, directory=served)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        with pytest.raises(DataError, match="mnist could not be fetched"):
            MNIST().source(DataRequest(download=True))
        server.shutdown()
    assert not list((tmp_path / "home").rglob("*ubyte"))
