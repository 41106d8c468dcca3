"""Weight files: round trips, damage, the cache, and the shipped ones."""

import dataclasses
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from genbench import plugins
from genbench.data.base import DataRequest
from genbench.data.cache import load as load_data
from genbench.errors import DataError
from genbench.evaluators import Evaluators, store
from genbench.evaluators.scoring import topk_accuracy
from genbench.evaluators.store import Card, tensors_hash

SHIPPED = [f"{data}-{role}" for data in ("digits-16", "clevr-synth-32") for role in ("guide", "referee")]


@pytest.fixture
def data(make_data):
    return make_data(exclusive=True, counts=(64, 32, 32))


def card(data, role="guide"):
    info = data.info
    name = f"{info.name}-{info.resolution}-{role}"
    return Card(name, role, store.VERSION, "plain", info.resolution, info.channels, info.conditions, data.identity)


def test_round_trip(data, device, tmp_path):
    module = store.build("plain", 8, 3, 4).eval()
    store.save(tmp_path / "a.safetensors", module, card(data))
    evaluator, read = store.load(tmp_path / "a.safetensors", device)
    assert read == card(data)
    assert evaluator.weights == tensors_hash(module.state_dict())
    assert evaluator.identity == {"evaluator": "toy-8-guide", "version": store.VERSION, "weights": evaluator.weights}
    images = data.splits["test"].images
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        assert evaluator.logits(images) == pytest.approx(module(pixels).numpy(), abs=1e-4)
        assert evaluator.features(images) == pytest.approx(module.features(pixels).numpy(), abs=1e-4)
    assert not any(p.requires_grad for p in evaluator.module.parameters())


def test_tensors_hash_sees_content_only():
    a, b = torch.arange(6.0), torch.ones(2)
    assert tensors_hash({"a": a, "b": b}) == tensors_hash({"b": b.clone(), "a": a.clone()})
    assert tensors_hash({"a": a.reshape(2, 3).T}) == tensors_hash({"a": a.reshape(2, 3).T.contiguous()})
    different = [{"a": a}, {"b": a}, {"a": a.reshape(2, 3)}, {"a": a.double()}, {"a": a + 1}, {"a": torch.tensor(0.0)}]
    assert len({tensors_hash(state) for state in different}) == len(different)


def test_damaged_and_foreign_files_are_refused(data, device, tmp_path):
    good = tmp_path / "good.safetensors"
    store.save(good, store.build("plain", 8, 3, 4), card(data))
    (tmp_path / "cut").write_bytes(good.read_bytes()[:5000])
    (tmp_path / "text").write_text("hello")
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign")
    store.save(tmp_path / "misfit", store.build("residual", 8, 3, 4), card(data))
    for name in ("cut", "text", "foreign", "misfit", "absent"):
        with pytest.raises(DataError, match=f"{name}: .*(damaged|not an) evaluator"):
            store.load(tmp_path / name, device)


def test_other_data_is_trained_once_and_cached(data, device, genbench_home):
    calls = []
    first = Evaluators(data, device=device, progress=lambda *call: calls.append(call))
    assert not calls
    assert first.guide_hash() == first.guide.weights
    steps = len(calls)
    assert steps > 0
    files = list(genbench_home.glob(f"evaluators/{data.identity[:16]}/*.safetensors"))
    assert [file.name for file in files] == [f"toy-8-guide-v{store.VERSION}.safetensors"]
    again = Evaluators(data, device=device, progress=lambda *call: calls.append(call))
    assert again.guide_hash() == first.guide_hash()
    assert len(calls) == steps
    assert first.referee_hash() != first.guide_hash()
    assert first.referee.name == "toy-8-referee"


def test_a_damaged_cache_is_replaced(data, device, genbench_home):
    expected = Evaluators(data, device=device).guide_hash()
    (file,) = genbench_home.glob("evaluators/*/*.safetensors")
    file.write_bytes(b"damaged")
    assert Evaluators(data, device=device).guide_hash() == expected


def test_two_processes_train_one_evaluator(data, genbench_home):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        (first, steps_1), (second, steps_2) = pool.map(_obtain, [data, data])
    assert first == second
    assert min(steps_1, steps_2) == 0 < max(steps_1, steps_2)


def _obtain(data):
    torch.set_num_threads(1)
    calls = []
    evaluators = Evaluators(data, device=torch.device("cpu"), progress=lambda *call: calls.append(call))
    return evaluators.guide_hash(), len(calls)


def test_shipped_weights_are_for_their_own_data_only(data):
    mine = card(data)
    assert mine.fits(data)
    for change in ({"resolution": 32}, {"channels": 1}, {"conditions": ("a", "b")}, {"name": "digits-16-guide"}):
        assert not dataclasses.replace(mine, **change).fits(data)


def test_held_out_logits_are_computed_once(data, device):
    evaluators = Evaluators(data, device=device)
    logits = evaluators.held_out_logits(evaluators.guide)
    assert logits.shape == (32, 4)
    assert evaluators.held_out_logits(evaluators.guide) is logits


def test_wrong_pictures_are_refused(data, device):
    guide = Evaluators(data, device=device).guide
    for images in (
        np.zeros((2, 16, 16, 3), np.uint8),
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((0, 8, 8, 3), np.uint8),
    ):
        with pytest.raises(DataError, match="toy-8-guide takes uint8 pictures 8×8×3"):
            guide.logits(images)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_are_small_and_current(name, device):
    path = store.SHIPPED / f"{name}.safetensors"
    assert path.stat().st_size <= 3 * 2**20
    evaluator, shipped = store.load(path, device)
    assert (evaluator.name, shipped.version) == (name, store.VERSION)
    assert all(torch.isfinite(value).all() for value in evaluator.module.state_dict().values())


def test_guide_and_referee_are_different_networks(device):
    for data in {name.rpartition("-")[0] for name in SHIPPED}:
        cards = [store.load(store.SHIPPED / f"{data}-{role}.safetensors", device)[1] for role in ("guide", "referee")]
        assert cards[0].architecture != cards[1].architecture
        assert cards[0].data == cards[1].data


def check_ceilings(name, resolution, device, least):
    data = load_data(plugins.dataset(name), DataRequest(resolution=resolution))
    evaluators = Evaluators(data, device=device, progress=lambda *_: pytest.fail("trained instead of shipped"))
    for evaluator in (evaluators.guide, evaluators.referee):
        logits = evaluators.held_out_logits(evaluator)
        assert topk_accuracy(logits, data.splits["test"].conditions) >= least
        _, shipped = store.load(store.SHIPPED / f"{evaluator.name}.safetensors", device)
        assert shipped.data == data.identity


def test_ceilings_on_digits(device):
    check_ceilings("digits", 16, device, 0.985)


@pytest.mark.slow
def test_ceilings_on_clevr_synth(device):
    check_ceilings("clevr-synth", 32, device, 0.97)


def test_the_readme_names_every_shipped_file():
    readme = (Path(store.__file__).parent / "README.md").read_text(encoding="utf-8")
    for name in SHIPPED:
        evaluator, _ = store.load(store.SHIPPED / f"{name}.safetensors", torch.device("cpu"))
        assert name in readme
        assert evaluator.weights.removeprefix("sha256:") in readme
