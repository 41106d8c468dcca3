from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genbench.errors import DataError
from genbench.exporting.curves import draw_curves, grouped, stretches


def test_losses_share_a_panel_accuracies_another_and_the_rest_stand_alone():
    names = ["loss", "loss_domain", "class_accuracy", "lambda", "lr", "domain_accuracy", "validation/loss"]
    assert grouped(names) == {
        "loss": ["loss", "loss_domain", "validation/loss"],
        "accuracy": ["class_accuracy", "domain_accuracy"],
        "lambda": ["lambda"],
        "lr": ["lr"],
    }


def test_a_stretch_is_the_mean_of_its_values():
    steps, values = stretches(range(100), np.arange(100.0) ** 2, 4)
    assert steps.tolist() == [12, 37, 62, 87]
    assert values[0] == pytest.approx(np.mean(np.arange(25.0) ** 2))
    few = stretches([3, 5], [1.0, 2.0], 4)
    assert few[0].tolist() == [3, 5]
    assert few[1].tolist() == [1, 2]


def test_curves_are_drawn_as_png_and_pdf_and_always_the_same(tmp_path: Path):
    steps = list(range(200))
    history = {
        "loss": (steps, [1 / (k + 1) for k in steps]),
        "lr": (steps, [1e-3] * 200),
        "lambda": (steps, [k / 200 for k in steps]),
        "validation/loss": ([99, 199], [0.5, 0.4]),
    }
    png, pdf = draw_curves(history, tmp_path, title="a run")
    with Image.open(png) as picture:
        assert picture.size[0] > 900
    first = pdf.read_bytes()
    assert first.startswith(b"%PDF")
    assert draw_curves(history, tmp_path, title="a run")[1].read_bytes() == first


def test_nothing_logged_is_said(tmp_path: Path):
    with pytest.raises(DataError, match="logged nothing"):
        draw_curves({}, tmp_path, title="a run")
