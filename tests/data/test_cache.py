"""The cache: what is stored comes back, damage is noticed, two processes do the work once, errors are one line."""

import errno
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genbench.data import SPLITS, DataRequest, Dataset, Progress, RawData, Split, load
from genbench.errors import DataError, GenbenchError
from genbench.home import home, home_folder

SIZES = {"train": 7, "validation": 3, "test": 2}


def raw(resolution: int, seed: int = 0) -> RawData:
    rng = np.random.default_rng(seed)

    def split(size: int) -> Split:
        images = rng.integers(0, 256, (size, resolution, resolution, 3), dtype=np.uint8)
        return Split(images, rng.integers(0, 2, (size, 4), dtype=np.uint8))

    return RawData(
        conditions=("a", "b", "c", "d"),
        exclusive=False,
        splits={name: split(size) for name, size in SIZES.items()},
        condition_lists={"test": np.eye(4, dtype=np.uint8)},
    )


class Noise(Dataset):
    """Random pictures that count how often they are decoded."""

    name = "noise"
    title = "noise"
    default_resolution = 8

    def __init__(self, log: Path | None = None, made: RawData | None = None, pause: float = 0.0) -> None:
        self.log, self.made, self.pause, self.decoded = log, made, pause, 0

    def source(self, request: DataRequest) -> Mapping[str, Any]:
        return {"seed": 0}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
        self.decoded += 1
        if self.log is not None:
            with self.log.open("a") as file:
                file.write("decoded\n")
        time.sleep(self.pause)
        progress(12, 12)
        return self.made or raw(resolution)


def cache_folder(home_: Path) -> Path:
    (folder,) = (home_ / "data").glob("noise-*")
    return folder


def test_round_trip_and_reuse(genbench_home: Path) -> None:
    dataset, seen = Noise(), []
    first = load(dataset, DataRequest(), progress=lambda done, total: seen.append((done, total)))
    second = load(dataset, DataRequest())
    assert dataset.decoded == 1
    assert seen == [(12, 12)]
    expected = raw(8)
    for data in (first, second):
        for name in SPLITS:
            assert isinstance(data.splits[name].images, np.memmap)
            np.testing.assert_array_equal(data.splits[name].images, expected.splits[name].images)
            np.testing.assert_array_equal(data.splits[name].conditions, expected.splits[name].conditions)
        np.testing.assert_array_equal(data.condition_lists["test"], np.eye(4))
    info = second.info
    assert (info.name, info.resolution, info.channels, info.train_size) == ("noise", 8, 3, 7)
    assert (info.conditions, info.exclusive) == (("a", "b", "c", "d"), False)
    assert first.identity == second.identity
    assert not list((genbench_home / "data").glob("*.tmp"))


def test_the_spread_of_pixels_is_told(genbench_home: Path) -> None:
    data = load(Noise(), DataRequest())
    pixels = data.splits["train"].images / 127.5 - 1
    assert data.info.std == pytest.approx(float(pixels.std()), rel=1e-12)


def test_pictures_cannot_be_changed(genbench_home: Path) -> None:
    data = load(Noise(), DataRequest())
    with pytest.raises(ValueError, match="read-only"):
        data.splits["train"].images[0] = 0


def test_identity_is_the_content(genbench_home: Path) -> None:
    class Elsewhere(Noise):
        name = "noise-b"
        version = 9

        def source(self, request: DataRequest) -> Mapping[str, Any]:
            return {"other": "place"}

    base = load(Noise(), DataRequest()).identity
    assert load(Elsewhere(), DataRequest()).identity == base
    changes = {
        "pixels": raw(8, seed=1),
        "names": replace(raw(8), conditions=("a", "b", "c", "e")),
        "lists": replace(raw(8), condition_lists={}),
    }
    for number, (what, made) in enumerate(changes.items()):
        variant = type("Variant", (Noise,), {"name": f"noise-{number}"})
        assert load(variant(made=made), DataRequest()).identity != base, what


def test_key_depends_on_version_resolution_and_source(genbench_home: Path) -> None:
    load(Noise(), DataRequest())
    load(Noise(), DataRequest(resolution=16))
    load(type("Newer", (Noise,), {"version": 2})(), DataRequest())
    load(type("Other", (Noise,), {"source": lambda self, request: {"seed": 1}})(), DataRequest())
    assert len(list((genbench_home / "data").glob("noise-*"))) == 4


def cut_short(folder: Path) -> None:
    path = max(folder.glob("*.npy"), key=lambda file: file.stat().st_size)
    path.write_bytes(path.read_bytes()[:-5])


def reshape(folder: Path) -> None:
    path = folder / json.loads((folder / "meta.json").read_text())["arrays"]["conditions/train"]["file"]
    np.save(path, np.load(path).reshape(4, 7))


def spoil_a_header(folder: Path) -> None:
    path = min(folder.glob("*.npy"))
    path.write_bytes(path.read_bytes()[:8] + b"\x01" + path.read_bytes()[9:])


DAMAGE = {
    "cut short": cut_short,
    "a byte of a header": spoil_a_header,
    "meta nested too deeply": lambda folder: (folder / "meta.json").write_text("[" * 100_000),
    "another shape": reshape,
    "file gone": lambda folder: next(folder.glob("*.npy")).unlink(),
    "meta gone": lambda folder: (folder / "meta.json").unlink(),
    "meta is no JSON": lambda folder: (folder / "meta.json").write_text("{"),
    "meta is a list": lambda folder: (folder / "meta.json").write_text("[]"),
    "meta edited": lambda folder: (folder / "meta.json").write_text(
        (folder / "meta.json").read_text().replace('"a"', '"z"')
    ),
    "a file in its place": lambda folder: (
        [file.unlink() for file in folder.iterdir()],
        folder.rmdir(),
        folder.write_text(""),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_cache_is_rebuilt(genbench_home: Path, damage: Callable[[Path], object]) -> None:
    dataset = Noise()
    identity = load(dataset, DataRequest()).identity
    damage(cache_folder(genbench_home))
    again = load(dataset, DataRequest())
    assert dataset.decoded == 2
    assert again.identity == identity
    np.testing.assert_array_equal(again.splits["train"].images, raw(8).splits["train"].images)


def test_a_changed_bit_is_noticed_said_and_mended(genbench_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset, said = Noise(), []
    for kind in ("images", "conditions"):
        load(dataset, DataRequest(), warned=said.append)
        assert said == []
        path = next(cache_folder(genbench_home).glob(f"*-{kind}.npy"))
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        data = load(dataset, DataRequest(), warned=said.append if kind == "images" else None)
        np.testing.assert_array_equal(data.splits["train"].images, raw(8).splits["train"].images)
        np.testing.assert_array_equal(data.splits["train"].conditions, raw(8).splits["train"].conditions)
        if kind == "images":
            (line,) = said
            assert str(cache_folder(genbench_home)) in line
            said.clear()
    assert dataset.decoded == 3
    assert "damaged" in capsys.readouterr().err


def load_in_process(log: Path, identities: Any) -> None:
    identities.put(load(Noise(log, pause=0.5), DataRequest()).identity)


def test_two_processes_build_once(genbench_home: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    identities = context.SimpleQueue()
    processes = [context.Process(target=load_in_process, args=(tmp_path / "log", identities)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert (tmp_path / "log").read_text() == "decoded\n"
    assert len({identities.get() for _ in processes}) == 1


def test_worker_that_imports_an_unguarded_script_does_not_wait_for_its_parent(
    genbench_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(Noise(), DataRequest())
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    load(Noise(), DataRequest())
    with pytest.raises(GenbenchError, match="needs `if __name__ == '__main__':`"):
        load(Noise(), DataRequest(resolution=16))


def test_failed_decode_leaves_nothing(genbench_home: Path) -> None:
    class Broken(Noise):
        def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:
            raise DataError("a.png: damaged")

    with pytest.raises(DataError, match=r"a\.png: damaged"):
        load(Broken(), DataRequest())
    assert [path.name for path in (genbench_home / "data").iterdir() if not path.name.endswith(".lock")] == []


def test_leftovers_of_a_killed_process_are_removed(genbench_home: Path) -> None:
    load(Noise(), DataRequest())
    folder = cache_folder(genbench_home)
    leftover = folder.parent / f".{folder.name}.1.tmp"
    leftover.mkdir()
    (folder / "meta.json").unlink()
    load(Noise(), DataRequest())
    assert not leftover.exists()


def test_full_disk_is_one_line(genbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(
        GenbenchError, match=r"cannot write .*noise-8-.*: No space left on device: .*GENBENCH_HOME"
    ) as caught:
        load(Noise(), DataRequest())
    assert "\n" not in str(caught.value)
    assert [path.name for path in (genbench_home / "data").iterdir() if not path.name.endswith(".lock")] == []


def test_home_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path / "file"))
    with pytest.raises(GenbenchError, match=r"cannot write .*file/data: Not a directory"):
        load(Noise(), DataRequest())


def test_home_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBENCH_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    assert home_folder("data", "x").is_dir()
    monkeypatch.delenv("GENBENCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home() == tmp_path / "genbench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home() == tmp_path / ".cache" / "genbench"


def without(made: RawData, split: str, images: Any = None, conditions: Any = None) -> RawData:
    old = made.splits[split]
    new = Split(old.images if images is None else images, old.conditions if conditions is None else conditions)
    return replace(made, splits={**made.splits, split: new})


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (raw(9), r"train: pictures must be uint8 \[N, 8, 8, 1 or 3\], not uint8 \[7, 9, 9, 3\]"),
        (without(raw(8), "test", images=np.zeros((2, 8, 8, 3), np.float32)), "test: pictures must be uint8"),
        (without(raw(8), "test", images=np.zeros((2, 8, 8, 1), np.uint8)), "test: pictures must be uint8"),
        (without(raw(8), "test", np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 4), np.uint8)), "no test pictures"),
        (without(raw(8), "train", conditions=np.zeros((6, 4), np.uint8)), r"uint8 \[7, 4\], not uint8 \[6, 4\]"),
        (without(raw(8), "train", conditions=np.full((7, 4), 2, np.uint8)), "multi-hot"),
        (replace(raw(8), exclusive=True), "one-hot"),
        (replace(raw(8), condition_lists={"x": np.zeros((2, 3), np.uint8)}), "condition list 'x'"),
    ],
)
def test_a_strangers_mistakes_are_named(genbench_home: Path, made: RawData, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        load(Noise(made=made), DataRequest())
