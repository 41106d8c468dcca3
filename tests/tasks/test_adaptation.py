from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.api import AdaptationBatch
from genbench.checking.subject import CutShort
from genbench.data import PairBatches
from genbench.errors import ConfigError, DataError, RunError
from genbench.observing import Observer
from genbench.planning import Plan, plan
from genbench.recording import marks
from genbench.running import Runner, build_learner
from genbench.specs import DataSpec, EvaluationSpec, RunSpec
from genbench.tasks.adaptation import Adaptation
from genbench.tasks.domains import CLASS_COLOURS, Embedded, centre, class_marker, draw_domains, proxy_a_distance, tsne
from genbench.training import Training

pytestmark = pytest.mark.usefixtures("genbench_home")
CPU = torch.device("cpu")


def opened(name: str = "digits:digits-m", **data: object) -> Adaptation:
    return Adaptation.open(DataSpec(name=name, **data), EvaluationSpec(), CPU, Observer())


def planned(task: Adaptation, family: str, **spec: object) -> Plan:
    values = {"family": family, "preset": "smoke", "data": DataSpec(name=task.info.name), "device": "cpu", **spec}
    return plan(RunSpec(**values, precision="float32"), task)


def batch_of(task: Adaptation, size: int = 64) -> AdaptationBatch:
    return task.batches(batch_size=size, seed=3, device=CPU, augment="none").batch(0)


# ------------------------------------------------------------------------------------------------------------- peeking


def test_a_batch_has_no_place_for_target_labels():
    assert {f.name for f in fields(AdaptationBatch)} == {"source_images", "source_labels", "target_images"}


def rows_of(images: torch.Tensor, task: Adaptation, domain: str) -> np.ndarray | None:
    """Which training pictures of a domain these are; None if one is not among them."""
    train = task.data(domain).splits["train"].images
    places = {picture.tobytes(): row for row, picture in enumerate(np.asarray(train))}
    levels = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    rows = [places.get(np.ascontiguousarray(picture).tobytes()) for picture in levels]
    return None if None in rows else np.array(rows)


def test_batches_hold_source_training_pictures_with_their_labels_and_target_training_pictures():
    task = opened()
    batch = batch_of(task)
    rows = rows_of(batch.source_images, task, "source")
    labels = task.pair.source.splits["train"].conditions.argmax(axis=1)
    assert np.array_equal(batch.source_labels.numpy(), labels[rows])
    assert rows_of(batch.target_images, task, "target") is not None


def test_target_conditions_never_reach_the_batches(monkeypatch: pytest.MonkeyPatch):
    """Wrong labels for every target training picture change nothing in what training gets."""
    task = opened()
    before = batch_of(task)
    conditions = task.pair.target.splits["train"].conditions
    object.__setattr__(task.pair.target.splits["train"], "conditions", np.roll(conditions, 1, axis=1))
    after = batch_of(task)
    for name in ("source_images", "source_labels", "target_images"):
        assert torch.equal(getattr(before, name), getattr(after, name))


AVERAGED = {"width": 4, "batch_size": 16, "optimizer": "adam", "normalize": "domain", "shift": 1, "ema_decay": 0.9}


def weights(
    task: Adaptation, family: str, settings: dict[str, object], *stops: int, path: Path
) -> dict[str, torch.Tensor]:
    """What is measured after training that was cut off and resumed at each of the numbers of steps but the last."""
    made = planned(task, family, train=AVERAGED | settings)
    for steps in stops:
        training = Training(
            build_learner(made),
            task.batches(batch_size=16, seed=made.seed, device=CPU, augment="none"),
            batch_size=16,
            budget=CutShort("steps", 12, stop=steps),
            seed=made.seed,
            device=CPU,
            precision="float32",
            checkpoint=path,
        )
        training.run()
    with training.applied():
        networks = training.learner.networks
        return {f"{name}/{k}": v.clone() for name, net in networks.items() for k, v in net.state_dict().items()}


@pytest.mark.parametrize(
    ("family", "settings"),
    [("source-only", {}), ("dann", {"target_information": 1.0}), ("cdan", {"target_information": 1.0})],
)
def test_averaged_weights_are_resumed_exactly_and_no_target_label_reaches_them(
    family: str, settings: dict[str, object], tmp_path: Path
):
    task = opened()
    whole = weights(task, family, settings, 12, path=tmp_path / "whole")
    resumed = weights(task, family, settings, 5, 12, path=tmp_path / "resumed")
    for split in task.pair.target.splits.values():
        object.__setattr__(split, "conditions", np.roll(split.conditions, 1, axis=1))
    mislabelled = weights(task, family, settings, 12, path=tmp_path / "mislabelled")
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key
        assert torch.equal(value, mislabelled[key]), key


def test_an_upper_bound_says_in_every_table_that_it_had_the_targets_labels():
    task = opened()
    assert marks(planned(task, "target-only")) == ["trained on the target's labels (upper bound)"]
    assert marks(planned(task, "source-only")) == []


def test_the_oracle_trains_on_the_targets_own_labels_under_another_identity():
    task = opened()
    oracle = task.oracle()
    batch = batch_of(oracle)
    rows = rows_of(batch.source_images, oracle, "target")
    labels = task.pair.target.splits["train"].conditions.argmax(axis=1)
    assert np.array_equal(batch.source_labels.numpy(), labels[rows])
    assert oracle.identity != task.identity
    assert oracle.info == task.info  # both domains have as many pictures here
    one, other = planned(task, "source-only"), planned(oracle, "source-only")
    assert one.train_hash != other.train_hash
    assert one.task.sample_identity(one.spec) == other.task.sample_identity(other.spec)


def test_source_and_target_must_differ():
    with pytest.raises(ConfigError, match="source and target are the same"):
        opened("digits:digits")


# ---------------------------------------------------------------------------------------------------------------- task


def test_opening_describes_the_pair():
    task = opened()
    assert task.info.name == "digits:digits-m"
    assert (task.info.resolution, task.info.channels, task.info.train_size) == (16, 3, 1097)
    assert task.info.exclusive
    assert isinstance(task.batches(batch_size=4, seed=0, device=CPU, augment="flip"), PairBatches)
    assert opened().identity == task.identity
    assert opened(resolution=20).identity != task.identity


def test_there_is_no_guide():
    with pytest.raises(ConfigError, match="no guide"):
        opened().guide_hash()
    with pytest.raises(ConfigError, match="no guide"):
        opened().guide(CPU)


def test_metrics_of_another_task_are_refused():
    task = opened()
    with pytest.raises(ConfigError, match="fid"):
        planned(task, "dann", evaluation=EvaluationSpec(metrics=("fid",)))


def test_a_learner_that_cannot_classify_is_refused(tmp_path: Path):
    task = opened()
    with pytest.raises(RunError, match="no classify"):
        task.produce(object(), planned(task, "dann"), tmp_path, Observer())  # type: ignore[arg-type]


def test_a_run_from_end_to_end(tmp_path: Path):
    task = opened()
    made = planned(task, "dann")
    record = Runner(tmp_path).run(made)
    metrics = record["metrics"]
    sample = Runner(tmp_path).stages.folder("sample", made.sample_hash)
    logits = np.load(sample / "target-test.logits.npy")
    truth = task.pair.target.splits["test"].conditions.argmax(axis=1)
    headline = next(m for name, m in metrics.items() if name.startswith("target") and "source" not in name)
    assert headline["value"] == pytest.approx((logits.argmax(1) == truth).mean())
    assert record["selection"]["name"] == "final"
    assert headline["identity"]["pair"] == task.pair.identity
    assert headline["identity"]["reference"] == "digits-m@16/test"
    on_source = metrics["target_accuracy_source"]["identity"]
    assert (on_source["reference"], on_source["reference_hash"]) == ("digits@16/test", task.pair.source.identity[:16])
    assert 0 <= metrics["proxy_a_distance"]["value"] <= 2
    assert metrics["sample_s"]["value"] > 0
    evaluate = Runner(tmp_path).stages.folder("evaluate", made.evaluate_hash)
    with Image.open(evaluate / "samples.png") as picture:
        assert picture.size[1] > 900  # a row of panels before training, and one after
    assert (evaluate / "figures" / "domains.pdf").read_bytes().startswith(b"%PDF")
    before = np.load(sample / "source-untrained.features.npy")
    after = np.load(sample / "source-test.features.npy")
    assert before.shape == (400, after.shape[1])
    assert not np.allclose(before, after[:400], atol=1e-3)
    again = Runner(tmp_path).run(planned(opened(), "dann"))
    assert again["metrics"] == metrics


@pytest.mark.slow
def test_adaptation_helps_and_lies_between_its_bounds(tmp_path: Path):
    task = opened()
    accuracy = {}
    for family in ("source-only", "dann", "target-only"):
        made = planned(task.oracle() if family == "target-only" else task, family, preset="quick")
        metrics = Runner(tmp_path).run(made)["metrics"]
        accuracy[family] = next(m["value"] for n, m in metrics.items() if n.startswith("target") and "source" not in n)
    assert accuracy["source-only"] + 0.05 < accuracy["dann"] < accuracy["target-only"]
    assert accuracy["target-only"] > 0.9


# ------------------------------------------------------------------------------------------------------------- domains


def test_the_proxy_a_distance_of_equal_and_of_separate_domains():
    generator = np.random.default_rng(0)
    near = proxy_a_distance(generator.normal(size=(1000, 5)), generator.normal(size=(1000, 5)))
    far = proxy_a_distance(generator.normal(size=(500, 5)), generator.normal(size=(800, 5)) + 10)
    assert 0 <= near < 0.25
    assert far == 2.0


def test_the_proxy_a_distance_does_not_hang_on_the_order_of_classes():
    """Classes in turns, each of which sets its domains apart in a way of its own: both halves must have both."""
    generator = np.random.default_rng(0)
    source, target = generator.normal(size=(2, 1000, 3))
    source[0::2, 0] += 10
    source[1::2, 1] += 10
    assert proxy_a_distance(source, target) > 1.9


def test_the_proxy_a_distance_of_two_gaussians():
    """For N(±m, 1) the best error is Φ(-m)."""
    from scipy.stats import norm

    generator = np.random.default_rng(1)
    source, target = generator.normal(-0.7, 1, (4000, 1)), generator.normal(0.7, 1, (4000, 1))
    assert proxy_a_distance(source, target) == pytest.approx(2 * (1 - 2 * norm.cdf(-0.7)), abs=0.06)


def test_features_that_cannot_be_measured_are_refused():
    with pytest.raises(DataError, match="four pictures"):
        proxy_a_distance(np.zeros((3, 2)), np.zeros((9, 2)))
    with pytest.raises(DataError, match="finite"):
        proxy_a_distance(np.full((9, 2), np.nan), np.zeros((9, 2)))


def test_tsne_is_repeatable_and_keeps_clusters_apart():
    generator = np.random.default_rng(0)
    features = np.concatenate([generator.normal(0, 1, (40, 60)), generator.normal(12, 1, (40, 60))])
    points = tsne(features)
    assert np.array_equal(points, tsne(features))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert np.array_equal(distance.argmin(axis=1) < 40, np.arange(80) < 40)


def test_classes_differ_in_colour_or_marker_and_are_named_where_they_are_dense():
    looks = [(CLASS_COLOURS[k % len(CLASS_COLOURS)], class_marker(k)) for k in range(50)]
    assert len(set(looks)) == len(looks)
    two_lumps = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [9.0, 9.0]])
    assert np.linalg.norm(centre(two_lumps)) < 0.2  # not between the lumps


def test_a_figure_has_a_row_of_panels_for_each_run(tmp_path: Path):
    generator = np.random.default_rng(0)
    labels = np.arange(30) % 3
    rows = [
        Embedded(f"run {k}", generator.normal(size=(30, 8)), generator.normal(size=(30, 8)), labels, labels)
        for k in (1, 2)
    ]
    one = draw_domains(rows[:1], ("a", "b", "c"), tmp_path / "one.png", names=("s", "t"), title="one")
    for name in ("one.pdf", "again.pdf"):
        draw_domains(rows[:1], ("a", "b", "c"), tmp_path / name, names=("s", "t"), title="one")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "again.pdf").read_bytes()
    two = draw_domains(rows, ("a", "b", "c"), tmp_path / "two.png", names=("s", "t"), title="two")
    with Image.open(one) as first, Image.open(two) as second:
        assert second.size[1] > 1.5 * first.size[1]
        assert first.size[0] == second.size[0]
