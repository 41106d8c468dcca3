"""The top-k rule by hand-made cases and laws, and the metric around it."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score

from genbench.errors import DataError
from genbench.metrics.accuracy import Accuracy, exact_set_rate, topk_accuracy


def hot(*rows, classes=6):
    conditions = np.zeros((len(rows), classes), np.uint8)
    for row, chosen in enumerate(rows):
        conditions[row, list(chosen)] = 1
    return conditions


def test_by_hand():
    logits = np.array([[9, 8, 1, 2, 0, 0], [5, 1, 9, 0, 0, 0], [0, 3, 2, 4, 1, 0]], float)
    conditions = hot([0, 1], [1], [1, 3, 5])
    # picture 1: both of 2; picture 2: 0 of 1; picture 3: top three are 3, 1, 2, so 2 of 3
    assert topk_accuracy(logits, conditions) == pytest.approx(4 / 6)
    assert exact_set_rate(logits, conditions) == pytest.approx(1 / 3)


def test_sum_over_pictures_is_not_the_mean_of_pictures():
    logits = np.array([[9, 0, 0, 0, 0, 0], [9, 0, 0, 8, 7, 1]], float)
    conditions = hot([0], [1, 2, 3])
    assert topk_accuracy(logits, conditions) == pytest.approx(2 / 4)


def test_agrees_with_the_rule_written_as_a_loop():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 24)).astype(np.float32)
    conditions = hot(*[rng.choice(24, size=rng.integers(1, 4), replace=False) for _ in range(200)], classes=24)
    hits = total = exact = 0
    for scores, condition in zip(torch.from_numpy(logits), conditions, strict=True):
        wanted = set(np.flatnonzero(condition))
        found = set(scores.topk(len(wanted)).indices.tolist())
        hits, total, exact = hits + len(found & wanted), total + len(wanted), exact + (found == wanted)
    assert topk_accuracy(logits, conditions) == pytest.approx(hits / total)
    assert exact_set_rate(logits, conditions) == pytest.approx(exact / 200)


def test_classes_give_top_1_accuracy():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(100, 10)), rng.integers(10, size=100)
    conditions = np.eye(10)[labels]
    assert topk_accuracy(logits, conditions) == accuracy_score(labels, logits.argmax(1))
    assert exact_set_rate(logits, conditions) == topk_accuracy(logits, conditions)


def test_laws():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(50, 8))
    conditions = hot(*[rng.choice(8, size=rng.integers(1, 4), replace=False) for _ in range(50)], classes=8)
    accuracy, exact = topk_accuracy(logits, conditions), exact_set_rate(logits, conditions)
    assert exact <= accuracy + 1e-12
    order, objects = rng.permutation(50), rng.permutation(8)
    assert topk_accuracy(logits[order], conditions[order]) == pytest.approx(accuracy)
    assert topk_accuracy(logits[:, objects], conditions[:, objects]) == pytest.approx(accuracy)
    assert topk_accuracy(3 * np.tanh(logits), conditions) == pytest.approx(accuracy)  # ranks only
    assert topk_accuracy(conditions - 0.5, conditions) == exact_set_rate(conditions - 0.5, conditions) == 1.0
    assert topk_accuracy(-logits, np.ones((50, 8))) == 1.0
    assert topk_accuracy(0.5 - conditions.astype(float), conditions) == 0.0


def test_chance_is_k_over_the_number_of_objects():
    rng = np.random.default_rng(3)
    conditions = hot(*[rng.choice(24, size=3, replace=False) for _ in range(20_000)], classes=24)
    assert topk_accuracy(rng.normal(size=(20_000, 24)), conditions) == pytest.approx(3 / 24, abs=0.006)


def test_equal_scores_go_to_the_lower_index():
    assert topk_accuracy(np.zeros((1, 6)), hot([0, 1])) == 1.0
    assert topk_accuracy(np.zeros((1, 6)), hot([4, 5])) == 0.0


@pytest.mark.parametrize("function", [topk_accuracy, exact_set_rate])
@pytest.mark.parametrize(
    ("logits", "conditions", "message"),
    [
        (np.zeros((2, 6)), hot([0], []), "picture 1 is empty"),
        (np.array([[0.0] * 6, [np.nan] * 6]), hot([0], [1]), "picture 1 are not finite"),
        (np.array([[np.inf] + [0.0] * 5]), hot([0]), "picture 0 are not finite"),
        (np.zeros((2, 6)), hot([0]), r"not \(2, 6\) for \(1, 6\)"),
        (np.zeros((0, 6)), hot(), "one row of scores"),
        (np.zeros((1, 6)), 2 * hot([0]), "zeros and ones"),
        (np.zeros((1, 6)), 0.5 * hot([0]), "zeros and ones"),
    ],
)
def test_bad_input_is_refused(function, logits, conditions, message):
    with pytest.raises(DataError, match=message):
        function(logits, conditions)


def test_metric_scores_the_lists_together_and_apart(toy):
    good = toy.pictures(hot([0], [1]) * 255, hot([0], [1]))
    bad = toy.pictures(hot([2, 3]) * 255, hot([2, 4]))
    ignored = toy.pictures(hot([5]), hot([0]))
    real = toy.pictures(hot([0], [1], [2], [3]) * 255, hot([0], [1], [2], [4]))
    context = toy.context({"fidelity": ignored, "test": good, "new_test": bad}, test=real, lists=("test", "new_test"))
    values = Accuracy().compute(context)
    by_name = {value.name: value.value for value in values}
    assert values[0].name == "accuracy"
    assert by_name == pytest.approx(
        {
            "accuracy": 3 / 4,
            "exact_set": 2 / 3,
            "accuracy/test": 1.0,
            "exact_set/test": 1.0,
            "accuracy/new_test": 1 / 2,
            "exact_set/new_test": 0.0,
            "accuracy/1_object": 1.0,
            "accuracy/2_objects": 1 / 2,
            "accuracy_guide": 3 / 4,
            "guide_gap": 0.0,
        }
    )
    ceilings = {value.name: value.ceiling for value in values}
    assert ceilings.pop("guide_gap") == 0.0
    assert ceilings.pop("accuracy/2_objects") is None  # no real picture has two
    assert set(ceilings.values()) == {3 / 4}


def test_metric_without_lists_scores_held_out_conditions(toy):
    made = toy.pictures(hot([0], [1]) * 255, hot([0], [2]))
    values = Accuracy().compute(toy.context({"fidelity": made}, test=made, extra=("resnet18",)))
    assert {value.name: value.value for value in values} == {
        "accuracy": 0.5,
        "exact_set": 0.5,
        "accuracy_guide": 0.5,
        "guide_gap": 0.0,
        "accuracy_resnet18": 0.5,
    }
    identities = {value.name: value.identity for value in values}
    assert identities["accuracy"]["evaluator"] == "toy-8-referee"
    assert identities["accuracy"]["weights"] == "sha256:referee"
    assert identities["accuracy"]["samples"] == 2
    assert identities["accuracy_resnet18"]["evaluator"] == "toy-8-resnet18"


def test_metric_says_what_is_missing(toy):
    made = toy.pictures(hot([0]), hot([0]))
    with pytest.raises(DataError, match="toy: there are no pictures to score"):
        Accuracy().compute(toy.context({}, test=made))
    with pytest.raises(DataError, match="condition of picture 0 is empty"):
        Accuracy().compute(toy.context({"fidelity": toy.pictures(hot([0]), hot([]))}, test=made))
    assert Accuracy().compute(toy.context({"fidelity": made}, test=made, classes=1)) == []
