"""The thin data set over the renderer, with few pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genbench.data import DataRequest, UInt8Array, clevr_synth, load
from genbench.data.clevr_render import render_split
from genbench.data.clevr_synth import COUNTS, ClevrSynth
from genbench.errors import ConfigError


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clevr_synth, "COUNTS", {"train": 9, "validation": 3, "test": 6})


def test_contents(genbench_home: Path, few: None) -> None:
    seen = []
    data = load(ClevrSynth(), DataRequest(), progress=lambda done, total: seen.append((done, total)))
    assert data.info.conditions[:2] + data.info.conditions[-1:] == ("gray cube", "red cube", "yellow cylinder")
    assert (len(data.info.conditions), data.info.exclusive) == (24, False)
    assert (data.info.resolution, data.info.channels, data.info.train_size) == (32, 3, 9)
    for split in data.splits.values():
        counts = split.conditions.sum(axis=1).reshape(-1, 3)
        assert (counts == [1, 2, 3]).all(), "each scene grows from one object to three"
        added = np.diff(split.conditions.reshape(-1, 3, 24).astype(int), axis=1)
        assert (added >= 0).all()
    assert {name: rows.shape for name, rows in data.condition_lists.items()} == {"test": (32, 24), "new_test": (32, 24)}
    assert seen[-1] == (18, 18)
    assert sorted(seen) == seen


def test_splits_share_no_picture(genbench_home: Path, few: None) -> None:
    data = load(ClevrSynth(), DataRequest())
    pictures = [image.tobytes() for split in data.splits.values() for image in split.images]
    assert len(set(pictures)) == len(pictures)


def test_default_counts_are_whole_scenes() -> None:
    assert COUNTS == {"train": 18_009, "validation": 999, "test": 1_998}
    assert all(count % 3 == 0 for count in COUNTS.values())


@pytest.mark.parametrize("resolution", [8, 33, 130])
def test_resolutions_that_cannot_be_had(genbench_home: Path, resolution: int) -> None:
    with pytest.raises(ConfigError, match=f"at resolution {resolution}: choose an even number from 16 to 128"):
        load(ClevrSynth(), DataRequest(resolution=resolution))


def test_a_changed_renderer_is_noticed(genbench_home: Path, few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(ClevrSynth(), DataRequest())

    def darker(*args: Any, **options: Any) -> tuple[UInt8Array, UInt8Array]:
        images, conditions = render_split(*args, **options)
        return images // 2, conditions

    monkeypatch.setattr(clevr_synth, "render_split", darker)
    after = load(ClevrSynth(), DataRequest())
    np.testing.assert_array_equal(after.splits["test"].images, before.splits["test"].images // 2)
