"""The figure of quality against cost."""

from dataclasses import replace

import numpy as np
from PIL import Image

from genbench.exporting.fronts import draw_fronts
from genbench.exporting.plotting import COLOURS, MARKERS, appearance
from genbench.plugins import names
from tests.exporting.examples import HOSTILE, comparison, marked


def test_families_look_the_same_in_every_figure():
    known = names("families")
    looks = [appearance(family) for family in known]
    assert len(set(looks)) == len(known) <= len(COLOURS) == len(MARKERS)
    assert appearance("ddpm") == appearance("ddpm")


def test_draws_what_there_is_and_the_same_bytes_again(tmp_path):
    first, second = draw_fronts(marked(), tmp_path / "a"), draw_fronts(marked(), tmp_path / "b")
    assert {path.name for path in first.values()} == {"pareto.png", "pareto.pdf"}
    assert first["pareto_pdf"].read_bytes()[:5] == b"%PDF-"
    assert all(first[form].read_bytes() == second[form].read_bytes() for form in first)
    image = np.asarray(Image.open(first["pareto"]).convert("RGB")).reshape(-1, 3)
    for family in ("family0", "family1"):
        colour = tuple(int(appearance(family)[0][k : k + 2], 16) for k in (1, 3, 5))
        assert (image == colour).all(axis=1).any()


def test_any_label_and_missing_values(tmp_path):
    table = replace(comparison(HOSTILE, failed=3), fronts=marked().fronts)
    assert draw_fronts(table, tmp_path)
    assert draw_fronts(comparison(), tmp_path) == {}
