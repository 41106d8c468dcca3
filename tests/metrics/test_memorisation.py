"""Copies are found, unseen pictures are not taken for copies, and diversity sees collapse within conditions."""

import numpy as np
import pytest
from PIL import Image

from genbench.metrics.base import NotMeasurable, Pictures
from genbench.metrics.diversity import Diversity, diversity_by_condition, mean_distance
from genbench.metrics.memorisation import Authenticity, Memorisation, authentic, distance_ratio
from genbench.metrics.neighbours import nearest


def clouds(*counts, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(count, d)) for count in counts]


def test_ratio_and_its_error():
    made, real = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    found = distance_ratio(made, real)
    assert found.value == pytest.approx(2 / 3)
    assert found.stderr_generated == pytest.approx(1 / np.sqrt(3) / 3)
    assert found.stderr_reference == pytest.approx(2 / 3 * np.sqrt(2) / np.sqrt(2) / 3)


def test_interval_of_the_ratio_covers():
    covered = []
    for seed in range(200):
        train, made, real = clouds(300, 60, 60, seed=seed)
        value = distance_ratio(nearest(made, train)[0], nearest(real, train)[0]).named("memorisation", {}, lowest=0.0)
        covered.append(value.low <= 1.0 <= value.high)  # unseen pictures are as far as unseen pictures
    assert np.mean(covered) >= 0.92


def test_authentic_is_the_papers_rule():
    train, made = clouds(40, 60)
    distance, index = nearest(made, train)
    expected = []
    for point in made:
        near = np.argmin(np.linalg.norm(train - point, axis=1))
        others = np.delete(train, near, axis=0)
        expected.append(np.linalg.norm(train[near] - point) > np.linalg.norm(others - train[near], axis=1).min())
    assert authentic(distance, index, train).tolist() == expected
    assert not authentic(*nearest(train[:20], train), train).any()  # copies
    assert not authentic(*nearest(train[:20] + 1e-6, train), train).any()  # noisy copies
    assert authentic(*nearest(made + 100, train), train).all()


@pytest.fixture
def data(toy):
    rng = np.random.default_rng(0)

    def pictures(n, seed):
        return toy.pictures(rng.integers(256, size=(n, 6)), np.eye(6)[rng.integers(6, size=n)], seed)

    return pictures(80, 0), pictures(40, 1), pictures(40, 2)


def test_metrics_find_copies(toy, data, tmp_path):
    train, test, unseen = data
    copies = Pictures(train.images[:40], train.conditions[:40])
    scores = {}
    for name, made in (("unseen", unseen), ("copies", copies)):
        context = toy.context({"fidelity": made}, test=test, train=train)
        scores[name] = [metric().compute(context)[0] for metric in (Memorisation, Authenticity)]
    ratio, share = scores["unseen"]
    assert 0.8 < ratio.value < 1.25
    assert ratio.low < 1 < ratio.high
    assert (ratio.ceiling, ratio.identity["reference"]) == (1.0, "toy@8/train")
    assert abs(share.value - share.ceiling) < 0.3
    assert [value.value for value in scores["copies"]] == [0.0, 0.0]
    assert scores["copies"][1].high < 0.1


def test_figure_shows_the_closest_pairs(toy, data, tmp_path):
    train, test, unseen = data
    (file,) = Memorisation().draw(toy.context({"fidelity": unseen}, test=test, train=train), tmp_path)
    assert file == tmp_path / "closest.png"
    with Image.open(file) as image:
        assert image.size[0] > image.size[1] > 100
    assert (tmp_path / "closest.pdf").is_file()


def test_given_reference_pictures_do_not_stand_for_the_data(toy, data):
    train, test, unseen = data
    context = toy.context({"fidelity": unseen}, test=test, train=train)
    other = toy.context({"fidelity": unseen}, test=test, train=train, reference=train.images)
    assert Memorisation().compute(context) == Memorisation().compute(other)


def test_slow_features_of_all_training_pictures_are_not_computed_unasked(toy, data, tmp_path, monkeypatch):
    train, test, unseen = data
    monkeypatch.setattr("genbench.metrics.memorisation.QUICK", 79)
    monkeypatch.setattr("genbench.metrics.memorisation.choose_extractor", lambda context: None)
    context = toy.context({"fidelity": unseen}, test=test, train=train, classes=1, inception_weights=tmp_path)
    with pytest.raises(NotMeasurable, match="all 80 training pictures, which is slow: ask for it with --extractor"):
        Memorisation().compute(context)


def test_memorisation_says_what_is_missing(toy, data):
    train, test, unseen = data
    with pytest.raises(NotMeasurable, match="every held-out picture is also a training picture"):
        Memorisation().compute(toy.context({"fidelity": unseen}, test=train, train=train))
    with pytest.raises(NotMeasurable, match="there are no pictures for Authenticity"):
        Authenticity().compute(toy.context({}, test=test, train=train))
    one = Pictures(test.images[:1], test.conditions[:1])
    with pytest.raises(NotMeasurable, match="at least two training and two held-out"):
        Memorisation().compute(toy.context({"fidelity": unseen}, test=one, train=train))


def test_mean_distance_is_that_of_all_pairs():
    (x,) = clouds(12)
    pairs = [np.linalg.norm(x[i] - x[j]) for i in range(12) for j in range(12) if i != j]
    assert mean_distance(x) == pytest.approx(np.mean(pairs))
    assert mean_distance(np.ones((4, 3))) == 0.0


def test_diversity_counts_conditions_with_two_pictures_on_either_side():
    x, y = clouds(6, 6)
    made, truth = np.eye(3, dtype=np.uint8)[[0, 0, 0, 1, 2, 2]], np.eye(3, dtype=np.uint8)[[0, 0, 1, 1, 1, 2]]
    found = diversity_by_condition(x, made, y, truth)
    assert found == {made[0].tobytes(): (pytest.approx(mean_distance(x[:3])), pytest.approx(mean_distance(y[:2])))}


def test_diversity_metric(toy):
    rng, conditions = np.random.default_rng(0), np.eye(6)[np.arange(120) % 6]

    def pictures(seed):
        return toy.pictures(rng.integers(256, size=(120, 6)), conditions, seed)

    real, alike = pictures(0), pictures(1)
    (value,) = Diversity().compute(toy.context({"fidelity": alike}, test=real))
    assert value.value == pytest.approx(1.0, abs=0.1)
    assert (value.ceiling, value.identity["conditions"]) == (1.0, 6)
    collapsed = Pictures(alike.images[np.arange(120) % 6], alike.conditions)
    assert Diversity().compute(toy.context({"fidelity": collapsed}, test=real))[0].value == 0.0
    single = Pictures(alike.images[:6], alike.conditions[:6])
    with pytest.raises(NotMeasurable, match="no condition has two generated and two different real pictures"):
        Diversity().compute(toy.context({"fidelity": single}, test=real))
    assert Diversity().compute(toy.context({"fidelity": alike}, test=real, classes=1)) == []
