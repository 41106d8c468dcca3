"""Selection through tasks, plans and runs: the scores themselves, what is never looked at, hashes, records, files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from genbench.api import AdaptationLearner, Batch, ConfigError, GenerativeLearner
from genbench.data import to_float
from genbench.data.base import Split
from genbench.evaluators.scoring import topk_accuracy
from genbench.observing import Observer
from genbench.planning import Plan, plan
from genbench.recording import marks
from genbench.running import Runner
from genbench.specs import DataSpec, EvaluationSpec, RunSpec
from genbench.stages import Outcome
from genbench.tasks.adaptation import Adaptation
from genbench.tasks.base import OpenTask
from genbench.tasks.criteria import (
    GUIDE_PICTURES,
    fixed_order,
    guide_accuracy,
    information,
    labelled_accuracy,
    mutual_information,
    oracle_accuracy,
    validation_loss,
)
from genbench.tasks.generation import Generation

CPU = torch.device("cpu")
EVALUATION = EvaluationSpec(pictures=20, metrics=("accuracy",))

Register = Callable[[str], None]


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Register:
    """Install a class of `toy_family` under the name ``toy``, as a distribution would."""

    def install(class_name: str) -> None:
        folder = tmp_path / "toy_family-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[genbench.families]\ntoy = toy_family:{class_name}\n")
        monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBENCH_HOME", str(shared_home))


def generation() -> Generation:
    return Generation.open(DataSpec(name="digits"), EvaluationSpec(), CPU, Observer())


def adaptation() -> Adaptation:
    return Adaptation.open(DataSpec(name="digits:digits-m"), EvaluationSpec(), CPU, Observer())


def planned(task: OpenTask, selection: str = "final", family: str = "toy", **changes: object) -> Plan:
    name = "digits:digits-m" if task.task == "adaptation" else "digits"
    evaluation = EvaluationSpec() if task.task == "adaptation" else EVALUATION
    spec = RunSpec(family=family, preset="smoke", selection=selection, data={"name": name}, evaluation=evaluation)  # type: ignore[arg-type]
    return plan(spec.model_copy(update={"device": "cpu", "precision": "float32", **changes}), task)


# -------------------------------------------------------------------------------------------------------------- scores


class Brightness(AdaptationLearner):
    """Scores of a picture: its mean brightness times 1, 2, 3, …"""

    networks: ClassVar[dict] = {}

    def step(self, batch, progress):
        raise NotImplementedError

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(1, 2, 3))[:, None]

    def classify(self, images: Tensor) -> Tensor:
        return self.features(images) * torch.arange(1.0, 11.0)


class Painter(GenerativeLearner):
    """Has the squared brightness as its loss."""

    networks: ClassVar[dict] = {}

    def step(self, batch, progress):
        raise NotImplementedError

    def validate(self, batch: Batch) -> Tensor:
        assert batch.conditions.dtype == batch.images.dtype == torch.float32
        return batch.images.square().mean()

    def sample(self, conditions, config, *, generator):
        raise NotImplementedError


def labelled(count: int) -> Split:
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    return Split(images, np.eye(10, dtype=np.uint8)[generator.integers(0, 10, count)])


def test_information_is_the_mutual_information_of_pictures_and_predictions() -> None:
    logits = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)) * 3
    joint = logits.double().softmax(1).numpy() / 50  # of picture and class
    independent = joint.sum(0, keepdims=True) * joint.sum(1, keepdims=True)
    expected = (joint * np.log(joint / independent)).sum()
    assert information(logits) == pytest.approx(expected / math.log(7))


def test_information_at_its_limits() -> None:
    certain = 1000.0 * torch.eye(10).repeat(5, 1)
    assert information(certain) == pytest.approx(1.0)
    assert information(certain[:1].repeat(20, 1)) == pytest.approx(0.0, abs=1e-9)  # one class for all: collapsed
    assert information(torch.zeros(20, 10)) == pytest.approx(0.0, abs=1e-9)  # undecided
    assert information(certain[:2].repeat(9, 1)) == pytest.approx(math.log(2) / math.log(10))


def test_accuracy_and_loss_are_means_over_the_pictures_allowed() -> None:
    split = labelled(150)
    chosen = fixed_order(150)[:100]
    images = to_float(torch.from_numpy(split.images[chosen]))
    logits = Brightness().classify(images)
    truth = split.conditions[chosen].argmax(1)
    expected = float((logits.argmax(1).numpy() == truth).mean())
    for criterion in (labelled_accuracy(split, CPU, "x"), oracle_accuracy(split, CPU)):
        assert criterion.compute(Brightness(), 100) == pytest.approx(expected)
    assert mutual_information(split.images, CPU).compute(Brightness(), 100) == pytest.approx(information(logits))
    loss = validation_loss(split, CPU).compute(Painter(), 100)
    assert loss == pytest.approx(float(images.square().mean()), rel=1e-5)


def test_a_learner_without_a_score_has_none() -> None:
    class Silent(Painter):
        validate = GenerativeLearner.validate

    assert validation_loss(labelled(40), CPU).compute(Silent(), 32) is None
    assert validation_loss(labelled(40), CPU).compute(Brightness(), 32) is None
    assert labelled_accuracy(labelled(40), CPU, "x").compute(Painter(), 32) is None


def test_the_guides_score_is_its_accuracy_on_pictures_for_validation_conditions() -> None:
    split = labelled(300)
    logits = np.random.default_rng(2).normal(size=(GUIDE_PICTURES, 10))
    asked = []

    def sampler(learner: GenerativeLearner, conditions: np.ndarray) -> np.ndarray:
        asked.append(conditions)
        return np.zeros((len(conditions), 8, 8, 1), np.uint8)

    guide = SimpleNamespace(logits=lambda images: logits[: len(images)])
    criterion = guide_accuracy(split, guide, sampler)  # type: ignore[arg-type]
    assert criterion.compute(Painter(), 5) == topk_accuracy(logits, asked[0])
    assert np.array_equal(asked[0], split.conditions[fixed_order(300)[:GUIDE_PICTURES]])


# ------------------------------------------------------------------------------------------------------------- peeking


class Unreadable:
    """Labels that must not be looked at."""

    shape = (3, 10)

    def __getattr__(self, name: str) -> object:
        raise AssertionError("the target's labels were read")

    def __getitem__(self, key: object) -> object:
        raise AssertionError("the target's labels were read")

    def __array__(self, *args: object) -> object:
        raise AssertionError("the target's labels were read")


def test_target_labels_are_read_for_the_oracle_alone() -> None:
    task = adaptation()
    for name in ("train", "validation", "test"):
        object.__setattr__(task.pair.target.splits[name], "conditions", Unreadable())
    for selection in ("final", "source", "unsupervised"):
        criteria = task.criteria(planned(task, selection, "dann"))
        assert [criterion.name for criterion in criteria] == ["source", "unsupervised"]
        assert all(criterion.compute(Brightness(), 50) is not None for criterion in criteria)
    *_, oracle = task.criteria(planned(task, "oracle", "dann"))
    assert oracle.name == "oracle"
    with pytest.raises(AssertionError, match="labels were read"):
        oracle.compute(Brightness(), 50)


def test_no_test_picture_is_looked_at() -> None:
    task = adaptation()
    for data in (task.pair.source, task.pair.target):
        object.__setattr__(data.splits["test"], "images", Unreadable())
        object.__setattr__(data.splits["test"], "conditions", Unreadable())
    spec = SimpleNamespace(selection="oracle")
    for criterion in task.criteria(SimpleNamespace(spec=spec, device=CPU)):  # type: ignore[arg-type]
        assert criterion.compute(Brightness(), 50) is not None


def test_an_upper_bound_is_scored_on_the_domain_it_trains_on() -> None:
    task = adaptation()
    (labelled_domain, *_) = task.oracle().criteria(planned(task, "source", "target-only"))
    assert "labelled domain (digits-m)" in labelled_domain.score


# --------------------------------------------------------------------------------------------------------------- plans


def test_selections_share_their_training_but_for_those_that_must_be_asked_for() -> None:
    task = adaptation()
    plans = {name: planned(task, name, "dann") for name in task.selections}
    assert len({plans[name].train_hash for name in ("final", "source", "unsupervised")}) == 1
    assert plans["oracle"].train_hash != plans["final"].train_hash
    assert len({made.sample_hash for made in plans.values()}) == len(plans)
    pictures = generation()
    made = {name: planned(pictures, name, "ddpm") for name in pictures.selections}
    assert made["validation"].train_hash == made["final"].train_hash != made["guide"].train_hash
    changed = planned(pictures, "guide", "ddpm", sample={"num_inference_steps": 3})
    assert changed.train_hash == made["guide"].train_hash  # scored as the preset samples
    assert changed.sample_hash != made["guide"].sample_hash
    assert "ddpm@guide · digits" in changed.label


@pytest.mark.parametrize("selection", ["source", "unsupervised", "oracle"])
def test_generation_has_no_domains_to_choose_by(selection: str) -> None:
    with pytest.raises(ConfigError, match=f"selection '{selection}' is not for generation: choose one of final, val"):
        planned(generation(), selection, "ddpm")


def test_a_plan_gives_upper_bounds_their_labels() -> None:
    task = adaptation()
    direct, handed = planned(task, family="target-only"), planned(task.oracle(), family="target-only")
    assert direct.train_hash == handed.train_hash
    assert direct.task.identity == task.oracle().identity != task.identity
    assert planned(task, family="dann").task.identity == task.identity


# ---------------------------------------------------------------------------------------------------------------- runs


class Listening(Observer):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.curves: dict[str, list[int]] = {}

    def warned(self, message: str) -> None:
        self.warnings.append(message)

    def scalars(self, name, steps, values) -> None:
        self.curves.setdefault(name, []).extend(steps)


def test_final_and_best_weights_are_both_kept_and_measured(register: Register, tmp_path: Path) -> None:
    register("Validating")
    task, runner, listening = generation(), Runner(tmp_path / "results"), Listening()
    final = runner.run(planned(task), listening)
    best = runner.run(planned(task, "validation"), listening)
    folder = runner.stages.folder("train", planned(task).train_hash)
    assert len(list((tmp_path / "results" / "stages" / "train").glob("*/done.json"))) == 1
    assert {path.name for path in folder.glob("weights*")} == {"weights.safetensors", "weights-validation.safetensors"}
    assert final["selection"] == {
        "name": "final",
        "score": "none: the weights at the end of training",
        "step": 20,
        "value": None,
    }
    history = dict(curve(folder / "history.csv", "validation/loss"))
    assert best["selection"]["value"] == min(history.values()) == history[best["selection"]["step"]]
    assert best["selection"]["name"] == "validation"
    assert best["marks"] == final["marks"] == []
    assert final["stages"]["train"]["validation_s"] > 0
    assert listening.curves["validation/loss"] == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20] * 2
    training = runner.trained(planned(task, "validation"), runner.stages.find("train", planned(task).train_hash))  # type: ignore[arg-type]
    with training.applied() as learner:
        weights = learner.networks["net"].state_dict()
        written = load_file(folder / "weights-validation.safetensors")
        assert written.keys() == {f"net.{key}" for key in weights} | {"extra/centre", "extra/count"}
        assert all(torch.equal(value, written[f"net.{key}"]) for key, value in weights.items())
        assert torch.equal(learner.centre, written["extra/centre"])  # type: ignore[attr-defined]


def trained(runner: Runner, made: Plan, observer: Observer | None = None) -> Outcome:
    return runner._train(made, observer or Observer())


def curve(path: Path, name: str) -> list[tuple[int, float]]:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    return [(int(step), float(value)) for key, step, value in rows if key == name]


def test_a_family_without_a_validation_loss_is_refused_before_training(register: Register, tmp_path: Path) -> None:
    register("Toy")
    task, runner = generation(), Runner(tmp_path / "results")
    with pytest.raises(ConfigError, match="'toy' has no validation loss to choose weights by: use final, guide"):
        runner.check_selection(planned(task, "validation"))
    runner.check_selection(planned(task, "guide"))


def test_the_guide_chooses_when_asked_and_marks_say_what_was_trained_on_it(register: Register, tmp_path: Path) -> None:
    register("Guided")
    task = generation()
    made = planned(task, "guide")
    record = trained(Runner(tmp_path / "results"), made).record
    chosen = record["selections"]["guide"]
    assert chosen["score"].startswith("the guide's accuracy on 128 pictures")
    assert 0 <= chosen["value"] <= 1
    assert marks(made) == ["trained with the guide"]


def test_the_oracle_is_marked_and_its_score_is_nowhere_else(register: Register, tmp_path: Path) -> None:
    register("Adapting")
    task, runner = adaptation(), Runner(tmp_path / "results")
    final, oracle = planned(task), planned(task, "oracle")
    outcomes = [trained(runner, made) for made in (final, oracle)]
    assert [marks(made) for made in (final, oracle)] == [[], ["selected by target labels (oracle)"]]
    cheap = {"source", "unsupervised"}
    assert [outcome.record["selections"].keys() for outcome in outcomes] == [cheap, cheap | {"oracle"}]
    assert [(outcome.folder / "weights-oracle.safetensors").exists() for outcome in outcomes] == [False, True]
    assert "oracle" not in (outcomes[0].folder / "history.csv").read_text()
    same_training = [(outcome.folder / "weights.safetensors").read_bytes() for outcome in outcomes]
    assert same_training[0] == same_training[1]
    with pytest.raises(ConfigError, match="'oracle': training has chosen no weights by it"):
        runner.trained(final, outcomes[0]).select("oracle")


@pytest.mark.parametrize("damage", ["cut", "text", "foreign"])
def test_training_begins_anew_when_its_checkpoint_is_damaged(register: Register, tmp_path: Path, damage: str) -> None:
    register("Validating")
    task, listening = generation(), Listening()
    made = planned(task)
    source = trained(Runner(tmp_path / "whole"), made).folder / "checkpoint.safetensors"
    runner = Runner(tmp_path / "results")
    folder = runner.stages.folder("train", made.train_hash)
    folder.mkdir(parents=True)
    content = {"cut": source.read_bytes()[:-9], "text": b"no checkpoint", "foreign": foreign(source, tmp_path)}[damage]
    (folder / "checkpoint.safetensors").write_bytes(content)
    trained(runner, made, listening)
    (warning,) = listening.warnings
    assert "checkpoint.safetensors" in warning
    assert "begins anew" in warning
    assert (folder / "checkpoint.damaged").read_bytes() == content
    for name in ("weights.safetensors", "weights-validation.safetensors"):
        assert (folder / name).read_bytes() == (source.parent / name).read_bytes()


def test_training_goes_on_from_the_checkpoint_before_a_damaged_one(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that stops in the middle with its last checkpoint damaged ends with the same bits as one that did not."""
    register("Validating")
    made = planned(generation())
    whole = trained(Runner(tmp_path / "whole"), made).folder
    monkeypatch.setattr("genbench.training.FLUSH_SECONDS", 0.0)
    monkeypatch.setattr("genbench.training.CHECKPOINT_SECONDS", 0.0)  # after every step

    class Stopping(Listening):
        def stage_progress(self, stage, done, rate="") -> None:
            if done >= 0.6:
                raise KeyboardInterrupt

    runner, listening = Runner(tmp_path / "results"), Listening()
    with pytest.raises(KeyboardInterrupt):
        trained(runner, made, Stopping())
    folder = runner.stages.folder("train", made.train_hash)
    (folder / "checkpoint.safetensors").write_bytes(b"damaged")
    assert trained(runner, made, listening).record["train_steps"] == 20
    (warning,) = listening.warnings
    assert "goes on from the checkpoint before it" in warning
    assert listening.curves["count"][:10] == list(range(10))
    for name in ("weights.safetensors", "weights-validation.safetensors", "history.csv"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    assert not (folder / "checkpoint-before.safetensors").exists()


def foreign(source: Path, folder: Path) -> bytes:
    """A sound checkpoint of other networks: it fails only after some of it was taken over."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(source, framework="pt") as file:
        metadata = {key: value for key, value in file.metadata().items() if key != "checksum"}
        metadata["format"] = "genbench-checkpoint-2"  # which had none
    tensors = {key: value for key, value in load_file(source).items() if "optimizers" not in key}
    save_file({**tensors, "networks/net/2.weight": torch.zeros(3, 3)}, folder / "foreign", metadata=metadata)
    return (folder / "foreign").read_bytes()
