"""F1, confusion, intervals of shares, and the gap between guide and referee."""

import csv

import numpy as np
import pytest
import torch
from scipy.stats import binom
from sklearn.metrics import confusion_matrix, f1_score

from genbench.evaluators import Evaluator
from genbench.evaluators.evaluator import FeatureClassifier
from genbench.evaluators.scoring import confusion, f1_scores, topk_accuracy, topk_error
from genbench.metrics.accuracy import Accuracy
from genbench.metrics.conditional import share, wilson
from genbench.metrics.f1 import F1


def sets(n, classes, seed=0):
    rng = np.random.default_rng(seed)
    conditions = np.zeros((n, classes), np.uint8)
    for row in conditions:
        row[rng.choice(classes, size=rng.integers(1, 4), replace=False)] = 1
    return rng.normal(size=(n, classes)) + conditions, conditions


@pytest.mark.filterwarnings("ignore")
def test_f1_is_scikit_learns():
    logits, conditions = sets(200, 8)
    macro, micro = f1_scores(logits, conditions, exclusive=False)
    assert macro == pytest.approx(f1_score(conditions, logits > 0, average="macro"))
    assert micro == pytest.approx(f1_score(conditions, logits > 0, average="micro"))
    labels = np.random.default_rng(0).integers(6, size=200)
    scores = np.random.default_rng(1).normal(size=(200, 6)) + 2 * np.eye(6)[labels]
    macro, micro = f1_scores(scores, np.eye(6)[labels], exclusive=True)
    assert macro == pytest.approx(f1_score(labels, scores.argmax(1), average="macro"))
    assert micro == pytest.approx((scores.argmax(1) == labels).mean())


def test_f1_of_objects_that_never_occur_does_not_count():
    conditions = np.array([[1, 0, 0], [1, 1, 0]])
    assert f1_scores(conditions - 0.5, conditions, exclusive=False) == (1.0, 1.0)
    assert f1_scores(0.5 - conditions, conditions, exclusive=False) == (0.0, 0.0)
    assert f1_scores(np.full((2, 3), -1.0), conditions, exclusive=False) == (0.0, 0.0)  # nothing seen at all


def test_confusion_of_classes_is_scikit_learns():
    labels = np.random.default_rng(0).integers(5, size=300)
    logits = np.random.default_rng(1).normal(size=(300, 5)) + np.eye(5)[labels]
    assert np.array_equal(confusion(logits, np.eye(5)[labels]), confusion_matrix(labels, logits.argmax(1)))


def test_confusion_of_sets():
    conditions = np.array([[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1]])
    logits = np.array([[9.0, 0, 8, 0, 0], [0, 0, 9, 8, 0], [0, 0, 0, 0, 1]])
    table = confusion(logits, conditions)
    expected = np.zeros((5, 5))
    expected[0, 0] = 1  # seen in the first; in the second both are missing, and 2 and 3 stand in for them
    expected[1, 2] = 1
    expected[0, [2, 3]] = expected[1, [2, 3]] = 0.5
    expected[1, 2] = 1.5
    expected[4, 4] = 1
    assert np.array_equal(table, expected)
    logits, conditions = sets(100, 7)
    table = confusion(logits, conditions)
    assert table.sum(axis=1) == pytest.approx(conditions.sum(axis=0))
    assert np.trace(table) / table.sum() == pytest.approx(topk_accuracy(logits, conditions))


def test_error_of_accuracy_is_that_of_the_sampling():
    rng = np.random.default_rng(0)
    logits, conditions = sets(4000, 8)
    values, errors = [], []
    for _ in range(200):
        rows = rng.integers(4000, size=100)
        values.append(topk_accuracy(logits[rows], conditions[rows]))
        errors.append(topk_error(logits[rows], conditions[rows]))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.15)
    assert topk_error(logits[:1], conditions[:1]) == 0.0


@pytest.mark.parametrize("p", [0.5, 0.9, 0.99, 1.0])
def test_wilsons_interval_covers(p):
    counts = np.arange(101)
    covered = [low <= p <= high for low, high in (wilson(k / 100, 100) for k in counts)]
    assert binom.pmf(counts, 100, p)[covered].sum() >= 0.92
    low, high = wilson(1.0, 100)
    assert (round(low, 3), high) == (0.963, 1.0)


def test_a_share_is_inside_its_interval():
    value = share("accuracy", 0.8, 0.02, 100, {})
    assert value.low < 0.8 < value.high
    assert value.high - value.low == pytest.approx(4 * 0.02, rel=0.1)
    assert share("accuracy", 1.0, 0.0, 10, {}).low == pytest.approx(0.7225, abs=1e-3)


class Fooled(FeatureClassifier):
    """Sees whatever is asked in the second row of pixels."""

    def features(self, images):
        return images[:, 0, 1, :6]

    def forward(self, images):
        return self.features(images)


def test_gap_between_guide_and_referee(toy):
    asked = np.eye(6, dtype=np.uint8)[[0, 1, 2, 3]]
    made = toy.pictures(np.eye(6)[[0, 5, 5, 5]] * 255, asked)
    made.images[:, 1, :6, 0] = asked * 255
    real = toy.pictures(asked * 255, asked)
    real.images[:, 1, :6, 0] = np.eye(6)[[0, 1, 2, 5]] * 255
    context = toy.context({"fidelity": made}, test=real)
    context.evaluators.__dict__["guide"] = Evaluator(
        "guide", "toy-8-guide", 1, "sha256:fooled", (8, 1), Fooled(), torch.device("cpu")
    )
    values = {value.name: value for value in Accuracy().compute(context)}
    assert values["guide_gap"].value == 1.0 - 0.25
    assert values["guide_gap"].ceiling == 0.75 - 1.0
    assert values["guide_gap"].identity["guide_weights"] == "sha256:fooled"
    assert values["accuracy"].low < 0.25 < values["accuracy"].high


def test_f1_metric(toy):
    scores = np.where(np.eye(6)[[0, 1, 2, 3]] > 0, 255, 0)
    made = toy.pictures(scores, np.eye(6)[[0, 1, 2, 2]])
    context = toy.context({"fidelity": made}, test=made, extra=("resnet18",))
    values = {value.name: value for value in F1().compute(context)}
    assert set(values) == {"f1", "f1_micro", "f1_resnet18"}
    assert values["f1"].value == pytest.approx((1 + 1 + 2 / 3 + 0) / 4)
    assert values["f1_micro"].value == pytest.approx(6 / 8)
    assert values["f1"].ceiling == values["f1"].value
    assert values["f1"].identity["rule"] == "logit above 0"
    assert F1().compute(toy.context({"fidelity": made}, test=made, classes=1)) == []


def test_tables_and_figures_are_drawn(toy, tmp_path):
    made = toy.pictures(np.eye(6)[[0, 1, 2, 3]] * 255, np.eye(6)[[0, 1, 2, 2]])
    files = Accuracy().draw(toy.context({"fidelity": made}, test=made), tmp_path / "figures")
    assert [file.name for file in files] == ["objects.csv", "confusion.png"]
    rows = list(csv.DictReader(files[0].open(encoding="utf-8")))
    assert [row["object"] for row in rows] == list("abcdef")
    assert (rows[2]["asked"], rows[2]["accuracy"], rows[2]["most often seen in its place"]) == ("2", "0.5000", "d")
    assert rows[5]["accuracy"] == ""
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert files[1].with_suffix(".pdf").is_file()
    again = Accuracy().draw(toy.context({"fidelity": made}, test=made), tmp_path / "again")
    assert [a.read_bytes() for a in again] == [f.read_bytes() for f in files]
